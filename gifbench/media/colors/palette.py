"""A palette from a frame, or from many: minimum variance, with the working space kept from frame to frame."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
from gifbench.media.colors.minimum_variance import refine, split_boxes

_BITS = 5  # steps a channel of the cube, as a power of two
_FEW, _FEW_A_COLOR = 512, 4  # cells in all, and for each color: up to these the boxes are made of single colors

_Counts = tuple[NDArray[np.uint32], NDArray[np.int64]]  # colors as 2^16·r + 2^8·g + b, increasing; pixels of each


class PaletteMaker:
    """Minimum-variance palettes of frames; keeps its working space (0.7 MB), so use one object a thread.

    `colors` is 2 to 256 and `kmeans_steps` ≥ 0, both checked by the caller. A picture in up to `few` cells, or four for
    each color, is split by its single colors.
    """

    def __init__(self, *, colors: int, kmeans_steps: int = 0, few: int = _FEW) -> None:
        self.colors, self.kmeans_steps = colors, kmeans_steps
        # In few cells, as of a nearly flat picture, the steps within a cell are most of the error: up to 0.9 dB.
        self._few = max(few, _FEW_A_COLOR * colors)
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

    def _cells(self, flat: Pixels) -> tuple[NDArray[np.int32], NDArray[np.int64], Pixels]:
        # Number, sums (N, 4) and place in the cube (N, 3) of every cell that the pixels occupy.
        fill_cube(flat, _BITS, self._cube, self._work)
        occupied = self._occupied[: list_cells(self._cube, self._occupied)]
        sums, places = np.empty((len(occupied), 4), np.int64), np.empty((len(occupied), 3), np.uint8)
        take_cells(self._cube, occupied, _BITS, sums, places)
        return occupied, sums, places

    def _of_colors(self, sums: NDArray[np.int64], values: Pixels) -> Pixels:
        return _in_order(values) if len(values) <= self.colors else self._split(sums, values, steps=256)

    def _split(self, sums: NDArray[np.int64], places: Pixels, *, steps: int) -> Pixels:
        order, spare = np.empty(len(sums), np.int32), np.empty(len(sums), np.int32)
        totals = np.empty((self.colors, 4), np.int64)
        totals = totals[
            : split_boxes(sums, places, np.empty((self.colors, 3, steps, 4), np.int64), order, spare, totals)
        ]
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
