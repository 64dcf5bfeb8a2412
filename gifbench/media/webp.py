"""Animated WebP, a frame at a time: each frame a still picture of its own, in the container that times them.

Pillow's own writer takes all frames at once; here one is held. Reference: WebP Container Specification (Google), the
chunks VP8X, ANIM and ANMF.
"""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from typing import BinaryIO

from PIL import Image

from gifbench.errors import PixelsError, UsageError
from gifbench.media.clip import Pixels

_MAX_SIDE = 16383
_MAX_MILLISECONDS = (1 << 24) - 1
_ANIMATED = 0x02
_QUALITY = 90
_DO_NOT_BLEND = 0x02
_FILE_HEAD = 12
"""Bytes of `RIFF….WEBP`; behind it a still picture without metadata is one chunk, VP8."""


class WebpWriter:
    """Writes RGB frames, (H, W, 3) uint8, into a binary file that can seek; it plays `loop` times, 0 for ever."""

    def __init__(self, file: BinaryIO, *, width: int, height: int, loop: int = 0) -> None:
        if not (1 <= width <= _MAX_SIDE and 1 <= height <= _MAX_SIDE):
            raise UsageError(f"WebP holds pictures of 1 to {_MAX_SIDE} pixels a side, not {width}×{height}")
        self._file, self._width, self._height = file, width, height
        self._start = file.tell()
        self._clock = 0
        file.write(b"RIFF\0\0\0\0WEBP")
        canvas = _ANIMATED.to_bytes(4, "little") + _three(width - 1) + _three(height - 1)
        file.write(_chunk(b"VP8X", canvas) + _chunk(b"ANIM", struct.pack("<IH", 0xFFFFFFFF, min(loop, 65535))))

    def add(self, pixels: Pixels, end: Fraction) -> None:
        """Append the frame that is shown until `end`, in seconds since the first, rounded to milliseconds."""
        if pixels.shape != (self._height, self._width, 3):
            raise PixelsError(f"a frame is {(self._height, self._width, 3)}, not {pixels.shape}")
        milliseconds = round(1000 * end) - self._clock
        if not 0 < milliseconds <= _MAX_MILLISECONDS:
            raise PixelsError(f"a frame shown until {end} s would last {milliseconds} ms; WebP takes 1 to 16777215")
        self._clock += milliseconds
        still = io.BytesIO()
        Image.fromarray(pixels).save(still, "WEBP", quality=_QUALITY, method=4)
        head = _three(0) + _three(0) + _three(self._width - 1) + _three(self._height - 1) + _three(milliseconds)
        self._file.write(_chunk(b"ANMF", head + bytes([_DO_NOT_BLEND]) + still.getvalue()[_FILE_HEAD:]))

    def close(self) -> None:
        """Write the length into the header; the file itself is left open."""
        if not self._clock:
            raise PixelsError("an animation needs at least one frame, and none was added")
        end = self._file.tell()
        self._file.seek(self._start + 4)
        self._file.write(struct.pack("<I", end - self._start - 8))
        self._file.seek(end)


def _three(number: int) -> bytes:
    return number.to_bytes(3, "little")


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
