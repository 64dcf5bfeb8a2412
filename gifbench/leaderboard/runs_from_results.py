"""What a page takes from a results file, and how it gets the method that is named there: all that knows the schema."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import numpy as np

from gifbench.errors import ResultsError
from gifbench.leaderboard.example_pictures import Restore
from gifbench.leaderboard.safe_names import visible
from gifbench.leaderboard.scored_run import MeanScore, MetricMean, Run
from gifbench.media.clip import Pixels
from gifbench.media.gif import Gif
from gifbench.methods.inference import on_device, run_method
from gifbench.methods.registry import LoadedMethod, load_recorded_method
from gifbench.results import schema
from gifbench.results.io import Result

MethodLoader = Callable[[Result], LoadedMethod]
"""Gives the method that a result names, ready to restore; raises a `GifbenchError` where it is not at hand."""


def installed_method(result: Result) -> LoadedMethod:
    """The installed method of that name; raises a `MethodError` where it is not installed, or is more than a name.

    The file may be a stranger's: it never names a file of code, a path or a URL.
    """
    return load_recorded_method(result.method.name)


_HIGHEST_PSNR = 100.0
"""Protocols count every PSNR above it as this, in dB."""

_MOST_PARAMETERS = 10**15
_FASTEST = 1e9
"""Frames a second; no method that runs on a computer is faster."""

_LARGEST = 1e12
"""Beyond it no mean of a chosen metric is believed."""


def run_of(result: Result) -> Run:
    """A result as the boards take it.

    Raises `ResultsError` where it lacks PSNR, SSIM or the scores of its clips, or holds a number that no run gives: one
    results file of a stranger is left out, and never spoils the numbers of the others.
    """
    where = result.path or "a result"
    if fault := next(_impossible(result), None):
        raise ResultsError(f"{where}: {fault}; it is not what a run of gifbench wrote")
    try:
        psnr, ssim = (_score(result.scores[name], clips=result.clips) for name in ("psnr", "ssim"))
    except KeyError as error:
        raise ResultsError(f"{where}: it holds no score {error}") from error
    if not result.clip_scores:
        raise ResultsError(f"{where}: the scores of its clips are missing, so it cannot be ranked")
    clip_scores = {clip.clip_id: (clip.psnr, clip.ssim) for clip in result.clip_scores}
    if len(clip_scores) < len(result.clip_scores):
        raise ResultsError(f"{where}: it has more than one score for a clip, so it cannot be ranked")
    method = result.method
    return Run(
        method=method.name,
        version=method.version,
        options=method.options,
        dataset=result.dataset.name,
        fingerprint=result.dataset.fingerprint,
        split=result.split,
        task=result.task,
        protocol=result.protocol.name,
        clips=result.clips,
        frames=result.frames,
        official=result.coverage.official,
        covered=result.coverage.scored,
        psnr=psnr,
        ssim=ssim,
        seconds=result.method_seconds or None,
        clip_scores=clip_scores,
        facts=_facts(result),
        weights=method.weights_sha256 or "",
        parameters=method.parameters,
        origin=method.origin,
        device=result.environment.device,
        created=result.created.isoformat(),
        limit=result.limit,
        too_short=len(result.too_short),
        definition=_definition(result.protocol),
        identity=method.identity,
        code=method.code_sha256 or "",
        maker="" if result.maker is None else made_by(result.maker.version, result.maker.signature),
        measures={
            metric.name: MetricMean(
                score=_score(score, clips=score.clips or result.clips),
                better=metric.better,
                unit=metric.unit,
                spec=metric.spec,
                sha256=metric.sha256,
                clips=score.clips,
            )
            for metric in result.metrics
            if (score := result.scores.get(metric.name)) is not None
        },
        clip_measures={clip.clip_id: clip.metrics for clip in result.clip_scores if clip.metrics},
    )


def made_by(version: str, signature: str) -> str:
    """Who made the GIFs of a board, as `Run.maker` says it."""
    return f"{version}; signature {signature}"


def _impossible(result: Result) -> Iterator[str]:
    """The numbers of a result that no run can give."""
    for clip in result.clip_scores:
        name = visible(clip.clip_id, limit=60)
        if not abs(clip.psnr) <= _HIGHEST_PSNR:
            yield f"the PSNR of clip {name} must be at most {_HIGHEST_PSNR:g} dB, got {clip.psnr:.6g}"
        if not -1.0001 <= clip.ssim <= 1.0001:
            yield f"the SSIM of clip {name} must be -1 to 1, got {clip.ssim:.6g}"
        if not 0 < clip.frames < 2**31:
            yield f"the frames of clip {name} must be at least 1, got {_short(clip.frames)}"
        for metric, value in clip.metrics.items():
            if value is not None and not abs(value) <= _LARGEST:
                yield f"the {visible(metric, limit=40)} of clip {name} must be a finite number, got {value:.6g}"
    ranges = {"psnr": (-_HIGHEST_PSNR, _HIGHEST_PSNR), "ssim": (-1.0001, 1.0001)}
    for metric, score in result.scores.items():
        low, high = ranges.get(metric, (-_LARGEST, _LARGEST))
        for value in (score.mean, *score.ci95):
            if not low <= value <= high:
                yield f"{visible(metric, limit=40)} must be {low:g} to {high:g}, got {value:.6g}"
    if not 0 <= result.method.parameters <= _MOST_PARAMETERS:
        yield f"learned parameters must be 0 to {_MOST_PARAMETERS:.0e}, got {_short(result.method.parameters)}"
    seconds = result.method_seconds
    if not (seconds == 0 or result.frames / _FASTEST <= seconds <= _LARGEST):
        yield f"method_seconds must be at least {1 / _FASTEST:g} a frame, got {seconds:.6g}"
    official, scored = result.coverage.official, result.coverage.scored
    if not (0 <= official < 2**31 and 0 <= scored <= max(official, result.clips)):
        yield f"coverage must be counted in clips, got {_short(scored)} of {_short(official)}"


def _short(number: int) -> str:
    return str(number) if abs(number) < 10**15 else "a number of more than 15 digits"


def _definition(protocol: schema.ProtocolRecord) -> str:
    """Stands for what a protocol measures, in words; results of an older schema are told apart by it too."""
    texts = (protocol.psnr, protocol.ssim, protocol.segments, protocol.averaging)
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def _score(score: schema.Score, *, clips: int) -> MeanScore:
    """The score without its interval if that is of one clip: it would have no width, and look like certainty."""
    low, high = score.ci95 if clips > 1 else (None, None)
    return MeanScore(score.mean, low, high, capped=score.capped)


def _facts(result: Result) -> dict[str, str]:
    method, ran_on, code = result.method, result.environment, result.code
    options = ", ".join(f"{name} = {value}" for name, value in sorted(method.options.items()) if value != "")
    scored_by = f"gifbench {ran_on.gifbench}"
    if code is not None:
        scored_by = f"gifbench {code.version}, commit {code.commit[:12]}" if code.commit else f"gifbench {code.version}"
        scored_by += f", source sha256 {code.sha256[:16]}"
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


def restore_with(loaded: LoadedMethod, *, device: str = "auto") -> Restore:
    """A loaded method as the function that pictures are made with: frames come back rounded, uint8."""
    chosen = on_device(loaded, device)

    def restore(gif: Gif, times: Sequence[Fraction]) -> Pixels:
        batches = list(run_method(loaded, gif, times, clip="a clip of the page", device=chosen))
        return np.concatenate([np.rint(batch).astype(np.uint8) for batch in batches])

    return restore
