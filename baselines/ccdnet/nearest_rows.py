"""The nearest color of pixels that are no whole numbers, on a CPU."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def nearest_rows(
    pixels: NDArray[np.float64],
    colors: NDArray[np.float64],
    lengths: NDArray[np.float64],
    out: NDArray[np.int64],
) -> None:
    """Into `out` (P) the first of the colors (K, 3) nearest to each of the pixels (P, 3); `lengths` (K) are squared."""
    for i in range(len(pixels)):
        red, green, blue = -2 * pixels[i, 0], -2 * pixels[i, 1], -2 * pixels[i, 2]
        least, best = np.inf, 0
        for k in range(len(colors)):
            score = lengths[k] + red * colors[k, 0] + green * colors[k, 1] + blue * colors[k, 2]
            if score < least:
                least, best = score, k
        out[i] = best
