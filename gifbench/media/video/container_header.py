"""What a container says of its pictures and PyAV does not pass on: the part that is shown, and encryption.

MP4 has the clean aperture (`clap`, ISO/IEC 14496-12, 12.1.4) in a track's sample entry, or in the properties of a HEIC
or AVIF item; Matroska has `PixelCrop` (RFC 9559, 5.1.4.1.28). ffmpeg cuts the picture so since version 7.1.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

MATROSKA = b"\x1a\x45\xdf\xa3"
"""The first bytes of a Matroska file."""
MP4 = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"moof", b"sidx")
"""The boxes that an MP4 may begin with."""
_MOST_BYTES = 64 << 20
"""A header that is larger is not read."""


@dataclass(frozen=True, slots=True)
class Crop:
    """Pixels that are not shown at each edge of the stored picture."""

    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True, slots=True)
class TrackHeader:
    """What the header of a container says of one picture track."""

    number: int
    """Its number in the container."""
    crop: Crop | None = None
    encrypted: bool = False


def read_tracks(path: Path) -> list[TrackHeader]:
    """The picture tracks of an MP4, HEIC or Matroska file in its order; empty for any other file, or a broken one."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
            if head[:4] == MATROSKA:
                return list(_matroska_tracks(file, path.stat().st_size))
            if head[4:8] in MP4:
                return list(_mp4_tracks(file, path.stat().st_size))
    except (OSError, ValueError, IndexError, ZeroDivisionError):
        pass
    return []


# MP4: a box is its size and type, four bytes each, and its content.


