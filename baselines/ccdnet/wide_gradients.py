"""Wide gradients: what of a smoother picture, that a GIF allows as well, is taken.

The networks of `ccdnet` see some hundred pixels around, and do not count: they know little of wide bands, and of what
a color of the palette is the mean of. smoothing_within_cells.py smooths a restored frame as far as the palette allows,
once gently and once strongly, which is right in a sky and wrong in grass. A small U-Net at a quarter of the frame's
size sees both pictures, how far they are from the restored frame, and where that has edges. It says how much of either
is taken, and adds a smooth correction of its own. What comes out agrees with the GIF again.

Of a dithered GIF it is not known which color a pixel was nearest to; it is taken to be the one that the restored pixel
is nearest to.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import cv2
import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from ..weights_lookup import NetworkOptions
from .palette_agreement import agree, cells_of, each_on_cpu, means_off, nearest_places
from .palette_unet import ResidualBlock, StridedUNet, Widths
from .smoothing_within_cells import GENTLE, STRONG, measure, smoothed

PICTURES = (GENTLE, STRONG)
"""The smoother pictures, as `smoothed` makes them."""
FEATURES = 12 + 4 * len(PICTURES)
"""Numbers that the network is told of each square of `SIDE` pixels."""
SIDE = 4
"""The frame is this many times as large, along each side, as what the network works on."""
_FINE = 1.5
"""Pixels: the standard deviation of the Gaussian that takes from the frame what is fine."""
_STEEPEST = 4.0
"""Squared steps from pixel to pixel, in cells, count up to here."""
_OWN = 0.3
"""How much of a cell an answer of 1 corrects by."""

Floats = NDArray[np.float32]


class WideGradientsOptions(NetworkOptions):
    """What a `WideGradients` is built from."""

    network: Literal["wide-gradients"] = "wide-gradients"
    widths: Widths = (32, 48, 64)
    """Channels at 1/4, 1/8, … of the picture's size."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a frame."""

    features: torch.Tensor
    """(FEATURES, ⌈H/4⌉, ⌈W/4⌉): what the network sees."""
    changes: torch.Tensor
    """(P, 3, ⌈H/2⌉, ⌈W/2⌉): by how much the smoother pictures differ from every second pixel of the restored one."""
    cells: torch.Tensor
    """(H, W): the distance from each pixel's color to the nearest other one."""
    believed: float
    """How surely the palette's colors are means of what they stand for, above 0, up to 1; else little is known."""


class WideGradients(StridedUNet):
    """What is taken of smoother pictures; untrained, a tenth of each. 238,517 parameters by default."""

    def __init__(self, options: WideGradientsOptions) -> None:
        widths = options.widths
        super().__init__(FEATURES, widths, len(PICTURES) + 3, lambda size: ResidualBlock(widths[size]))
        self.options = options
        nn.init.constant_(self.head.bias[: len(PICTURES)], -2)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, FEATURES, h, w) to (N, P + 3, h, w): how much of each picture is taken, as softmax has it, beside 0 for
        the restored frame; and red, green and blue of the network's own correction.
        """
        height, width = features.shape[2:]
        stride = 2 ** len(self.down)
        x = functional.pad(features, (0, -width % stride, 0, -height % stride), mode="replicate")
        return self.said(x)[..., :height, :width]

    def smoother(
        self, frames: torch.Tensor, palettes: torch.Tensor, restored: torch.Tensor, *, dithered: bool
    ) -> torch.Tensor:
        """Restored frames (N, H, W, 3) float32 of GIF frames (N, H, W, 3) uint8, with wide gradients smoothed.

        Palettes (N, K, 3) uint8; all in [0, 255]. It is done on the CPU.
        """
        return each_on_cpu(frames, palettes, restored, partial(self._smooth, dithered=dithered))

    def _smooth(
        self, restored: Floats, shown: NDArray[np.uint8], palette: NDArray[np.uint8], *, dithered: bool
    ) -> None:
        """One frame (3, H, W), in place."""
        with torch.no_grad():
            told = tell(restored, shown, palette, dithered=dithered)
            if told is None:
                return
            frame = torch.from_numpy(restored)
            said = self(told.features[None])
            mixed = mix(said, frame[None], told.changes[None], told.cells[None])[0]
            frame.lerp_(mixed, told.believed)
        agree(restored, shown, palette, dithered=dithered)


def tell(restored: Floats, shown: NDArray[np.uint8], palette: NDArray[np.uint8], *, dithered: bool) -> Told | None:
    """What is known of a restored frame (3, H, W) of 0 to 255 and its GIF frame (3, H, W) with its palette (K, 3).

    None for one color, or for more than 256, or where the palette's colors are no means of what they stand for.
    """
    if (cells := cells_of(shown, palette)) is None:
        return None
    colors, borders = cells.colors, cells.borders
    place = nearest_places(restored, cells) if dithered else cells.place
    off, nearest, believed = means_off(restored, place, colors)
    if not believed:
        return None
    sizes = np.sqrt(nearest).astype(np.float32)
    changes = [smoothed(restored, place, colors, borders, each) for each in PICTURES]
    coarse = np.stack([cv2.GaussianBlur(plane, (0, 0), _FINE) for plane in restored])
    across, down = np.zeros((2, *place.shape), np.float32)
    measure(restored, place, sizes, across, down)
    features = np.zeros((FEATURES, *(-(-side // SIDE) for side in place.shape)), np.float32)
    off_by = (10 * off / sizes[:, None]).astype(np.float32)
    _describe(restored, coarse, across, down, place, (colors, sizes, off_by), features)
    for number, change in enumerate(changes):
        _describe_change(change, place, sizes, features[12 + 4 * number :])
    told = torch.from_numpy(np.stack(changes))
    return Told(torch.from_numpy(features), told, torch.from_numpy(sizes[place]), believed)


def mix(said: torch.Tensor, restored: torch.Tensor, changes: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
    """Restored frames (N, 3, H, W) with what the network said (N, P + 3, h, w) should be taken.

    `changes` (N, P, 3, ⌈H/2⌉, ⌈W/2⌉) and `cells` (N, H, W) are those of `Told`.
    """
    height, width = restored.shape[2:]
    wide = functional.interpolate(said, scale_factor=SIDE, mode="bilinear", align_corners=False)[..., :height, :width]
    count = len(PICTURES)
    shares = torch.softmax(torch.cat([torch.zeros_like(wide[:, :1]), wide[:, :count]], dim=1), dim=1)
    mixed = restored + _OWN * cells[:, None] * wide[:, count:]
    for number in range(count):
        mixed = mixed + shares[:, number + 1, None] * _between(changes[:, number], height, width)
    return mixed


def _between(half: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Every second pixel (N, C, ⌈H/2⌉, ⌈W/2⌉), and the means of those beside each other in between: (N, C, H, W)."""
    for way, side in ((-1, width), (-2, height)):
        last = half.shape[way] - 1
        after = torch.cat([half.narrow(way, 1, last), half.narrow(way, last, 1)], dim=way)
        half = torch.stack([half, (half + after) / 2], dim=way).flatten(way - 1, way).narrow(way, 0, side)
    return half


