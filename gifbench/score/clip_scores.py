"""Scoring one clip: its segments are restored and measured frame by frame, and become one number a measure."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from gifbench.errors import DatasetDamaged
from gifbench.media.clip import Clip
from gifbench.media.gif import Gif
from gifbench.score.methods import LoadedMethod
from gifbench.score.metrics.psnr import PSNR_CAP
from gifbench.score.protocol import ScoringProtocol, Segment, SegmentScores
from gifbench.score.restore import restored
from gifbench.score.schema import ClipScore
from gifbench.score.tasks import Task


class ScoredClip(Protocol):
    """What scoring asks of a clip; those of `gifbench.open_dataset` have it."""

    @property
    def clip_id(self) -> str:
        """Its name."""
        ...

    @property
    def num_frames(self) -> int:
        """How many frames the truth and the GIF have."""
        ...

    @property
    def truth(self) -> Clip:
        """The frames before they became a GIF."""
        ...

    def gif(self, *, dithered: bool = False, every: int = 1) -> Gif:
        """The GIF, plain or dithered, with the truth's times."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class DecodedClip:
    """A clip whose truth and GIF are in memory."""

    clip_id: str
    truth: Clip
    gif: Gif

    def __post_init__(self) -> None:
        gif, truth = self.gif.indices.shape, self.truth.frames.shape[:3]
        if gif != truth:
            raise DatasetDamaged(f"clip {self.clip_id}: the GIF has (frames, height, width) {gif}, the truth {truth}")


def decode(clip: ScoredClip, on: Task) -> DecodedClip:
    """Read what is scored of a clip in a task."""
    return DecodedClip(clip.clip_id, clip.truth, clip.gif(dithered=on.dithered))


@dataclass(frozen=True, slots=True)
class ClipScorer:
    """Scores clips of a dataset on a task, under several protocols at once.

    `dataset` is the dataset's name, `device` where a torch method's tensors go.
    """

    method: LoadedMethod
    task: Task
    protocols: Sequence[ScoringProtocol]
    dataset: str
    device: str

    def score(self, clip: DecodedClip) -> dict[str, ClipScore]:
        """The clip's score under each protocol, by name; a protocol that needs a longer clip is not among them.

        Each segment is restored once for all protocols that ask for it.
        """
        asked_by: dict[Segment, list[str]] = defaultdict(list)
        for protocol in self.protocols:
            for segment in protocol.segments(len(clip.truth), self.task, dataset=self.dataset):
                asked_by[segment].append(protocol.name)
        start = {protocol.name: protocol.start for protocol in self.protocols}
        scores: dict[str, list[SegmentScores]] = defaultdict(list)
        seconds: dict[str, float] = defaultdict(float)
        for segment, names in asked_by.items():
            begun = {name: start[name](self.task) for name in names}
            inside = self._score_segment(clip, segment, list(begun.values()))
            for name, scored in begun.items():
                scores[name].append(scored)
                seconds[name] += inside
        return {name: _clip_score(clip.clip_id, found, seconds[name]) for name, found in scores.items()}

    def _score_segment(self, clip: DecodedClip, segment: Segment, scores: Sequence[SegmentScores]) -> float:
        """Restore one segment and add its frames to `scores`; the seconds that passed inside the method."""
        start = clip.truth.times[segment.frames[0]]
        times: list[Fraction] = [clip.truth.times[i] - start for i in segment.frames]
        gif = clip.gif.select(segment.gif_frames)
        batches = restored(self.method, gif, times, clip=f"clip {clip.clip_id}", device=self.device)
        numbers = iter(segment.frames)
        inside = 0.0
        while True:
            before = time.perf_counter()
            batch = next(batches, None)
            inside += time.perf_counter() - before
            if batch is None:
                return inside
            for frame in batch:
                truth = clip.truth.frames[next(numbers)]
                for each in scores:
                    each.add(frame, truth)


def _clip_score(clip_id: str, segments: Sequence[SegmentScores], seconds: float) -> ClipScore:
    psnrs = [value for segment in segments for value in segment.psnrs]
    ssims = [math.fsum(segment.ssims) / len(segment.ssims) for segment in segments]
    return ClipScore(
        clip_id=clip_id,
        frames=sum(len(segment.ssims) for segment in segments),
        psnr=math.fsum(min(value, PSNR_CAP) for value in psnrs) / len(psnrs),
        ssim=math.fsum(ssims) / len(ssims),
        capped=sum(value > PSNR_CAP for value in psnrs),
        seconds=seconds,
    )
