"""Scoring one clip: its segments are restored and measured frame by frame, and become one number a measure.

Restored frames are held against the truth as each protocol and each chosen metric says.
"""

from __future__ import annotations

import hashlib
import math
import random
import sys
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice

import numpy as np

from gifbench.benchmark_tasks import Task
from gifbench.errors import GifbenchError, MetricError, PixelsError
from gifbench.evaluation.clip_prefetch import OpenClip, Pass
from gifbench.evaluation.restored_cache import RestoredCache
from gifbench.evaluation.score_journal import UNKNOWN
from gifbench.evaluation.scoring_protocols import ScoringProtocol, Segment
from gifbench.media.clip import Pixels
from gifbench.methods.inference import run_method
from gifbench.methods.method_interface import Frames
from gifbench.methods.registry import LoadedMethod
from gifbench.methods.smaller_batches_after_out_of_memory import Batching
from gifbench.metrics.metric import BatchMetric, FrameBatch, FramePair, GifFrame, as_tensor
from gifbench.metrics.psnr import PSNR_CAP
from gifbench.metrics.registry import LoadedMetric
from gifbench.metrics.ssim import gaussian_ssim
from gifbench.results.schema import ClipScore
from gifbench.user_code_import import one_line

FROM_CACHE = "restored frames came from a cache: the seconds inside the method are too few"

_BATCHES_BEHIND = 2
"""Restored batches that wait to be measured while the next one is restored."""


