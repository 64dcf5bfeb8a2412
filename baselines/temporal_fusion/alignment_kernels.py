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
def planes(middle: Floats, moved: Floats, which: Numbers, near: Bools, out: Floats) -> None:
    """Into `out` (7 (1 + N), H, W) what the network sees of the middle frame and of N neighbors.

    `middle` (2, H, W, 4) are the restored frame, with the size of each pixel's palette cell, and its GIF frame, `moved`
    (M, 2, H, W, 4) the same of neighbors; `which` (N) of these is seen where `near` (M, H, W) is true. Where it is not,
    or which is below 0, a neighbor looks like the middle frame.
    """
    height, width = out.shape[1:]
    rows = np.empty((2 * (1 + len(moved)), width, 4), np.float32)
    for y in range(height):
        _row(middle, moved, y, rows)
        for c in range(3):
            for x in range(width):
                out[c, y, x] = rows[0, x, c]
                out[3 + c, y, x] = rows[1, x, c]
        for x in range(width):
            out[6, y, x] = rows[0, x, 3]
        for k in range(len(which)):
            place, first = which[k], 7 * (1 + k)
            for x in range(width):
                seen = place >= 0 and near[place, y, x]
                for c in range(3):
                    out[first + c, y, x] = rows[2 + 2 * place, x, c] if seen else _ZERO
                    out[first + 3 + c, y, x] = rows[3 + 2 * place if seen else 1, x, c]
                out[first + 6, y, x] = rows[2 + 2 * place if seen else 0, x, 3]


@njit(cache=True, nogil=True)
def folded(middle: Floats, moved: Floats, which: Numbers, near: Bools, out: Floats) -> None:
    """These planes, two by two pixels side by side, as `pixel_unshuffle` does: (H', W', 28 (1 + N)).

    Beyond the frame its last row and column are repeated.
    """
    pixels = 2 * out.shape[1]
    rows = np.empty((2, 2 * (1 + len(moved)), pixels, 4), np.float32)
    seen = np.empty((2, len(moved), pixels), np.bool_)
    for y in range(out.shape[0]):
        for k in range(2):
            _padded_row(middle, moved, near, 2 * y + k, (rows[k], seen[k]))
        for corner in range(4):
            row, is_near, shift = rows[corner >> 1], seen[corner >> 1], corner & 1
            _spread(row[0], 3, shift, out[y, :, corner:])
            _spread(row[1], 3, shift, out[y, :, 12 + corner :])
            _cells(row[0], shift, out[y, :, 24 + corner])
            for k in range(len(which)):
                place, into = which[k], out[y, :, 28 * (1 + k) + corner :]
                if place < 0:
                    into[:, 0:12:4] = 0
                    _spread(row[1], 3, shift, into[:, 12:])
                    _cells(row[0], shift, into[:, 24])
                    continue
                changed, shown = row[2 + 2 * place], row[3 + 2 * place]
                for x in range(out.shape[1]):
                    at = 2 * x + shift
                    if is_near[place, at]:
                        for c in range(3):
                            into[x, 4 * c] = changed[at, c]
                            into[x, 12 + 4 * c] = shown[at, c]
                        into[x, 24] = changed[at, 3]
                    else:
                        for c in range(3):
                            into[x, 4 * c] = _ZERO
                            into[x, 12 + 4 * c] = row[1, at, c]
                        into[x, 24] = row[0, at, 3]


@njit(cache=True, nogil=True)
def _spread(row: Floats, count: int, shift: int, out: Floats) -> None:
    for x in range(len(out)):
        for c in range(count):
            out[x, 4 * c] = row[2 * x + shift, c]


@njit(cache=True, nogil=True)
def _cells(row: Floats, shift: int, out: Floats) -> None:
    for x in range(len(out)):
        out[x] = row[2 * x + shift, 3]


