"""What a page takes from a results file: the run that tables, plots and pages are made of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gifbench.errors import ResultsError
from gifbench.leaderboard.safe_names import slug, visible
from gifbench.results import schema
from gifbench.results.dataframe import GIF_METHOD
from gifbench.results.schema import ClipScore, Result

_MOST_PARAMETERS = 1e15
_FASTEST = 1e9
"""Frames a second; no method that runs on a computer is faster."""

_LARGEST = 1e12
"""Beyond it no mean of a chosen metric is believed."""


@dataclass(frozen=True, slots=True)
class MeanScore:
    """The mean over the clips, and its 95% interval where one is known.

    `capped` counts the clips or frames whose infinite PSNR entered the mean as 100 dB; `clips` is how many had a value,
    None where all had.
    """

    mean: float
    low: float | None = None
    high: float | None = None
    capped: int = 0
    clips: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A result that can be shown, and what is read of it in many places.

    `clip_scores` are by clip id, `measures` the means of the chosen metrics by name and sha256 of the definition.
    """

    result: Result
    psnr: MeanScore
    ssim: MeanScore
    clip_scores: Mapping[str, ClipScore]
    measures: Mapping[tuple[str, str], MeanScore]

    @property
    def method(self) -> str:
        """The method's name, which may hold anything."""
        return self.result.method.name

    @property
    def method_key(self) -> str:
        """What tells two methods apart: the identity; in earlier files name, version, options and weights."""
        method = self.result.method
        if method.identity:
            return f"{method.name}\n{method.identity}"
        options = ",".join(f"{name}={value!r}" for name, value in sorted(method.options.items()))
        return f"{method.name}\n{method.version}\n{options}\n{method.weights_sha256 or ''}"

    @property
    def method_slug(self) -> str:
        """The method's name in files and anchors."""
        return slug(self.method, key=self.method_key)

    @property
    def label(self) -> str:
        """The method as it is shown, safe for one line of text (not yet escaped for HTML)."""
        return visible(self.method)

    @property
    def detail(self) -> str:
        """Version and weights, for the line below the name; empty where there are none."""
        method = self.result.method
        parts = [f"version {method.version}"] if method.version else []
        parts += [f"weights {method.weights_sha256[:8]}"] if method.weights_sha256 else []
        return visible("; ".join(parts), limit=120) if parts else ""

    def detail_among(self, others: Sequence[Run] | None) -> str:
        """`detail`, and in what this run differs from `others` of the same name: options, origin, device, code.

        With None all of these are named.
        """
        mine = self._apart
        apart = [
            fact for i, fact in enumerate(mine) if others is None or any(other._apart[i] != fact for other in others)
        ]
        parts = [part for part in (self.detail, *apart) if part]
        return visible("; ".join(parts), limit=160) if parts else ""

    @property
    def _apart(self) -> tuple[str, ...]:
        """What tells runs of one name apart, each as it is shown."""
        method = self.result.method
        options = ", ".join(f"{name}={value}" for name, value in sorted(method.options.items()))
        code = f"code {method.code_sha256[:8]}" if method.code_sha256 else ""
        identity = f"identity {method.identity[:8]}" if method.identity else ""
        return options, method.origin, self.result.environment.device, code, identity

    @property
    def kind(self) -> str:
        """`learned`, `fixed` (nothing is learned), or `outside`: a program or a submission, of which nobody knows."""
        method = self.result.method
        if method.parameters or method.weights_sha256:
            return "learned"
        return "outside" if method.origin in ("a command", "a submission") else "fixed"

    @property
    def is_gif(self) -> bool:
        """Whether it is the GIF itself, unrestored."""
        return self.method == GIF_METHOD

    @property
    def maker(self) -> str:
        """Who made the GIFs, with the version; empty where they are the dataset's own."""
        maker = self.result.maker
        return "" if maker is None else made_by(maker.version, maker.signature)

    @property
    def definition(self) -> str:
        """Stands for what the protocol measures, in words: two of one name may differ, above all in older files."""
        protocol = self.result.protocol
        texts = (protocol.psnr, protocol.ssim, protocol.segments, protocol.averaging)
        return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]

    @property
    def facts(self) -> dict[str, str]:
        """Lines for the method's card."""
        result, method, ran_on, code = self.result, self.result.method, self.result.environment, self.result.code
        options = ", ".join(f"{name} = {value}" for name, value in sorted(method.options.items()) if value != "")
        scored_by = f"gifbench {ran_on.gifbench}"
        if code is not None:
            commit = f", commit {code.commit[:12]}" if code.commit else ""
            scored_by = f"gifbench {code.version}{commit}, source sha256 {code.sha256[:16]}"
        facts = {
            "Version": method.version,
            "Options": options or "none",
            "From": method.origin,
            "Licence": method.licence or "not said",
            "Learned parameters": f"{method.parameters:,}" if method.parameters else "none",
            "Weights": f"{method.weights}, sha256 {(method.weights_sha256 or '')[:16]}" if method.weights else "none",
            "Code": f"sha256 {method.code_sha256[:16]}" if method.code_sha256 else "",
            "GIFs made by": "" if result.maker is None else f"{result.maker.name}, {result.maker.version}",
            "Scored by": scored_by,
            "Ran on": f"{ran_on.device}, {ran_on.platform}, {ran_on.cpus} processors",
            "Metrics ran on": "" if ran_on.metrics_device == "cpu" else ran_on.metrics_device,
            "Run": f"{result.created:%Y-%m-%d}, {result.wall_seconds:,.0f} s in {ran_on.workers} "
            f"process{'' if ran_on.workers == 1 else 'es'}",
            "Identity": f"not known: {'; '.join(result.unknown)}" if result.unknown else method.identity[:16],
            "Notes": " ".join(result.notes),
        }
        return {name: value for name, value in facts.items() if value}


