"""The structure of a GIF file: which blocks it holds and where, before any pixel is decoded.

Everything that can be known without LZW is known here: sizes, palettes, delays, and where the file breaks off. So one
that asks for too much is refused before memory is taken. A file is read as Chromium reads it: what follows an unknown
block is ignored, and an image whose place and size are known counts, also if its data are cut off.

Reference: GIF89a specification (CompuServe, 1990).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gifbench.errors import CorruptMedia, TooLarge
from gifbench.media.clip import Pixels
from gifbench.media.gif.limits import WINDOW, GifFile, GifLimits
from gifbench.media.gif.lzw_decoder import MAX_CODE_SIZE

_NETSCAPE, _ANIMEXTS = (np.frombuffer(identifier, np.uint8) for identifier in (b"NETSCAPE2.0", b"ANIMEXTS1.0"))


class ImageBlock(NamedTuple):
    """One image of the file: where it stands on the screen, how long, and where its data are."""

    left: int
    top: int
    width: int
    """0 (or a height of 0) where the image draws nothing."""
    height: int
    palette: Pixels | None
    """(K, 3), the local one or else the global one; None where the file has neither."""
    interlaced: bool
    transparent: int | None
    disposal: int
    """2: its rectangle is cleared afterwards. 3, 4: what it covered comes back afterwards. Others: it stays."""
    delay: int
    """Hundredths of a second, as in the file."""
    data: int
    """Where the code size stands; the sub-blocks follow. -1 where there are none, and nothing is drawn."""
    end: int
    """The first byte behind the image."""

    @property
    def restores(self) -> bool:
        """Whether what it covered comes back afterwards."""
        return self.disposal in (3, 4)


class Blocks(NamedTuple):
    """A parsed file. `broken` says where the file breaks off, None where it does not."""

    width: int
    height: int
    plays: int
    """How often the animation is shown in all; 0 is forever."""
    images: list[ImageBlock]
    broken: str | None


_LEFT, _TOP, _WIDTH, _HEIGHT, _FLAGS, _PALETTE, _DATA, _END, _CONTROL, _COLUMNS = range(10)
"""Columns of the table that `_scan` fills, a row an image. _PALETTE and _DATA are places in the file or -1; _CONTROL
holds the bytes of the control extension as one number, or -1."""

_WHOLE, _IN_HEAD, _IN_DATA, _IN_EXTENSION, _CODE_SIZE, _MORE = range(6)
_PROBLEMS = {
    _IN_HEAD: "the file ends at byte {size} inside the head of image {number}, which begins at byte {at}",
    _IN_DATA: "the file ends at byte {size} inside image {number}, which begins at byte {at}",
    _IN_EXTENSION: "the file ends at byte {size} inside the extension that begins at byte {at}",
    _CODE_SIZE: "image {number} at byte {at} has an impossible LZW code size, and what follows is ignored",
}


def parse(file: GifFile, *, limits: GifLimits) -> Blocks:
    """The blocks of a GIF file.

    What follows the trailer, or a byte that begins no block, is ignored; the trailer itself may be missing. The screen
    is as large as the file says, and where the first image goes beyond it as large as that.

    Raises `CorruptMedia` where there is not even a header or a screen, `TooLarge` where a limit is passed. Any other
    break is told by `broken`, beside the images before it and the one that is cut off.
    """
    name = file.name
    header = file.read(0, 13).tobytes()
    if header[:3] != b"GIF" or header[3:6] not in (b"87a", b"89a"):
        raise CorruptMedia(f"{name}: not a GIF, it begins with {header[:6]!r} and not with GIF87a or GIF89a")
    if len(header) < 13:
        raise CorruptMedia(f"{name}: the file ends inside its header, after {len(header)} bytes")
    width, height, flags = struct.unpack_from("<HHB", header, 6)
    _check_size(width, height, "the screen", limits, name)
    shared = _palette(file, 13, flags) if flags & 0x80 else None
    start = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    rows, problem, at, loop = _scan_file(file, start, limits)
    images = [_image(file, row, shared) for row in rows]
    in_last = problem == _CODE_SIZE or (problem in (_IN_HEAD, _IN_DATA) and bool(rows) and rows[-1][_END] >= file.size)
    number = len(images) - in_last
    broken = _PROBLEMS[problem].format(size=file.size, number=number, at=at) if problem else None
    if problem and number == 0:
        images = []  # of a first image that is cut off, or has no data, browsers show nothing
    for i, image in enumerate(images):
        if problem and i == number and image.width * image.height > limits.max_pixels:
            images[i] = image._replace(data=-1)  # what seems to be an image may be text behind the last one
        elif image.data >= 0:
            _check_size(image.width, image.height, f"image {i}", limits, name)
    if images:
        width, height = max(width, images[0].left + images[0].width), max(height, images[0].top + images[0].height)
        if not width * height:
            raise CorruptMedia(f"{name}: neither its screen nor image 0 at byte {rows[0][_DATA] - 10} has a size")
        _check_size(width, height, "the screen", limits, name)
    return Blocks(width, height, 1 if loop < 0 else _plays(file, loop), images, broken)


def _scan_file(file: GifFile, start: int, limits: GifLimits) -> tuple[list[list[int]], int, int, int]:
    """Rows of `_scan`'s table, the problem with its place, and the loop's place; a window of the file at a time."""
    table = np.empty((4096, _COLUMNS), np.int64)
    state = np.array([start, -1, -1], np.int64)
    rows: list[list[int]] = []
    length = WINDOW
    while True:
        offset = int(state[0])
        window = file.read(offset, length)
        last = offset + window.size >= file.size
        count, problem = (int(found) for found in _scan(window, offset, last, state, table))
        rows += table[:count].tolist()
        if len(rows) > limits.max_frames:
            raise TooLarge(
                f"{file.name}: more than {limits.max_frames} frames; if the file is to be trusted, raise "
                "GifLimits.max_frames"
            )
        if count == len(table) and not problem:
            continue
        if last or problem in (_WHOLE, _CODE_SIZE):
            return rows, problem, int(state[0]), int(state[2])
        length = WINDOW if int(state[0]) > offset else 2 * length  # a block that is larger than the window


@njit(cache=True, nogil=True)
def _scan(  # noqa: PLR0911, PLR0912 - one loop
    data: Pixels, offset: int, last: bool, state: NDArray[np.int64], table: NDArray[np.int64]
) -> tuple[int, int]:
    """Walk over the blocks in `data`, which are the file's bytes from `offset` on, and write a row an image.

    `state` holds, before and after: the place of the next block, the waiting control extension (or -1) and the place of
    the extension that says how often to loop (or -1). Gives the number of rows and the problem that ended the walk. A
    block that is cut off is told as a problem; if it is an image it is among the rows only where `data` are the last.
    """
    count = 0
    at = state[0] - offset
    while at < data.size and count < len(table):
        state[0] = offset + at
        kind = data[at]
        at += 1
        if kind == 0x21:
            if at + 1 >= data.size:
                return count, _IN_EXTENSION
            if data[at] == 0xF9:
                if data[at + 1] != 4:
                    return count, _WHOLE
                if at + 6 >= data.size:
                    return count, _IN_EXTENSION
                if data[at + 6] != 0:
                    return count, _WHOLE
                state[1] = 0
                for i in range(4):
                    state[1] |= np.int64(data[at + 2 + i]) << (8 * i)
                at += 7
                continue
            loops = data[at] == 0xFF and data[at + 1] == 11 and at + 13 <= data.size
            if loops:
                for i in range(11):
                    loops &= data[at + 2 + i] == _NETSCAPE[i] or data[at + 2 + i] == _ANIMEXTS[i]
            place = offset + at + 13
            at = _skip(data, at + 1)
            if at < 0:
                return count, _IN_EXTENSION
            if loops:
                state[2] = place
        elif kind == 0x2C:
            if at + 8 > data.size:
                return count, _IN_HEAD
            row = table[count]
            for i in range(4):
                row[i] = np.int64(data[at + 2 * i]) | np.int64(data[at + 2 * i + 1]) << 8
            row[_FLAGS] = data[at + 8] if at + 8 < data.size else 0
            row[_CONTROL] = state[1]
            at += 9
            row[_PALETTE] = -1
            row[_DATA] = -1
            row[_END] = offset + data.size
            if row[_FLAGS] & 0x80:
                row[_PALETTE] = offset + at
                at += 3 << ((row[_FLAGS] & 7) + 1)
            if at >= data.size:
                return count + last, _IN_HEAD
            row[_DATA] = offset + at
            if data[at] > MAX_CODE_SIZE:
                row[_DATA] = -1
                return count + 1, _CODE_SIZE
            at = _skip(data, at + 1)
            if at < 0:
                return count + last, _IN_DATA
            row[_END] = offset + at
            count += 1
            state[1] = -1
        else:
            return count, _WHOLE
    state[0] = offset + at
    return count, _WHOLE if last or count == len(table) else _MORE


@njit(cache=True, nogil=True)
def _skip(data: Pixels, at: int | np.int64) -> int | np.int64:
    """The place behind the terminator of the sub-blocks that begin at `data[at]`; -1 where the data end before it."""
    while at < data.size:
        length = data[at]
        at += 1 + np.int64(length)
        if length == 0:
            return at
    return -1


def _palette(file: GifFile, at: int, flags: int) -> Pixels:
    entries = file.read(at, 3 << (flags & 7) + 1)
    return entries[: len(entries) // 3 * 3].reshape(-1, 3)


def _plays(file: GifFile, at: int) -> int:
    """How often the animation is shown: browsers repeat it as often as the extension says, and forever for 0."""
    block = file.read(at, 4).tobytes()
    if len(block) < 4 or block[0] < 3 or block[1] != 1:
        return 1
    count = block[2] | block[3] << 8
    return count + 1 if count else 0


def _image(file: GifFile, row: list[int], shared: Pixels | None) -> ImageBlock:
    left, top, width, height, flags, palette, data, end, control = row
    disposal, delay, transparent = 0, 0, None
    if control >= 0:
        bits, delay = control & 255, control >> 8 & 0xFFFF
        disposal = bits >> 2 & 7
        transparent = control >> 24 if bits & 1 else None
    local = shared if palette < 0 else _palette(file, palette, flags)
    return ImageBlock(left, top, width, height, local, bool(flags & 0x40), transparent, disposal, delay, data, end)


def _check_size(width: int, height: int, what: str, limits: GifLimits, name: str) -> None:
    if width * height > limits.max_pixels:
        raise TooLarge(
            f"{name}: {what} is {width}×{height}, more than the limit of {limits.max_pixels} pixels; "
            "if the file is to be trusted, raise GifLimits.max_pixels"
        )
