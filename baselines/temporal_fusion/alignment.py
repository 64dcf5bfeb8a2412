"""Neighbors of a frame, moved along the flow to where the same things are in it, and what the network sees of them.

Each frame of a GIF has its own palette. What one frame's palette took from a color its neighbors' palettes may have
kept, so a neighbor comes with its GIF frame and the size of its colors' cells, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from gifbench import Pixels, optical_flow, warp

from ..ccdnet.palette_unet import beside
from ..frozen_color_method import scaled

OFFSETS = (-2, -1, 1, 2)
"""The neighbors that are seen, in frames."""
CHANNELS = 7 * (1 + len(OFFSETS))
"""Of what the network sees: 7 of the frame, and as many of each neighbor."""
_GAIN = 8.0
"""Differences between frames are small; this brings them to the size of the frames themselves."""
_FAR = 0.75
"""A neighbor is not believed where it differs from the frame by more than this share of the distance to the nearest
other color of the palette: what the palette took is less, so the flow is wrong, or something new is seen."""
_LEAST_FAR = 1.5
"""A difference of so many levels is always believed."""


@dataclass(frozen=True, slots=True)
class RestoredFrame:
    """A restored frame (H, W, 3) float32 in [0, 255], its GIF frame, and the size of each pixel's palette cell."""

    restored: NDArray[np.float32]
    displayed: Pixels
    cell: NDArray[np.float32]
    """(H, W): the distance from a pixel's color to the nearest other one of the palette, in units of 32 levels."""


def describe(restored: torch.Tensor, displayed: torch.Tensor, palette: torch.Tensor) -> RestoredFrame:
    """A restored frame (H, W, 3) of 0 to 255 with its GIF frame (H, W, 3) uint8 and that one's palette (K, 3) uint8."""
    way = beside(displayed.permute(2, 0, 1)[None], palette[None])[0, :3]
    return RestoredFrame(
        np.ascontiguousarray(restored.float().cpu().numpy()),
        np.ascontiguousarray(displayed.cpu().numpy()),
        way.square().sum(dim=0).sqrt().cpu().numpy(),
    )


def network_input(middle: RestoredFrame, neighbors: Sequence[RestoredFrame | None]) -> torch.Tensor:
    """What the network sees, (CHANNELS, H, W) float32: the middle frame in [-1, 1], then differences from it.

    The neighbors are those of `OFFSETS`, in order; None, for one that does not exist or shows another scene, looks like
    the middle frame, and so does a neighbor where it is too different to be believed.
    """
    base = scaled(torch.from_numpy(middle.restored))
    own = _differences(base, middle.restored, middle.displayed, middle.cell)
    parts = [base, *own[1:]]
    farthest = np.maximum(32 * _FAR * middle.cell, _LEAST_FAR)
    for neighbor in neighbors:
        if neighbor is None:
            parts += own
            continue
        flow = optical_flow(middle.restored, neighbor.restored)
        restored, displayed, cell = (
            warp(part, flow) for part in (neighbor.restored, neighbor.displayed, neighbor.cell)
        )
        red, green, blue = np.moveaxis(np.square(restored - middle.restored), 2, 0)
        apart = np.sqrt(red + green + blue)  # as a sum over the axis, which takes ten times as long
        near = torch.from_numpy(cv2.blur(apart, (5, 5)) <= farthest)[..., None]
        seen = _differences(base, restored, displayed, cell)
        parts += [torch.where(near, theirs, ours) for theirs, ours in zip(seen, own, strict=True)]
    return torch.cat(parts, dim=2).permute(2, 0, 1)


def _differences(
    base: torch.Tensor, restored: NDArray[np.float32], displayed: NDArray[np.generic], cell: NDArray[np.float32]
) -> list[torch.Tensor]:
    frames = (scaled(torch.from_numpy(np.asarray(part, np.float32))) for part in (restored, displayed))
    return [*((frame - base) * _GAIN for frame in frames), torch.from_numpy(cell)[..., None]]
