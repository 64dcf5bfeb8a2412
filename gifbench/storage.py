"""A folder on any file system that fsspec knows: a path, `s3://…`, `gs://…`, `memory://…`.

A file appears under its name only when it is whole: locally by renaming, elsewhere because object stores show an
upload when it has ended.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from gifbench.errors import MissingExtra, NotFound, StorageError, storage_errors

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
            if isinstance(error, ImportError) and self.url.startswith(("s3://", "s3a://")):
                raise MissingExtra("s3fs", extra="s3", wanted_for=self.url) from error
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

    @property
    def in_memory(self) -> bool:
        """Whether the folder is in the memory of this process, where no other one sees it."""
        return isinstance(self._file_system, MemoryFileSystem)

    def place(self, name: str) -> str:
        """`name` as a person would write it, for messages."""
        return f"{self.url.rstrip('/')}/{name}"

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """The bytes of a file: all of them, or one range of `length` bytes from `start`.

        Raises `NotFound` if it is not there, `StorageError` if the range reaches beyond its end.
        """
        end = None if length is None else start + length
        with self._errors(name):
            data = cast(bytes, self._file_system.cat_file(self._path(name), start=start or None, end=end))
        if length is not None and len(data) != length:
            raise StorageError(f"{self.place(name)}: it ends after {start + len(data)} bytes, {end} were expected")
        return data

    def size(self, name: str) -> int | None:
        """The size of a file in bytes, or None if it is not there."""
        try:
            with self._errors(name):
                self._file_system.invalidate_cache()
                return int(self._file_system.size(self._path(name)))
        except NotFound:
            return None

    def exists(self, name: str = "") -> bool:
        """Whether a file or folder of that name is there."""
        with self._errors(name):
            self._file_system.invalidate_cache()
            return bool(self._file_system.exists(self._path(name)))

    def sizes(self, below: str = "") -> dict[str, int]:
        """The names of all files below a folder, as `names` gives them, each with its size in bytes."""
        with self._errors(below):
            self._file_system.invalidate_cache()
            try:
                found = self._file_system.find(self._path(below), detail=True)
            except FileNotFoundError:
                found = {}
        return {str(path)[len(self._root) :].lstrip("/"): int(about["size"]) for path, about in sorted(found.items())}

    def names(self, below: str = "") -> list[str]:
        """The names of all files below a folder, relative to this one, sorted; none if it is not there."""
        with self._errors(below):
            self._file_system.invalidate_cache()
            try:
                found = self._file_system.find(self._path(below))
            except FileNotFoundError:
                found = []
        return sorted(str(path)[len(self._root) :].lstrip("/") for path in found)

    def make(self) -> None:
        """Create the folder, with its parents, unless it is there."""
        with self._errors(""):
            self._file_system.makedirs(self._root, exist_ok=True)

    def write(self, name: str, data: bytes) -> None:
        """Write a whole file, replacing one of that name."""
        if self.local is None:
            with self._errors(name):
                self._file_system.pipe_file(self._path(name), data)
            return
        with self.create(name) as file:
            file.write(data)

    def take(self, path: Path, name: str) -> None:
        """Move a whole file of this machine into the folder, replacing one of that name."""
        with self._errors(name):
            if self.local is not None:
                target = Path(self._path(name))
                target.parent.mkdir(parents=True, exist_ok=True)
                with path.open("rb") as file:
                    os.fsync(file.fileno())  # so that a rename never shows an empty file
                path.replace(target)
            else:
                self._file_system.put_file(str(path), self._path(name))
                path.unlink()

    def download(self, name: str, path: Path) -> None:
        """Copy a file of the folder to `path` on this machine."""
        with self._errors(name):
            self._file_system.get_file(self._path(name), str(path))

    @contextmanager
    def create(self, name: str) -> Iterator[BinaryIO]:
        """A file to write, which appears under its name when the block ends well and not at all when it raises."""
        if self.local is not None:
            with storage_errors(self.place(name)), _renamed_when_whole(Path(self._path(name))) as file:
                yield file
            return
        with storage_errors(tempfile.gettempdir()), tempfile.NamedTemporaryFile(prefix="gifbench-") as scratch:
            yield cast(BinaryIO, scratch)
            scratch.flush()
            with self._errors(name):
                self._file_system.put_file(scratch.name, self._path(name))

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """A file to read in ranges or as a stream."""
        with storage_errors(self.place(name)):
            with self._errors(name):
                file = self._file_system.open(self._path(name), "rb")
            with file:
                yield cast(BinaryIO, file)

    def delete(self, name: str) -> None:
        """Delete a file or folder; nothing happens if it is not there."""
        with self._errors(name):
            self._file_system.invalidate_cache()
            with contextlib.suppress(FileNotFoundError):
                self._file_system.rm(self._path(name), recursive=True)

    def sweep(self) -> None:
        """Delete what a killed writer left behind."""
        for name in self.names():
            unfinished = next((i for i, part in enumerate(name.split("/")) if part.endswith(PARTIAL)), None)
            if unfinished is not None:
                self.delete("/".join(name.split("/")[: unfinished + 1]))

    @contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        """Turn what a file system raises, also one that is behind a network, into the `StorageError` for `name`."""
        try:
            with storage_errors(self.place(name)):
                yield
        except StorageError:
            raise
        except Exception as error:
            if self.local is not None:
                raise
            # Every client library has errors of its own, of which few are an `OSError`.
            raise StorageError(f"{self.place(name)}: {type(error).__name__}: {error}") from error

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
