"""The paper's tables, ours beside them: which method is which row, run under the paper's protocol, and what is missing.

A row runs if its method and its weights are at hand. Results are kept like those of any evaluation, so that a table
that was interrupted, or that gets its weights one after the other, goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gifbench.errors import DatasetDamaged, DatasetError, GifbenchError, MethodError, MissingExtra, NotFound, UsageError
from gifbench.evaluation.evaluate import Progress, ScoredDataset, evaluate
from gifbench.leaderboard.paper_tables import FACES, MOMENTS, PROTOCOL, REPORTED, SPLIT, ReportedRow
from gifbench.methods.registry import LoadedMethod, find_method
from gifbench.results.io import Result
from gifbench.results.schema import Score

_LEARNED_ROWS = {
    "1": "ccdnet-drrn",
    "2": "ccdnet-glcic",
    "3": "ccdnet-1-adv",
    "4": "ccdnet-1-nograd",
    "5": "ccdnet-1",
    "6": "ccdnet-2-adv",
    "7": "ccdnet-3-adv",
    "8": "ccdnet-2",
    "9": "ccdnet-3",
    "10": "pix2pix",
}
_FIXED_ROWS = {"11": "fcdr", "12": "gaussian-0.5", "13": "gaussian-1.0", "14": "gif"}
COLOR, TIME = "ccdnet-2", "superslomo"
"""What the paper's Table 2 calls GIF2Video: the network of row 8 of Table 1, and the interpolator."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A row of the paper, and the method that is run for it (`gifbench.find_method` loads it).

    `needs` is what a person does where that method has no weights; empty for a method that needs none.
    """

    reported: ReportedRow
    method: str
    needs: str


@dataclass(frozen=True, slots=True)
class Reproduced:
    """A row of the paper with ours beside it: `result`, or why there is none (`missing`, one line)."""

    planned: Planned
    result: Result | None
    missing: str | None

    def difference(self, name: str) -> float | None:
        """Ours less the paper's, for `psnr` (dB) or `ssim`; None where there is no result."""
        if self.result is None:
            return None
        reported = self.planned.reported
        return self.result.scores[name].mean - (reported.psnr if name == "psnr" else reported.ssim)

    def summary(self) -> dict[str, Any]:
        """What `gifbench reproduce --json` prints of it."""
        reported, result = self.planned.reported, self.result

        def ours(score: Score) -> dict[str, Any]:
            return score.model_dump(mode="json")

        return {
            "row": reported.row,
            "name": reported.method,
            "task": reported.task,
            "method": self.planned.method if result is None else result.method.name,
            "reported": {"psnr": reported.psnr, "ssim": reported.ssim},
            "ours": {name: ours(result.scores[name]) for name in ("psnr", "ssim")} if result else None,
            "difference": {name: self.difference(name) for name in ("psnr", "ssim")} if result else None,
            "clips": result.clips if result else None,
            "coverage": result.coverage.model_dump() if result else None,
            "file": result.path if result else None,
            "missing": self.missing,
        }


def plan(
    table: int, *, dataset: str, runs: Path | None = None, methods: Mapping[str, str] | None = None
) -> list[Planned]:
    """The rows of Table 1 or 2 that a dataset of this name has, and the method for each.

    `runs` is a folder of trainings, as `gifbench train --out runs/NAME` leaves them; a row whose weights lie there
    (`NAME` for plain GIFs, `NAME-dithered` for dithered ones) takes them. `methods` names the method of a row by hand:
    `8`, or `8@dithered-1` for one task; in Table 2 `GIF2Video` or `GIF2Video@plain-4`. Raises `UsageError` for a
    dataset that the table is not of, and for a row that it has not.
    """
    rows = [row for row in REPORTED if row.table == table and row.dataset == dataset]
    if not rows:
        has = FACES if table == 1 else f"{FACES} and {MOMENTS}"
        raise UsageError(f"Table {table} of the paper is of {has}; this dataset is called {dataset}")
    if runs is not None and not runs.is_dir():
        raise NotFound(f"{runs}: there is no such folder; it should hold what gifbench train --out {runs}/NAME leaves")
    named = {key.strip().lower(): method for key, method in (methods or {}).items()}
    planned = []
    for row in rows:
        key = (row.row if table == 1 else row.method).lower()
        found = named.get(f"{key}@{row.task}", named.get(key))
        planned.append(Planned(row, found, "") if found else _planned(row, runs))
    known = {(row.row if table == 1 else row.method).lower() for row in rows}
    known |= {f"{key}@{row.task}" for row in rows for key in [(row.row if table == 1 else row.method).lower()]}
    if unknown := sorted(named.keys() - known):
        whole = ", ".join(sorted({key for key in known if "@" not in key}, key=lambda key: (len(key), key)))
        raise UsageError(f'Table {table} has no row "{unknown[0]}" on {dataset}: choose from {whole}, or ROW@TASK')
    return planned


