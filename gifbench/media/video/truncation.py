"""Whether a file is as long as its own headers say, which decoders do not ask.

A download that broke off often decodes without any complaint, only to fewer frames. MP4 boxes, the Matroska segment and
RIFF chunks all state their sizes, so that the missing rest can be seen. What is missing behind the last picture (an
index, tags), and what was added behind the end (an ID3 tag), is no damage. A transport stream states none, and a
recording of one ends anywhere, also within a packet: only a picture that is cut is told there, by its decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from gifbench.media.video.container_header import CLUSTER, MATROSKA, MP4, element, segment, top_boxes, top_elements

_SEGMENT = 0x18538067
_BEHIND_CLUSTERS = {0x1C53BB6B, 0x1254C367, 0xEC, 0x114D9B74, 0x1941A469, 0x1043A770, 0xBF}
"""Cues, tags, void, seek head, attachments, chapters and CRC."""
_IN_CLUSTER = {0xE7, 0xA3, 0xA0, 0xAB, 0xA7, 0xEC, 0xBF, 0xAF, 0x5854}
"""Timestamp, simple block, block group, size before, position, void, CRC, encrypted block, silent tracks."""


def missing_bytes(path: Path, samples_end: Callable[[], int | None] = lambda: None) -> int:
    """How many bytes the file at `path` lacks by its own account: MP4/MOV, Matroska/WebM and AVI; 0 for any other.

    `samples_end` is asked, where an MP4 seems to be cut off, for the end of the last sample that counts.
    """
    length = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] == MATROSKA:
            end = _matroska_end(file, length)
        elif head[:4] == b"RIFF":
            end = _riff_end(file, length)
        elif head[4:8] in MP4:
            end = _boxes_end(file, length)
            if end > length and not is_fragmented(path) and (samples := samples_end()) is not None:
                end = samples
        else:
            return 0
    return max(0, end - length)


def is_fragmented(path: Path) -> bool:
    """Whether an MP4 comes in fragments, each with an index of its own."""
    with path.open("rb") as file:
        return any(kind == b"moof" for kind, _, _ in top_boxes(file, path.stat().st_size))


def _boxes_end(file: BinaryIO, length: int) -> int:
    """ISO/IEC 14496-12, 4.2; of a box behind the end only those count that hold pictures or their index."""
    end = length
    for kind, _, declared in top_boxes(file, length):
        if kind in (b"mdat", b"moov", b"moof"):
            end = max(end, declared)
        elif not (kind.isascii() and kind.isalnum()):
            break
    return end


def _matroska_end(file: BinaryIO, length: int) -> int:
    """RFC 8794: a size of all ones is unknown, as in a live recording."""
    try:
        identifier, start, size = segment(file)
        if identifier != _SEGMENT or size < 0:
            return 0
        end = start + size
        kinds = [kind for kind, _, _ in top_elements(file, length)] if end > length else []
    except ValueError:
        return 0
    if CLUSTER in kinds and kinds[-1] in _BEHIND_CLUSTERS:
        return 0
    return end


def matroska_is_whole(path: Path) -> bool:
    """Whether every element of a Matroska file, down to its blocks, is where the one before it ends."""
    length = path.stat().st_size
    with path.open("rb") as file:
        last, declared = 0, _matroska_end(file, length)
        for identifier, start, end in top_elements(file, length):
            if identifier == CLUSTER and not _cluster_is_whole(file, start, min(end, length)):
                return False
            last = end
        return last >= min(length, declared or length)


def _cluster_is_whole(file: BinaryIO, start: int, end: int) -> bool:
    while start < end:
        file.seek(start)
        try:
            identifier, header, size = element(file.read(16), 0)
        except ValueError:
            return False
        if identifier == CLUSTER:  # the one before it is of unknown size
            size = 0
        elif size < 0 or not (identifier in _IN_CLUSTER or identifier in _BEHIND_CLUSTERS):
            return False
        start += header + size
    return start == end


def _riff_end(file: BinaryIO, length: int) -> int:
    """One or more RIFF chunks (OpenDML); a recorder that was cut off leaves 0 or all ones, which says nothing."""
    for name, _, start, size in _chunks(file, 0, length):
        end = start + size + size % 2
        if name != b"RIFF" or size in (0, 0xFFFFFFFF):
            break
        if end > length:
            inside = _chunks(file, start + 4, length)
            pictures = (at + size for name, kind, at, size in inside if (name, kind) == (b"LIST", b"movi"))
            return length if any(last <= length for last in pictures) else end - 1
    return length


def _chunks(file: BinaryIO, position: int, length: int) -> Iterator[tuple[bytes, bytes, int, int]]:
    """Name, kind (of a list), start and declared size of the content of the chunks from `position` on."""
    while position + 8 <= length:
        file.seek(position)
        head = file.read(12)
        size = int.from_bytes(head[4:8], "little")
        yield head[:4], head[8:], position + 8, size
        position += 8 + size + size % 2
