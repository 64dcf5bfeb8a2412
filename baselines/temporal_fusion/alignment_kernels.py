"""What the network of `ccdnet-video` sees, on the CPU: loops over rows that stay in the caches.

They compute operation for operation what tests/baselines/test_temporal_fusion_kernels.py has for whole frames, so that
both give the same, to the bit. A picture here is (H, W, 4) float32: three colors of 0 to 255, and a fourth number.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Numbers = NDArray[np.int64]

_HALF, _ONE, _ZERO = np.float32(127.5), np.float32(1), np.float32(0)
_GAIN = np.float32(8)
"""Differences between frames are small; this brings them to the size of the frames themselves."""
_FAR, _LEAST_FAR = np.float32(32 * 0.75), np.float32(1.5)
"""How far a neighbor may differ and is still believed: this times the size of the palette's cell, or so many levels."""


@njit(cache=True, nogil=True)
def widened(frame: NDArray[np.uint8], out: Floats) -> None:
    """A frame (H, W, 3) uint8 into the colors of a picture, the fourth number of which becomes 0."""
    for y in range(out.shape[0]):
        source, row = frame[y], out[y]
        for x in range(out.shape[1]):
            row[x, 0], row[x, 1], row[x, 2] = source[x, 0], source[x, 1], source[x, 2]
            row[x, 3] = _ZERO


@njit(cache=True, nogil=True)
def painted(restored: Floats, place: Numbers, sizes: Floats, picture: Floats, rounded: NDArray[np.uint8]) -> None:
    """A restored frame (3, H, W) into a picture, with the size of each pixel's palette cell as its fourth number.

    The sizes (K) are of the palette's colors, `place` (H, W) says which one a pixel has; into `rounded` (H, W, 3) goes
    the frame in whole levels.
    """
    for y in range(picture.shape[0]):
        places, row, levels = place[y], picture[y], rounded[y]
        for x in range(picture.shape[1]):
            for c in range(3):
                value = restored[c, y, x]
                row[x, c] = value
                levels[x, c] = np.uint8(min(max(np.rint(value), _ZERO), np.float32(255)))
            row[x, 3] = sizes[places[x]]


@njit(cache=True, nogil=True)
def led_to(flow: Floats, x: Floats, y: Floats) -> None:
    """Into `x` and `y` (H, W) the places that a flow (H, W, 2) or a larger one leads to.

    As `gifbench.optical_flow` has it, a way that is no number, or longer than the frame's diagonal, becomes 0.
    """
    height, width = x.shape
    most = np.float32(height**2 + width**2)
    for row in range(height):
        ways, to_x, to_y = flow[row], x[row], y[row]
        for column in range(width):
            across, down = ways[column, 0], ways[column, 1]
            near = across * across + down * down <= most
            to_x[column] = np.float32(column) + (across if near else _ZERO)
            to_y[column] = np.float32(row) + (down if near else _ZERO)


@njit(cache=True, nogil=True)
def distances(first: Floats, second: Floats, out: Floats) -> None:
    """Into `out` (H, W) how far apart the colors of two pictures are."""
    for y in range(out.shape[0]):
        here, there, row = first[y], second[y], out[y]
        for x in range(out.shape[1]):
            red, green, blue = here[x, 0] - there[x, 0], here[x, 1] - there[x, 1], here[x, 2] - there[x, 2]
            row[x] = np.sqrt(red * red + green * green + blue * blue)


@njit(cache=True, nogil=True)
def believed(apart: Floats, middle: Floats, out: Bools) -> None:
    """Into `out` (H, W) whether a neighbor that is so far `apart` (H, W) from the middle frame is believed."""
    for y in range(out.shape[0]):
        row, picture, near = apart[y], middle[y], out[y]
        for x in range(out.shape[1]):
            near[x] = row[x] <= max(_FAR * picture[x, 3], _LEAST_FAR)


@njit(cache=True, nogil=True)
def folded(middle: Floats, moved: Floats, which: Numbers, near: Bools, out: Floats) -> None:
    """Into `out` (H', W', 28 (1 + N)) what the network sees of the middle frame and of N neighbors: 7 numbers a pixel.

    Two by two pixels lie side by side, as `pixel_unshuffle` has them; beyond the frame its last row and column are
    repeated. `middle` (2, H, W, 4) are the restored frame, with the size of each pixel's palette cell, and its GIF
    frame, `moved` (M, 2, H, W, 4) the same of neighbors; `which` (N) of these is seen where `near` (M, H, W) is true.
    Where it is not, or which is below 0, a neighbor looks like the middle frame.
    """
    pixels, alike = 2 * out.shape[1], 2 * (1 + len(moved))
    rows = np.empty((2, alike + 1, pixels, 4), np.float32)
    seen = np.empty((2, len(moved), pixels), np.bool_)
    for y in range(out.shape[0]):
        for k in range(2):
            _row(middle, moved, near, 2 * y + k, (rows[k], seen[k]))
        for x in range(out.shape[1]):
            for corner in range(4):
                row, is_near, at = rows[corner >> 1], seen[corner >> 1], 2 * x + (corner & 1)
                into, restored, shown = out[y, x, corner:], 0, 1
                for k in range(1 + len(which)):
                    if k > 0:
                        place = which[k - 1]
                        believed = place >= 0 and is_near[place, at]
                        restored, shown = (2 + 2 * place, 3 + 2 * place) if believed else (alike, 1)
                    for c in range(3):
                        into[28 * k + 4 * c] = row[restored, at, c]
                        into[28 * k + 12 + 4 * c] = row[shown, at, c]
                    into[28 * k + 24] = row[restored, at, 3]


@njit(cache=True, nogil=True)
def _row(middle: Floats, moved: Floats, near: Bools, y: int, into: tuple[Floats, Bools]) -> None:
    """What `folded` tells of row `y` of the middle frame, of moved ones and of one like it: (2 (1 + M) + 1, W', 4).

    And where moved frames are `near` there, (M, W'); beyond the frame its last row and column are repeated.
    """
    height, width = middle.shape[1:3]
    at = min(y, height - 1)
    rows, seen = into
    base, restored = rows[0].reshape(-1), middle[0, at].reshape(-1)
    for i in range(4 * width):
        base[i] = restored[i] / _HALF - _ONE
    _difference(middle[1, at].reshape(-1), base, rows[1].reshape(-1))
    for k in range(len(moved)):
        for part in range(2):
            _difference(moved[k, part, at].reshape(-1), base, rows[2 + 2 * k + part].reshape(-1))
        for x in range(width):
            rows[2 + 2 * k, x, 3] = moved[k, 0, at, x, 3]
        seen[k, :width] = near[k, at]
        seen[k, width:] = near[k, at, width - 1]
    rows[-1, :, :3] = _ZERO
    for x in range(width):
        rows[0, x, 3] = rows[-1, x, 3] = middle[0, at, x, 3]
    for row in rows:
        row[width:] = row[width - 1]


@njit(cache=True, nogil=True)
def _difference(colors: Floats, base: Floats, out: Floats) -> None:
    for i in range(len(colors)):
        out[i] = (colors[i] / _HALF - _ONE - base[i]) * _GAIN
