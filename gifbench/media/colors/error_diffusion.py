"""Error diffusion: a frame in the colors of a palette, by Floyd-Steinberg and its kin.

Every dither here is defined in integers, so that it is the same everywhere. A pixel's channel carries the sum of its
neighbors' errors times their weights, in sixteenths. In order, for each pixel,

    v = clip(pixel + ((sum + 8) >> 4), 0, 255)        the shift rounds down, also below 0
    index = the nearest color of v: squared RGB distance, the lowest index on ties
    e = v - palette[index]                            is handed on: weight · e is added to the sum of each neighbor

and what would leave the frame is dropped.

The loops work on many rows at a time, and give to the bit what the plain loop over the pixels gives. Each pixel needs
the errors of its left neighbor and of three above it, so that one pixel after the other seems to be the only way. But
row y + 1 may be at pixel x as soon as row y is past x + 1: LANES rows advance together, each SKEW pixels behind the one
above, and all their pixels of one step are searched at once, in the lanes of the processor's vectors. When a lane ends
its row it goes on with the one LANES below, without a stop; the last lane's errors wait for the first lane in a ring.

With SKEW 3 an error is needed by the lane below two steps after it is known, not in the next one: by then it has left
the processor's store buffer, and reading it shifted by a lane costs nothing.

Serpentine rows, every other of which runs backwards, cannot advance together: there the palette is vectorized.

References: R. W. Floyd, L. Steinberg, "An adaptive algorithm for spatial gray scale", Proc. SID 17/2, 1976. F. Sierra's
filters, 1989 and 1990, as in L. Crocker, "DITHER.TXT", 1991.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gifbench.media.clip import Pixels
from gifbench.media.colors.nearest import GROUP, Floats, least_keys, search_table
from gifbench.media.colors.palette_validation import check_frame, check_palette

LANES = 64
SKEW = 3

ErrorShares = tuple[np.int32, np.int32, np.int32, np.int32]
"""Sixteenths of the error that go right, lower left, below and lower right."""
FLOYD_STEINBERG: ErrorShares = (np.int32(7), np.int32(3), np.int32(5), np.int32(1))
DAMPED_FLOYD_STEINBERG: ErrorShares = (np.int32(5), np.int32(3), np.int32(4), np.int32(1))
SIERRA_2_4A: ErrorShares = (np.int32(8), np.int32(4), np.int32(4), np.int32(0))

_L, _D = LANES, LANES + 1
# Places in the one array of state (a single array with constant offsets: the compiler sees that nothing overlaps).
_INDEX, _SCORE, _COLOR, _COLUMN = 0, _L, 2 * _L, 3 * _L
_ERROR, _PART, _SUM, _ABOVE = 4 * _L, 7 * _L, 10 * _L, 13 * _L
_STATE = 13 * _L + 3 * _D
_LINE, _PAGE = 16, 1024
"""Numbers of 32 bits in a line of the cache, and in what lies in the same place of it: lanes lie a line apart there."""


@njit(cache=True, fastmath={"contract"})  # exact all the same, as nearest.py says
def _search(work: Floats, table: Floats, state: NDArray[np.int32]) -> None:
    # As in nearest.py, for one pixel a lane.
    for group in range(0, table.shape[0], GROUP):
        least_keys(work, table, group, _L)
        if group == 0:
            for i in range(_L):
                key = np.int32(work[3 * _L + i])
                state[_INDEX + i] = key & np.int32(GROUP - 1)
                state[_SCORE + i] = key >> np.int32(6)
        else:
            for i in range(_L):
                key = np.int32(work[3 * _L + i])
                score, index = key >> np.int32(6), (key & np.int32(GROUP - 1)) + np.int32(group)
                nearer = score < state[_SCORE + i]
                state[_INDEX + i] = index if nearer else state[_INDEX + i]
                state[_SCORE + i] = score if nearer else state[_SCORE + i]


@njit(cache=True)
def _to_lanes(  # noqa: PLR0917 - a kernel: numba takes no keyword-only arguments
    pixels: Pixels, height: int, width: int, period: int, stride: int, lanes: NDArray[np.uint32]
) -> None:
    # The rows of a lane one after the other, `period` apart; lanes are `stride` apart. As r + 2^8·g + 2^16·b.
    for y in range(height):
        source = pixels[3 * width * y : 3 * width * (y + 1)]
        at = (y % _L) * stride + (y // _L) * period
        target = lanes[at : at + width]
        for x in range(width):
            r, g, b = np.uint32(source[3 * x]), np.uint32(source[3 * x + 1]), np.uint32(source[3 * x + 2])
            target[x] = r | (g << np.uint32(8)) | (b << np.uint32(16))


@njit(cache=True)
def _from_steps(steps: Pixels, height: int, width: int, period: int, indices: Pixels) -> None:
    for y in range(height):
        lane = y % _L
        source = steps[((y // _L) * period + SKEW * lane) * _L + lane :]
        target = indices[y]
        for x in range(width):
            target[x] = source[x * _L]


@njit(cache=True)
def _moved(pixel: int, total: int) -> np.float32:
    # The pixel with its share of errors. The casts undo numba's widening to 64 bits, which would halve the vectors.
    value = np.int32(np.int32(pixel) + np.int32(np.int32(total + 8) >> 4))
    return np.float32(np.int32(min(max(value, np.int32(0)), np.int32(255))))


@njit(cache=True)
def _advance(  # noqa: PLR0917 - a kernel: numba takes no keyword-only arguments
    lanes: NDArray[np.uint32],
    table: Floats,
    colors: NDArray[np.int32],
    weights: ErrorShares,
    shape: tuple[int, int, int, int],
    indices: Pixels,
) -> None:
    num_steps, width, period, stride = shape
    right, lower_left, below, lower_right = weights
    work = np.empty(4 * _L, np.float32)
    state = np.zeros(_STATE, np.int32)
    pixels = np.empty(_L, np.uint32)
    for j in range(_L):
        state[_COLUMN + j] = -SKEW * j
    ring = np.zeros((period, 3), np.int32)  # sums of the last lane on their way to the first
    taken, given = 0, (period - SKEW * _L + 2) % period
    for step in range(num_steps):
        for j in range(_L):  # where it is not in a row, a lane takes any pixel, whose error is not handed on
            pixels[j] = lanes[j * (stride - SKEW) + step]
        for j in range(_L):
            p = np.int32(pixels[j])
            work[j] = _moved(p & np.int32(255), right * state[_ERROR + j] + state[_ABOVE + j])
            work[_L + j] = _moved((p >> 8) & 255, right * state[_ERROR + _L + j] + state[_ABOVE + _D + j])
            work[2 * _L + j] = _moved(p >> 16, right * state[_ERROR + 2 * _L + j] + state[_ABOVE + 2 * _D + j])
        taken = taken + 1 if taken + 1 < period else 0
        # One loop: with three LLVM gives up vectorizing, and this one alone takes half of all time.
        for j in range(_L):
            state[_ABOVE + 1 + j] = state[_SUM + j]
            state[_ABOVE + _D + 1 + j] = state[_SUM + _L + j]
            state[_ABOVE + 2 * _D + 1 + j] = state[_SUM + 2 * _L + j]
        for c in range(3):
            state[_ABOVE + c * _D] = ring[taken, c]
        _search(work, table, state)
        target = indices[step * _L : step * _L + _L]
        for j in range(_L):
            target[j] = np.uint8(state[_INDEX + j])
        for j in range(_L):
            state[_COLOR + j] = colors[np.uint32(state[_INDEX + j])]
        for j in range(_L):
            q, column = state[_COLOR + j], state[_COLUMN + j]
            inside = np.int32(-1) if np.uint32(column) < np.uint32(width) else np.int32(0)
            state[_COLUMN + j] = np.int32(0) if column == np.int32(period - 1) else column + np.int32(1)
            r = (np.int32(work[j]) - (q & np.int32(255))) & inside
            g = (np.int32(work[_L + j]) - ((q >> np.int32(8)) & np.int32(255))) & inside
            b = (np.int32(work[2 * _L + j]) - (q >> np.int32(16))) & inside
            # What the lane below gets two steps from now: by weight this error, the last one and the one before.
            state[_SUM + j] = lower_left * r + state[_PART + j]
            state[_PART + j] = below * r + lower_right * state[_ERROR + j]
            state[_ERROR + j] = r
            state[_SUM + _L + j] = lower_left * g + state[_PART + _L + j]
            state[_PART + _L + j] = below * g + lower_right * state[_ERROR + _L + j]
            state[_ERROR + _L + j] = g
            state[_SUM + 2 * _L + j] = lower_left * b + state[_PART + 2 * _L + j]
            state[_PART + 2 * _L + j] = below * b + lower_right * state[_ERROR + 2 * _L + j]
            state[_ERROR + 2 * _L + j] = b
        for c in range(3):
            ring[given, c] = state[_SUM + c * _L + _L - 1]
        given = given + 1 if given + 1 < period else 0


class RowDiffuser:
    """Dithers frames by error diffusion in raster order; keeps 5 bytes a pixel to work in, so one object a thread."""

    def __init__(self) -> None:
        self._lanes, self._found = np.empty(0, np.uint32), np.empty(0, np.uint8)

    def __call__(self, frame: Pixels, palette: Pixels, weights: ErrorShares) -> Pixels:
        """Indices (H, W) of `frame` (H, W, 3) over `palette` (K, 3): contiguous uint8, checked by the caller."""
        height, width, _ = frame.shape
        period = max(width + 1, SKEW * _L)  # at least one empty column between two rows: its error is 0
        num_steps = -(-height // _L) * period + SKEW * (_L - 1)
        stride = -(-height // _L) * period + SKEW * _L
        stride += (_LINE + SKEW - stride) % _PAGE
        if len(self._found) < num_steps * _L or len(self._lanes) < stride * _L:
            self._lanes, self._found = np.zeros(stride * _L, np.uint32), np.zeros(num_steps * _L, np.uint8)
        wide = palette.astype(np.int32)
        colors = wide[:, 0] | (wide[:, 1] << 8) | (wide[:, 2] << 16)
        indices = np.empty((height, width), np.uint8)
        _to_lanes(frame.reshape(-1), height, width, period, stride, self._lanes)
        _advance(self._lanes, search_table(palette), colors, weights, (num_steps, width, period, stride), self._found)
        _from_steps(self._found, height, width, period, indices)
        return indices


@njit(cache=True)
def diffuse_serpentine(frame: Pixels, palette: Pixels, indices: Pixels) -> None:
    """Dither `frame` (H, W, 3) by Floyd-Steinberg; rows 1, 3, 5, … run from right to left, with mirrored weights."""
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


def floyd_steinberg(frame: Pixels, palette: Pixels, *, serpentine: bool = False) -> Pixels:
    """Indices (H, W) of `frame` (H, W, 3) dithered by Floyd-Steinberg over `palette` (K, 3), all uint8.

    Weights: right 7/16, lower left 3/16, below 5/16, lower right 1/16; rows from left to right. With `serpentine` the
    rows 1, 3, 5, … run from right to left with the weights mirrored. Raises `PixelsError` or `UsageError`.
    """
    if not serpentine:
        return _diffused(frame, palette, FLOYD_STEINBERG)
    check_frame(frame)
    check_palette(palette)
    indices = np.empty(frame.shape[:2], np.uint8)
    diffuse_serpentine(np.ascontiguousarray(frame), np.ascontiguousarray(palette), indices)
    return indices


def damped_floyd_steinberg(frame: Pixels, palette: Pixels) -> Pixels:
    """Indices (H, W) of `frame` (H, W, 3) dithered by Floyd-Steinberg that hands on 13/16 of each error. All uint8.

    Weights: right 5/16, lower left 3/16, below 4/16, lower right 1/16; rows from left to right. Small errors die away
    before they make a far color necessary: 2 to 6 dB nearer to the frame than with all of the error, and nearer also
    after a slight blur (`benchmarks/gif_quality.py`). It keeps the mean of an area only near to a color of the palette,
    so it is for palettes of the frame itself, and not among `DITHERS`. Raises `PixelsError` or `UsageError`.
    """
    return _diffused(frame, palette, DAMPED_FLOYD_STEINBERG)


def sierra_2_4a(frame: Pixels, palette: Pixels) -> Pixels:
    """Indices (H, W) of `frame` (H, W, 3) dithered by Sierra-2-4A ("Sierra lite") over `palette` (K, 3), all uint8.

    Weights: right 2/4, lower left 1/4, below 1/4; rows from left to right. Raises `PixelsError` or `UsageError`.
    """
    return _diffused(frame, palette, SIERRA_2_4A)


def _diffused(frame: Pixels, palette: Pixels, weights: ErrorShares) -> Pixels:
    check_frame(frame)
    check_palette(palette)
    return RowDiffuser()(np.ascontiguousarray(frame), np.ascontiguousarray(palette), weights)
