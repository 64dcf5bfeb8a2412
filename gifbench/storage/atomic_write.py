"""Files that appear under their names only when they are whole."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, cast

from gifbench.errors import AlreadyExists, storage_errors
from gifbench.storage.safe_paths import open_regular

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
    with storage_errors(path):
        descriptor = os.open(folder, os.O_DIRECTORY | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY))
        try:
            with renamed_when_whole(descriptor, name) as file:
                yield file
        finally:
            os.close(descriptor)


@contextmanager
def renamed_when_whole(folder: int, name: str) -> Iterator[BinaryIO]:
    """A new file in the open folder `folder`, renamed to `name` when the block ends well, with its bytes on the disk.

    Raises `OSError`.
    """
    partial = f".{re.sub(r'[^A-Za-z0-9._-]', '_', name)[:100]}.{secrets.token_hex(4)}{PARTIAL}"
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(partial, flags, 0o666, dir_fd=folder)
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


def file_sha256(path: str | os.PathLike[str]) -> str:
    """The sha256 of a regular file in hexadecimal; raises the `StorageError` that names it."""
    with storage_errors(path), open(open_regular(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
