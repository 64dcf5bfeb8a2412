"""The two named protocols: which frames of a clip are scored, with which measures, averaged how.

Both average the frames (or segments) of a clip, then the clips of a dataset, each clip of equal weight. The facts are
in docs/protocols.md; the two are never mixed on one table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gifbench.benchmark_tasks import Task
from gifbench.did_you_mean import known_names
from gifbench.entry_points import installed_recipe
from gifbench.errors import UsageError
from gifbench.media.clip import Pixels
from gifbench.metrics.psnr import PSNR_CAP, psnr, squared_error
from gifbench.metrics.ssim import gaussian_ssim, uniform_ssim


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a clip that a method restores in one call.

    The method is given the GIF frames `gif_frames` and gives back the frames `frames`, both numbered as in the clip and
    increasing; the first of both is the same.
    """

    gif_frames: tuple[int, ...]
    frames: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ScoringProtocol:
    """One way to score. `psnr_text` and `ssim_text` say in words what is measured; results carry them.

    `rounded`: frames become 8-bit before they are measured. `joint_psnr`: a segment of more than one GIF frame in a
    sparse task gets one PSNR, from the joint error of its frames, instead of the mean of its frames'.
    `segments(num_frames, task, stride=None)` gives the segments of a clip of `num_frames` frames, in order; none where
    it is too short for one. `stride` is the dataset's `released_stride`: `gif2video` scores some datasets more sparsely
    than others.
    """

    name: str
    psnr_text: str
    ssim_text: str
    segments_text: str
    rounded: bool
    joint_psnr: bool
    ssim: Callable[[NDArray[Any], Pixels], float] = field(repr=False)
    segments: Callable[..., list[Segment]] = field(repr=False)

    def start(self, task: Task) -> SegmentScores:
        """A place to collect the scores of one segment, frame by frame."""
        return SegmentScores(self, joint=self.joint_psnr and task.every > 1)


@dataclass(slots=True)
class SegmentScores:
    """The running scores of one segment: frames go in one at a time, and none is kept.

    `errors` are summed squared errors, each with the number of values, and `ssims` SSIM, one a frame.
    """

    protocol: ScoringProtocol
    joint: bool
    errors: list[tuple[float, int]] = field(default_factory=list)
    ssims: list[float] = field(default_factory=list)

    def add(self, restored: NDArray[Any], truth: Pixels) -> None:
        """Score one frame: `restored` (H, W, 3), uint8 or float in 0 to 255, against `truth` (H, W, 3) uint8."""
        if self.protocol.rounded and restored.dtype != np.uint8:
            restored = np.rint(restored).astype(np.uint8)
        self.errors.append((squared_error(restored, truth), truth.size))
        self.ssims.append(self.protocol.ssim(restored, truth))

    def extend(self, errors: Sequence[float], ssims: Sequence[float], *, size: int) -> None:
        """Take frames that were measured elsewhere: their summed squared errors over `size` values, and their SSIMs."""
        self.errors += [(error, size) for error in errors]
        self.ssims += ssims

    @property
    def psnrs(self) -> list[float]:
        """PSNR in dB: one a frame, or one for the segment; infinite where nothing differs."""
        if self.joint:
            return [psnr(math.fsum(error for error, _ in self.errors), sum(size for _, size in self.errors))]
        return [psnr(error, size) for error, size in self.errors]


def _whole_clip(num_frames: int, task: Task, *, stride: int | None = None) -> list[Segment]:
    """One segment: the GIF keeps 0, k, 2k, …, and each frame from the first to the last kept one is scored once."""
    kept = tuple(range(0, num_frames, task.every))
    if task.every > 1 and len(kept) < 2:
        return []
    return [Segment(gif_frames=kept, frames=tuple(range(kept[-1] + 1)))]


def _as_released(num_frames: int, task: Task, *, stride: int | None = None) -> list[Segment]:
    """The segments of the 2019 code: k + 1 frames whose two ends the GIF holds; the tail is not scored."""
    every = task.every
    if every == 1:
        scored = tuple(range(0, num_frames, stride or 1))
        return [Segment(gif_frames=scored, frames=scored)]
    return [
        Segment(gif_frames=(start, start + every), frames=tuple(range(start, start + every + 1)))
        for start in range(0, num_frames - every, stride or every + 1)
    ]


PROTOCOLS: dict[str, ScoringProtocol] = {
    protocol.name: protocol
    for protocol in (
        ScoringProtocol(
            name="standard",
            psnr_text="dB a frame, on 8-bit rounded RGB in [0, 255], all channels jointly; "
            f"more than {PSNR_CAP:.0f} counts as {PSNR_CAP:.0f}",
            ssim_text="Wang et al. 2004 on 8-bit rounded RGB in [0, 255]: 11x11 gaussian window of sigma 1.5, "
            "population covariance, K1 0.01, K2 0.03, windows wholly inside, per channel then mean",
            segments_text="the GIF keeps frames 0, k, 2k, ...; "
            "each frame from the first to the last kept one is scored once",
            rounded=True,
            joint_psnr=False,
            ssim=gaussian_ssim,
            segments=_whole_clip,
        ),
        ScoringProtocol(
            name="gif2video",
            psnr_text="20 log10(2 / RMSE) on unrounded RGB in [-1, 1], all channels jointly; "
            f"a value a frame for k=1, else a joint one a segment; more than {PSNR_CAP:.0f} counts as {PSNR_CAP:.0f}",
            ssim_text="scikit-image defaults with data_range=2 on unrounded RGB in [-1, 1]: 7x7 uniform window, "
            "sample covariance, K1 0.01, K2 0.03, 3-pixel border left out, per channel then mean",
            segments_text="k=1: every frame (gif-moments: every 10th); otherwise segments of k+1 frames, "
            "both ends GIF frames and scored, stride k+1 (gif-moments: 10), the tail unscored",
            rounded=False,
            joint_psnr=True,
            ssim=uniform_ssim,
            segments=_as_released,
        ),
    )
}
"""Both protocols by name."""


def released_stride(dataset: object) -> int | None:
    """The `released_stride` of a dataset; of one that does not say it, that of the installed recipe of its name."""
    says = dataset if hasattr(dataset, "released_stride") else installed_recipe(str(getattr(dataset, "name", "")))
    found: int | None = getattr(says, "released_stride", None)
    return found


def protocol(name: str) -> ScoringProtocol:
    """The protocol of that name; raises `UsageError` for another."""
    if name not in PROTOCOLS:
        raise UsageError(f'there is no protocol "{name}": {known_names(name, PROTOCOLS)}')
    return PROTOCOLS[name]
