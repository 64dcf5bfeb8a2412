"""Matroska files written by hand, with whatever a muxer refuses: stamps that go back, cropping, encryption."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

EBML = bytes.fromhex(
    "1a45dfa3a34286810142f7810142f2810442f381084282886d6174726f736b6142878104428581 02".replace(" ", "")
)
UNKNOWN_SIZE = b"\x01" + b"\xff" * 7


def element(identifier: int, content: bytes | int) -> bytes:
    """An element with its size in eight bytes."""
    if isinstance(content, int):
        content = content.to_bytes(max(1, (content.bit_length() + 7) // 8), "big")
    name = identifier.to_bytes((identifier.bit_length() + 7) // 8, "big")
    return name + b"\x01" + len(content).to_bytes(7, "big") + content


def write_matroska(
    path: Path,
    frames: Iterable[tuple[int, bytes]],
    *,
    codec: str = "V_MJPEG",
    size: tuple[int, int] = (64, 48),
    video: bytes = b"",
    track: bytes = b"",
) -> Path:
    """Frames, each its time in milliseconds and its bytes, all key frames; `video` and `track` are further elements."""
    width, height = size
    picture = element(0xE0, element(0xB0, width) + element(0xBA, height) + video)
    name = element(0x86, codec.encode())
    entry = element(0xAE, element(0xD7, 1) + element(0x73C5, 1) + element(0x83, 1) + name + picture + track)
    clusters = b"".join(
        element(0x1F43B675, element(0xE7, time) + element(0xA3, b"\x81\0\0\x80" + data)) for time, data in frames
    )
    info = element(0x1549A966, element(0x2AD7B1, 1_000_000))
    path.write_bytes(EBML + element(0x18538067, info + element(0x1654AE6B, entry) + clusters))
    return path


def jpeg(number: int, *, orientation: int | None = None) -> bytes:
    """A frame of a moving pattern, 64×48."""
    y, x = np.mgrid[0:48, 0:64]
    pixels = np.stack([(x * 4 + 9 * number) % 256, y * 5 % 256, (x + y) * 2 % 256], -1).astype(np.uint8)
    exif = Image.Exif()
    if orientation is not None:
        exif[0x112] = orientation
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", exif=exif, quality=95)
    return file.getvalue()


def stamped(path: Path, ticks: list[int]) -> Path:
    """A video whose frames have the presentation times `ticks`, in milliseconds, in any order."""
    return write_matroska(path, [(tick, jpeg(number)) for number, tick in enumerate(ticks)])
