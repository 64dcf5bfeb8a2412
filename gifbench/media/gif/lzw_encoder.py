"""The LZW compression of GIF: from pixels to sub-blocks. The way back is `lzw_decoder.py`.

The dictionary of the encoder is a table `child[code, pixel]`, so that a step is one load; the row of a code is emptied
when the code is made, so that a clear costs nothing but the rows of the single pixels. Up to 32 colors the steps have
no branch to mispredict: 3.4 to 3.7 ns a pixel where the obvious loop took 4.3 to 5.0. A step waits for the one before
it, so two images of a size are compressed in turns, in two thirds of the time. A full dictionary is cleared at once:
within 1.1 % of the best everywhere (benchmarks/README.md), and what every decoder in the wild has met.

References: Welch, "A technique for high-performance data compression", Computer 17(6), 1984; GIF89a specification,
appendix F (CompuServe, 1990).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gifbench.errors import PixelsError
from gifbench.media.clip import Pixels

MAX_CODES = 4096
"""A code has 12 bits at most."""

_Pair = tuple[NDArray[np.unsignedinteger], NDArray[np.unsignedinteger]]

_Codes = NDArray[np.uint16]
"""Codes one after the other, or the table of the dictionary."""

_Stream = tuple[int, np.int64, np.int64]
"""Where in the output the next byte goes, the bits that are still to be written, and their number."""

_Image = tuple[np.int64, np.int64, _Codes, _Codes]
"""The code of what is not among the codes of an image yet, the number of codes, the table and the codes."""

_NARROW = 5
"""Up to so many bits an index takes the faster way to codes."""


def compress(indices: Pixels, code_size: int) -> bytes:
    """`indices`, uint8 of any shape in raster order and below 2**`code_size`, as GIF image data.

    `code_size` is 2 to 8 bits. What comes back is what follows the image descriptor and its palette: the code size, the
    sub-blocks and their terminator. Raises `PixelsError` for an index that `code_size` bits cannot hold.
    """
    if not 2 <= code_size <= 8:
        raise PixelsError(f"the LZW code size of a GIF is 2 to 8 bits, not {code_size}")
    if indices.dtype != np.uint8 or indices.size == 0:
        raise PixelsError(f"indices must be uint8 and not empty, not {indices.dtype} of shape {indices.shape}")
    if int(indices.max()) >> code_size:
        raise PixelsError(f"index {int(indices.max())} needs more than the {code_size} bits of the code size")
    return Encoder(indices.size).encode(indices, code_size).tobytes()


class Encoder:
    """`compress` for many images of up to `num_pixels` pixels; keeps its memory, and checks nothing."""

    def __init__(self, num_pixels: int) -> None:
        self._out = np.empty(compressed_bound(num_pixels), np.uint8)
        self._children: dict[int, _Codes] = {}

    def encode(self, indices: NDArray[np.unsignedinteger], code_size: int) -> Pixels:
        """The image data as flat uint8, valid until the next call.

        `indices` must be uint8, no more than `num_pixels`, and below 2**`code_size`.
        """
        pixels = np.ascontiguousarray(indices).reshape(-1)
        return self._out[: _encode(pixels, code_size, self._out, self._table(code_size))]

    def encode_with(self, other: Encoder, pair: _Pair, code_size: int) -> tuple[Pixels, Pixels]:
        """What `encode` gives for two images of one size, the second by way of `other`, in less time."""
        if code_size > _NARROW:
            return self.encode(pair[0], code_size), other.encode(pair[1], code_size)
        first, second = (np.ascontiguousarray(indices).reshape(-1) for indices in pair)
        tables = self._table(code_size), other._table(code_size)
        ends = _encode_pair(first, second, code_size, (self._out, other._out), tables)
        return self._out[: ends[0]], other._out[: ends[1]]

    def _table(self, code_size: int) -> _Codes:
        row_bits = max(code_size, _NARROW)
        if row_bits not in self._children:
            memory = np.empty(((MAX_CODES + 1) << row_bits) + 32, np.uint16)
            aligned = -memory.ctypes.data % 64 // 2  # a row of 32 is then one line of the cache
            self._children[row_bits] = memory[aligned:]
        return self._children[row_bits]


def compressed_bound(num_pixels: int) -> int:
    """The bytes that an image never exceeds: 12 bits a pixel, the clears, the block lengths."""
    linear = num_pixels * 3 // 2 + num_pixels // 1024 + 32
    return linear + linear // 255 + 8


@njit(cache=True, nogil=True)
def _encode(pixels: Pixels, code_size: int, out: Pixels, child: _Codes) -> int:
    """Write the image data of flat `pixels` into `out`; the number of bytes, terminator and all."""
    out[0] = code_size
    clear = 1 << code_size
    stream = 1, np.int64(clear), np.int64(code_size + 1)
    codes = np.empty(MAX_CODES, np.uint16)
    done = 1
    code = np.int64(pixels[0])
    while True:
        if code_size <= _NARROW:
            count, done, code = _codes_narrow(pixels, done, code, clear, child, codes)
        else:
            count, done, code = _codes_wide(pixels, done, code, code_size, child, codes)
        if clear + 2 + count < MAX_CODES:  # the pixels are at their end
            break
        stream = _put(codes, count, clear, code_size, out, stream)
    codes[count] = code
    return int(_finish(codes, count + 1, code_size, out, stream))


@njit(cache=True, nogil=True)
def _encode_pair(
    first: Pixels, second: Pixels, code_size: int, outs: tuple[Pixels, Pixels], children: tuple[_Codes, _Codes]
) -> tuple[int, int]:
    """`_encode` of two images of as many pixels, up to 32 indices, a pixel of each in turn."""
    out, other_out = outs
    child, other_child = children
    out[0] = other_out[0] = code_size
    clear = 1 << code_size
    most = MAX_CODES - clear - 2
    stream = other_stream = 1, np.int64(clear), np.int64(code_size + 1)
    codes, other_codes = np.empty(MAX_CODES, np.uint16), np.empty(MAX_CODES, np.uint16)
    count, other_count = np.int64(0), np.int64(0)
    code, other_code = np.int64(first[0]), np.int64(second[0])
    child[: (clear + 3) << _NARROW] = 0
    other_child[: (clear + 3) << _NARROW] = 0
    done = 1
    while done < first.size:
        one, another = (code, count, child, codes), (other_code, other_count, other_child, other_codes)
        done, code, count, other_code, other_count = _codes_of_two((first, second), done, clear, one, another)
        if count == most:
            stream = _put(codes, count, clear, code_size, out, stream)
            count = np.int64(0)
            child[: (clear + 3) << _NARROW] = 0
        if other_count == most:
            other_stream = _put(other_codes, other_count, clear, code_size, other_out, other_stream)
            other_count = np.int64(0)
            other_child[: (clear + 3) << _NARROW] = 0
    codes[count], other_codes[other_count] = code, other_code
    return (
        _finish(codes, count + 1, code_size, out, stream),
        _finish(other_codes, other_count + 1, code_size, other_out, other_stream),
    )


@njit(cache=True, nogil=True)
def _put(  # noqa: PLR0917 - numba takes no keywords
    codes: _Codes, count: int, mark: int, code_size: int, out: Pixels, stream: _Stream
) -> _Stream:
    """Write so many codes since a clear, and `mark`, a clear or the end; where the stream is then."""
    at, bits, num_bits = stream
    width = code_size + 1
    last = (1 << code_size) + 1  # the code that the decoder knows how to make by now
    for i in range(count):
        bits |= np.int64(codes[i]) << num_bits
        num_bits += width
        if num_bits >= 32:
            out[at] = bits & 255
            out[at + 1] = (bits >> 8) & 255
            out[at + 2] = (bits >> 16) & 255
            out[at + 3] = (bits >> 24) & 255
            at += 4
            bits >>= 32
            num_bits -= 32
        last += 1
        if last == 1 << width:
            width += 1
    bits |= np.int64(mark) << num_bits
    return at, bits, num_bits + width


@njit(cache=True, nogil=True)
def _finish(codes: _Codes, count: int, code_size: int, out: Pixels, stream: _Stream) -> int:
    """Write the last codes; the number of bytes in all."""
    at, bits, num_bits = _put(codes, count, (1 << code_size) + 1, code_size, out, stream)
    while num_bits > 0:
        out[at] = bits & 255
        at += 1
        bits >>= 8
        num_bits -= 8
    return int(_split_blocks(out, 1, at))


@njit(cache=True, nogil=True, inline="always")
def _step(  # noqa: PLR0917 - numba takes no keywords
    pixel: np.int64, code: np.int64, new: np.int64, count: np.int64, child: _Codes, codes: _Codes
) -> tuple[np.int64, np.int64, np.int64]:
    """Go on with a pixel, of up to 32 indices: what `code`, `new` and `count` are then.

    A row of the table has 32 places, and nothing branches by the pixels: every step writes the code, the entry and an
    empty row for the next code, and counts on only if it was a new one.
    """
    slot = (code << _NARROW | pixel) & 0x1FFFF
    longer = np.int64(child[slot])
    missing = np.int64(longer == 0)
    codes[count] = code
    child[slot] = new if missing else longer
    row = (new + missing) << _NARROW & 0x3FFFF
    for place in range(1 << _NARROW):
        child[row + place] = 0
    return pixel if missing else longer, new + missing, count + missing


@njit(cache=True, nogil=True)
def _codes_of_two(
    images: tuple[Pixels, Pixels], done: int, clear: int, one: _Image, other: _Image
) -> tuple[int, np.int64, np.int64, np.int64, np.int64]:
    """`_codes_narrow` of two images, until the first dictionary is full or the pixels end.

    Gives the pixels done, and code and number of both.
    """
    first, second = images
    code, count, child, codes = one
    other_code, other_count, other_child, other_codes = other
    new, other_new = clear + 2 + count, clear + 2 + other_count
    for i in range(done, first.size):
        code, new, count = _step(np.int64(first[i]), code, new, count, child, codes)
        other_code, other_new, other_count = _step(
            np.int64(second[i]), other_code, other_new, other_count, other_child, other_codes
        )
        if max(new, other_new) == MAX_CODES:
            return i + 1, code, count, other_code, other_count
    return first.size, code, count, other_code, other_count


@njit(cache=True, nogil=True)
def _codes_narrow(  # noqa: PLR0917 - numba takes no keywords
    pixels: Pixels, done: int, code: np.int64, clear: int, child: _Codes, codes: _Codes
) -> tuple[int, int, np.int64]:
    """Codes for the pixels from `done` on, `code` standing for those before, until the dictionary is full or they end.

    Gives the number of codes, the pixels done, and the code of those that are not among `codes` yet.
    """
    new = np.int64(clear + 2)
    count = np.int64(0)
    child[: (new + 1) << _NARROW] = 0
    for i in range(done, pixels.size):
        code, new, count = _step(np.int64(pixels[i]), code, new, count, child, codes)
        if new == MAX_CODES:
            return int(count), i + 1, code
    return int(count), pixels.size, code


@njit(cache=True, nogil=True)
def _codes_wide(  # noqa: PLR0917 - numba takes no keywords
    pixels: Pixels, done: int, code: np.int64, code_size: int, child: _Codes, codes: _Codes
) -> tuple[int, int, np.int64]:
    """The same for more than 32 indices, whose rows are too long to be emptied at every pixel."""
    new = (1 << code_size) + 2
    count = 0
    child[: (new + 1) << code_size] = 0
    for i in range(done, pixels.size):
        pixel = np.int64(pixels[i])
        slot = (code << code_size | pixel) & 0xFFFFF
        longer = np.int64(child[slot])
        if longer:
            code = longer
            continue
        codes[count] = code
        count += 1
        child[slot] = new
        code = pixel
        new += 1
        child[new << code_size : (new + 1) << code_size] = 0
        if new == MAX_CODES:
            return count, i + 1, code
    return count, pixels.size, code


@njit(cache=True, nogil=True)
def _split_blocks(out: Pixels, begin: int, end: int) -> int:
    """Put a length before every 255 bytes of `out[begin:end]`, from the back, and a zero behind; the new end."""
    num_blocks = (end - begin + 254) // 255
    for block in range(num_blocks - 1, -1, -1):
        first = begin + block * 255
        last = min(first + 255, end)
        shift = block + 1
        for i in range(last - 1, first - 1, -1):
            out[i + shift] = out[i]
        out[first + shift - 1] = last - first
    out[end + num_blocks] = 0
    return end + num_blocks + 1