def _planned(row: ReportedRow, runs: Path | None) -> Planned:
    dithered = row.task.startswith("dithered")
    if row.table == 2 and row.method == "GIF":
        return Planned(row, "gif" if row.task == "plain-1" else "nearest", "")
    if row.table == 2 and row.task != "plain-1":
        trained = "superslomo-moments" if row.dataset == MOMENTS else TIME
        color, time = _with_weights(COLOR, COLOR, runs), _with_weights(TIME, trained, runs)
        needs = f"{_training(COLOR, COLOR)}; {_training(TIME, trained)}"
        return Planned(row, f"gif2video:color=[{color}],time=[{time}]", needs)
    name = COLOR if row.table == 2 else _LEARNED_ROWS.get(row.row)
    if name is None:
        return Planned(row, _FIXED_ROWS[row.row], "")
    trained = f"{name}-dithered" if dithered else name
    return Planned(row, _with_weights(name, trained, runs), _training(name, trained))


def _with_weights(name: str, trained: str, runs: Path | None) -> str:
    """The method with the weights of the training `trained`: those below `runs`, or else those of the package."""
    for path in (f"{trained}/{trained}", f"{trained}/{name}", trained):
        if runs is not None and (file := runs / f"{path}.safetensors").is_file():
            return f"{name}:weights={file}"
    return name if name == trained else f"{name}:weights={trained}"


def _training(name: str, trained: str) -> str:
    """The command that makes those weights, and what to do then."""
    folder = name if name in ("pix2pix", "superslomo") else "ccdnet"
    config, more = trained, ""
    if trained.endswith("-dithered"):
        config, more = name, " --set data.dithered=true"
        more += " --set model.embedded=false" if name.startswith(("ccdnet-2", "ccdnet-3")) else ""
    return (
        f"gifbench train baselines/{folder}/{config}.toml --data DATASET{more} --out runs/{trained}, then --runs runs"
    )


@dataclass(slots=True)
class _Loader:
    """Methods by name; one that cannot be loaded is tried once."""

    load: Callable[[str], LoadedMethod]
    found: dict[str, LoadedMethod | GifbenchError] = field(default_factory=dict)

    def __call__(self, name: str) -> LoadedMethod:
        if name not in self.found:
            try:
                self.found[name] = self.load(name)
            except GifbenchError as error:
                self.found[name] = error
        answer = self.found[name]
        if isinstance(answer, GifbenchError):
            raise answer
        return answer


def reproduce(
    planned: list[Planned],
    dataset: ScoredDataset,
    *,
    out: Path,
    device: str = "auto",
    workers: int = 1,
    limit: int | None = None,
    load: Callable[[str], LoadedMethod] = find_method,
    progress: Callable[[Planned, Progress], None] = lambda row, now: None,
) -> list[Reproduced]:
    """Run every row whose method can be loaded, under the protocol `gif2video` on the split `test`; one answer a row.

    Results are written below `out`; those that are there, whole and of the same run, are taken. A method that is not at
    hand, or fails, is said in its row and the others are run; so are clips too short for a task. Raises what
    `evaluate` raises about a damaged dataset and about the disk.
    """
    loader = _Loader(load)
    made = []
    for row in planned:
        try:
            (result,) = evaluate(
                loader(row.method),
                dataset,
                row.reported.task,
                split=SPLIT,
                protocols=(PROTOCOL,),
                limit=limit,
                device=device,
                workers=workers,
                out=out,
                missing_only=True,
                progress=lambda now, row=row: progress(row, now),  # type: ignore[misc]
            )
        except DatasetDamaged:
            raise
        except (MethodError, MissingExtra, NotFound, UsageError, DatasetError) as error:
            why = " ".join(str(error).split())
            if row.needs and isinstance(error, MethodError):
                why = f"{why.split(': train them', 1)[0]}; train them: {row.needs}"  # not said twice
            made.append(Reproduced(row, None, why))
            continue
        made.append(Reproduced(row, result, None))
    return made
