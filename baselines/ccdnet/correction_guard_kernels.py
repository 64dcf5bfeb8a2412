"""What the guard is told of each pixel, on the CPU: loops over rows that stay in the caches.

They add in the order in which `correction_guard.features` adds on an accelerator: both give the same, to the bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

_ONE, _ZERO = np.float32(1), np.float32(0)
_QUARTER = np.float32(0.25)
_LEAST_EDGE = np.float32(1e-3)


@njit(cache=True, nogil=True)
def squares(frame: Bytes, restored: Floats, side: int, out: Floats, alike: Floats) -> None:
    """Into `out` (3, H, W) the squares of what is changed, of the activity, and of the largest step to a neighbor.

    Of a frame and what it was restored to, both (3, H, W). `side` is that of the squares of activity. Into `alike`
    (H, W) goes the share of neighbors of the same color.
    """
    for y in range(out.shape[1]):
        row = out[0, y]
        r, g, b = frame[0, y], frame[1, y], frame[2, y]
        r_to, g_to, b_to = restored[0, y], restored[1, y], restored[2, y]
        for x in range(out.shape[2]):
            red = r_to[x] - np.float32(r[x])
            green = g_to[x] - np.float32(g[x])
            blue = b_to[x] - np.float32(b[x])
            row[x] = red * red + green * green + blue * blue
    _activity(frame, side, out[1])
    _steps(frame, out[2], alike)


@njit(cache=True, nogil=True)
def around(planes: tuple[Floats, ...], side: int, out: Floats) -> None:
    """Into `out` (N, H, W) the means of N planes (H, W) in squares of that side, borders repeated."""
    for k, plane in enumerate(planes):
        _box(plane, side, out[k])


@njit(cache=True, nogil=True)
def beyond(largest: Floats, step: Floats, near: Floats, side: int, out: Floats) -> None:
    """Into `out` (3, H, W) how far edges go beyond the next color in squares of that side, where edges are, and how
    far each goes.

    Of the largest step (H, W), and of the logarithms of it and of the distance to the next color.
    """
    height, width = largest.shape
    beyond_around, edge, past = out[0], out[1], out[2]
    for y in range(height):
        for x in range(width):
            edge[y, x] = _ONE if largest[y, x] > 0 else _ZERO
            past[y, x] = edge[y, x] * (step[y, x] - near[y, x])
    share = np.empty((height, width), np.float32)
    _box(past, side, beyond_around)
    _box(edge, side, share)
    for y in range(height):
        for x in range(width):
            beyond_around[y, x] = beyond_around[y, x] / max(share[y, x], _LEAST_EDGE)


@njit(cache=True, nogil=True)
def _box(plane: Floats, side: int, out: Floats) -> None:
    """Means of squares of that side of a plane (H, W), borders repeated; added across, then down."""
    height, width = plane.shape
    half, count = side // 2, np.float32(side * side)
    across, padded = np.empty((height, width), np.float32), np.empty(width + side - 1, np.float32)
    for y in range(height):
        source, total = plane[y], across[y]
        padded[:half], padded[half : half + width], padded[half + width :] = source[0], source, source[-1]
        total[:] = padded[:width]
        for start in range(1, side):
            part = padded[start : start + width]
            for x in range(width):
                total[x] += part[x]
    for y in range(height):
        total = out[y]
        total[:] = across[max(0, y - half)]
        for start in range(1, side):
            part = across[min(max(0, y - half + start), height - 1)]
            for x in range(width):
                total[x] += part[x]
        for x in range(width):
            total[x] = total[x] / count


@njit(cache=True, nogil=True)
def _activity(frame: Bytes, side: int, out: Floats) -> None:
    """The variance in squares of that side, of all three colors together; sums are of whole numbers, and exact."""
    height, width = out.shape
    half, count = side // 2, np.float32(side * side)
    sums, squares = np.empty((height, width), np.float32), np.empty((height, width), np.float32)
    padded, total = np.empty(width + side - 1, np.float32), np.empty(width, np.float32)
    total_squares = np.empty(width, np.float32)
    out[:] = 0
    for channel in range(3):
        for y in range(height):
            source, row, row_squares = frame[channel, y], sums[y], squares[y]
            padded[:half], padded[half + width :] = source[0], source[-1]
            for x in range(width):
                padded[half + x] = np.float32(source[x])
            row[:] = 0
            row_squares[:] = 0
            for start in range(side):
                part = padded[start : start + width]
                for x in range(width):
                    row[x] += part[x]
                    row_squares[x] += part[x] * part[x]
        for y in range(height):
            done = out[y]
            total[:] = 0
            total_squares[:] = 0
            for start in range(side):
                at = min(max(0, y - half + start), height - 1)
                row, row_squares = sums[at], squares[at]
                for x in range(width):
                    total[x] += row[x]
                    total_squares[x] += row_squares[x]
            for x in range(width):
                mean = total[x] / count
                done[x] += max(total_squares[x] / count - mean * mean, _ZERO)


@njit(cache=True, nogil=True)
def _steps(frame: Bytes, largest: Floats, alike: Floats) -> None:
    """How far, squared, the farthest color of the four neighbors is, and the share alike; borders are repeated."""
    height, width = largest.shape
    far, same = np.empty(width, np.int32), np.empty(width, np.int32)
    for y in range(height):
        far[:] = 0
        same[:] = 0
        for way in range(4):
            other_y = max(0, y - 1) if way == 0 else min(y + 1, height - 1) if way == 1 else y
            first, last = (1, width) if way == 2 else (0, width - 1) if way == 3 else (0, width)
            shift = -1 if way == 2 else 1 if way == 3 else 0
            count = last - first
            here = frame[:, y, first:last]
            there = frame[:, other_y, first + shift : last + shift]
            r, g, b, r_to, g_to, b_to = here[0], here[1], here[2], there[0], there[1], there[2]
            far_part, same_part = far[first:last], same[first:last]
            for x in range(count):
                red, green, blue = (
                    np.int32(r[x]) - np.int32(r_to[x]),
                    np.int32(g[x]) - np.int32(g_to[x]),
                    np.int32(b[x]) - np.int32(b_to[x]),
                )
                apart = red * red + green * green + blue * blue
                far_part[x] = max(far_part[x], apart)
                same_part[x] += np.int32(apart == 0)
        same[0] += 1
        same[width - 1] += 1
        for x in range(width):
            largest[y, x] = np.float32(far[x])
            alike[y, x] = np.float32(same[x]) * _QUARTER
