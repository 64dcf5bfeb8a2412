"""Choosing the colors of a palette, of a frame or of many: by minimum variance, or by Pillow's median cut.

Minimum variance splits the colors into boxes, each time by the cut that lowers the squared error most. After X. Wu,
"Efficient statistical computations for optimal color quantization", Graphics Gems II, 1991: boxes of the color cube,
cut across an axis where the sum of squared distances to the two means is least. Two things are done otherwise. The next
box is the one whose best cut gains most, where Wu takes the one of largest variance: never a wasted cut (measured:
0.1 dB more on average). And in place of a table of cumulative moments over the whole cube, every box keeps its sums
along each axis; when a box is cut only its smaller part is counted anew, the larger one is the difference, as boosted
trees do it.

Sums are integers; gains are float64, computed by one fixed sequence of operations, and ties go to the first: the same
everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from PIL import Image

from gifbench.media.clip import Pixels
from gifbench.media.colors.color_histogram import (
    BLOCK,
    MAX_PIXELS,
    count_colors,
    fill_cube,
    list_cells,
    take_cells,
    take_colors,
)
from gifbench.media.colors.palette_validation import check_colors, check_frame

_BITS = 5  # steps a channel of the cube, as a power of two
_FEW, _FEW_A_COLOR = 512, 4  # cells in all, and for each color: up to these the boxes are made of single colors
_FINE = 2048  # the same where it is asked for; photographs have more or many thousand colors, and gain nothing

_Sums = NDArray[np.int64]
"""Numbers of pixels, and sums of their channels."""
_Cells = NDArray[np.int32]
"""Numbers of cells, or of their rows."""
_Counts = tuple[NDArray[np.uint32], NDArray[np.int64]]  # colors as 2^16·r + 2^8·g + b, increasing; pixels of each


class PaletteMaker:
    """Minimum-variance palettes of frames; keeps its working space (0.7 MB), so use one object a thread.

    `colors` is 2 to 256 and `kmeans_steps` ≥ 0, both checked by the caller. A picture in up to 512 cells, 2048 for a
    `fine` palette, or four for each color, is split by its single colors.
    """

    def __init__(self, *, colors: int, kmeans_steps: int = 0, fine: bool = False) -> None:
        self.colors, self.kmeans_steps = colors, kmeans_steps
        # In few cells, as of a nearly flat picture, the steps within a cell are most of the error: up to 0.9 dB.
        self._few = max(_FINE if fine else _FEW, _FEW_A_COLOR * colors)
        self._cube = np.zeros(2 * 8**_BITS, np.uint64)
        self._work, self._occupied = np.empty(3 * BLOCK, np.uint64), np.empty(8**_BITS + 1, np.int32)

    def palette(self, frame: Pixels) -> Pixels:
        """The palette (K, 3) of a frame (..., 3) of uint8, K ≤ colors; exactly its colors if they are not more."""
        flat = np.ascontiguousarray(frame).reshape(-1)
        if len(flat) > 3 * MAX_PIXELS:
            return self.palette_of([frame])
        occupied, sums, places = self._cells(flat)
        if len(occupied) > self._few:
            return self._split(sums, places, steps=1 << _BITS)
        counts = np.zeros((len(occupied), 8 ** (8 - _BITS)), np.uint32)
        num_colors = count_colors(flat, _BITS, occupied, np.empty(8**_BITS, np.int32), counts)
        sums, values = np.empty((num_colors, 4), np.int64), np.empty((num_colors, 3), np.uint8)
        take_colors(places, _BITS, counts, sums, values)
        return self._of_colors(sums, values)

    def palette_of(self, frames: Iterable[Pixels]) -> Pixels:
        """One palette (K, 3) for all `frames`, which are read once, in order, and not kept."""
        all_sums = np.zeros((8**_BITS, 4), np.int64)
        exact: _Counts | None = (np.empty(0, np.uint32), np.empty(0, np.int64))  # while the cells are few
        for frame in frames:
            flat = np.ascontiguousarray(frame).reshape(-1)
            for start in range(0, len(flat), 3 * MAX_PIXELS):
                part = flat[start : start + 3 * MAX_PIXELS]
                occupied, sums, _ = self._cells(part)
                all_sums[occupied] += sums
                if exact is not None:
                    few = np.count_nonzero(all_sums[:, 0]) <= self._few
                    exact = _with_colors(exact, part) if few else None
        if exact is not None:
            values, counts = _channels(exact[0], bits=8), exact[1][:, None]
            return self._of_colors(np.hstack([counts, counts * values]), values)
        cells = np.flatnonzero(all_sums[:, 0])
        return self._split(all_sums[cells], _channels(cells, bits=_BITS), steps=1 << _BITS)

    def _cells(self, flat: Pixels) -> tuple[_Cells, _Sums, Pixels]:
        # Number, sums (N, 4) and place in the cube (N, 3) of every cell that the pixels occupy.
        fill_cube(flat, _BITS, self._cube, self._work)
        occupied = self._occupied[: list_cells(self._cube, self._occupied)]
        sums, places = np.empty((len(occupied), 4), np.int64), np.empty((len(occupied), 3), np.uint8)
        take_cells(self._cube, occupied, _BITS, sums, places)
        return occupied, sums, places

    def _of_colors(self, sums: _Sums, values: Pixels) -> Pixels:
        return _in_order(values) if len(values) <= self.colors else self._split(sums, values, steps=256)

    def _split(self, sums: _Sums, places: Pixels, *, steps: int) -> Pixels:
        order, spare = np.empty(len(sums), np.int32), np.empty(len(sums), np.int32)
        profiles, totals = np.empty((self.colors, 3, steps, 4), np.int64), np.empty((self.colors, 4), np.int64)
        totals = totals[: split_boxes(sums, places, profiles, order, spare, totals)]
        if self.kmeans_steps:
            refine(sums, totals, self.kmeans_steps)
            totals = totals[totals[:, 0] > 0]
        counts = totals[:, :1]
        return _in_order(((2 * totals[:, 1:] + counts) // (2 * counts)).astype(np.uint8))


def _in_order(palette: Pixels) -> Pixels:
    # From dark to light (Rec. 601 luma, then red, green, blue), each color once: two means may round to the same.
    r, g, b = palette.astype(np.int64).T
    return _channels(np.unique(((299 * r + 587 * g + 114 * b) << 24) | (r << 16) | (g << 8) | b), bits=8)


def _channels(packed: NDArray[Any], *, bits: int) -> Pixels:
    mask = (1 << bits) - 1
    return np.stack([(packed >> 2 * bits) & mask, (packed >> bits) & mask, packed & mask], axis=-1).astype(np.uint8)


def _with_colors(known: _Counts, flat: Pixels) -> _Counts:
    r, g, b = flat.reshape(-1, 3).astype(np.uint32).T
    colors, counts = np.unique((r << 16) | (g << 8) | b, return_counts=True)
    together = np.union1d(known[0], colors)
    sums = np.zeros(len(together), np.int64)
    for some, of_them in (known, (colors, counts)):
        sums[np.searchsorted(together, some)] += of_them
    return together, sums


def median_cut(frame: Pixels, colors: int = 32) -> tuple[Pixels, Pixels]:
    """Palette (K, 3) and indices (H, W) of `frame` (H, W, 3) by Pillow's median cut, as Pillow gives them.

    That is `Image.quantize(colors, method=MEDIANCUT, dither=NONE)`, whose indices are not always the nearest colors.
    Raises `PixelsError` or `UsageError`.
    """
    check_frame(frame)
    check_colors(colors)
    image = Image.fromarray(np.ascontiguousarray(frame)).quantize(
        colors, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
    )
    indices = np.asarray(image, dtype=np.uint8)
    palette = np.array(image.getpalette("RGB"), dtype=np.uint8).reshape(-1, 3)
    return palette[: int(indices.max()) + 1], indices


@njit(cache=True)
def _count_axes(  # noqa: PLR0917 - a kernel: numba takes no keyword-only arguments
    profile: _Sums, sums: _Sums, places: Pixels, order: _Cells, first: int, stop: int
) -> None:
    for i in range(first, stop):
        cell = order[i]
        count, r, g, b = sums[cell, 0], sums[cell, 1], sums[cell, 2], sums[cell, 3]
        for axis in range(3):
            place = places[cell, axis]
            profile[axis, place, 0] += count
            profile[axis, place, 1] += r
            profile[axis, place, 2] += g
            profile[axis, place, 3] += b


@njit(cache=True, error_model="numpy")
def _best_cut(profile: _Sums, low: _Sums, high: _Sums, total: _Sums) -> tuple[float, int, int]:
    # Gain, axis and last place of the lower part; the axis is -1 where no cut gains anything.
    count, r, g, b = np.float64(total[0]), np.float64(total[1]), np.float64(total[2]), np.float64(total[3])
    whole = (r * r + g * g + b * b) / count
    best, best_axis, best_place = 0.0, -1, 0
    for axis in range(3):
        c1, r1, g1, b1 = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
        for place in range(low[axis], high[axis]):
            if profile[axis, place, 0] == 0:
                continue
            c1 += profile[axis, place, 0]
            r1 += profile[axis, place, 1]
            g1 += profile[axis, place, 2]
            b1 += profile[axis, place, 3]
            n1, n2 = np.float64(c1), np.float64(total[0] - c1)
            x1, y1, z1 = np.float64(r1), np.float64(g1), np.float64(b1)
            x2, y2, z2 = np.float64(total[1] - r1), np.float64(total[2] - g1), np.float64(total[3] - b1)
            parts = ((x1 * x1 + y1 * y1 + z1 * z1) * n2 + (x2 * x2 + y2 * y2 + z2 * z2) * n1) / (n1 * n2)
            if parts - whole > best:
                best, best_axis, best_place = parts - whole, axis, place
    return best, best_axis, best_place


@njit(cache=True)
def _partition(  # noqa: PLR0917 - a kernel: numba takes no keyword-only arguments
    order: _Cells, places: Pixels, axis: int, last: int, spare: _Cells, ends: tuple[int, int]
) -> int:
    # Bring the cells of order[ends] whose place is at most `last` to the front; returns where the others begin.
    low, high = ends[0], 0
    for i in range(ends[0], ends[1]):
        cell = order[i]
        below = places[cell, axis] <= last
        order[low] = cell
        spare[high] = cell
        low += below
        high += 1 - below
    for i in range(high):
        order[low + i] = spare[i]
    return low


@njit(cache=True)
def split_boxes(  # noqa: PLR0912, PLR0917 - a kernel: numba takes no keyword-only arguments
    sums: _Sums, places: Pixels, profiles: _Sums, order: _Cells, spare: _Cells, totals: _Sums
) -> int:
    """Split the cells (`sums` (N, 4), `places` (N, 3)) into at most K boxes; returns how many.

    `totals` (K, 4) takes count, red, green and blue of every box. `profiles` (K, 3, steps a channel, 4) and `order`,
    `spare` (N,) are working space of any content.
    """
    num_cells, num_colors, steps = sums.shape[0], profiles.shape[0], profiles.shape[2]
    first, stop = np.zeros(num_colors, np.int64), np.zeros(num_colors, np.int64)
    gains = np.zeros(num_colors, np.float64)
    cut_axis, cut_place = np.zeros(num_colors, np.int64), np.zeros(num_colors, np.int64)
    low, high = np.zeros((num_colors, 3), np.int64), np.zeros((num_colors, 3), np.int64)
    totals[:] = 0
    for i in range(num_cells):
        order[i] = i
        for v in range(4):
            totals[0, v] += sums[i, v]
    profiles[0] = 0
    _count_axes(profiles[0], sums, places, order, 0, num_cells)
    stop[0], high[0] = num_cells, steps - 1
    old, new, num_boxes = 0, 0, 1
    while True:
        for box in (old, new):
            for axis in range(3):
                while profiles[box, axis, low[box, axis], 0] == 0:
                    low[box, axis] += 1
                while profiles[box, axis, high[box, axis], 0] == 0:
                    high[box, axis] -= 1
            gains[box], cut_axis[box], cut_place[box] = _best_cut(profiles[box], low[box], high[box], totals[box])
        old = int(np.argmax(gains[:num_boxes]))
        if num_boxes == num_colors or gains[old] <= 0:
            return num_boxes
        new = num_boxes
        num_boxes += 1
        middle = _partition(order, places, cut_axis[old], cut_place[old], spare, (first[old], stop[old]))
        first[new], stop[new], stop[old] = middle, stop[old], middle
        low[new], high[new] = low[old], high[old]
        smaller, larger = (new, old) if stop[new] - middle <= middle - first[old] else (old, new)
        for axis in range(3):
            for place in range(low[old, axis], high[old, axis] + 1):  # outside of the old box nothing is read
                for v in range(4):
                    profiles[larger, axis, place, v] = profiles[old, axis, place, v]
                    profiles[smaller, axis, place, v] = 0
        _count_axes(profiles[smaller], sums, places, order, first[smaller], stop[smaller])
        for axis in range(3):
            for place in range(low[old, axis], high[old, axis] + 1):
                for v in range(4):
                    profiles[larger, axis, place, v] -= profiles[smaller, axis, place, v]
        for v in range(4):
            totals[new, v] = 0
            for place in range(low[new, 0], high[new, 0] + 1):
                totals[new, v] += profiles[new, 0, place, v]
            totals[old, v] -= totals[new, v]


@njit(cache=True, error_model="numpy")
def refine(sums: _Sums, totals: _Sums, num_steps: int) -> None:
    """Lloyd's k-means from the boxes' means, on the cells' means: each step gives every cell to the nearest mean.

    `totals` (K, 4) is changed in place; a box that is left with nothing counts 0. Ties go to the first box.
    """
    num_boxes = totals.shape[0]
    red, green, blue = np.empty(num_boxes), np.empty(num_boxes), np.empty(num_boxes)
    for _ in range(num_steps):
        for k in range(num_boxes):
            count = np.float64(totals[k, 0])
            far = count == 0  # an empty box stays empty
            red[k] = 1e6 if far else totals[k, 1] / count
            green[k] = 1e6 if far else totals[k, 2] / count
            blue[k] = 1e6 if far else totals[k, 3] / count
        totals[:] = 0
        for i in range(sums.shape[0]):
            count = np.float64(sums[i, 0])
            r, g, b = sums[i, 1] / count, sums[i, 2] / count, sums[i, 3] / count
            least, box = np.inf, 0
            for k in range(num_boxes):
                x, y, z = r - red[k], g - green[k], b - blue[k]
                distance = x * x + y * y + z * z
                if distance < least:
                    least, box = distance, k
            for v in range(4):
                totals[box, v] += sums[i, v]
