"""The pictures in which dlib's HOG detector looks for faces, without making all of them.

The detector slides a window of fixed size over a pyramid of ever smaller pictures: the picture enlarged by two (as
`face-recognition` asks for), then each level 5/6 of the one before. A face of one size is found at one level, so
whoever knows its size needs only that level and the next, and only the part around the face. Cells of 8×8 pixels are
counted from a picture's corner; the part is cut where its cells coincide with the whole picture's, therefore the
boxes found in it are those of the exhaustive search. All numbers here (the sizes, the mapping of boxes) are what
dlib does as of version 20.0, found by comparing scores; a test holds them against the wheel that is installed.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from math import floor

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gifbench import Pixels

from .detector import Box

ALIGNMENT = 48
"""A part that starts at a multiple of this has whole cells of 8 pixels at its level and at the next (48·5/6 = 40)."""

Corners = tuple[int, int, int, int]
"""Left, top, right and bottom of a rectangle, the ends included, as dlib gives them."""

_SMALLEST_BOX = 73.0
"""Width of the box, in the pixels of the level, that the detector gives for a face at that level."""

_NEGLIGIBLE = 1 / 2048
"""A tap with less weight cannot change an 8-bit pixel by more than an eighth of a gray level."""


def level_size(width: int, height: int, level: int) -> tuple[int, int]:
    """Give (width, height) of a level of a picture's pyramid; level 0 is the picture enlarged by two."""
    return _sides(width, 2, level)[-1], _sides(height, 1, level)[-1]


def level_of(width: float) -> int:
    """Say at which level a box of `width` pixels of the picture was found, or the next best: 0 or more."""
    level = np.log(max(2 * width / _SMALLEST_BOX, 1.0)) / np.log(1.2)
    return round(float(level))


def level_part(gray: Pixels, level: int, part: Box | None = None) -> Pixels:
    """Give `part` of a level of the pyramid of `gray` (H, W), or the whole level.

    `part` is in pixels of the level and lies inside it. The result has its size; dlib's own pixels differ from it by
    about one gray level, because dlib rounds at every level on the way and this rounds once.
    """
    height, width = gray.shape
    left, top, right, bottom = part or Box(0, 0, *level_size(width, height, level))
    row_starts, row_weights = (taps[top:bottom] for taps in _taps(height, 1, level))
    column_starts, column_weights = (taps[left:right] for taps in _taps(width, 2, level))
    return np.asarray(_resample(gray, row_starts, row_weights, column_starts, column_weights))


def to_picture(found: Corners, *, level: int, left: int = 0, top: int = 0) -> Corners:
    """Map what the detector gives for a part of a level to the picture.

    `found` is left, top, right, bottom in pixels of the part, the ends included, as dlib gives them; so is the
    result. `left` and `top` say where in the level the part starts. dlib rounds when it leaves the pyramid and again
    when it undoes the enlargement, and this rounds at the same places.
    """
    deeper = max(0, round(float(np.log((found[2] - found[0] + 1) / _SMALLEST_BOX) / np.log(1.2))))

    def mapped(at: int, start: int, shift: float) -> int:
        place = float(at)
        for _ in range(deeper):
            place = (place - 0.3) * 5 / 6
        place = floor(place + 0.5) + floor(start * (5 / 6) ** deeper + 0.5)
        for _ in range(level + deeper):
            place = place * 6 / 5 + 0.3
        return floor(floor(place + 0.5) / 2 - shift + 0.5)

    return (
        mapped(found[0], left, 1.25),
        mapped(found[1], top, 0.75),
        mapped(found[2], left, 1.25),
        mapped(found[3], top, 0.75),
    )


def _sides(side: int, more: int, level: int) -> list[int]:
    """Give the length of a side in the picture, at level 0, and so on to `level`; dlib enlarges to 2·W+2 by 2·H+1."""
    sides = [side, 2 * side + more]
    for _ in range(level):
        sides.append(max(1, 5 * sides[-1] // 6))
    return sides


@lru_cache(maxsize=64)
def _taps(side: int, more: int, level: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Say which pixels of a side of the picture make each pixel of a level, and with what weights.

    Every step of the pyramid interpolates linearly between corners that stay corners; a chain of such steps is again a
    weighted sum. Gives the first pixel (n,) and the weights of it and its followers (n, taps).
    """
    sides = _sides(side, more, level)
    starts = np.arange(side)
    weights = np.ones((side, 1))
    for before, after in pairwise(sides):
        place = np.arange(after) * ((before - 1) / max(after - 1, 1))
        low = np.floor(place).astype(np.int64)
        high = np.minimum(low + 1, before - 1)
        share = (place - low)[:, None]
        apart = starts[high] - starts[low]
        mixed = np.zeros((after, weights.shape[1] + int(apart.max())))
        mixed[:, : weights.shape[1]] = (1 - share) * weights[low]
        for distance in np.unique(apart):
            rows = apart == distance
            mixed[rows, distance : distance + weights.shape[1]] += (share * weights[high])[rows]
        starts, weights = starts[low], mixed
    return _trimmed(starts, weights, side)


def _trimmed(
    starts: NDArray[np.int64], weights: NDArray[np.float64], side: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Leave out taps of negligible weight, so that the taps of every pixel lie inside the side."""
    heavy = weights >= _NEGLIGIBLE
    first = heavy.argmax(axis=1)
    num_taps = int((weights.shape[1] - heavy[:, ::-1].argmax(axis=1) - first).max())
    inside = np.minimum(starts + first, side - num_taps)
    columns = (inside - starts)[:, None] + np.arange(num_taps)
    within = (columns >= 0) & (columns < weights.shape[1])
    kept = np.where(within, np.take_along_axis(weights, np.clip(columns, 0, weights.shape[1] - 1), axis=1), 0.0)
    return inside, (kept / kept.sum(axis=1, keepdims=True)).astype(np.float32)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
def _resample(
    gray: Pixels,
    row_starts: NDArray[np.int64],
    row_weights: NDArray[np.float32],
    column_starts: NDArray[np.int64],
    column_weights: NDArray[np.float32],
) -> Pixels:
    """Sum the taps: rows first, over the columns that are needed, then columns. Rounds to the nearest, halves up."""
    first = column_starts[0]
    end = column_starts[-1] + column_weights.shape[1]
    line = np.empty(end - first, np.float32)
    result = np.empty((row_starts.size, column_starts.size), np.uint8)
    for row in range(row_starts.size):
        line[:] = np.float32(0)
        for tap in range(row_weights.shape[1]):
            weight = row_weights[row, tap]
            source = gray[row_starts[row] + tap, first:end]
            for column in range(line.size):
                line[column] += weight * np.float32(source[column])
        for column in range(column_starts.size):
            start = column_starts[column] - first
            total = np.float32(0.5)
            for tap in range(column_weights.shape[1]):
                total += column_weights[column, tap] * line[start + tap]
            result[row, column] = np.uint8(total)
    return result
