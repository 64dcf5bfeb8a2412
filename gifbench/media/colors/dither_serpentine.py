"""Floyd-Steinberg where every other row runs backwards: rows cannot advance together, so the palette is vectorized."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def diffuse_serpentine(frame: NDArray[np.uint8], palette: NDArray[np.uint8], indices: NDArray[np.uint8]) -> None:
    """Dither `frame` (H, W, 3) by Floyd-Steinberg; the rows 1, 3, 5, … run from right to left, with mirrored
    weights.
    """
    height, width, _ = frame.shape
    num_colors = palette.shape[0]
    table = np.empty(4 * num_colors, np.int32)  # coefficients of the keys 256 (|p|² - 2 c·p) + k, below 2^26 in size
    for k in range(num_colors):
        r, g, b = np.int64(palette[k, 0]), np.int64(palette[k, 1]), np.int64(palette[k, 2])
        table[k], table[num_colors + k], table[2 * num_colors + k] = -512 * r, -512 * g, -512 * b
        table[3 * num_colors + k] = 256 * (r * r + g * g + b * b) + k
    here, there = np.zeros((width + 2, 3), np.int32), np.zeros((width + 2, 3), np.int32)
    for y in range(height):
        way = 1 if y % 2 == 0 else -1
        x = 0 if way == 1 else width - 1
        for _step in range(width):
            at = x + 1
            red = np.int32(min(max(np.int32(frame[y, x, 0]) + ((here[at, 0] + 8) >> 4), 0), 255))
            green = np.int32(min(max(np.int32(frame[y, x, 1]) + ((here[at, 1] + 8) >> 4), 0), 255))
            blue = np.int32(min(max(np.int32(frame[y, x, 2]) + ((here[at, 2] + 8) >> 4), 0), 255))
            least = np.int32(2**31 - 1)
            for k in range(num_colors):
                key = red * table[k] + green * table[num_colors + k]
                key += blue * table[2 * num_colors + k] + table[3 * num_colors + k]
                least = min(least, key)
            index = least & np.int32(255)
            indices[y, x] = index
            for c, value in enumerate((red, green, blue)):
                error = value - np.int32(palette[index, c])
                here[at + way, c] += 7 * error
                there[at - way, c] += 3 * error
                there[at, c] += 5 * error
                there[at + way, c] += error
            x += way
        here, there = there, here
        there[:] = 0
