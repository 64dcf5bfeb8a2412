"""What a restoration method is, and what the harness gives it for nothing.

No base class is inherited. A method is a class whose instances have one of these:

- `restore(gif, times)`: the GIF in, the video's frames at those times out. The whole contract; color and time alike.
- `restore_frames(frames, palettes)`: for methods that work frame by frame. The harness holds each restored frame until
  the GIF's next one is shown, and bounds the size of the batches.

What it may say of itself, as class or instance attributes, all optional: see `MethodInfo`. One that says
`needs_palettes = False` is run on videos, too: in place of the GIF it gets a `FrameSource` whose palettes are empty.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from gifbench.argument_types import check_types
from gifbench.media.clip import Pixels
from gifbench.media.gif import Gif

Frames = NDArray[Any]
"""RGB frames, (N, H, W, 3): uint8, or float in [0, 255] (not rounded, if a protocol is to see the fractions). A torch
tensor of that shape, on any device, will do where a method returns one."""


@runtime_checkable
class FrameSource(Protocol):
    """What is read of a GIF to restore it, which a video has as well: `Gif` and `media.video.Film` are two of them."""

    @property
    def times(self) -> tuple[Fraction, ...]:
        """When each frame is shown, in seconds since the first; `times[0] == 0`."""

    @property
    def duration(self) -> Fraction:
        """When the last frame ends."""

    @property
    def width(self) -> int:
        """Pixels from left to right."""

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""

    @property
    def palettes(self) -> Sequence[Pixels]:
        """The palette of each frame, (K, 3) uint8; of a video (0, 3)."""

    def __len__(self) -> int: ...

    def frame(self, i: int) -> Pixels:
        """Frame `i` as RGB, (H, W, 3) uint8, in memory of its own."""


@runtime_checkable
class Method(Protocol):
    """The contract: any class with this one method."""

    def restore(self, gif: Gif, times: Sequence[Fraction]) -> Frames | Iterable[Frames]:
        """Give back the video's frames at `times`: exactly `len(times)` of them, of the GIF's size.

        `times` are exact seconds since the GIF's first frame, increasing, from 0 to at most the time of its last frame
        when a task is scored. The frames come as one array, or as batches in order, (N, H, W, 3) each.
        """


@runtime_checkable
class FrameMethod(Protocol):
    """The shorter contract of a method that works frame by frame."""

    def restore_frames(self, frames: Pixels, palettes: Sequence[Pixels]) -> Frames:
        """Restore `frames` (N, H, W, 3) uint8, drawn with `palettes` (N arrays (K, 3) uint8): as many come back.

        Frames of a video, which only methods with `needs_palettes = False` get, come with palettes of no color.

        With `backend = "torch"` both are tensors on the harness's device.
        """


@check_types
def last_shown(gif_times: Sequence[Fraction], times: Sequence[Fraction]) -> list[int]:
    """For each of `times` the number of the GIF frame that a player shows then: the last one that began (hold).

    `gif_times` increase from 0; a time before 0 gets the first frame.
    """
    return [max(0, bisect_right(gif_times, time) - 1) for time in times]


@check_types
def nearest_shown(gif_times: Sequence[Fraction], times: Sequence[Fraction]) -> list[int]:
    """For each of `times` the number of the GIF frame that began nearest to it; halfway the earlier one.

    Table 2 of the paper draws its row "GIF" so (its released code: t ≤ 0.5 → first).
    """
    chosen = []
    for time, before in zip(times, last_shown(gif_times, times), strict=True):
        after = min(before + 1, len(gif_times) - 1)
        chosen.append(after if gif_times[after] - time < time - gif_times[before] else before)
    return chosen
