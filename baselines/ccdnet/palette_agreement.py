"""What a GIF says of the frame that it was made for, and a restored frame has to agree with.

A plain GIF shows each pixel in the nearest color of its palette, so the pixel was nearer to that color than to any
other one: a restored pixel beyond is moved back to the border. Of a dithered GIF diffusion_agreement.py says more. And
a color of a palette is the mean of what it stands for, under all makers that part the colors into boxes: where the
mean of the restored pixels of a color is off, all of them are moved a part of the way. A palette that is as far off as
one of another picture, of a whole clip, or of a larger frame than what is seen of it, tells nothing of means.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

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


class Cells(NamedTuple):
    """The different colors of a palette, and where they are shown."""

    colors: Floats
    """(K, 3), in order."""
    place: NDArray[np.int64]
    """(H, W): which one each pixel has."""
    apart: Floats
    """(K, K): squared distances."""
    order: NDArray[np.int64]
    """(K, K): the colors by their distance from each, itself first."""
    borders: Floats
    """(K, B, 3): the ways to the nearest other ones."""


def agree(restored: Floats, shown: NDArray[np.uint8], palette: NDArray[np.uint8], *, dithered: bool) -> None:
    """Move a restored frame (3, H, W) of 0 to 255, in place, to what its GIF frame (3, H, W) says.

    The palette is (K, 3), and every pixel of the GIF frame has a color of it. A frame of more than 256 colors was put
    together from several palettes, and stays as it is.
    """
    if (cells := cells_of(shown, palette)) is None:
        return
    colors, place, borders = cells.colors, cells.place, cells.borders
    if dithered:
        agree_with_diffusion(restored, place, colors, borders)
    if not dithered or len(colors) <= _MOST_COLORS:
        # Pixels of a dithered GIF were not mapped to the nearest color; what they are restored to is.
        belongs = nearest_places(restored, cells) if dithered else place
        restored += _shift(*means_off(restored, belongs, colors)).T[:, belongs]
    if not dithered:
        _bound(restored, place, colors, borders)
    np.clip(restored, 0, 255, out=restored)


def cells_of(shown: NDArray[np.uint8], palette: NDArray[np.uint8]) -> Cells | None:
    """The cells of a GIF frame (3, H, W) and its palette (K, 3); None for one color, or for more than 256."""
    known, found = placed(torch.from_numpy(shown), torch.from_numpy(palette))
    colors, place = known.numpy(), found.numpy()
    if not 1 < len(colors) <= 256:
        return None
    apart = np.square(colors[:, None] - colors).sum(axis=2)
    order = np.argsort(apart, axis=1, kind="stable")
    return Cells(colors, place, apart, order, colors[order[:, 1 : 1 + _BESIDE]] - colors[:, None])


def nearest_places(restored: Floats, cells: Cells) -> NDArray[np.int64]:
    """Which color each pixel of a restored frame (3, H, W) is nearest to, (H, W)."""
    found = np.empty_like(cells.place)
    _find(restored, cells.colors, np.take_along_axis(cells.apart, cells.order, axis=1), cells.order, cells.place, found)
    return found


def each_on_cpu(
    frames: torch.Tensor, palettes: torch.Tensor, restored: torch.Tensor, change: Callable[..., None]
) -> torch.Tensor:
    """Restored frames (N, H, W, 3) as `change(restored, shown, palette)` leaves them, which is what `agree` is given.

    An accelerator's frames come to the CPU side by side, and go back.
    """
    there = restored.permute(0, 3, 1, 2).to("cpu", memory_format=torch.contiguous_format, copy=True)
    shown, known = frames.cpu().permute(0, 3, 1, 2).contiguous().numpy(), palettes.cpu().numpy()

    def one(number: int) -> None:
        change(there[number].numpy(), shown[number], known[number])

    if restored.device.type == "cpu":  # whose other threads have other frames under way
        for number in range(len(frames)):
            one(number)
    else:
        with ThreadPoolExecutor(max_workers=min(len(frames), os.cpu_count() or 1)) as pool:
            list(pool.map(one, range(len(frames))))
    return there.to(restored.device).permute(0, 2, 3, 1)


def means_off(
    restored: Floats, place: NDArray[np.int64], colors: Floats
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """How far the mean of the restored pixels of each color is from it, (K, 3); the squared distance of each color to
    the nearest other one, (K); and whether means are believed, 0 to 1.

    Of a restored frame (3, H, W) of 0 to 255, the color that each pixel belongs to (H, W), and the colors (K, 3).
    """
    sums = np.zeros((len(colors), 4))
    add_up(restored, place, sums)
    known, counts = colors.astype(np.float64), sums[:, 3]
    apart = np.square(known[:, None] - known).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    nearest = apart.min(axis=1)
    off = np.where(counts[:, None] > 0, known - sums[:, :3] / np.maximum(counts, 1)[:, None], 0)
    far_off = np.sqrt((counts * np.square(off).sum(axis=1)).sum() / (counts * nearest).sum())
    return off, nearest, float(np.clip((_UNTOLD - far_off) / (_UNTOLD - _TOLD), 0, 1))


def _shift(off: NDArray[np.float64], nearest: NDArray[np.float64], believed: float) -> Floats:
    """How far the pixels of each color are moved, (K, 3), of what `means_off` says."""
    part = believed * _PART * np.exp(-np.square(off).sum(axis=1) / (_FAR**2 * nearest))
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
def add_up(restored: Floats, place: NDArray[np.int64], sums: NDArray[np.float64]) -> None:
    """Add up, in `sums` (K, 4), red, green, blue and number of the pixels of each color."""
    for y in range(place.shape[0]):
        for x in range(place.shape[1]):
            row = sums[place[y, x]]
            row[0] += restored[0, y, x]
            row[1] += restored[1, y, x]
            row[2] += restored[2, y, x]
            row[3] += 1


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