def made_by(version: str, signature: str) -> str:
    """Who made the GIFs of a board, as `Run.maker` says it."""
    return f"{version}; signature {signature}"


def run_of(result: Result) -> Run:
    """A result as the boards take it.

    Raises `ResultsError` where it lacks PSNR, SSIM or the scores of its clips, or holds a number that no run gives: one
    results file of a stranger is left out, and never spoils the numbers of the others.
    """
    where = result.path or "a result"
    for what, value, low, high in _bounds(result):
        if not low <= value <= high:
            got = f"{value:.6g}" if abs(value) < 1e300 else "more"
            fault = visible(f"{what} must be {low:g} to {high:g}, got {got}", limit=160)
            raise ResultsError(f"{where}: {fault}; it is not what a run of gifbench wrote")
    for name in ("psnr", "ssim"):
        if name not in result.scores:
            raise ResultsError(f"{where}: it holds no score {name!r}")
    if not result.clip_scores:
        raise ResultsError(f"{where}: the scores of its clips are missing, so it cannot be ranked")
    clip_scores = {clip.clip_id: clip for clip in result.clip_scores}
    if len(clip_scores) < len(result.clip_scores):
        raise ResultsError(f"{where}: it has more than one score for a clip, so it cannot be ranked")
    means = {name: _mean(score, clips=score.clips or result.clips) for name, score in result.scores.items()}
    measures = {(metric.name, metric.sha256): means[metric.name] for metric in result.metrics if metric.name in means}
    return Run(result, means["psnr"], means["ssim"], clip_scores, measures)


def _bounds(result: Result) -> Iterator[tuple[str, float, float, float]]:
    """Numbers of a result, with the least and the most that a run can give."""
    ranges = {"psnr": (-schema.MOST_DB, schema.MOST_DB), "ssim": (-1.0001, 1.0001)}
    largest = (-_LARGEST, _LARGEST)
    for clip in result.clip_scores:
        yield (f"the PSNR of clip {clip.clip_id}", clip.psnr, *ranges["psnr"])
        yield (f"the SSIM of clip {clip.clip_id}", clip.ssim, *ranges["ssim"])
        yield f"the frames of clip {clip.clip_id}", clip.frames, 1, 2**31
        for metric, measured in clip.metrics.items():
            yield (f"the {metric} of clip {clip.clip_id}", measured or 0.0, *largest)
    for metric, score in result.scores.items():
        for value in (score.mean, *score.ci95):
            yield (metric, value, *ranges.get(metric, largest))
    yield "learned parameters", result.method.parameters, 0, _MOST_PARAMETERS
    if result.method_seconds != 0:
        yield "method_seconds", result.method_seconds, result.frames / _FASTEST, _LARGEST
    yield "the clips of the official list", result.coverage.official, 0, 2**31
    yield "the clips covered", result.coverage.scored, 0, max(result.coverage.official, result.clips)


def _mean(score: schema.Score, *, clips: int) -> MeanScore:
    """The score without its interval if that is of one clip: it would have no width, and look like certainty."""
    low, high = score.ci95 if clips > 1 else (None, None)
    return MeanScore(score.mean, low, high, capped=score.capped, clips=score.clips)
