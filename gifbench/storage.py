"""A folder on any file system that fsspec knows: a path, `s3://…`, `gs://…`, `memory://…`.

A file appears under its name only when it is whole: locally by renaming, elsewhere because object stores show an
upload when it has ended.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from gifbench.errors import StorageError, storage_errors

PARTIAL = ".partial"
"""How the names of unfinished files and folders end."""


class Folder:
    """A folder, named by a path or an fsspec URL, whose files are read in ranges and written whole.

    Names given to the methods are relative to the folder and use `/`. A `Folder` can be sent to another process.
    """

    def __init__(self, url: str | os.PathLike[str]) -> None:
        self.url = os.fspath(url)
        try:
            file_system, root = fsspec.core.url_to_fs(self.url)
        except (ValueError, ImportError) as error:
            raise StorageError(f"{self.url}: {error}") from error
        self._file_system: fsspec.AbstractFileSystem = file_system
        self._root = str(root).rstrip("/")

    def __reduce__(self) -> tuple[type[Folder], tuple[str]]:
        # A worker may have been started in another folder, where a relative path means something else.
        return type(self), (self.url if self.local is None else self._root,)

    def __repr__(self) -> str:
        return f"Folder({self.url!r})"

    def __str__(self) -> str:
        return self.url

    @property
    def local(self) -> Path | None:
        """The folder as a path, or None where it is not on this machine's file system."""
        return Path(self._root) if isinstance(self._file_system, LocalFileSystem) else None

    def place(self, name: str) -> str:
        """`name` as a person would write it, for messages."""
        return f"{self.url.rstrip('/')}/{name}"

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """The bytes of a file: all of them, or one range of `length` bytes from `start`.

        Raises `NotFound` if it is not there, `StorageError` if the range reaches beyond its end.
        """
        end = None if length is None else start + length
        with storage_errors(self.place(name)):
            data = cast(bytes, self._file_system.cat_file(self._path(name), start=start or None, end=end))
        if length is not None and len(data) != length:
            raise StorageError(f"{self.place(name)}: it ends after {start + len(data)} bytes, {end} were expected")
        return data

    def size(self, name: str) -> int | None:
        """The size of a file in bytes, or None if it is not there."""
        try:
            return int(self._file_system.size(self._path(name)))
        except FileNotFoundError:
            return None

    def exists(self, name: str = "") -> bool:
        """Whether a file or folder of that name is there."""
        return bool(self._file_system.exists(self._path(name)))

    def names(self, below: str = "") -> list[str]:
        """The names of all files below a folder, relative to this one, sorted; none if it is not there."""
        self._file_system.invalidate_cache()
        found = self._file_system.find(self._path(below)) if self.exists(below) else []
        return sorted(str(path)[len(self._root) :].lstrip("/") for path in found)

    def make(self) -> None:
        """Create the folder, with its parents, unless it is there."""
        with storage_errors(self.url):
            self._file_system.makedirs(self._root, exist_ok=True)

    def write(self, name: str, data: bytes) -> None:
        """Write a whole file, replacing one of that name."""
        with self.create(name) as file:
            file.write(data)

    @contextmanager
    def create(self, name: str) -> Iterator[BinaryIO]:
        """A file to write, which appears under its name when the block ends well and not at all when it raises."""
        with storage_errors(self.place(name)):
            if isinstance(self._file_system, LocalFileSystem):
                with _renamed_when_whole(Path(self._path(name))) as file:
                    yield file
            else:
                with tempfile.TemporaryFile() as file:
                    yield cast(BinaryIO, file)
                    file.seek(0)
                    with self._file_system.open(self._path(name), "wb") as upload:
                        shutil.copyfileobj(file, upload, 1 << 20)

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """A file to read in ranges or as a stream."""
        with storage_errors(self.place(name)), self._file_system.open(self._path(name), "rb") as file:
            yield cast(BinaryIO, file)

    def delete(self, name: str) -> None:
        """Delete a file or folder; nothing happens if it is not there."""
        with storage_errors(self.place(name)):
            if self.exists(name):
                self._file_system.rm(self._path(name), recursive=True)

    def sweep(self) -> None:
        """Delete what a killed writer left behind."""
        for name in self.names():
            unfinished = next((i for i, part in enumerate(name.split("/")) if part.endswith(PARTIAL)), None)
            if unfinished is not None:
                self.delete("/".join(name.split("/")[: unfinished + 1]))

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root


@contextmanager
def _renamed_when_whole(path: Path) -> Iterator[BinaryIO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.parent / f".{path.name[:100]}.{secrets.token_hex(4)}{PARTIAL}"
    try:
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
