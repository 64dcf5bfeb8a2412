"""What a metric is: one number for a restored frame, beside the truth and the GIF that it came from.

No base class is inherited. A metric is a class with `measure(pair)`, and may say of itself, as attributes, what
`Described` lists. Metrics see frames rounded to 8 bits whatever the protocol, which decides the frames and segments: a
segment's value is the mean of its frames', a clip's that of its segments', the dataset's that of its clips, each of
equal weight. PSNR and SSIM are the protocol's own (`gifbench.evaluation.scoring_protocols`) and always measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gifbench.media.clip import Pixels

if TYPE_CHECKING:
    from gifbench.metrics.warping_error_tof import TruthMotion

Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True, eq=False)
class GifFrame:
    """A frame of the GIF: `indices` (H, W) into `palette` (K, 3) uint8."""

    indices: NDArray[Any]
    palette: Pixels

    @property
    def pixels(self) -> Pixels:
        """What it shows: RGB (H, W, 3), uint8."""
        return np.asarray(self.palette[self.indices], np.uint8)


@dataclass(frozen=True, eq=False)
class FramePair:
    """What a metric is given: one restored frame and its truth, both RGB (H, W, 3), uint8.

    `shown` is the frame of the GIF that is shown from this very moment on, None in the middle of one's time, as between
    the frames of a sparse GIF. `before` is the pair just before it in the segment (whose own `before` is None), None
    for the first.
    """

    restored: Pixels
    truth: Pixels
    shown: GifFrame | None = None
    before: FramePair | None = None
    _original: FramePair | None = field(default=None, repr=False)

    def followed_by(self, restored: Pixels, truth: Pixels, shown: GifFrame | None) -> FramePair:
        """The next pair of the segment."""
        return FramePair(restored, truth, shown, FramePair(self.restored, self.truth, self.shown))

    @cached_property
    def motion(self) -> TruthMotion | None:
        """The truth's motion from the frame before to this one, found once for all metrics; None for the first."""
        from gifbench.metrics.warping_error_tof import TruthMotion

        if self._original is not None:
            return deepcopy(self._original.motion)
        return None if self.before is None else TruthMotion.between(self.before.truth, self.truth)

    def copied(self) -> FramePair:
        """The same pair in memory of its own, for a metric that may write to it."""
        return FramePair(*deepcopy((self.restored, self.truth, self.shown, self.before)), self)


@dataclass(frozen=True, slots=True, eq=False)
class FrameBatch:
    """Several pairs on a torch device: `restored` and `truth` are (N, 3, H, W) uint8 tensors, `shown` as in the pairs.

    The frames follow each other within one segment.
    """

    restored: Any
    truth: Any
    shown: Sequence[GifFrame | None]


def as_tensor(frames: NDArray[Any], device: str = "cpu") -> Any:  # noqa: ANN401
    """Frames (N, H, W, 3) as a torch tensor (N, 3, H, W) of their type."""
    import torch

    return torch.tensor(np.ascontiguousarray(frames), device=device).permute(0, 3, 1, 2).contiguous()


@runtime_checkable
class Metric(Protocol):
    """The contract: any class with this one method."""

    def measure(self, pair: FramePair) -> float | None:
        """One finite number for the frame; None where there is nothing to measure, as for motion in a first frame."""


@runtime_checkable
class BatchMetric(Protocol):
    """What a metric may have besides, to be measured on a GPU."""

    def measure_batch(self, batch: FrameBatch) -> Sequence[float | None]:
        """For each frame what `measure` gives, to the tolerance that the metric states."""


@dataclass(frozen=True, slots=True)
class Described:
    """What a metric says of itself, in attributes of these names.

    `spec` defines it in words: results carry it, and its hash tells two definitions apart. `unit` may be empty.
    `weights` are the files that it needs.
    """

    spec: str
    better: Better = "higher"
    unit: str = ""
    version: str = ""
    weights: tuple[str, ...] = ()
