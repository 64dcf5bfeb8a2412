"""The structure of a GIF file: which blocks it holds and where, before any pixel is decoded.

Everything that can be known without LZW is known here: sizes, palettes, delays, and whether the file is whole. So a
file that is cut off, or that would take too much memory, is refused before memory is taken.

Reference: GIF89a specification (CompuServe, 1990).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gifbench.errors import CorruptMedia, TooLarge, UsageError
from gifbench.media.clip import Pixels
from gifbench.media.gif.lzw_decoder import MAX_CODE_SIZE

_NETSCAPE, _ANIMEXTS = (np.frombuffer(identifier, np.uint8) for identifier in (b"NETSCAPE2.0", b"ANIMEXTS1.0"))


@dataclass(frozen=True, slots=True)
class GifLimits:
    """What a GIF may ask for at most; checked before memory is taken."""

    max_pixels: int = 8192 * 8192
    """Pixels of the screen, and of any one image in the file."""
    max_frames: int = 20_000
    """Frames of a file; the longest clip of the official lists has 1963."""
    max_total_pixels: int = 360_000_000
    """Pixels of all frames; the largest clip of the official lists, 1558 frames of 636×360, just fits. Where images are
    laid over each other their screen counts as eleven frames more, and where 256 colors are not enough a pixel as 3 or
    more: so this is also the memory that reading takes, in bytes."""
    max_bytes: int = 1 << 28
    """Bytes of the file."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) < 1:
                raise UsageError(f"the limit {name} must be at least 1, not {getattr(self, name)}")


class ImageBlock(NamedTuple):
    """One image of the file: where it stands on the screen, how long, and where its data begin."""

    left: int
    top: int
    width: int
    height: int
    palette: Pixels | None
    """(K, 3), the local one or else the global one; None where the file has neither."""
    interlaced: bool
    transparent: int | None
    disposal: int
    """0 or 1: stays. 2: its rectangle is cleared afterwards. 3: what it covered comes back afterwards."""
    delay: int
    """Hundredths of a second, as in the file."""
    data: int
    """Where the code size stands; the sub-blocks follow."""


class Blocks(NamedTuple):
    """A parsed file. `broken` says what is wrong behind the last whole image, None where nothing is."""

    width: int
    height: int
    plays: int
    """How often the animation is shown in all; 0 is forever."""
    backdrop: tuple[int, int, int]
    """The background color that the file declares; black where it declares none."""
    images: list[ImageBlock]
    broken: str | None


_LEFT, _TOP, _WIDTH, _HEIGHT, _FLAGS, _PALETTE, _DATA, _CONTROL, _COLUMNS = range(9)
"""Columns of the table that `_scan` fills, a row an image. _PALETTE and _CONTROL are places in the file or -1."""

_WHOLE, _IN_HEAD, _IN_DATA, _IN_EXTENSION, _NO_SIZE, _CODE_SIZE = range(6)
_PROBLEMS = {
    _IN_HEAD: "the file ends at byte {size} inside the head of image {number}, which begins at byte {at}",
    _IN_DATA: "the file ends at byte {size} inside image {number}, which begins at byte {at}",
    _IN_EXTENSION: "the file ends at byte {size} inside the extension that begins at byte {at}",
    _NO_SIZE: "image {number} at byte {at} has a side of 0 pixels",
    _CODE_SIZE: "image {number} at byte {at} has an impossible LZW code size",
}


def parse(data: Pixels, *, limits: GifLimits, name: str) -> Blocks:
    """The blocks of a GIF file, given as a flat uint8 array.

    What follows the trailer is ignored, and the trailer itself may be missing. Bytes between blocks that begin no block
    are passed over, as decoders do. A screen of no size takes the extent of the first image.

    Raises `CorruptMedia` where there is not even a header, `TooLarge` where a limit is passed. Any other break is told
    by `broken`, beside the images before it.
    """
    header = data[:13].tobytes()
    if header[:3] != b"GIF" or header[3:6] not in (b"87a", b"89a"):
        raise CorruptMedia(f"{name}: not a GIF, it begins with {header[:6]!r} and not with GIF87a or GIF89a")
    if len(header) < 13:
        raise CorruptMedia(f"{name}: the file ends inside its header, after {len(header)} bytes")
    width, height, flags, backdrop_index, _ = struct.unpack("<HHBBB", header[6:])
    _check_size(width, height, "the screen", limits, name)
    shared = _palette(data, 13, flags) if flags & 0x80 else None
    backdrop = (0, 0, 0)
    if shared is not None and backdrop_index < len(shared):
        backdrop = int(shared[backdrop_index, 0]), int(shared[backdrop_index, 1]), int(shared[backdrop_index, 2])
    table = np.empty((limits.max_frames + 1, _COLUMNS), np.int64)
    start = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    count, problem, at, loop = (int(found) for found in _scan(data, start, table))
    _check_frames(count, limits, name)
    images = [_image(data, row, shared) for row in table[:count].tolist()]
    for number, image in enumerate(images):
        _check_size(image.width, image.height, f"image {number}", limits, name)
    if images and not width * height:
        width, height = images[0].left + images[0].width, images[0].top + images[0].height
        _check_size(width, height, "the screen", limits, name)
    broken = _PROBLEMS[problem].format(size=data.size, number=count, at=at) if problem else None
    return Blocks(width, height, 1 if loop < 0 else _plays(data, loop), backdrop, images, broken)


