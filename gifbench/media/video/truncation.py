"""Whether a file is as long as its own headers say, which decoders do not ask.

A download that broke off often decodes without any complaint, only to fewer frames. MP4 boxes, the Matroska segment and
RIFF chunks all state their sizes, so that the missing rest can be seen.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"


def missing_bytes(path: Path) -> int:
    """How many bytes the file at `path` lacks by its own account: MP4/MOV, Matroska/WebM and AVI; 0 for any other."""
    length = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] == _EBML:
            end = _matroska_end(file)
        elif head[:4] == b"RIFF":
            end = _riff_end(file, length)
        elif head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp"):
            end = _boxes_end(file, length)
        else:
            return 0
    return max(0, end - length)


def _boxes_end(file: BinaryIO, length: int) -> int:
    """ISO/IEC 14496-12, 4.2: a size of four bytes, a type of four; size 1 = eight more bytes, 0 = to the end."""
    position = 0
    while position < length:
        file.seek(position)
        head = file.read(16)
        size, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        if size < 8 or not (kind.isascii() and kind.isalnum()):
            return length  # to the end, or padding behind the last box
        position += size
    return position


def _matroska_end(file: BinaryIO) -> int:
    """RFC 8794: identifier and size of variable length; a size of all ones is unknown, as in a live recording."""
    file.seek(4)
    header, _ = _vint(file)
    file.seek(header, 1)
    if file.read(4) != _SEGMENT:
        return 0
    size, unknown = _vint(file)
    return 0 if unknown else file.tell() + size


def _vint(file: BinaryIO) -> tuple[int, bool]:
    first = file.read(1)
    if not first or not first[0]:
        return 0, True
    more = 8 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & (0x7F >> more)]) + file.read(more), "big")
    return value, value == (1 << 7 * (more + 1)) - 1


def _riff_end(file: BinaryIO, length: int) -> int:
    """One or more RIFF chunks (OpenDML); a recorder that was cut off leaves 0 or all ones, which says nothing."""
    position = 0
    while position + 8 <= length:
        file.seek(position)
        head = file.read(8)
        size = int.from_bytes(head[4:8], "little")
        if head[:4] != b"RIFF" or size in (0, 0xFFFFFFFF):
            return length
        position += 8 + size + size % 2
    return position - 1  # the padding byte of an odd last chunk is often left out
