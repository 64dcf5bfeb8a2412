"""A palette from a frame, or from many: minimum variance, with the working space kept from frame to frame."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gifbench.media.clip import Pixels
from gifbench.media.palette_cells import BLOCK, MAX_PIXELS, count_colors, fill_cube, take_cells, take_colors
from gifbench.media.palette_split import refine, split_boxes

_BITS = 5  # steps a channel of the cube, as a power of two
_FEW = 4  # cells a colour: with no more than that, the boxes are made of single colours instead

_Counts = tuple[NDArray[np.uint32], NDArray[np.int64]]  # colours as 2^16·r + 2^8·g + b, increasing; pixels of each


class PaletteMaker:
    """Minimum-variance palettes of frames; keeps its working space (about 2 MB), so use one object a thread.

    `colors` is 2 to 256 and `kmeans_steps` ≥ 0, both checked by the caller.
    """

    def __init__(self, *, colors: int, kmeans_steps: int = 0) -> None:
        self.colors, self.kmeans_steps = colors, kmeans_steps
        size = 8**_BITS
        self._cube = np.zeros(2 * size, np.uint64)
        self._work, self._occupied = np.empty(3 * BLOCK, np.uint64), np.empty(size + 1, np.int32)
        self._sums, self._places = np.empty((size, 4), np.int64), np.empty((size, 3), np.uint8)
        self._order, self._spare = np.empty(size, np.int32), np.empty(size, np.int32)
        self._profiles = np.empty((colors, 3, 1 << _BITS, 4), np.int64)
        self._totals = np.empty((colors, 4), np.int64)

    def palette(self, frame: Pixels) -> Pixels:
        """The palette (K, 3) of a frame (..., 3) of uint8, K ≤ colors; exactly its colours if they are not more."""
        flat = np.ascontiguousarray(frame).reshape(-1)
        if len(flat) > 3 * MAX_PIXELS:
            return self.palette_of([frame])
        num_cells = self._take(flat)
        if num_cells <= _FEW * self.colors:
            counts = np.zeros((num_cells, 8 ** (8 - _BITS)), np.uint32)
            ranks = np.empty(8**_BITS, np.int32)
            num_colors = count_colors(flat, _BITS, self._occupied[:num_cells], ranks, counts)
            sums, values = np.empty((num_colors, 4), np.int64), np.empty((num_colors, 3), np.uint8)
            take_colors(self._places, _BITS, counts, sums, values)
            return self._of_colors(sums, values)
        num_boxes = split_boxes(
            self._sums, self._places, num_cells, self._profiles, self._order, self._spare, self._totals
        )
        return self._means(self._sums, num_cells, num_boxes)

    def palette_of(self, frames: Iterable[Pixels]) -> Pixels:
        """One palette (K, 3) for all `frames`, which are read once, in order, and not kept."""
        sums = np.zeros((8**_BITS, 4), np.int64)
        exact: _Counts | None = (np.empty(0, np.uint32), np.empty(0, np.int64))  # while the cells are few
        for frame in frames:
            flat = np.ascontiguousarray(frame).reshape(-1)
            for start in range(0, len(flat), 3 * MAX_PIXELS):
                part = flat[start : start + 3 * MAX_PIXELS]
                num_cells = self._take(part)
                sums[self._occupied[:num_cells]] += self._sums[:num_cells]
                if exact is not None:
                    few = np.count_nonzero(sums[:, 0]) <= _FEW * self.colors
                    exact = _with_colors(exact, part) if few else None
        if exact is not None:
            values, counts = _channels(exact[0]), exact[1][:, None]
            return self._of_colors(np.hstack([counts, counts * values]), values.astype(np.uint8))
        occupied = np.flatnonzero(sums[:, 0])
        mask = (1 << _BITS) - 1
        places = np.stack([occupied >> 2 * _BITS, (occupied >> _BITS) & mask, occupied & mask], axis=-1)
        self._sums[: len(occupied)], self._places[: len(occupied)] = sums[occupied], places
        num_boxes = split_boxes(
            self._sums, self._places, len(occupied), self._profiles, self._order, self._spare, self._totals
        )
        return self._means(self._sums, len(occupied), num_boxes)

    def _take(self, flat: Pixels) -> int:
        fill_cube(flat, _BITS, self._cube, self._work)
        return int(take_cells(self._cube, self._occupied, _BITS, self._sums, self._places))

    def _of_colors(self, sums: NDArray[np.int64], values: Pixels) -> Pixels:
        if len(values) <= self.colors:
            return _in_order(values)
        order, spare = np.empty(len(values), np.int32), np.empty(len(values), np.int32)
        profiles = np.empty((self.colors, 3, 256, 4), np.int64)
        num_boxes = split_boxes(sums, values, len(values), profiles, order, spare, self._totals)
        return self._means(sums, len(values), num_boxes)

    def _means(self, sums: NDArray[np.int64], num_cells: int, num_boxes: int) -> Pixels:
        totals = self._totals[:num_boxes]
        if self.kmeans_steps:
            refine(sums, num_cells, totals, self.kmeans_steps)
            totals = totals[totals[:, 0] > 0]
        counts = totals[:, :1]
        return _in_order(((2 * totals[:, 1:] + counts) // (2 * counts)).astype(np.uint8))


def _in_order(palette: Pixels) -> Pixels:
    # From dark to light (Rec. 601 luma, then red, green, blue), each colour once: two means may round to the same.
    r, g, b = palette.astype(np.int64).T
    keys = np.unique(((299 * r + 587 * g + 114 * b) << 24) | (r << 16) | (g << 8) | b)
    return _channels(keys).astype(np.uint8)


def _channels(packed: NDArray[Any]) -> NDArray[np.int64]:
    wide = packed.astype(np.int64)
    return np.stack([(wide >> 16) & 255, (wide >> 8) & 255, wide & 255], axis=-1)


def _with_colors(known: _Counts, flat: Pixels) -> _Counts:
    r, g, b = flat.reshape(-1, 3).astype(np.uint32).T
    colors, counts = np.unique((r << 16) | (g << 8) | b, return_counts=True)
    together = np.union1d(known[0], colors)
    sums = np.zeros(len(together), np.int64)
    for some, of_them in (known, (colors, counts)):
        sums[np.searchsorted(together, some)] += of_them
    return together, sums
