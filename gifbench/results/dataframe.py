"""Results as tables: for pandas, for a terminal, and for a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from gifbench import notebook
from gifbench.argument_types import check_types
from gifbench.errors import UsageError
from gifbench.results.schema import Result

if TYPE_CHECKING:
    import pandas as pd

GIF_METHOD = "gif"
"""The method that gives the GIF back as it is shown; gains are measured from its scores."""


def speed_text(value: float | None) -> str:
    """Frames a second as a table shows them: 17,200, 740, 3.2; a dash where they are not known."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


COLUMNS = ("task", "protocol", "method", "clips", "PSNR dB", "95% interval", "gain dB", "SSIM", "frames/s")


class Results(Sequence[Result]):
    """Results of evaluations, in their order: a sequence of `Result`s that shows itself as a table.

    `to_pandas()` gives a row a method, task, protocol and metric. In a notebook the value shows a table by itself.
    """

    @check_types
    def __init__(self, results: Sequence[Result] = ()) -> None:
        self._results = tuple(results)

    @overload
    def __getitem__(self, index: int) -> Result: ...
    @overload
    def __getitem__(self, index: slice) -> Results: ...
    def __getitem__(self, index: int | slice) -> Result | Results:
        return Results(self._results[index]) if isinstance(index, slice) else self._results[index]

    def __len__(self) -> int:
        return len(self._results)

    def __add__(self, other: Sequence[Result]) -> Results:
        return Results([*self, *other])

    def __radd__(self, other: Sequence[Result]) -> Results:
        return Results([*other, *self])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __hash__(self) -> int:
        return hash(tuple(result.path for result in self))

    def __repr__(self) -> str:
        names = dict.fromkeys(f"{each.method.name} on {each.task}, {each.protocol.name}" for each in self)
        shown = "; ".join(list(names)[:6])
        return f"Results({len(self)}: {shown}{'; …' if len(names) > 6 else ''})"

    @check_types
    def to_pandas(self, *, per_clip: bool = False) -> pd.DataFrame:
        """A `pandas.DataFrame` with a row a method, task, protocol and metric; with `per_clip` a row a clip of these.

        Columns are `method`, `task`, `protocol`, `metric`, `dataset`, `fingerprint`, `split`, then `mean`, `low` and
        `high` (95% interval of the mean over clips), `unit`, `better`, `clips`, `frames`, `frames_per_second` (NaN
        where unknown), `device`, `identity` (sha256 of the method and its device) and `file`. With `per_clip` there are
        `clip_id`, `frames`, `value` (NaN where a metric has none) and `seconds` in place of the means. PSNR is in dB.
        """
        import pandas as pd

        rows = [row for result in self for row in _rows(result, per_clip=per_clip)]
        columns = _CLIP_COLUMNS if per_clip else _MEAN_COLUMNS
        return pd.DataFrame(rows, columns=list(columns))

    def table(self) -> list[tuple[Any, ...]]:
        """Rows for people under `COLUMNS` and the chosen metrics: task and protocol in order, the best PSNR first.

        Two methods of one name are told apart by the beginning of their identity. `gain dB` is the PSNR less that of
        the GIF itself on the same clips.
        """
        from gifbench.benchmark_tasks import TASKS

        order = {name: place for place, name in enumerate(TASKS)}
        gifs = {_place(result): result for result in self if result.method.name == GIF_METHOD}
        named: dict[str, set[str]] = {}
        for result in self:
            named.setdefault(result.method.name, set()).add(result.method.identity)
        rows = []

        def rank(each: Result) -> tuple[Any, ...]:
            task = order.get(each.task, 99), each.task
            return (*task, each.protocol.name != "standard", _place(each), -each.scores["psnr"].mean)

        for result in sorted(self, key=rank):
            psnr, name = result.scores["psnr"], result.method.name
            if len(named[name]) > 1:
                name = f"{name} ({result.method.identity[:8] or 'earlier'})"
            low, high = psnr.ci95
            gif = gifs.get(_place(result))
            gain = psnr.mean - gif.scores["psnr"].mean if gif is not None and result is not gif else None
            rows.append(
                (
                    result.task,
                    result.protocol.name,
                    name,
                    result.clips,
                    f"{psnr.mean:.3f}",
                    f"{low:.2f} to {high:.2f}" if result.clips > 1 else "–",
                    "–" if gain is None else f"{gain:+.2f}",
                    f"{result.scores['ssim'].mean:.4f}",
                    speed_text(result.frames_per_second),
                    *(f"{result.scores[m].mean:.4f}" if m in result.scores else "–" for m in self.further_metrics),
                )
            )
        return rows

    @property
    def further_metrics(self) -> list[str]:
        """The names of all chosen metrics that some result has."""
        return list(dict.fromkeys(metric.name for result in self for metric in result.metrics))

    @check_types
    def plot(self, metric: str = "psnr") -> Any:  # noqa: ANN401  # a matplotlib Figure
        """A `matplotlib` figure: the means of `metric` with their 95% intervals, a panel a task and protocol.

        Raises `MissingExtra` without matplotlib, `UsageError` for a metric that no result has.
        """
        panels: dict[tuple[str, str], list[Result]] = {}
        for result in self:
            if metric in result.scores:
                panels.setdefault((result.task, result.protocol.name), []).append(result)
        if not panels:
            known = sorted({name for result in self for name in result.scores})
            raise UsageError(
                f"metric must be one of {', '.join(known) or 'none, there are no results'}, got {metric!r}"
            )
        height = sum(0.4 * len(each) + 0.9 for each in panels.values())
        figure = notebook.figure(height=height, wanted_for="Results.plot")
        axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
        for axis, ((task, name), results) in zip(axes, panels.items(), strict=True):
            shown = sorted(results, key=lambda each: each.scores[metric].mean)
            scores = [each.scores[metric] for each in shown]
            spread = [[s.mean - s.ci95[0] for s in scores], [s.ci95[1] - s.mean for s in scores]]
            axis.barh(range(len(shown)), [s.mean for s in scores], xerr=[[max(0, x) for x in one] for one in spread])
            axis.set_yticks(range(len(shown)), [each.method.name for each in shown])
            axis.set_title(f"{task}, {name}")
            axis.set_xlabel("PSNR, dB" if metric == "psnr" else metric)
        return figure

    def _repr_html_(self) -> str:
        """The table, for a notebook."""
        return notebook.table((*COLUMNS, *self.further_metrics), self.table())