@dataclass(frozen=True, slots=True)
class ClipScorer:
    """Scores clips of a dataset on a task, under several protocols and with chosen metrics at once.

    `stride` is the dataset's `released_stride`, `device` where a torch method's tensors go. `metrics_device` is `cpu`,
    `torch` (on the CPU) or the GPU on which torch measures batches; metrics without a batch form stay on the CPU.
    `seed` and a clip's name are what random numbers begin from, so that no clip depends on others.
    """

    method: LoadedMethod
    task: Task
    protocols: Sequence[ScoringProtocol]
    stride: int | None = None
    device: str = "cpu"
    metrics: Sequence[LoadedMetric] = ()
    metrics_device: str = "cpu"
    seed: int = 0
    cache: RestoredCache | None = None
    batching: Batching = field(default_factory=Batching)

    def plan(self, num_frames: int) -> list[Pass]:
        """The passes over a clip: a segment that several protocols ask for is restored once."""
        asked_by: dict[Segment, list[str]] = defaultdict(list)
        for protocol in self.protocols:
            for segment in protocol.segments(num_frames, self.task, stride=self.stride):
                asked_by[segment].append(protocol.name)
        alike: dict[tuple[str, ...], list[Segment]] = defaultdict(list)
        for segment, names in asked_by.items():
            alike[tuple(names)].append(segment)
        return [Pass(tuple(segments), names) for names, segments in alike.items()]

    def score(self, clip: OpenClip) -> dict[str, ClipScore]:
        """The clip's score under each protocol, by name; a protocol that needs a longer clip is not among them.

        The frames are measured in a thread of their own, in order, while the method goes on.
        """
        chosen = {protocol.name: protocol for protocol in self.protocols}
        scores: dict[str, list[SegmentMeasures]] = defaultdict(list)
        with _seeded(f"{self.seed}/{clip.clip_id}"), ThreadPoolExecutor(1, thread_name_prefix="measure") as pool:
            for one in clip.passes:
                for segment in one.segments:
                    measures = SegmentMeasures(self, [chosen[name] for name in one.asked_by], f"clip {clip.clip_id}")
                    measures.seconds = self._score_segment(clip, segment, measures, pool)
                    for name in one.asked_by:
                        scores[name].append(measures)
        return {name: self._clip_score(clip.clip_id, name, scores[name]) for name in chosen if name in scores}

    def _score_segment(
        self, clip: OpenClip, segment: Segment, measures: SegmentMeasures, pool: ThreadPoolExecutor
    ) -> float:
        """Restore one segment and have its frames measured; the seconds that passed inside the method."""
        start = clip.gif.times[segment.frames[0]]
        times: list[Fraction] = [clip.gif.times[i] - start for i in segment.frames]
        gif = clip.gif if len(segment.gif_frames) == len(clip.gif) else clip.gif.select(segment.gif_frames)
        shown: dict[int, GifFrame] = {}
        if self.metrics:
            shown = {n: GifFrame(gif.indices[i], gif.palettes[i]) for i, n in enumerate(segment.gif_frames)}
        batches = run_method(
            self.method, gif, times, clip=f"clip {clip.clip_id}", device=self.device, batching=self.batching
        )
        seconds: list[float] = []
        source = _timed(batches, seconds)
        if self.cache is not None:
            source = self.cache.through(self.method, gif, times, source, clip_id=clip.clip_id)
        numbers = iter(segment.frames)
        behind: deque[Future[None]] = deque()
        try:
            for batch in source:
                truth = list(islice(clip.truth, len(batch)))
                there = [shown.get(number) for number in islice(numbers, len(batch))]
                behind.append(pool.submit(measures.add, batch, truth, there))
                if len(behind) > _BATCHES_BEHIND:
                    behind.popleft().result()
            while behind:
                behind.popleft().result()
        finally:
            for future in behind:
                future.cancel()
        self._note_what_was_seen()
        if self.cache is not None and not seconds and FROM_CACHE not in self.batching.notes:
            self.batching.notes.append(FROM_CACHE)
        return sum(seconds)

    def _note_what_was_seen(self) -> None:
        """What the method and the metrics did that their identities do not tell becomes a note of the run."""
        looked_at: list[LoadedMethod | LoadedMetric] = [self.method, *self.metrics]
        for each in looked_at:
            for reason in each.watch.reasons if each.watch is not None else ():
                note = f"{UNKNOWN}: {reason}"
                if reason not in each.unknown and note not in self.batching.notes:
                    self.batching.notes.append(note)

    def _clip_score(self, clip_id: str, protocol: str, segments: Sequence[SegmentMeasures]) -> ClipScore:
        scored = [segment.scores[protocol] for segment in segments]
        psnrs = [value for each in scored for value in each.psnrs]
        ssims = [math.fsum(each.ssims) / len(each.ssims) for each in scored]
        return ClipScore(
            clip_id=clip_id,
            frames=sum(len(each.ssims) for each in scored),
            psnr=math.fsum(min(value, PSNR_CAP) for value in psnrs) / len(psnrs),
            ssim=math.fsum(ssims) / len(ssims),
            capped=sum(value > PSNR_CAP for value in psnrs),
            seconds=sum(segment.seconds for segment in segments),
            metrics={each.name: _mean([_mean(one.values[each.name]) for one in segments]) for each in self.metrics},
        )


