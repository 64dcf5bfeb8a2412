"""The one gate to a local folder: a name leads to a regular file below it, or it is refused.

Names come from indices, manifests, descriptions and archives of strangers, and a stranger's folder may hold links. Each
part of a name is opened by itself, relative to the open folder before it, without following a link; so what is swapped
for a link between a look and the opening is refused like one that was always there. A link that stays inside of the
folder is followed by its resolved path, which is opened in the same way. Pipes, devices and sockets are never opened.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from gifbench.errors import StorageError

T = TypeVar("T")

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
OPEN_FOLDER = os.O_CLOEXEC | os.O_DIRECTORY | getattr(os, "O_PATH", os.O_RDONLY)


class _IsLinkError(Exception):
    """A part of the path is a symbolic link."""


def check_name(name: str, *, folder: object = "") -> str:
    """`name`, which must be a path below a folder; raises `StorageError` for one that is absolute, or has `..` in it.

    Parts are set apart by `/`. Empty parts, `.`, and control characters are refused too; the message names `folder`.
    """
    if _CONTROL.search(name) or any(part in ("", ".", "..") for part in name.split("/")):
        where = f"{folder}: " if folder else ""
        raise StorageError(f"{where}a file must be named by a path below the folder, got {name[:200]!r}")
    return name


def open_regular(
    path: str | os.PathLike[str], *, flags: int = os.O_RDONLY, dir_fd: int | None = None, shown: object = None
) -> int:
    """A descriptor of the regular file `path`; a pipe, device or socket is not opened, and nothing is waited for.

    Links are followed unless `flags` has `O_NOFOLLOW`. Raises `OSError`, or for what is no regular file `StorageError`
    with the name `shown` (None: the path).
    """
    follow, shown = not flags & os.O_NOFOLLOW, shown or path
    _check_regular(os.stat(path, dir_fd=dir_fd, follow_symlinks=follow), shown)
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        _check_regular(os.fstat(descriptor), shown)  # what was swapped in between
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def beneath(root: str, name: str, action: Callable[[int, str], T], *, make: bool = False) -> T:
    """What `action` gives, called with the open folder that holds `name` below `root`, and the last part of the name.

    `make` creates the folders between. `action` raises what `refuse_link` raises where the last part is a link and that
    matters to it; it is then called once more with where the link leads. Raises `StorageError` for a name or a link
    that leads out of `root`, `OSError` as the system does.
    """
    root, parts = root or "/", check_name(name, folder=root).split("/")
    with suppress(_IsLinkError):
        return _in_folder(root, parts, action, make=make)
    top, real = os.path.realpath(root), os.path.realpath(os.path.join(root, name))
    if os.path.commonpath((top, real)) != top or real == top:
        raise StorageError(f"{os.path.join(root, name)}: a link leads out of the folder, and is not followed")
    try:
        return _in_folder(top, os.path.relpath(real, top).split("/"), action, make=make)
    except _IsLinkError:
        raise StorageError(f"{os.path.join(root, name)}: a link that changes while it is read") from None


def refuse_link(descriptor: int, part: str) -> os.stat_result:
    """What `part` of an open folder is; for a link `beneath` goes on where that leads."""
    found = os.stat(part, dir_fd=descriptor, follow_symlinks=False)
    if stat.S_ISLNK(found.st_mode):
        raise _IsLinkError
    return found


def open_beneath(root: str, name: str) -> int:
    """A descriptor, to read, of the regular file `name` below `root`."""

    def opened(folder: int, part: str) -> int:
        refuse_link(folder, part)
        try:
            shown = os.path.join(root, name)
            return open_regular(part, flags=os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder, shown=shown)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EMLINK):
                raise _IsLinkError from None
            raise

    return beneath(root, name, opened)


def sizes_beneath(root: str, below: str) -> dict[str, int]:
    """The names of all files below the folder `below` ("" for all), relative to `root`, with their sizes in bytes.

    Links to folders are not followed. Links to files are listed; who reads one finds out where it leads.
    """

    def folder(descriptor: int, part: str) -> int:
        refuse_link(descriptor, part)
        return os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor)

    sizes: dict[str, int] = {}
    try:
        top = beneath(root, below, folder) if below else os.open(root or "/", os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return sizes
    try:
        for place, _, files, descriptor in os.fwalk(".", dir_fd=top, follow_symlinks=False):
            for name in files:
                with suppress(FileNotFoundError):
                    size = os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_size
                    sizes[os.path.normpath(os.path.join(below, place, name))] = size
    finally:
        os.close(top)
    return dict(sorted(sizes.items()))


def _in_folder(root: str, parts: Sequence[str], action: Callable[[int, str], T], *, make: bool) -> T:
    """What `action` gives where no link is followed below `root`. The root's own path may hold links."""
    if make:
        os.makedirs(root, exist_ok=True)
    descriptor = os.open(root, OPEN_FOLDER)
    try:
        for part in parts[:-1]:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=descriptor)
            try:
                following = os.open(part, OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=descriptor)
            except OSError as error:
                if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENOTDIR):
                    refuse_link(descriptor, part)
                raise
            os.close(descriptor)
            descriptor = following
        return action(descriptor, parts[-1])
    finally:
        os.close(descriptor)


def _check_regular(found: os.stat_result, shown: object) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(shown))
    if not stat.S_ISREG(found.st_mode):
        raise StorageError(f"{shown}: it must be a regular file, and is a link, a pipe, a device or a socket")
