"""The LZW compression of GIF: from sub-blocks to pixels, of data that are not trusted.

No strings are kept: a code stands for a stretch of what was decoded already, and is copied from there.

References: Welch, "A technique for high-performance data compression", Computer 17(6), 1984; GIF89a specification,
appendix F (CompuServe, 1990).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gifbench.media.clip import Pixels
from gifbench.media.gif.lzw_encoder import MAX_CODES

MAX_CODE_SIZE = 11
"""More than 8 is against the specification, but can be decoded as long as no index above 255 appears."""

_POSITIVE = (1 << 47) - 1
"""A mask that changes nothing, but tells the compiler that no index is negative: it moves eight pixels at once then."""

FULL, ENDED, SHORT, BAD_CODE = 0, 1, 2, 3
"""How a decoded image ended: every pixel there; an end code before that; the data stop; a code that cannot be."""
IN_WORDS = ("are whole", "say that they end", "end", "hold a code that cannot be")
"""The same of the data, to follow the subject."""


@njit(cache=True, nogil=True)
def join_blocks(data: Pixels, at: int, linear: Pixels) -> int:
    """Copy the sub-blocks that begin at `data[at]` into `linear`, without their lengths; the number of bytes copied.

    What is missing in `data` or does not fit into `linear` is left out; the last 4 bytes of `linear` stay free, for the
    look-ahead of `decode`.
    """
    size = 0
    room = linear.size - 4
    while at < data.size and data[at] != 0 and size < room:
        length = min(int(data[at]), data.size - at - 1, room - size)
        for i in range(length):
            linear[size + i] = data[at + 1 + i]
        size += length
        at += 1 + int(data[at])
    return size


def linear_bound(num_pixels: int, num_bytes: int) -> int:
    """The size of a buffer for `join_blocks`: of `num_bytes` bytes no more can be of use to `num_pixels` pixels.

    A pixel takes a code at most, and a clear code before it; what follows is not looked at.
    """
    return min(num_bytes, 3 * num_pixels + 8) + 4


@njit(cache=True, nogil=True)
def decode(linear: Pixels, size: int, code_size: int, out: Pixels) -> tuple[int, int]:  # noqa: PLR0912, PLR0915 - one loop
    """Decompress `linear[:size]` into `out`; how it ended (FULL, ENDED, SHORT, BAD_CODE) and the number of pixels.

    `code_size` must be 0 (no pixel) to 11 and `linear` 4 bytes longer than `size`; nothing else is taken on trust.
    A full dictionary stays as it is until a clear code; what follows the last pixel is not looked at. Pixels of `out`
    behind those counted hold nothing of meaning.
    """
    if code_size == 0:
        return SHORT if out.size else FULL, 0
    clear = 1 << code_size
    end_code = clear + 1
    strings = np.empty(MAX_CODES, np.int64)  # where in `out` the string of a code stands, and in 13 bits its length
    width = code_size + 1
    new = clear + 2
    num_bits = size * 8
    bit = 0
    filled = 0
    total = out.size
    before = np.int64(-1)  # the entry that the previous string becomes with one more pixel; -1 after a clear
    while filled < total:
        if bit + width > num_bits:
            return SHORT, filled
        byte = bit >> 3
        word = (
            np.int64(linear[byte])
            | np.int64(linear[byte + 1]) << 8
            | np.int64(linear[byte + 2]) << 16
            | np.int64(linear[byte + 3]) << 24
        )
        code = (word >> (bit & 7)) & ((1 << width) - 1) & (MAX_CODES - 1)
        bit += width
        if before >= 0 and new < MAX_CODES:
            strings[new] = before
            new += 1
            if new == 1 << width and width < 12:
                width += 1
        if code < clear:
            if code > 255:
                return BAD_CODE, filled
            out[filled] = code
            before = np.int64(filled << 13 | 2)
            filled += 1
            continue
        if code == clear:
            width = code_size + 1
            new = clear + 2
            before = np.int64(-1)
            continue
        if code == end_code:
            return ENDED, filled
        if code >= new:
            return BAD_CODE, filled
        source = (strings[code] >> 13) & _POSITIVE
        count = strings[code] & 8191
        before = np.int64(filled << 13 | (count + 1))
        if filled + count + 8 <= total:
            # Eight pixels at a time, also past the end of the string: what follows is written later.
            for step in range(0, count, 8):
                i = step & 8191
                to = (filled + i) & _POSITIVE
                a, b, c, d = out[source + i], out[source + i + 1], out[source + i + 2], out[source + i + 3]
                e, f, g, h = out[source + i + 4], out[source + i + 5], out[source + i + 6], out[source + i + 7]
                out[to], out[to + 1], out[to + 2], out[to + 3] = a, b, c, d
                out[to + 4], out[to + 5], out[to + 6], out[to + 7] = e, f, g, h
            out[filled + count - 1] = out[source + count - 1]  # may be the first pixel of this very string
        else:
            count = min(count, total - filled)
            for i in range(count):
                out[filled + i] = out[source + i]
        filled += count
    return FULL, filled


@njit(cache=True, nogil=True)
def measure(linear: Pixels, size: int, code_size: int, num_pixels: int) -> tuple[int, int]:
    """How `decode` would end with `num_pixels` pixels, and how many there would be: several times as fast."""
    if code_size == 0:
        return SHORT if num_pixels else FULL, 0
    clear = 1 << code_size
    lengths = np.empty(MAX_CODES, np.int64)
    width = code_size + 1
    new = clear + 2
    num_bits = size * 8
    bit = 0
    filled = 0
    before = np.int64(-1)  # the length of the entry to come; -1 after a clear
    while filled < num_pixels:
        if bit + width > num_bits:
            return SHORT, filled
        byte = bit >> 3
        word = np.int64(linear[byte]) | np.int64(linear[byte + 1]) << 8 | np.int64(linear[byte + 2]) << 16
        code = (word >> (bit & 7)) & ((1 << width) - 1) & (MAX_CODES - 1)
        bit += width
        if before >= 0 and new < MAX_CODES:
            lengths[new] = before
            new += 1
            if new == 1 << width and width < 12:
                width += 1
        if code < clear:
            if code > 255:
                return BAD_CODE, filled
            filled += 1
            before = np.int64(2)
        elif code == clear:
            width = code_size + 1
            new = clear + 2
            before = np.int64(-1)
        elif code == clear + 1:
            return ENDED, filled
        elif code >= new:
            return BAD_CODE, filled
        else:
            count = lengths[code]
            filled += count
            before = count + 1
    return FULL, num_pixels