def _mean(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return math.fsum(there) / len(there) if there else None


def _timed(batches: Iterator[Frames], seconds: list[float]) -> Iterator[Frames]:
    """The batches of a method; `seconds` grows by what it took for each, and to end."""
    while True:
        before = time.perf_counter()
        batch = next(batches, None)
        seconds.append(time.perf_counter() - before)
        if batch is None:
            return
        yield batch


@contextmanager
def _seeded(of: str) -> Iterator[None]:
    """Random numbers begin anew for a clip, and go on afterwards as if nothing had been."""
    seed = int.from_bytes(hashlib.sha256(of.encode()).digest()[:4])
    torch = sys.modules.get("torch")
    before = random.getstate(), np.random.get_state(), torch.get_rng_state() if torch else None
    random.seed(seed)
    np.random.seed(seed)
    if torch:
        torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        if torch:
            torch.set_rng_state(before[2])


class SegmentMeasures:
    """The running scores of one segment under several protocols, and of the chosen metrics; no frame but one is kept.

    `clip` is what messages call the clip. `values` are those of each metric for the frames that have one, `seconds`
    those inside the method.
    """

    def __init__(self, scorer: ClipScorer, protocols: Sequence[ScoringProtocol], clip: str) -> None:
        self._scorer, self._protocols, self._clip = scorer, protocols, clip
        self.scores = {each.name: each.start(scorer.task) for each in protocols}
        self.values: dict[str, list[float]] = {each.name: [] for each in scorer.metrics}
        self.seconds = 0.0
        self._last: FramePair | None = None

    def add(self, restored: Frames, truth: Sequence[Pixels], shown: Sequence[GifFrame | None]) -> None:
        """Measure the next frames: `restored` (N, H, W, 3), uint8 or float, against as many frames of the truth."""
        rounded = restored if restored.dtype == np.uint8 else np.rint(restored).astype(np.uint8)
        try:
            if self._scorer.metrics_device == "cpu":
                for frame, eight_bit, true in zip(restored, rounded, truth, strict=True):
                    for protocol in self._protocols:
                        self.scores[protocol.name].add(eight_bit if protocol.rounded else frame, true)
                alone = self._scorer.metrics
            else:
                alone = self._add_batch(restored, rounded, truth, shown)
            self._measure(alone, rounded, truth, shown)
        except PixelsError as error:  # frames too small for a window, as a rule
            raise PixelsError(f"{self._clip}: {error}") from error

    def _measure(
        self,
        metrics: Sequence[LoadedMetric],
        rounded: Pixels,
        truth: Sequence[Pixels],
        shown: Sequence[GifFrame | None],
    ) -> None:
        if not metrics:
            return
        for frame, true, there in zip(rounded, truth, shown, strict=True):
            pair = FramePair(frame, true, there) if self._last is None else self._last.followed_by(frame, true, there)
            self._last = pair
            for each in metrics:
                with _named(each, self._clip):
                    self._take(each, each.metric.measure(pair if each.own else pair.copied()))

    def _add_batch(
        self, restored: Frames, rounded: Pixels, truth: Sequence[Pixels], shown: Sequence[GifFrame | None]
    ) -> list[LoadedMetric]:
        """Measure the frames by torch; the metrics that have no form for batches are left."""
        from gifbench.metrics.ssim_torch import gaussian_ssims, squared_errors, uniform_ssims

        device = "cpu" if self._scorer.metrics_device == "torch" else self._scorer.metrics_device
        true, eight_bit = as_tensor(np.stack(truth), device), as_tensor(rounded, device)
        exact = eight_bit if restored is rounded else as_tensor(restored, device)
        for protocol in self._protocols:
            frames = eight_bit if protocol.rounded else exact
            ssims = gaussian_ssims if protocol.ssim is gaussian_ssim else uniform_ssims
            self.scores[protocol.name].extend(squared_errors(frames, true), ssims(frames, true), size=truth[0].size)
        batch = FrameBatch(eight_bit, true, shown)
        alone = []
        for each in self._scorer.metrics:
            if not isinstance(each.metric, BatchMetric):
                alone.append(each)
                continue
            with _named(each, self._clip):
                for value in each.metric.measure_batch(batch if each.own else deepcopy(batch)):
                    self._take(each, value)
        return alone

    def _take(self, metric: LoadedMetric, value: object) -> None:
        if value is None:
            return
        if not isinstance(value, int | float | np.number) or not math.isfinite(value):
            shown = f"{value}"[:80] if isinstance(value, int | float | np.number) else type(value).__name__
            raise MetricError(f"it gave {shown}, one finite number or None is wanted")
        self.values[metric.name].append(float(value))


@contextmanager
def _named(metric: LoadedMetric, clip: str) -> Iterator[None]:
    """Whatever a metric raises becomes one line with its name and the clip's."""
    try:
        with nullcontext() if metric.own else metric.watch.looking():
            yield
    except GifbenchError as error:
        raise type(error)(f"metric {metric.name} on {clip}: {error}") from error
    except (Exception, SystemExit) as error:
        raise MetricError(f"metric {metric.name} on {clip}: it raised {one_line(error)}") from error
