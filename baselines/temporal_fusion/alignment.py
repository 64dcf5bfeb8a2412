"""Neighbors of a frame, moved along the flow to where the same things are in it, and what the network sees of them.

Each frame of a GIF has its own palette. What one frame's palette took from a color its neighbors' palettes may have
kept, so a neighbor comes with its GIF frame and the size of its colors' cells, too. A neighbor is not believed where it
differs from the frame by more than three quarters of the distance to the nearest other color of the palette (and by
more than one and a half levels): what the palette took is less, so the flow is wrong, or something new is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from gifbench import Pixels

from ..ccdnet.palette_unet import NEIGHBORS, placed, ways
from . import alignment_kernels

OFFSETS = (-2, -1, 1, 2)
"""The neighbors that are seen, in frames."""
CHANNELS = 7 * (1 + len(OFFSETS))
"""Of what the network sees: 7 of the frame, and as many of each neighbor."""
_SMALLEST = 48
"""Pixels a side of what DIS is given at least, as by `gifbench.optical_flow`."""
_AROUND = 5
"""The side of the squares over which it is asked whether a neighbor is believed."""


@dataclass(frozen=True, slots=True)
class RestoredFrame:
    """A restored frame, its GIF frame, and the size of each pixel's palette cell."""

    picture: NDArray[np.float32]
    """(H, W, 4): the restored frame in [0, 255], then the distance from a pixel's color to the nearest other one of the
    palette, in units of 32 levels."""
    displayed: Pixels
    gray: NDArray[np.uint8]
    """The restored frame in whole levels of gray, `_SMALLEST` pixels a side at least: motion is looked for in it."""


def describe(restored: torch.Tensor, displayed: torch.Tensor, palette: torch.Tensor) -> RestoredFrame:
    """A restored frame (H, W, 3) of 0 to 255 with its GIF frame (H, W, 3) uint8 and that one's palette (K, 3) uint8."""
    shown = displayed.cpu()
    colors, place = placed(shown.permute(2, 0, 1), palette.cpu())
    red, green, blue = ways(colors, NEIGHBORS)[:, :3].square().unbind(1)
    planes = restored.detach().float().cpu().permute(2, 0, 1)
    picture, rounded = np.empty((*shown.shape[:2], 4), np.float32), np.empty(shown.shape, np.uint8)
    sizes = (red + green + blue).sqrt().numpy()
    alignment_kernels.painted(planes.numpy(), place.numpy(), sizes, picture, rounded)
    gray = cv2.cvtColor(rounded, cv2.COLOR_RGB2GRAY)
    below, right = (max(0, _SMALLEST - side) for side in gray.shape)
    if below or right:
        gray = cv2.copyMakeBorder(gray, 0, below, 0, right, cv2.BORDER_REPLICATE)
    return RestoredFrame(picture, np.ascontiguousarray(shown.numpy()), np.asarray(gray, np.uint8))


class Motion:
    """The flow of `gifbench.optical_flow`, to the bit, of pair after pair in the same memory: for one thread.

    To get memory anew takes a tenth of the time of a pair, and a third where OpenCV has two threads.
    """

    def __init__(self) -> None:
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def places(self, first: RestoredFrame, second: RestoredFrame, x: Any, y: Any) -> None:  # noqa: ANN401 - arrays
        """Into `x` and `y` (H, W) float32 where each pixel of the first frame is in the second one."""
        # It begins from the flow it is given, so from none at all.
        nothing = np.zeros((*first.gray.shape, 2), np.float32)
        alignment_kernels.led_to(self._search.calc(first.gray, second.gray, nothing), x, y)


def network_input(
    middle: RestoredFrame, neighbors: Sequence[RestoredFrame | None], *, motion: Motion | None = None
) -> torch.Tensor:
    """What the network sees, (CHANNELS, H, W) float32: the middle frame in [-1, 1], then differences from it.

    The neighbors are those of `OFFSETS`, in order; None, for one that does not exist or shows another scene, looks like
    the middle frame, and so does a neighbor where it is too different to be believed. `motion` may be kept from frame
    to frame.
    """
    height, width = middle.displayed.shape[:2]
    folded = folded_input(middle, neighbors, stride=2, motion=motion)
    return functional.pixel_shuffle(folded, 2)[0, :, :height, :width].contiguous()


def folded_input(
    middle: RestoredFrame, neighbors: Sequence[RestoredFrame | None], *, stride: int, motion: Motion | None = None
) -> torch.Tensor:
    """The same, filled up to whole strides by repeating the border, and folded to half the size.

    (1, 4 · CHANNELS, H', W') float32, channels-last: what `pixel_unshuffle` would make of it.
    """
    height, width = (-(-side // stride) * stride // 2 for side in middle.displayed.shape[:2])
    seen = np.empty((height, width, 4 * CHANNELS), np.float32)
    alignment_kernels.folded(*_aligned(middle, neighbors, motion or Motion()), seen)
    return torch.from_numpy(seen)[None].permute(0, 3, 1, 2)


def _aligned(
    middle: RestoredFrame, neighbors: Sequence[RestoredFrame | None], motion: Motion
) -> tuple[Any, Any, Any, Any]:
    """What the loops want: the middle frame, moved neighbors, which of these each neighbor is, and where it is near."""
    height, width = middle.displayed.shape[:2]
    # At the ends of a GIF a neighbor stands for the one that is missing.
    frames = {id(neighbor): neighbor for neighbor in neighbors if neighbor is not None}
    numbers = {each: number for number, each in enumerate(frames)}
    which = np.array([-1 if neighbor is None else numbers[id(neighbor)] for neighbor in neighbors], np.int64)
    own = np.empty((2, height, width, 4), np.float32)
    own[0] = middle.picture
    alignment_kernels.widened(middle.displayed, own[1])
    moved = np.empty((len(frames), 2, height, width, 4), np.float32)
    near = np.empty((len(frames), height, width), np.bool_)
    x, y, apart = (np.empty((height, width), np.float32) for _ in range(3))
    displayed = np.empty((height, width, 4), np.float32)
    for number, neighbor in enumerate(frames.values()):
        motion.places(middle, neighbor, x, y)
        alignment_kernels.widened(neighbor.displayed, displayed)
        for part, into in zip((neighbor.picture, displayed), moved[number], strict=True):
            cv2.remap(part, x, y, cv2.INTER_LINEAR, dst=into, borderMode=cv2.BORDER_REPLICATE)
        alignment_kernels.distances(moved[number, 0], own[0], apart)
        alignment_kernels.believed(cv2.blur(apart, (_AROUND, _AROUND)), own[0], near[number])
    return own, moved, which, near
