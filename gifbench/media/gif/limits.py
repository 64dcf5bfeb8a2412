"""Limits on what a GIF from elsewhere may ask for, and its bytes, in memory or on a disk, held to them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from gifbench.errors import StorageError, TooLarge, UsageError, storage_errors
from gifbench.media.clip import Pixels

GifSource = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO

WINDOW = 1 << 24
"""Bytes of a file that are looked at together; a longer file stays on its disk and is read in parts."""


@dataclass(frozen=True, slots=True)
class GifLimits:
    """What a GIF may ask for at most; checked before memory is taken."""

    max_pixels: int = 8192 * 8192
    """Pixels of the screen, and of any one image in the file."""
    max_frames: int = 20_000
    """Frames of a file; the longest clip of the official lists has 1963."""
    max_total_pixels: int = 1 << 36
    """Pixels of all frames. Where images are laid over each other their screen counts as eleven frames more, and where
    256 colors are not enough a pixel as 3 or more. `Gif.read` holds 360 million at most: what needs more than that
    decodes as it goes."""
    max_bytes: int = 1 << 33
    """Bytes of the file."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) < 1:
                raise UsageError(f"the limit {name} must be at least 1, got {getattr(self, name)}")


class GifFile:
    """The bytes of a GIF: all of them in memory, or a long file on its disk, of which parts are read."""

    def __init__(self, name: str, data: Pixels, *, path: Path | None = None, size: int = 0) -> None:
        self.name = name
        self._data, self._path = data, path
        self.size = size if path else data.size

    @classmethod
    def open(cls, source: GifSource, limits: GifLimits) -> GifFile:
        """From a path, bytes or a binary file. Raises `TooLarge`, and the `StorageError` of what cannot be read."""
        if isinstance(source, (bytes, bytearray, memoryview)):
            data, name = bytes(source), "the GIF"
        elif isinstance(source, (str, os.PathLike)):
            path = Path(source)
            name = str(path)
            with storage_errors(path), path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size > WINDOW:
                    _check_bytes(name, size, limits)
                    return cls(name, np.empty(0, np.uint8), path=path, size=size)
                data = file.read(limits.max_bytes + 1)
        else:
            name = str(getattr(source, "name", "the GIF"))
            with storage_errors(name):
                data = source.read(limits.max_bytes + 1)
        _check_bytes(name, len(data), limits)
        return cls(name, np.frombuffer(data, np.uint8))

    def read(self, at: int, length: int) -> Pixels:
        """Up to `length` bytes from `at` on, flat uint8; fewer at the end of the file."""
        if self._path is None:
            return self._data[at : at + length]
        length = min(length, self.size - at)
        with storage_errors(self._path), self._path.open("rb", buffering=0) as file:
            file.seek(at)
            data = np.frombuffer(file.read(max(length, 0)), np.uint8)
        if data.size < length:
            raise StorageError(f"{self.name}: the file became shorter while it was read")
        return data


def _check_bytes(name: str, size: int, limits: GifLimits) -> None:
    if size > limits.max_bytes:
        raise TooLarge(f"{name}: longer than the limit of {limits.max_bytes} bytes (GifLimits.max_bytes)")
