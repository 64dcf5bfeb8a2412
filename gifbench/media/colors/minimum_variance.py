"""Minimum variance: split the colors into boxes, each time by the cut that lowers the squared error most.

After X. Wu, "Efficient statistical computations for optimal color quantization", Graphics Gems II, 1991: boxes of the
color cube, cut across an axis where the sum of squared distances to the two means is least. Two things are done
otherwise. The next box is the one whose best cut gains most, where Wu takes the one of largest variance: never a
wasted cut (measured: 0.1 dB more on average). And in place of a table of cumulative moments over the whole cube,
every box keeps its sums along each axis; when a box is cut only its smaller part is counted anew, the larger one is
the difference, as boosted trees do it.

Sums are integers; gains are float64, computed by one fixed sequence of operations, and ties go to the first: the same
everywhere.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def _count_axes(  # noqa: PLR0917 - a kernel: numba takes no keyword-only arguments
    profile: NDArray[np.int64],
    sums: NDArray[np.int64],
    places: NDArray[np.uint8],
    order: NDArray[np.int32],
    first: int,
    stop: int,
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
def _best_cut(
    profile: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64], total: NDArray[np.int64]
) -> tuple[float, int, int]:
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
    order: NDArray[np.int32],
    places: NDArray[np.uint8],
    axis: int,
    last: int,
    spare: NDArray[np.int32],
    ends: tuple[int, int],
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
    sums: NDArray[np.int64],
    places: NDArray[np.uint8],
    profiles: NDArray[np.int64],
    order: NDArray[np.int32],
    spare: NDArray[np.int32],
    totals: NDArray[np.int64],
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
def refine(sums: NDArray[np.int64], totals: NDArray[np.int64], num_steps: int) -> None:
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
