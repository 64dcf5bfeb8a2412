"""PNG: single pictures, and animations without loss (APNG), a frame at a time.

Reference: Portable Network Graphics (PNG) Specification, third edition (W3C), the chunks acTL, fcTL and fdAT.
"""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO

import numpy as np
from PIL import Image

from gifbench.errors import PixelsError
from gifbench.media.clip import Pixels

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MAX_MILLISECONDS = 65535


def png_bytes(pixels: Pixels) -> bytes:
    """An RGB picture, uint8 (H, W, 3), as a PNG file: packed quickly, as suits photographs, rather than tightly."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
    return file.getvalue()


class ApngWriter:
    """Writes RGB frames, (H, W, 3) uint8, into a binary file that can seek; it plays `loop` times, 0 for ever."""

    def __init__(self, file: BinaryIO, *, width: int, height: int, loop: int = 0) -> None:
        self._file, self._shape, self._loop = file, (height, width, 3), loop
        self._clock = self._frames = 0
        self._sequence = itertools.count()
        file.write(_SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)))
        self._control = file.tell()
        file.write(_chunk(b"acTL", struct.pack(">II", 0, loop)))

    def add(self, pixels: Pixels, end: Fraction) -> None:
        """Append the frame that is shown until `end`, in seconds since the first, rounded to milliseconds."""
        if pixels.shape != self._shape:
            raise PixelsError(f"a frame is {self._shape}, not {pixels.shape}")
        milliseconds = round(1000 * end) - self._clock
        if not 0 < milliseconds <= _MAX_MILLISECONDS:
            raise PixelsError(f"a frame shown until {end} s would last {milliseconds} ms; APNG takes 1 to 65535")
        self._clock += milliseconds
        height, width, _ = self._shape
        place = struct.pack(">IIIIIHHBB", next(self._sequence), width, height, 0, 0, milliseconds, 1000, 0, 0)
        self._file.write(_chunk(b"fcTL", place))
        for data in _image_data(png_bytes(pixels)):
            numbered = struct.pack(">I", next(self._sequence)) + data if self._frames else data
            self._file.write(_chunk(b"fdAT" if self._frames else b"IDAT", numbered))
        self._frames += 1

    def close(self) -> None:
        """Write the end and the number of frames; the file itself is left open."""
        if not self._frames:
            raise PixelsError("an animation needs at least one frame, and none was added")
        self._file.write(_chunk(b"IEND", b""))
        end = self._file.tell()
        self._file.seek(self._control)
        self._file.write(_chunk(b"acTL", struct.pack(">II", self._frames, self._loop)))
        self._file.seek(end)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _image_data(png: bytes) -> Iterator[bytes]:
    at = len(_SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        if png[at + 4 : at + 8] == b"IDAT":
            yield png[at + 8 : at + 8 + length]
        at += 12 + length