@njit(cache=True, nogil=True)
def folded_bfloat16(middle: Floats, moved: Floats, which: Numbers, near: Bools, out: NDArray[np.uint64]) -> None:
    """`folded` in half precision, to the nearest even; four pixels are one of `out` (H', W', 7 (1 + N))."""
    count, pixels = 2 * (1 + len(moved)), 2 * out.shape[1]
    rows = np.empty((count, pixels, 4), np.float32)
    bits = rows.view(np.uint32).reshape(-1)
    halves = np.empty((2, count * pixels * 4), np.uint16)
    words = halves.view(np.uint64).reshape(2, count, pixels)
    seen = np.empty((2, len(moved), pixels), np.bool_)
    nothing, always = np.zeros(pixels, np.uint64), np.ones((2, pixels), np.bool_)
    none = (nothing, nothing)
    for y in range(out.shape[0]):
        for k in range(2):
            _padded_row(middle, moved, near, 2 * y + k, (rows, seen[k]))
            half = halves[k]
            for i in range(len(bits)):
                even = bits[i] >> np.uint32(16) & np.uint32(1)
                half[i] = np.uint16((bits[i] + np.uint32(0x7FFF) + even) >> np.uint32(16))
        into = out[y]
        restored, shown = (words[0, 0], words[1, 0]), (words[0, 1], words[1, 1])
        _turn(restored, none, always, into, 0)
        _turn(shown, none, always, into, 3)
        _turn_cells(restored, none, always, into, 6)
        for k in range(len(which)):
            place, first = which[k], 7 * (1 + k)
            if place < 0:
                into[:, first : first + 3] = 0
                into[:, first + 3 : first + 7] = into[:, 3:7]
                continue
            is_near, at = seen[:, place], 2 + 2 * place
            theirs, theirs_shown = (words[0, at], words[1, at]), (words[0, at + 1], words[1, at + 1])
            _turn(theirs, none, is_near, into, first)
            _turn(theirs_shown, shown, is_near, into, first + 3)
            _turn_cells(theirs, restored, is_near, into, first + 6)


Words = NDArray[np.uint64]  # four halves each


@njit(cache=True, nogil=True)
def _turn(rows: tuple[Words, Words], others: tuple[Words, Words], seen: Bools, out: Words, first: int) -> None:
    """From `first` on into `out` (W', C) the first three halves of the words of two by two pixels, side by side.

    Of two rows, or of two others where these are not `seen` (2, 2 W').
    """
    low = np.uint64(0xFFFF)
    top, bottom, other_top, other_bottom, above, below = rows[0], rows[1], others[0], others[1], seen[0], seen[1]
    for x in range(out.shape[0]):
        left, right = 2 * x, 2 * x + 1
        a = top[left] if above[left] else other_top[left]
        b = top[right] if above[right] else other_top[right]
        c = bottom[left] if below[left] else other_bottom[left]
        d = bottom[right] if below[right] else other_bottom[right]
        for k in range(3):
            shift = np.uint64(16 * k)
            out[x, first + k] = (
                (a >> shift & low)
                | (b >> shift & low) << np.uint64(16)
                | (c >> shift & low) << np.uint64(32)
                | (d >> shift & low) << np.uint64(48)
            )


@njit(cache=True, nogil=True)
def _turn_cells(rows: tuple[Words, Words], others: tuple[Words, Words], seen: Bools, out: Words, place: int) -> None:
    """The same of the fourth halves, at `place`."""
    high = np.uint64(0xFFFF << 48)
    top, bottom, other_top, other_bottom, above, below = rows[0], rows[1], others[0], others[1], seen[0], seen[1]
    for x in range(out.shape[0]):
        left, right = 2 * x, 2 * x + 1
        a = top[left] if above[left] else other_top[left]
        b = top[right] if above[right] else other_top[right]
        c = bottom[left] if below[left] else other_bottom[left]
        d = bottom[right] if below[right] else other_bottom[right]
        out[x, place] = a >> np.uint64(48) | (b & high) >> np.uint64(32) | (c & high) >> np.uint64(16) | (d & high)


@njit(cache=True, nogil=True)
def _padded_row(middle: Floats, moved: Floats, near: Bools, y: int, into: tuple[Floats, Bools]) -> None:
    """`_row`, and where moved frames are `near` there; beyond the frame its last row and column are repeated."""
    height, width = middle.shape[1:3]
    at = min(y, height - 1)
    rows, seen = into
    _row(middle, moved, at, rows)
    for k in range(len(rows)):
        for x in range(width, rows.shape[1]):
            rows[k, x] = rows[k, width - 1]
    for k in range(len(moved)):
        seen[k, :width] = near[k, at]
        seen[k, width:] = near[k, at, width - 1]


@njit(cache=True, nogil=True)
def _row(middle: Floats, moved: Floats, y: int, rows: Floats) -> None:
    """Row `y` into `rows` (2 (1 + M), W or more, 4): what `planes` tells of the middle frame and of moved ones."""
    width = middle.shape[2]
    base, restored = rows[0].reshape(-1), middle[0, y].reshape(-1)
    for i in range(4 * width):
        base[i] = restored[i] / _HALF - _ONE
    _difference(middle[1, y].reshape(-1), base, rows[1].reshape(-1))
    for k in range(len(moved)):
        for part in range(2):
            _difference(moved[k, part, y].reshape(-1), base, rows[2 + 2 * k + part].reshape(-1))
        for x in range(width):
            rows[2 + 2 * k, x, 3] = moved[k, 0, y, x, 3]
    for x in range(width):
        rows[0, x, 3] = middle[0, y, x, 3]


@njit(cache=True, nogil=True)
def _difference(colors: Floats, base: Floats, out: Floats) -> None:
    for i in range(len(colors)):
        out[i] = (colors[i] / _HALF - _ONE - base[i]) * _GAIN