def _place(result: Result) -> tuple[str, ...]:
    """What results are compared within: the same clips of a dataset, task and protocol."""
    scored = "" if result.limit is None else str(result.limit)
    made_by = "" if result.maker is None else result.maker.signature
    place = (result.dataset.fingerprint, result.split, result.task, made_by, result.protocol.name)
    return (*place, scored, str(result.clips))


_BOTH = ("method", "task", "protocol", "metric", "dataset", "fingerprint", "split")
_MEAN_COLUMNS = (
    *_BOTH,
    *("mean", "low", "high", "unit", "better", "clips", "frames", "frames_per_second", "device", "identity", "file"),
)
_CLIP_COLUMNS = (*_BOTH, "clip_id", "frames", "value", "unit", "better", "seconds", "device", "identity", "file")


def _rows(result: Result, *, per_clip: bool) -> Iterator[dict[str, Any]]:
    """A row a metric, with its mean, or with `per_clip` a row a metric and clip."""
    chosen = {each.name: (each.unit, each.better) for each in result.metrics}
    measures = {"psnr": ("dB", "higher"), "ssim": ("", "higher"), **chosen}
    for metric in measures if per_clip else result.scores:
        unit, better = measures[metric]
        shared = {
            "method": result.method.name,
            "task": result.task,
            "protocol": result.protocol.name,
            "metric": metric,
            "dataset": result.dataset.name,
            "fingerprint": result.dataset.fingerprint,
            "split": result.split,
            "unit": unit,
            "better": better,
            "device": result.environment.device,
            "identity": result.method.identity,
            "file": result.path,
        }
        if per_clip:
            for clip in result.clip_scores:
                value = {"psnr": clip.psnr, "ssim": clip.ssim}.get(metric, clip.metrics.get(metric))
                yield {
                    **shared,
                    "clip_id": clip.clip_id,
                    "frames": clip.frames,
                    "value": float("nan") if value is None else value,
                    "seconds": clip.seconds,
                }
        else:
            score = result.scores[metric]
            yield {
                **shared,
                "mean": score.mean,
                "low": score.ci95[0],
                "high": score.ci95[1],
                "clips": score.clips or result.clips,
                "frames": result.frames,
                "frames_per_second": result.frames_per_second or float("nan"),
            }
