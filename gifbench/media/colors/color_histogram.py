"""What a frame's colors are: weight and exact channel sums of the cells of a coarse color cube, as a short list.

A real frame of 65,536 pixels has tens of thousands of colors, yet only a few thousand of the cells of a cube of 32
(or 64) steps a channel hold any of them. All later work is on the list of those, never on the cube.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gifbench.media.clip import Pixels

MAX_PIXELS = 1 << 24
"""Pixels that one call of `fill_cube` takes: 255 times as many stay below 2^32, the size of a field of the cube."""
BLOCK = 512
_LOW = np.uint64(0xFFFFFFFF)


@njit(cache=True)
def fill_cube(pixels: Pixels, bits: int, cube: NDArray[np.uint64], work: NDArray[np.uint64]) -> None:
    """Add up the colors of flat `pixels` in `cube`.

    `cube` has two words a cell: count + 2^32·red, green + 2^32·blue, where red, green and blue are sums of the
    eight-bit values: two additions a pixel in place of four. `work` holds 3·BLOCK words of any content.
    """
    down, red, green = np.uint64(8 - bits), np.uint64(2 * bits + 1), np.uint64(bits + 1)
    high, one = np.uint64(32), np.uint64(1)
    for start in range(0, pixels.shape[0], 3 * BLOCK):
        source = pixels[start : start + 3 * BLOCK]
        length = source.shape[0] // 3
        for i in range(length):  # apart from the additions, so that it is vectorized
            r, g, b = np.uint64(source[3 * i]), np.uint64(source[3 * i + 1]), np.uint64(source[3 * i + 2])
            work[i] = ((r >> down) << red) | ((g >> down) << green) | ((b >> down) << one)
            work[BLOCK + i] = (r << high) | one
            work[2 * BLOCK + i] = (b << high) | g
        for i in range(length):
            cell = work[i]
            cube[cell] += work[BLOCK + i]
            cube[cell + one] += work[2 * BLOCK + i]


@njit(cache=True)
def list_cells(cube: NDArray[np.uint64], occupied: NDArray[np.int32]) -> int:
    """Write the numbers of occupied cells, increasing, to `occupied`, with room for one more; how many there are."""
    found = 0
    for cell in range(cube.shape[0] // 2):
        occupied[found] = cell  # written always and kept if occupied: no branch to mispredict
        found += cube[2 * cell] != 0
    return found


@njit(cache=True)
def take_cells(
    cube: NDArray[np.uint64], occupied: NDArray[np.int32], bits: int, sums: NDArray[np.int64], places: Pixels
) -> None:
    """Move the cells `occupied` (N,) out of `cube`, which is all zero afterwards.

    `sums` (N, 4) takes count, red, green and blue of each, `places` (N, 3) its coordinates in the cube.
    """
    mask = (1 << bits) - 1
    for i in range(occupied.shape[0]):
        cell = np.int64(occupied[i])
        first, second = cube[2 * cell], cube[2 * cell + 1]
        cube[2 * cell] = 0
        cube[2 * cell + 1] = 0
        sums[i, 0], sums[i, 1] = np.int64(first & _LOW), np.int64(first >> np.uint64(32))
        sums[i, 2], sums[i, 3] = np.int64(second & _LOW), np.int64(second >> np.uint64(32))
        places[i, 0], places[i, 1], places[i, 2] = cell >> (2 * bits), (cell >> bits) & mask, cell & mask


@njit(cache=True)
def count_colors(
    pixels: Pixels, bits: int, occupied: NDArray[np.int32], ranks: NDArray[np.int32], counts: NDArray[np.uint32]
) -> int:
    """Count every single color of `pixels`, whose cells are `occupied`; returns how many colors there are.

    `ranks` has room for a number a cell of the cube; `counts` (N, 8^(8 - bits)), zero at the start, takes the
    number of pixels of each color of each cell.
    """
    down, side = np.int64(8 - bits), np.int64(bits)
    mask = (1 << (8 - bits)) - 1
    for i in range(occupied.shape[0]):
        ranks[occupied[i]] = i
    found = 0
    for i in range(pixels.shape[0] // 3):
        r, g, b = np.int64(pixels[3 * i]), np.int64(pixels[3 * i + 1]), np.int64(pixels[3 * i + 2])
        rank = ranks[((((r >> down) << side) | (g >> down)) << side) | (b >> down)]
        color = ((((r & mask) << down) | (g & mask)) << down) | (b & mask)
        found += counts[rank, color] == 0
        counts[rank, color] += np.uint32(1)
    return found


@njit(cache=True)
def take_colors(places: Pixels, bits: int, counts: NDArray[np.uint32], sums: NDArray[np.int64], colors: Pixels) -> None:
    """List the colors of `count_colors`: `sums` (N, 4) as in `take_cells`, `colors` (N, 3) the eight-bit values."""
    down = 8 - bits
    mask = (1 << down) - 1
    n = 0
    for i in range(counts.shape[0]):
        for low in range(counts.shape[1]):
            count = np.int64(counts[i, low])
            if count:
                sums[n, 0] = count
                for c in range(3):
                    value = (np.int64(places[i, c]) << down) | ((low >> ((2 - c) * down)) & mask)
                    colors[n, c] = value
                    sums[n, c + 1] = value * count
                n += 1