def boxes(data: bytes, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """Type and content of the boxes in `data`, from `start` on."""
    for kind, content, end in top_boxes(io.BytesIO(data), len(data), start):
        yield kind, data[content:end]


def _inside(data: bytes, *path: bytes) -> Iterator[bytes]:
    for kind, content in boxes(data):
        if kind == path[0]:
            if len(path) == 1:
                yield content
            else:
                yield from _inside(content, *path[1:])


def top_boxes(file: BinaryIO, length: int, position: int = 0) -> Iterator[tuple[bytes, int, int]]:
    """Type, start of the content and declared end of the boxes of a file of `length` bytes, from `position` on.

    The last may end behind the file.
    """
    while position + 8 <= length:
        file.seek(position)
        head = file.read(16)
        size, kind, header = int.from_bytes(head[:4], "big"), head[4:8], 8
        if size == 1:
            size, header = int.from_bytes(head[8:16], "big"), 16
        end = length if size == 0 else position + size
        if end < position + header:
            return
        yield kind, position + header, end
        position = end


def _mp4_tracks(file: BinaryIO, length: int) -> Iterator[TrackHeader]:
    for kind, start, end in top_boxes(file, length):
        if kind not in (b"moov", b"meta") or end > length or end - start > _MOST_BYTES:
            continue
        file.seek(start)
        content = file.read(end - start)
        if kind == b"meta":
            yield from _items(content[4:])
        for track in _inside(content, b"trak") if kind == b"moov" else ():
            handler = next(_inside(track, b"mdia", b"hdlr"), b"")
            header = next(_inside(track, b"tkhd"), b"")
            description = next(_inside(track, b"mdia", b"minf", b"stbl", b"stsd"), b"")
            if handler[8:12] == b"vide" and header and description:
                at = 20 if header[0] == 1 else 12
                yield _track(int.from_bytes(header[at : at + 4], "big"), description)


def _track(number: int, description: bytes) -> TrackHeader:
    kind, entry = next(boxes(description, 8), (b"", b""))
    width, height = int.from_bytes(entry[24:26], "big"), int.from_bytes(entry[26:28], "big")
    inner = list(boxes(entry, 78))
    crop = next((_clean_aperture(content, width, height) for name, content in inner if name == b"clap"), None)
    return TrackHeader(number, crop, kind == b"encv" or any(name == b"sinf" for name, _ in inner))


def _clean_aperture(content: bytes, width: int, height: int) -> Crop | None:
    """A `clap` box, rounded and refused as ffmpeg does."""
    values = [int.from_bytes(content[i : i + 4], "big", signed=True) for i in range(0, 32, 4)]
    inner_width, inner_height, right, down = (Fraction(a, b) for a, b in zip(values[::2], values[1::2], strict=True))
    left = (width - 1) / Fraction(2) + right - (inner_width - 1) / 2
    top = (height - 1) / Fraction(2) + down - (inner_height - 1) / 2
    # ffmpeg cuts the places of the first and of the last pixel down to whole numbers.
    first = int(left), int(top)
    last = int(left + inner_width - 1), int(top + inner_height - 1)
    if min(left, top) < 0 or last[0] > width - 1 or last[1] > height - 1 or first > last:
        return None
    crop = Crop(first[1], height - 1 - last[1], first[0], width - 1 - last[0])
    return crop if any((crop.top, crop.bottom, crop.left, crop.right)) else None


def _items(meta: bytes) -> Iterator[TrackHeader]:
    """The items of a HEIC or AVIF file that have a clean aperture."""
    properties = [each for container in _inside(meta, b"iprp", b"ipco") for each in boxes(container)]
    for table in _inside(meta, b"iprp", b"ipma"):
        version, flags = table[0], table[3]
        wide_items, wide_properties = version >= 1, flags & 1
        at, count = 8, int.from_bytes(table[4:8], "big")
        for _ in range(count):
            size = 4 if wide_items else 2
            number = int.from_bytes(table[at : at + size], "big")
            linked, at = table[at + size], at + size + 1
            own: dict[bytes, bytes] = {}
            for _ in range(linked):
                step = 2 if wide_properties else 1
                index = int.from_bytes(table[at : at + step], "big") & (0x7FFF if wide_properties else 0x7F)
                at += step
                if 0 < index <= len(properties):
                    own.setdefault(*properties[index - 1])
            if b"clap" in own and b"ispe" in own:
                width, height = (int.from_bytes(own[b"ispe"][i : i + 4], "big") for i in (4, 8))
                yield TrackHeader(number, _clean_aperture(own[b"clap"], width, height))


# Matroska: an element is its identifier and size, of variable length, and its content (RFC 8794).


def element(data: bytes, at: int) -> tuple[int, int, int]:
    """Identifier, start of the content, and its size, -1 for unknown, of the element at `at`."""
    if at >= len(data) or not data[at]:
        raise ValueError("no element")
    length = 9 - data[at].bit_length()
    identifier = int.from_bytes(data[at : at + length], "big")
    at += length
    if at >= len(data) or not data[at]:
        raise ValueError("no size")
    length = 9 - data[at].bit_length()
    size = int.from_bytes(data[at : at + length], "big") & ((1 << 7 * length) - 1)
    return identifier, at + length, -1 if size == (1 << 7 * length) - 1 else size


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Identifier and content of the elements in `data`."""
    at = 0
    while at < len(data):
        identifier, start, size = element(data, at)
        at = len(data) if size < 0 else start + size
        yield identifier, data[start:at]


def segment(file: BinaryIO) -> tuple[int, int, int]:
    """Identifier, start of the content, and its size, -1 for unknown, of what follows the header: the segment."""
    file.seek(0)
    _, start, size = element(file.read(64), 0)
    file.seek(start + size)
    identifier, header, declared = element(file.read(16), 0)
    return identifier, start + size + header, declared


def top_elements(file: BinaryIO, length: int) -> Iterator[tuple[int, int, int]]:
    """Identifier, start and end of the content of the elements of the segment; the last may end behind the file.

    Ends at the first thing that is no element, and at one of unknown size, whose end is that of the segment.
    """
    _, position, size = segment(file)
    end = length if size < 0 else position + size
    while position < min(end, length):
        file.seek(position)
        try:
            identifier, start, size = element(file.read(16), 0)
        except ValueError:
            return
        content = position + start
        position = end if size < 0 else content + size
        yield identifier, content, position


TRACKS, CLUSTER = 0x1654AE6B, 0x1F43B675
_ENTRY, _NUMBER, _KIND, _VIDEO, _ENCODINGS, _ENCODING, _ENCODING_KIND = 0xAE, 0xD7, 0x83, 0xE0, 0x6D80, 0x6240, 0x5033
_CROP_BOTTOM, _CROP_TOP, _CROP_LEFT, _CROP_RIGHT = 0x54AA, 0x54BB, 0x54CC, 0x54DD


def _matroska_tracks(file: BinaryIO, length: int) -> Iterator[TrackHeader]:
    for identifier, start, end in top_elements(file, length):
        if identifier == CLUSTER:
            return
        if identifier == TRACKS and end - start <= _MOST_BYTES:
            file.seek(start)
            for kind, entry in elements(file.read(end - start)):
                if kind == _ENTRY:
                    values = dict(elements(entry))
                    if int.from_bytes(values.get(_KIND, b""), "big") == 1:
                        yield _matroska_track(values)


def _matroska_track(values: dict[int, bytes]) -> TrackHeader:
    video = dict(elements(values.get(_VIDEO, b"")))
    edges = [int.from_bytes(video.get(edge, b""), "big") for edge in (_CROP_TOP, _CROP_BOTTOM, _CROP_LEFT, _CROP_RIGHT)]
    kinds = [
        int.from_bytes(dict(elements(encoding)).get(_ENCODING_KIND, b""), "big")
        for identifier, encoding in elements(values.get(_ENCODINGS, b""))
        if identifier == _ENCODING
    ]
    number = int.from_bytes(values.get(_NUMBER, b""), "big")
    return TrackHeader(number, Crop(*edges) if any(edges) else None, 1 in kinds)