@njit(cache=True, nogil=True)
def _scan(data: Pixels, at: int, table: NDArray[np.int64]) -> tuple[int, int, int, int]:  # noqa: PLR0911, PLR0912 - one loop
    """Walk over the blocks from `data[at]` to the trailer, and write a row of `table` for each whole image.

    Gives the number of images (no more than `table` has rows), the problem that ended the walk and the place of the
    block that has it, and the place of the extension that says how often to loop, or -1.
    """
    count = 0
    control = -1
    loop = -1
    while at < data.size and count < len(table):
        begin = at
        kind = data[at]
        at += 1
        if kind == 0x3B:
            break
        if kind == 0x21:
            if at + 1 >= data.size:
                return count, _IN_EXTENSION, begin, loop
            if data[at] == 0xF9 and data[at + 1] >= 4:
                control = at + 2
            elif data[at] == 0xFF and data[at + 1] == 11 and at + 13 <= data.size:
                loops = True
                for i in range(11):
                    loops &= data[at + 2 + i] == _NETSCAPE[i] or data[at + 2 + i] == _ANIMEXTS[i]
                if loops:
                    loop = at + 13
            at = _skip(data, at + 1)
            if at < 0:
                return count, _IN_EXTENSION, begin, loop
        elif kind == 0x2C:
            if at + 9 >= data.size:
                return count, _IN_HEAD, begin, loop
            row = table[count]
            for i in range(4):
                row[i] = np.int64(data[at + 2 * i]) | np.int64(data[at + 2 * i + 1]) << 8
            row[_FLAGS] = data[at + 8]
            row[_CONTROL] = control
            at += 9
            row[_PALETTE] = -1
            if row[_FLAGS] & 0x80:
                row[_PALETTE] = at
                at += 3 << ((row[_FLAGS] & 7) + 1)
            if at >= data.size:
                return count, _IN_HEAD, begin, loop
            row[_DATA] = at
            if row[_WIDTH] == 0 or row[_HEIGHT] == 0:
                return count, _NO_SIZE, begin, loop
            if data[at] < 1 or data[at] > MAX_CODE_SIZE:
                return count, _CODE_SIZE, begin, loop
            at = _skip(data, at + 1)
            if at < 0:
                return count, _IN_DATA, begin, loop
            count += 1
            control = -1
    return count, _WHOLE, at, loop


@njit(cache=True, nogil=True)
def _skip(data: Pixels, at: int | np.int64) -> int | np.int64:
    """The place behind the terminator of the sub-blocks that begin at `data[at]`; -1 where the data end before it."""
    while at < data.size:
        length = data[at]
        at += 1 + np.int64(length)
        if length == 0:
            return at
    return -1


def _palette(data: Pixels, at: int, flags: int) -> Pixels:
    entries = data[at : at + (3 << (flags & 7) + 1)]
    return entries[: len(entries) // 3 * 3].reshape(-1, 3)


def _plays(data: Pixels, at: int) -> int:
    """How often the animation is shown: browsers repeat it as often as the extension says, and forever for 0."""
    block = data[at : at + 4].tobytes()
    if len(block) < 4 or block[0] < 3 or block[1] & 7 != 1:
        return 1
    count = block[2] | block[3] << 8
    return count + 1 if count else 0


def _image(data: Pixels, row: list[int], shared: Pixels | None) -> ImageBlock:
    left, top, width, height, flags, palette, data_at, control = row
    disposal, delay, transparent = 0, 0, None
    if control >= 0:
        bits, delay, index = struct.unpack("<BHB", data[control : control + 4].tobytes())
        disposal = bits >> 2 & 7
        transparent = index if bits & 1 else None
    local = shared if palette < 0 else _palette(data, palette, flags)
    return ImageBlock(left, top, width, height, local, bool(flags & 0x40), transparent, disposal, delay, data_at)


def _check_size(width: int, height: int, what: str, limits: GifLimits, name: str) -> None:
    if width * height > limits.max_pixels:
        raise TooLarge(
            f"{name}: {what} is {width}×{height}, more than the limit of {limits.max_pixels} pixels; "
            "if the file is to be trusted, raise GifLimits.max_pixels"
        )


def _check_frames(num_frames: int, limits: GifLimits, name: str) -> None:
    if num_frames > limits.max_frames:
        raise TooLarge(
            f"{name}: more than {limits.max_frames} frames; if the file is to be trusted, raise GifLimits.max_frames"
        )
