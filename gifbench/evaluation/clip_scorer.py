"""Scoring one clip: its segments are restored and measured frame by frame, and become one number a measure."""

from __future__ import annotations

import hashlib
import math
import random
import sys
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice

import numpy as np

from gifbench.evaluation.clip_reader import OpenClip, Pass
from gifbench.evaluation.measurement import SegmentMeasures
from gifbench.evaluation.restored_cache import RestoredCache
from gifbench.evaluation.scoring_protocols import ScoringProtocol, Segment
from gifbench.methods.inference import Batching, restored
from gifbench.methods.protocols import Frames
from gifbench.methods.registry import LoadedMethod
from gifbench.metrics.metric import GifFrame
from gifbench.metrics.psnr import PSNR_CAP
from gifbench.metrics.registry import LoadedMetric
from gifbench.results.schema import ClipScore
from gifbench.tasks import Task

FROM_CACHE = "restored frames came from a cache: the seconds inside the method are too few"

_BATCHES_BEHIND = 2
"""Restored batches that wait to be measured while the next one is restored."""


@dataclass(frozen=True, slots=True)
class ClipScorer:
    """Scores clips of a dataset on a task, under several protocols and with chosen metrics at once.

    `dataset` is the dataset's name, `device` where a torch method's tensors go, `scored_on` where frames are measured.
    `seed` and a clip's name are what random numbers begin from, so that no clip depends on those before it.
    """

    method: LoadedMethod
    task: Task
    protocols: Sequence[ScoringProtocol]
    dataset: str
    device: str = "cpu"
    metrics: Sequence[LoadedMetric] = ()
    scored_on: str = "cpu"
    seed: int = 0
    cache: RestoredCache | None = None
    batching: Batching = field(default_factory=Batching)

    def plan(self, num_frames: int) -> list[Pass]:
        """The passes over a clip: a segment that several protocols ask for is restored once."""
        asked_by: dict[Segment, list[str]] = defaultdict(list)
        for protocol in self.protocols:
            for segment in protocol.segments(num_frames, self.task, dataset=self.dataset):
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
        seconds: dict[str, float] = defaultdict(float)
        with _seeded(f"{self.seed}/{clip.clip_id}"), ThreadPoolExecutor(1, thread_name_prefix="measure") as pool:
            for one in clip.passes:
                for segment in one.segments:
                    measures = SegmentMeasures(
                        [chosen[name] for name in one.asked_by],
                        self.metrics,
                        task=self.task,
                        clip=f"clip {clip.clip_id}",
                        scored_on=self.scored_on,
                    )
                    inside = self._score_segment(clip, segment, measures, pool)
                    for name in one.asked_by:
                        scores[name].append(measures)
                        seconds[name] += inside
        return {
            name: self._clip_score(clip.clip_id, name, scores[name], seconds[name]) for name in chosen if name in scores
        }

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
        batches: Iterator[Frames] = restored(
            self.method, gif, times, clip=f"clip {clip.clip_id}", device=self.device, batching=self.batching
        )
        timed = _Timed(batches)
        source: Iterator[Frames] = timed
        if self.cache is not None:
            source = self.cache.through(self.method, gif, times, timed, device=self.device, seed=self.seed)
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
        if self.cache is not None and not timed.seconds and FROM_CACHE not in self.batching.notes:
            self.batching.notes.append(FROM_CACHE)
        return timed.seconds

    def _clip_score(
        self, clip_id: str, protocol: str, segments: Sequence[SegmentMeasures], seconds: float
    ) -> ClipScore:
        scored = [segment.scores[protocol] for segment in segments]
        psnrs = [value for each in scored for value in each.psnrs]
        ssims = [math.fsum(each.ssims) / len(each.ssims) for each in scored]
        return ClipScore(
            clip_id=clip_id,
            frames=sum(len(each.ssims) for each in scored),
            psnr=math.fsum(min(value, PSNR_CAP) for value in psnrs) / len(psnrs),
            ssim=math.fsum(ssims) / len(ssims),
            capped=sum(value > PSNR_CAP for value in psnrs),
            seconds=seconds,
            metrics={
                each.name: _mean([segment.metric_mean(each.name) for segment in segments]) for each in self.metrics
            },
        )


def _mean(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return math.fsum(there) / len(there) if there else None


class _Timed:
    """Batches of a method, and the seconds that it took for them."""

    def __init__(self, batches: Iterator[Frames]) -> None:
        self._batches = batches
        self.seconds = 0.0

    def __iter__(self) -> Iterator[Frames]:
        return self

    def __next__(self) -> Frames:
        before = time.perf_counter()
        try:
            return next(self._batches)
        finally:
            self.seconds += time.perf_counter() - before


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