@njit(cache=True, nogil=True)
def _describe(  # noqa: PLR0917 - a kernel: numba takes no keyword-only arguments
    picture: Floats,
    coarse: Floats,
    across: Floats,
    down: Floats,
    place: NDArray[np.int64],
    known: tuple[Floats, Floats, Floats],
    out: Floats,
) -> None:
    """Into the first twelve of `out` (FEATURES, h, w) the means over squares of what is known of each pixel.

    The colors of the restored frame (3); how far it is from its palette's color, and the size of the color's cell;
    whether there are edges of such colors, how steep the restored frame is, there and everywhere; what of it is fine;
    how far the mean of the color is off (3). `known` are colors (K, 3), sizes of their cells (K), and what their means
    are off by.
    """
    colors, sizes, off_by = known
    height, width = place.shape
    for y in range(height):
        for x in range(width):
            k = place[y, x]
            size = sizes[k]
            into = out[:, y // SIDE, x // SIDE]
            from_color = from_fine = np.float32(0)
            for c in range(3):
                value = picture[c, y, x]
                into[c] += value / np.float32(128) - np.float32(1)
                from_color += (value - colors[k, c]) ** 2
                from_fine += (value - coarse[c, y, x]) ** 2
                into[9 + c] += off_by[k, c]
            edges = np.float32(0)
            if x > 0 and place[y, x - 1] != k:
                edges += np.float32(1)
            if y > 0 and place[y - 1, x] != k:
                edges += np.float32(1)
            steep = np.sqrt(min(across[y, x] + down[y, x], np.float32(_STEEPEST)))
            into[3] += np.sqrt(from_color) / size
            into[4] += np.log(size) / np.float32(4)
            into[5] += edges
            into[6] += steep
            if edges > 0:
                into[7] += steep
            into[8] += np.sqrt(from_fine) / size
    _means(out[:12], SIDE, height, width)


@njit(cache=True, nogil=True)
def _describe_change(change: Floats, place: NDArray[np.int64], sizes: Floats, out: Floats) -> None:
    """Into the first four of `out` (C, h, w) the means over squares of how a smoother picture differs (3, h', w')."""
    side = SIDE // 2
    height, width = change.shape[1:]
    for y in range(height):
        for x in range(width):
            scale = np.float32(3) / sizes[place[2 * y, 2 * x]]
            into, far = out[:, y // side, x // side], np.float32(0)
            for c in range(3):
                value = scale * change[c, y, x]
                into[c] += value
                far += value * value
            into[3] += np.sqrt(far)
    _means(out[:4], side, height, width)


@njit(cache=True, nogil=True)
def _means(sums: Floats, side: int, height: int, width: int) -> None:
    """Divide sums (C, h, w) over squares of that side, cut off at the end of a picture, by their numbers of pixels."""
    for y in range(sums.shape[1]):
        for x in range(sums.shape[2]):
            sums[:, y, x] /= np.float32(min(side, height - y * side) * min(side, width - x * side))
