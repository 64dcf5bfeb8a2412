"""The structure of a GIF file: which blocks it holds and where, before any pixel is decoded.

Everything that can be known without LZW is known here: sizes, palettes, delays, and whether the file is whole. So a
file that is cut off, or that would take too much memory, is refused before memory is taken.

Reference: GIF89a specification (CompuServe, 1990).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gifbench.errors import CorruptMedia, TooLarge, UsageError
from gifbench.media.clip import Pixels
from gifbench.media.lzw import MAX_CODE_SIZE, skip_blocks

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_GRAPHIC_CONTROL, _APPLICATION = 0xF9, 0xFF
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")


@dataclass(frozen=True, slots=True)
class GifLimits:
    """What a GIF may ask for at most; checked before memory is taken."""

    max_pixels: int = 8192 * 8192
    """Pixels of the screen, and of any one image in the file."""
    max_frames: int = 100_000
    """Frames of a file; the longest clip of the official lists has 1963."""
    max_total_pixels: int = 360_000_000
    """Bytes of all decoded frames; the largest clip of the official lists, 1558 frames of 636×360, just fits."""
    max_bytes: int = 1 << 30
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
    images: list[ImageBlock]
    broken: str | None


class _Cut(Exception):
    """The data end inside a block, or hold something that cannot be."""


class _Control(NamedTuple):
    transparent: int | None = None
    disposal: int = 0
    delay: int = 0


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
    width, height = _u16(header, 6), _u16(header, 8)
    _check_size(width, height, "the screen", limits, name)
    at = 13
    images: list[ImageBlock] = []
    plays = 1
    control = _Control()
    broken = None
    try:
        shared, at = _palette(data, at, header[10])
        while at < data.size:
            kind = data[at]
            at += 1
            if kind == _TRAILER:
                break
            if kind == _EXTENSION:
                label = _byte(data, at)
                if label == _GRAPHIC_CONTROL:
                    control = _graphic_control(data, at + 1)
                elif label == _APPLICATION:
                    plays = _plays(data, at + 1, plays)
                at = _skip(data, at + 1, f"an extension at byte {at - 1}")
            elif kind == _IMAGE:
                image = _image(data, at, shared, control, len(images))
                _check_size(image.width, image.height, f"image {len(images)}", limits, name)
                at = _skip(data, image.data + 1, f"image {len(images)}")
                images.append(image)
                control = _Control()
                if len(images) == 1 and not width * height:
                    width, height = image.left + image.width, image.top + image.height
                    _check_size(width, height, "the screen", limits, name)
                _check_frames(len(images), width, height, limits, name)
    except _Cut as cut:
        broken = str(cut)
    return Blocks(width, height, plays, images, broken)


def _u16(data: bytes, at: int) -> int:
    return data[at] | data[at + 1] << 8


def _byte(data: Pixels, at: int) -> int:
    if at >= data.size:
        raise _Cut(f"the file ends at byte {data.size} inside a block")
    return int(data[at])


def _skip(data: Pixels, at: int, what: str) -> int:
    behind = int(skip_blocks(data, at))
    if behind < 0:
        raise _Cut(f"the file ends at byte {data.size} inside {what}")
    return behind


def _palette(data: Pixels, at: int, flags: int) -> tuple[Pixels | None, int]:
    if not flags & 0x80:
        return None, at
    size = 3 << ((flags & 7) + 1)
    if at + size > data.size:
        raise _Cut(f"the file ends at byte {data.size} inside a palette")
    return data[at : at + size].reshape(-1, 3), at + size


def _graphic_control(data: Pixels, at: int) -> _Control:
    if _byte(data, at) < 4:
        return _Control()
    block = data[at + 1 : at + 5].tobytes()
    if len(block) < 4:
        raise _Cut(f"the file ends at byte {data.size} inside an extension")
    transparent = block[3] if block[0] & 1 else None
    return _Control(transparent, (block[0] >> 2) & 7, _u16(block, 1))


def _plays(data: Pixels, at: int, plays: int) -> int:
    """How often the animation is shown: browsers repeat it as often as the extension says, and forever for 0."""
    block = data[at : at + 16].tobytes()
    if block[:1] != b"\x0b" or block[1:12] not in _LOOPS or len(block) < 16 or block[12] < 3 or block[13] & 7 != 1:
        return plays
    count = _u16(block, 14)
    return count + 1 if count else 0


def _image(data: Pixels, at: int, shared: Pixels | None, control: _Control, number: int) -> ImageBlock:
    head = data[at : at + 9].tobytes()
    if len(head) < 9:
        raise _Cut(f"the file ends at byte {data.size} inside image {number}")
    left, top, width, height = (_u16(head, i) for i in (0, 2, 4, 6))
    if not width or not height:
        raise _Cut(f"image {number} at byte {at - 1} is {width}×{height} pixels")
    local, data_at = _palette(data, at + 9, head[8])
    code_size = _byte(data, data_at)
    if not 1 <= code_size <= MAX_CODE_SIZE:
        raise _Cut(
            f"image {number} at byte {at - 1} has an LZW code size of {code_size} bits, and 1 to {MAX_CODE_SIZE} can be"
        )
    palette = shared if local is None else local
    return ImageBlock(left, top, width, height, palette, bool(head[8] & 0x40), *control, data_at)


def _check_size(width: int, height: int, what: str, limits: GifLimits, name: str) -> None:
    if width * height > limits.max_pixels:
        raise TooLarge(
            f"{name}: {what} is {width}×{height}, more than the limit of {limits.max_pixels} pixels; "
            "if the file is to be trusted, raise GifLimits.max_pixels"
        )


def _check_frames(num_frames: int, width: int, height: int, limits: GifLimits, name: str) -> None:
    if num_frames > limits.max_frames:
        raise TooLarge(
            f"{name}: more than {limits.max_frames} frames; if the file is to be trusted, raise GifLimits.max_frames"
        )
    if num_frames * width * height > limits.max_total_pixels:
        raise TooLarge(
            f"{name}: {num_frames} frames or more of {width}×{height}, over the limit of {limits.max_total_pixels} "
            "pixels in all; if the file is to be trusted, raise GifLimits.max_total_pixels"
        )


def as_bytes(source: bytes) -> Pixels:
    """A flat uint8 view of `source`."""
    return np.frombuffer(source, np.uint8)
