"""Files that appear under their names only when they are whole."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, cast

from gifbench.errors import AlreadyExists, storage_errors
from gifbench.storage.safe_paths import OPEN_FOLDER, open_regular

PARTIAL = ".partial"
"""How the names of unfinished files and folders end."""


@contextmanager
def atomic_write(path: str | os.PathLike[str], *, overwrite: bool = True) -> Iterator[BinaryIO]:
    """A file to write and read, which takes the place of `path` when the block ends well, and is gone when it raises.

    Where `path` is a link the link is replaced, not what it leads to. Raises `AlreadyExists` unless `overwrite`, or the
    `StorageError` that names `path`.
    """
    path = os.fspath(path)
    if not overwrite and os.path.lexists(path):
        raise AlreadyExists(f"{path}: it is there already; choose another name or ask to overwrite it")
    folder, name = os.path.split(os.path.abspath(path))
    with storage_errors(os.path.dirname(path) or "."):
        descriptor = os.open(folder, OPEN_FOLDER)
    with storage_errors(path):
        try:
            with renamed_when_whole(descriptor, name) as file:
                yield file
        finally:
            os.close(descriptor)


@contextmanager
def renamed_when_whole(folder: int, name: str) -> Iterator[BinaryIO]:
    """A new file in the open folder `folder`, renamed to `name` when the block ends well, with its bytes on the disk.

    What a killed writer left of the same file is written over, so that nothing piles up. Raises `OSError`.
    """
    partial, descriptor = _partial_file(folder, re.sub(r"[^A-Za-z0-9._-]", "_", name)[:100])
    try:
        with open(descriptor, "w+b") as file:
            yield cast(BinaryIO, file)
            file.flush()
            os.fsync(file.fileno())  # so that a rename never shows an empty file
        os.rename(partial, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(partial, dir_fd=folder)
        raise


def _partial_file(folder: int, name: str) -> tuple[str, int]:
    """The name of an empty file for what becomes `name`, and its descriptor: nobody else writes it while it is open.

    It is the one that a killed writer left, which holds its lock no longer, or a new one.
    """
    partial, flags = f".{name}{PARTIAL}", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(partial, flags | os.O_NONBLOCK, 0o666, dir_fd=folder)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.EACCES, errno.EPERM):
            raise
    else:
        if _is_ours(descriptor, folder, partial):
            os.ftruncate(descriptor, 0)
            return partial, descriptor
        os.close(descriptor)
    partial = f".{name}.{secrets.token_hex(4)}{PARTIAL}"
    return partial, os.open(partial, flags | os.O_EXCL, 0o666, dir_fd=folder)


def _is_ours(descriptor: int, folder: int, partial: str) -> bool:
    """Lock a file; whether that went, and it is a regular file that still has the name `partial`, and no other name."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        there = os.stat(partial, dir_fd=folder, follow_symlinks=False)
    except OSError:  # another writer has it or has renamed it, or nothing can be locked here
        return False
    found = os.fstat(descriptor)
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and os.path.samestat(found, there)


def file_sha256(path: str | os.PathLike[str]) -> str:
    """The sha256 of a regular file in hexadecimal; raises the `StorageError` that names it."""
    with storage_errors(path), open(open_regular(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
