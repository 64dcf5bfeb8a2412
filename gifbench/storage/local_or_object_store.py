"""A folder on any file system that fsspec knows: a path, `s3://…`, `gs://…`, `memory://…`.

A file appears under its name only when it is whole: locally by renaming, elsewhere because object stores show an
upload when it has ended.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from gifbench.errors import MissingExtra, NotFound, StorageError, storage_errors
from gifbench.storage.atomic_write import PARTIAL, renamed_when_whole
from gifbench.storage.exclusive_lock import lock_beneath
from gifbench.storage.safe_paths import beneath, check_name, open_beneath, refuse_link, sizes_beneath

_log = logging.getLogger(__name__)

MAX_BYTES = 1 << 30
"""Of a file that is read whole where its reader sets no limit of its own; sparse files cost their makers nothing."""


class Folder:
    """A folder, named by a path or an fsspec URL, whose files are read in ranges and written whole.

    Names given to the methods are relative to the folder and use `/`: an absolute one, one with `..` or a control
    character in it, a link that leads out of the folder, and what is no regular file are refused with `StorageError`
    wherever they come from. The path of the folder itself may hold links. A `Folder` can be sent to another process.
    """

    def __init__(self, url: str | os.PathLike[str]) -> None:
        self.url = os.fspath(url)
        self._whole: tuple[str, bytes] | None = None  # the last file of a server that gives no ranges
        self._open()

    def _open(self) -> None:
        try:
            file_system, root = fsspec.core.url_to_fs(self.url)
        except (ValueError, ImportError) as error:
            if isinstance(error, ImportError) and self.url.startswith(("s3://", "s3a://")):
                raise MissingExtra("s3fs", extra="s3", wanted_for=self.url) from error
            raise StorageError(f"{self.url}: {error}") from error
        self._opened: fsspec.AbstractFileSystem = file_system
        self._opened_by = os.getpid()
        self._root = str(root).rstrip("/")

    @property
    def _file_system(self) -> fsspec.AbstractFileSystem:
        # A forked process, as a DataLoader's workers are, opens it anew: connections do not survive a fork.
        if self._opened_by != os.getpid():
            self._open()
        return self._opened

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

    def read(self, name: str, *, start: int = 0, length: int | None = None, limit: int = MAX_BYTES) -> bytes:
        """The bytes of a file: all of them, or one range of `length` bytes from `start`.

        Raises `NotFound` if it is not there, `StorageError` if the range reaches beyond its end, or a whole file has
        more than `limit` bytes, before they are read.
        """
        end = None if length is None else start + length
        with self._errors(name):
            if self.local is not None:
                with open(open_beneath(self._root, name), "rb") as file:
                    size = os.fstat(file.fileno()).st_size
                    self._check_size(name, size if length is None else 0, limit)
                    file.seek(min(start, size))
                    # A length from an index may be any number, and no more memory is taken than the file has bytes.
                    data = file.read(None if length is None else max(0, min(length, size - start)))
            else:
                if length is None and limit < MAX_BYTES:  # a request more, for small files alone
                    self._check_size(name, self.size(name) or 0, limit)
                data = self._fetch(name, start, end)
        if length is not None and len(data) != length:
            raise StorageError(f"{self.place(name)}: it ends after {start + len(data)} bytes, {end} were expected")
        return data

    def _fetch(self, name: str, start: int, end: int | None) -> bytes:
        """A range of a file that is not on this machine, or all of it."""
        if self._whole is not None and self._whole[0] == name and end is not None:
            return self._whole[1][start:end]
        data = cast(bytes, self._file_system.cat_file(self._path(name), start=start or None, end=end))
        if end is None or len(data) <= end - start:
            return data
        if self._whole is None:
            _log.warning("%s: the server gives whole files only, no ranges; each is read once, which is slow", self.url)
        self._whole = name, data
        return data[start:end]

    def size(self, name: str) -> int | None:
        """The size of a file in bytes, or None if it is not there."""
        try:
            with self._errors(name):
                if self.local is not None:
                    return (beneath(self._root, name, refuse_link) if name else os.stat(self._root or "/")).st_size
                self._file_system.invalidate_cache()
                return int(self._file_system.size(self._path(name)))
        except NotFound:
            return None

    def exists(self, name: str = "") -> bool:
        """Whether a file or folder of that name is there."""
        if self.local is not None:
            return self.size(name) is not None
        with self._errors(name):
            self._file_system.invalidate_cache()
            return bool(self._file_system.exists(self._path(name)))

    def sizes(self, below: str = "") -> dict[str, int]:
        """The names of all files below a folder, as `names` gives them, each with its size in bytes."""
        with self._errors(below):
            if self.local is not None:
                return sizes_beneath(self._root, below)
            self._file_system.invalidate_cache()
            try:
                found = self._file_system.find(self._path(below), detail=True)
            except FileNotFoundError:
                found = {}
        return {str(path)[len(self._root) :].lstrip("/"): int(about["size"]) for path, about in sorted(found.items())}

    def names(self, below: str = "") -> list[str]:
        """The names of all files below a folder, relative to this one, sorted; none if it is not there.

        Folders that are links are not looked into.
        """
        return list(self.sizes(below))

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
                with path.open("rb") as file:
                    os.fsync(file.fileno())  # so that a rename never shows an empty file
                beneath(self._root, name, lambda folder, part: os.rename(path, part, dst_dir_fd=folder), make=True)
            else:
                self._file_system.put_file(str(path), self._path(name))
                path.unlink()

    def rename(self, name: str, to: str) -> None:
        """Give a file another name, in place of the file that has it; at once on a disk of this machine."""

        def renamed(folder: int, part: str) -> None:
            beneath(self._root, name, lambda was, old: os.rename(old, part, src_dir_fd=was, dst_dir_fd=folder))

        with self._errors(name):
            if self.local is not None:
                beneath(self._root, to, renamed, make=True)
            else:
                self._file_system.mv(self._path(name), self._path(to))

    def download(self, name: str, path: Path) -> None:
        """Copy a file of the folder to `path` on this machine."""
        if self.local is not None:
            with self.open(name) as file, path.open("wb") as copy:
                shutil.copyfileobj(file, copy)
            return
        with self._errors(name):
            self._file_system.get_file(self._path(name), str(path))

    @contextmanager
    def create(self, name: str) -> Iterator[BinaryIO]:
        """A file to write, which appears under its name when the block ends well and not at all when it raises."""
        if self.local is not None:
            with storage_errors(self.place(name)), contextlib.ExitStack() as stack:
                folder = beneath(self._root, name, lambda folder, part: (os.dup(folder), part), make=True)
                stack.callback(os.close, folder[0])
                yield stack.enter_context(renamed_when_whole(*folder))
            return
        with storage_errors(tempfile.gettempdir()), tempfile.NamedTemporaryFile(prefix="gifbench-") as scratch:
            yield cast(BinaryIO, scratch)
            scratch.flush()
            with self._errors(name):
                self._file_system.put_file(scratch.name, self._path(name))

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """A file to read in ranges or as a stream."""
        with storage_errors(self.place(name)), self.open_file(name) as file:
            yield file

    def open_file(self, name: str) -> BinaryIO:
        """A file to read that its caller closes; `open` also names the file in errors while it is read."""
        with self._errors(name):
            if self.local is not None:
                return os.fdopen(open_beneath(self._root, name), "rb")
            return cast(BinaryIO, self._file_system.open(self._path(name), "rb"))

    def delete(self, name: str) -> None:
        """Delete a file or folder; nothing happens if it is not there. Of a link only the link is deleted."""
        with self._errors(name):
            if self.local is not None:
                with contextlib.suppress(FileNotFoundError):
                    beneath(self._root, name, _remove)
                return
            self._file_system.invalidate_cache()
            with contextlib.suppress(FileNotFoundError):
                self._file_system.rm(self._path(name), recursive=True)

    @contextmanager
    def lock(self, name: str, *, busy: Exception) -> Iterator[None]:
        """Hold the lock file `name` for this process while the block lasts; raises `busy` where another one holds it.

        Where the folder is on no file system of this machine there is no lock, and nothing is raised.
        """
        if self.local is None:
            yield
            return
        with contextlib.ExitStack() as stack:
            with self._errors(name):
                folder, part = beneath(self._root, name, lambda folder, part: (os.dup(folder), part), make=True)
                stack.callback(os.close, folder)
                stack.enter_context(lock_beneath(folder, part, busy=busy))
            yield

    def check_apart(self, names: Iterable[str]) -> None:
        """Raise `StorageError` where two of these names would be one file here, since upper and lower case are one.

        That is so on macOS and Windows, unless they were told otherwise, and on some network storage. Names that are
        the very same are one name.
        """
        known: dict[str, str] = {}
        for name in names:
            other = known.setdefault(name.casefold(), name)
            if other != name and self._ignores_case():
                raise StorageError(
                    f"{self.place(name)}: {other} would be the same file, since this file system does not tell upper "
                    "from lower case; choose a folder on one that does, or another name for one of the two"
                )

    def _ignores_case(self) -> bool:
        if self.local is None:
            return False
        with self._errors(""), tempfile.NamedTemporaryFile(dir=self.local, prefix=".Case-", suffix=PARTIAL) as file:
            place = Path(file.name)
            return place.with_name(place.name.swapcase()).exists()

    def sweep(self) -> None:
        """Delete what a killed writer left behind."""
        for name in self.names():
            before, unfinished, _ = f"{name}/".partition(f"{PARTIAL}/")
            if unfinished:
                self.delete(f"{before}{PARTIAL}")

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

    def _check_size(self, name: str, size: int, limit: int) -> None:
        if size > limit:
            raise StorageError(f"{self.place(name)}: it has {size} bytes, and at most {limit} are read")

    def _path(self, name: str) -> str:
        return f"{self._root}/{check_name(name, folder=self.url)}" if name else self._root


def _remove(folder: int, part: str) -> None:
    """Delete a file, a link, or a folder with all that is in it."""
    if stat.S_ISDIR(os.stat(part, dir_fd=folder, follow_symlinks=False).st_mode):
        shutil.rmtree(part, dir_fd=folder)
    else:
        os.unlink(part, dir_fd=folder)
