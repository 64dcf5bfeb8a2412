"""What a frame's colours are: weight and exact channel sums of the cells of a coarse colour cube, as a short list.

A real frame of 65,536 pixels has tens of thousands of colours, yet only a few thousand of the cells of a cube of 32
(or 64) steps a channel hold any of them. All later work is on the list of those, never on the cube.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

MAX_PIXELS = 1 << 24
"""Pixels that one call of `fill_cube` takes: 255 times as many stay below 2^32, the size of a field of the cube."""
_LOW = np.uint64(0xFFFFFFFF)


@njit(cache=True)
def fill_cube(pixels: NDArray[np.uint8], bits: int, cube: NDArray[np.uint64], occupied: NDArray[np.uint32]) -> int:
    """Add up the colours of flat `pixels` in `cube`, and list the cells that they occupy.

    `cube` has two words a cell, all zero at the start: count + 2^32·red, green + 2^32·blue, where red, green and blue
    are sums of the eight-bit values: two additions a pixel in place of four. `occupied` takes the numbers of the
    cells in the order in which they are met, and has room for one more than there can be. Returns how many there are.
    """
    down, side = np.uint64(8 - bits), np.uint64(bits)
    high = np.uint64(32)
    found = 0
    for i in range(pixels.shape[0] // 3):
        r, g, b = np.uint64(pixels[3 * i]), np.uint64(pixels[3 * i + 1]), np.uint64(pixels[3 * i + 2])
        cell = ((((r >> down) << side) | (g >> down)) << side) | (b >> down)
        before = cube[2 * cell]
        occupied[found] = cell  # written always and kept if new: no branch to mispredict
        found += before == 0
        cube[2 * cell] = before + ((r << high) | np.uint64(1))
        cube[2 * cell + np.uint64(1)] += (b << high) | g
    return found


@njit(cache=True)
def take_cells(  # noqa: PLR0917 - a kernel: numba takes no keyword-only arguments
    cube: NDArray[np.uint64],
    occupied: NDArray[np.uint32],
    num_cells: int,
    bits: int,
    sums: NDArray[np.int64],
    places: NDArray[np.int64],
) -> None:
    """Move the occupied cells out of `cube`, which is all zero afterwards.

    `sums` (N, 4) takes count, red, green and blue of each, `places` (N, 3) its coordinates in the cube.
    """
    mask = (1 << bits) - 1
    for i in range(num_cells):
        cell = np.int64(occupied[i])
        first, second = cube[2 * cell], cube[2 * cell + 1]
        cube[2 * cell] = 0
        cube[2 * cell + 1] = 0
        sums[i, 0], sums[i, 1] = np.int64(first & _LOW), np.int64(first >> np.uint64(32))
        sums[i, 2], sums[i, 3] = np.int64(second & _LOW), np.int64(second >> np.uint64(32))
        places[i, 0], places[i, 1], places[i, 2] = cell >> (2 * bits), (cell >> bits) & mask, cell & mask


@njit(cache=True)
def count_colors(  # noqa: PLR0917 - a kernel: numba takes no keyword-only arguments
    pixels: NDArray[np.uint8],
    bits: int,
    places: NDArray[np.int64],
    num_cells: int,
    ranks: NDArray[np.int32],
    counts: NDArray[np.uint32],
) -> int:
    """Count every single colour of `pixels`, whose cells are `places`; returns how many colours there are.

    `ranks` has room for a number a cell of the cube; `counts` (num_cells, 8^(8 - bits)), zero at the start, takes the
    number of pixels of each colour of each cell.
    """
    down, side = np.int64(8 - bits), np.int64(bits)
    mask = (1 << (8 - bits)) - 1
    for i in range(num_cells):
        ranks[(((places[i, 0] << side) | places[i, 1]) << side) | places[i, 2]] = i
    found = 0
    for i in range(pixels.shape[0] // 3):
        r, g, b = np.int64(pixels[3 * i]), np.int64(pixels[3 * i + 1]), np.int64(pixels[3 * i + 2])
        rank = ranks[((((r >> down) << side) | (g >> down)) << side) | (b >> down)]
        color = ((((r & mask) << down) | (g & mask)) << down) | (b & mask)
        found += counts[rank, color] == 0
        counts[rank, color] += np.uint32(1)
    return found


@njit(cache=True)
def take_colors(
    places: NDArray[np.int64], bits: int, counts: NDArray[np.uint32], sums: NDArray[np.int64], colors: NDArray[np.int64]
) -> None:
    """List the colours of `count_colors`: `sums` (N, 4) as in `take_cells`, `colors` (N, 3) the eight-bit values."""
    down = 8 - bits
    mask = (1 << down) - 1
    n = 0
    for i in range(counts.shape[0]):
        for low in range(counts.shape[1]):
            count = np.int64(counts[i, low])
            if count:
                sums[n, 0] = count
                for c in range(3):
                    value = (places[i, c] << down) | ((low >> ((2 - c) * down)) & mask)
                    colors[n, c] = value
                    sums[n, c + 1] = value * count
                n += 1
