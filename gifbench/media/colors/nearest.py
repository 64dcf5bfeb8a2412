"""The nearest palette color of every pixel: exact, by trying them all, several pixels at a time.

The squared distance |c - p|² differs from |p|² - 2 c·p only by |c|², which is the same for all palette entries p, so
the latter decides. With k the entry's number within its group of 64, the key 64 (|p|² - 2 c·p) + k is an integer
between -64·195075 and 64·195075 + 63, below 2^24 in size, and so is every partial sum: float32 holds them exactly,
whatever the order of the operations and whether or not a compiler fuses a product with a sum. The least key is the
nearest color and, on ties, the lowest index. Nothing is approximate and nothing depends on the machine; float32 is
used because every processor has wide and fast multiplication for it, which 32-bit integers often lack.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gifbench.media.clip import Pixels

BLOCK = 512
"""Pixels that are searched together: their channels and keys (8 kB) stay in the first cache."""
GROUP = 64
"""Entries whose number fits into a key beside the distance."""
STEP = 4  # entries per pass over the pixels: fewer loads and stores of the keys; the table is padded to a multiple
NEVER = np.float32(1.5e7)  # above every key, and below 2^24

Floats = NDArray[np.float32]


@njit(cache=True)
def search_table(palette: Pixels) -> Floats:
    """The coefficients (K', 4) of the keys of `palette` (K, 3): a key is t0·r + t1·g + t2·b + t3; K' is K padded."""
    num_colors = palette.shape[0]
    table = np.zeros(((num_colors + STEP - 1) // STEP * STEP, 4), np.float32)
    for k in range(table.shape[0]):
        if k < num_colors:
            r, g, b = np.int64(palette[k, 0]), np.int64(palette[k, 1]), np.int64(palette[k, 2])
            table[k, 0], table[k, 1], table[k, 2] = -2 * GROUP * r, -2 * GROUP * g, -2 * GROUP * b
            table[k, 3] = GROUP * (r * r + g * g + b * b) + k % GROUP
        else:
            table[k, 3] = NEVER
    return table


@njit(cache=True, fastmath={"contract"}, inline="always")
def least_keys(work: Floats, table: Floats, first: int, size: int) -> None:
    """Search the group of `table` that begins at `first` for the least key of each of `size` pixels.

    `work` holds r, g, b and the least key, `size` floats each. Where that is a constant, the offsets are constants of
    one array, and the palette is read outside the loop, so that the compiler sees at once that nothing overlaps, and
    vectorizes.
    """
    for i in range(size):
        work[3 * size + i] = NEVER
    for k in range(first, min(first + GROUP, table.shape[0]), STEP):
        r0, g0, b0, c0 = table[k, 0], table[k, 1], table[k, 2], table[k, 3]
        r1, g1, b1, c1 = table[k + 1, 0], table[k + 1, 1], table[k + 1, 2], table[k + 1, 3]
        r2, g2, b2, c2 = table[k + 2, 0], table[k + 2, 1], table[k + 2, 2], table[k + 2, 3]
        r3, g3, b3, c3 = table[k + 3, 0], table[k + 3, 1], table[k + 3, 2], table[k + 3, 3]
        for i in range(size):
            r, g, b, least = work[i], work[size + i], work[2 * size + i], work[3 * size + i]
            d0, d1 = r * r0 + (g * g0 + (b * b0 + c0)), r * r1 + (g * g1 + (b * b1 + c1))
            d2, d3 = r * r2 + (g * g2 + (b * b2 + c2)), r * r3 + (g * g3 + (b * b3 + c3))
            d0 = d0 if d0 < d1 else d1
            d2 = d2 if d2 < d3 else d3
            d0 = d0 if d0 < d2 else d2
            work[3 * size + i] = d0 if d0 < least else least


@njit(cache=True, fastmath={"contract"})
def nearest_flat(pixels: Pixels, table: Floats, work: Floats, out: Pixels) -> None:
    """Write the index of the nearest color of every pixel to `out`.

    `pixels` is flat, r g b r g b …; `out` has a place a pixel, at least BLOCK of them; `table` is `search_table`'s and
    `work` holds 4·BLOCK floats of any content.
    """
    scores = np.empty(BLOCK, np.int32)
    num_pixels = out.shape[0]
    for start in range(0, num_pixels, BLOCK):
        first = min(start, num_pixels - BLOCK)  # the last block is moved back to be a whole one
        source = pixels[3 * first : 3 * first + 3 * BLOCK]
        target = out[first : first + BLOCK]
        for i in range(BLOCK):
            work[i] = np.float32(source[3 * i])
            work[BLOCK + i] = np.float32(source[3 * i + 1])
            work[2 * BLOCK + i] = np.float32(source[3 * i + 2])
        least_keys(work, table, 0, BLOCK)
        for i in range(BLOCK):
            target[i] = np.uint8(np.int32(work[3 * BLOCK + i]) & np.int32(GROUP - 1))
        if table.shape[0] > GROUP:
            for i in range(BLOCK):
                scores[i] = np.int32(work[3 * BLOCK + i]) >> np.int32(6)
            for group in range(GROUP, table.shape[0], GROUP):
                least_keys(work, table, group, BLOCK)
                for i in range(BLOCK):
                    key = np.int32(work[3 * BLOCK + i])
                    nearer = (key >> np.int32(6)) < scores[i]
                    scores[i] = key >> np.int32(6) if nearer else scores[i]
                    target[i] = np.uint8(group + (key & np.int32(GROUP - 1))) if nearer else target[i]


def nearest_indices(pixels: Pixels, palette: Pixels) -> Pixels:
    """Indices of the nearest colors: `pixels` (..., 3) and `palette` (K, 3), both checked by the caller."""
    flat = np.ascontiguousarray(pixels).reshape(-1)
    num_pixels = len(flat) // 3
    if padding := max(0, BLOCK - num_pixels):
        flat = np.concatenate([flat, np.zeros(3 * padding, np.uint8)])
    out = np.empty(num_pixels + padding, np.uint8)
    nearest_flat(flat, search_table(palette), np.empty(4 * BLOCK, np.float32), out)
    return out[:num_pixels].reshape(pixels.shape[:-1])
