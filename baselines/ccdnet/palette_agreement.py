"""What a GIF says of the frame that it was made for, and a restored frame has to agree with.

A plain GIF shows each pixel in the nearest color of its palette, so the pixel was nearer to that color than to any
other one: a restored pixel beyond is moved back to the border. Of a dithered GIF diffusion_agreement.py says more. And
a color of a palette is the mean of what it stands for, under all makers that part the colors into boxes: where the
mean of the restored pixels of a color is off, all of them are moved a part of the way. A palette that is as far off as
one of another picture, of a whole clip, or of a larger frame than what is seen of it, tells nothing of means.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray

from .diffusion_agreement import agree_with_diffusion
from .palette_unet import placed

_PART = 0.45
"""How far towards the palette's color a mean is moved, where it is next to nothing off; chosen on training clips."""
_FAR = 0.25
"""Of the distance to the palette's nearest other color: a mean that is as far off is believed 1/e times as much."""
_TOLD, _UNTOLD = 0.11, 0.13
"""Root mean squares of how far means are off, over those of the distances to the nearest other colors: up to the first
they are believed, from the second on they are not."""
_MOST_COLORS = 64
"""Of a dithered GIF with more colors nothing is said of means: which color a pixel belongs to is not known well."""
_BESIDE = 4
"""Cells' borders that are looked at: those to the nearest other colors."""

Floats = NDArray[np.float32]


def agree(restored: Floats, shown: NDArray[np.uint8], palette: NDArray[np.uint8], *, dithered: bool) -> None:
    """Move a restored frame (3, H, W) of 0 to 255, in place, to what its GIF frame (3, H, W) says.

    The palette is (K, 3), and every pixel of the GIF frame has a color of it. A frame of more than 256 colors was put
    together from several palettes, and stays as it is.
    """
    known, found = placed(torch.from_numpy(shown), torch.from_numpy(palette))
    colors, place = known.numpy(), found.numpy()
    if not 1 < len(colors) <= 256:
        return
    apart = np.square(colors[:, None] - colors).sum(axis=2)
    order = np.argsort(apart, axis=1, kind="stable")
    borders = colors[order[:, 1 : 1 + _BESIDE]] - colors[:, None]
    if dithered:
        agree_with_diffusion(restored, place, colors, borders)
    if not dithered or len(colors) <= _MOST_COLORS:
        belongs = place
        if dithered:  # its pixels were not mapped to the nearest color; what they are restored to is
            belongs = np.empty_like(place)
            _find(restored, colors, np.take_along_axis(apart, order, axis=1), order, place, belongs)
        sums = np.zeros((len(colors), 4))
        _add(restored, belongs, sums)
        _move(restored, belongs, _shift(colors, sums))
    if not dithered:
        _bound(restored, place, colors, borders)
    np.clip(restored, 0, 255, out=restored)


def _shift(colors: Floats, sums: NDArray[np.float64]) -> Floats:
    """How far the pixels of each color (K, 3) are moved, (K, 3), of their sums and numbers (K, 4)."""
    known, counts = colors.astype(np.float64), sums[:, 3]
    apart = np.square(known[:, None] - known).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    nearest = apart.min(axis=1)
    off = np.where(counts[:, None] > 0, known - sums[:, :3] / np.maximum(counts, 1)[:, None], 0)
    off_by = np.square(off).sum(axis=1)
    far_off = np.sqrt((counts * off_by).sum() / (counts * nearest).sum())
    believed = np.clip((_UNTOLD - far_off) / (_UNTOLD - _TOLD), 0, 1)
    part = believed * _PART * np.exp(-off_by / (_FAR**2 * nearest))
    shift: Floats = (part[:, None] * off).astype(np.float32)
    return shift


@njit(cache=True, nogil=True)
def _find(  # noqa: PLR0917 - a kernel: numba takes no keyword-only arguments
    restored: Floats,
    colors: Floats,
    apart: Floats,
    order: NDArray[np.int64],
    around: NDArray[np.int64],
    out: NDArray[np.int64],
) -> None:
    """Into `out` (H, W) the nearest of the colors (K, 3) to each pixel of (3, H, W).

    `order` (K, K) has the colors by their squared distance `apart` (K, K) from each, itself first. A color that is
    twice as far from the one in `around` (H, W) as the pixel is cannot be nearer.
    """
    four = np.float32(4)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            first = around[y, x]
            r, g, b = restored[0, y, x], restored[1, y, x], restored[2, y, x]
            least, found = np.float32(np.inf), first
            reach = np.float32(0)
            for n in range(len(colors)):
                if n > 0 and apart[first, n] > reach:
                    break
                k = order[first, n]
                red, green, blue = r - colors[k, 0], g - colors[k, 1], b - colors[k, 2]
                distance = red * red + green * green + blue * blue
                if n == 0:
                    reach = four * distance
                if distance < least:
                    least, found = distance, k
            out[y, x] = found


@njit(cache=True, nogil=True)
def _add(restored: Floats, place: NDArray[np.int64], sums: NDArray[np.float64]) -> None:
    """Add up, in `sums` (K, 4), red, green, blue and number of the pixels of each color."""
    for y in range(place.shape[0]):
        for x in range(place.shape[1]):
            row = sums[place[y, x]]
            row[0] += restored[0, y, x]
            row[1] += restored[1, y, x]
            row[2] += restored[2, y, x]
            row[3] += 1


@njit(cache=True, nogil=True)
def _move(restored: Floats, place: NDArray[np.int64], shift: Floats) -> None:
    """Add to each pixel of (3, H, W) what its color is moved by, (K, 3)."""
    for y in range(place.shape[0]):
        for x in range(place.shape[1]):
            by = shift[place[y, x]]
            for c in range(3):
                restored[c, y, x] += by[c]


@njit(cache=True, nogil=True)
def _bound(restored: Floats, place: NDArray[np.int64], colors: Floats, borders: Floats) -> None:
    """Move pixels that are nearer to another color than to their own back to the border, one color after the other."""
    half = np.float32(0.5)
    lengths = np.empty(borders.shape[:2], np.float32)
    for k in range(borders.shape[0]):
        for n in range(borders.shape[1]):
            r, g, b = borders[k, n]
            lengths[k, n] = r * r + g * g + b * b
    for y in range(place.shape[0]):
        for x in range(place.shape[1]):
            k = place[y, x]
            own_red, own_green, own_blue = colors[k]
            red, green, blue = restored[0, y, x] - own_red, restored[1, y, x] - own_green, restored[2, y, x] - own_blue
            moved = False
            for n in range(borders.shape[1]):
                r, g, b = borders[k, n, 0], borders[k, n, 1], borders[k, n, 2]
                beyond = (red * r + green * g + blue * b) / lengths[k, n] - half
                if beyond > 0:
                    red, green, blue, moved = red - beyond * r, green - beyond * g, blue - beyond * b, True
            if moved:
                restored[0, y, x] = red + own_red
                restored[1, y, x] = green + own_green
                restored[2, y, x] = blue + own_blue
