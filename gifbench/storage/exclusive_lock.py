"""One process at a time: `flock`, and where a file system has none (NFS, some FUSE) a lock file with a heartbeat.

`flock` ends with the process that holds it, however that ends. A lock file does not: it names the host and the process
that hold it, and its time of change is renewed while they do. Another process takes it over when the one it names has
ended on this host, or when, on another host, nothing renewed it for a minute.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from gifbench.errors import storage_errors
from gifbench.storage.safe_paths import OPEN_FOLDER, open_regular

HEARTBEAT_SECONDS = 10.0
STALE_SECONDS = 60.0

_BUSY = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}
_NO_FLOCK = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}
_MOST_BYTES = 4096


@contextmanager
def exclusive_lock(path: str | os.PathLike[str], *, busy: Exception) -> Iterator[None]:
    """Hold the lock file `path` for this process while the block lasts; raises `busy` where another one holds it.

    The file is created and stays; its bytes, if it is a file of something else, are left alone. A link is not followed.
    Raises the `StorageError` that names `path`.
    """
    path = Path(path)
    with contextlib.ExitStack() as stack:
        with storage_errors(path):
            folder = os.open(path.parent, OPEN_FOLDER)
            stack.callback(os.close, folder)
            stack.enter_context(lock_beneath(folder, path.name, busy=busy))
        yield


@contextmanager
def lock_beneath(folder: int, name: str, *, busy: Exception) -> Iterator[None]:
    """As `exclusive_lock`, for a name in an open folder; raises `OSError` or `StorageError`."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with contextlib.suppress(FileExistsError):
        os.close(os.open(name, flags | os.O_EXCL, 0o666, dir_fd=folder))
    descriptor = open_regular(name, flags=os.O_RDWR | os.O_NOFOLLOW, dir_fd=folder)
    try:
        with lock_file(descriptor, folder, name, busy=busy):
            yield
    finally:
        os.close(descriptor)


@contextmanager
def lock_file(descriptor: int, folder: int, name: str, *, busy: Exception) -> Iterator[None]:
    """Lock an open file for this process; `name` in the open folder `folder` is where a lock file may stand beside it.

    Raises `busy` where another process holds it, `OSError` where neither way works.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_FLOCK:
            with _held(folder, f"{name[:100]}.held", busy):
                yield
            return
        if error.errno in _BUSY:
            raise busy from None
        raise
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)


class _Holder(NamedTuple):
    """Who holds a lock file."""

    host: str
    pid: int
    started: str
    """When the process started, on the clock of its kernel: numbers of processes are used again."""
    token: str


@contextmanager
def _held(folder: int, name: str, busy: Exception) -> Iterator[None]:
    """Hold the lock file `name` of the open folder, renewed by a thread."""
    holder = _Holder(socket.gethostname(), os.getpid(), process_started(os.getpid()), secrets.token_hex(8))
    if not _created(folder, name, holder):
        found = _read(folder, name)
        taken = _is_stale(folder, name, found) and _taken_away(folder, name, found)
        if not taken or not _created(folder, name, holder):  # the latter where somebody else was faster
            raise busy
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(HEARTBEAT_SECONDS):
            with contextlib.suppress(OSError):
                os.utime(name, dir_fd=folder, follow_symlinks=False)

    heart = threading.Thread(target=renew, name="gifbench lock", daemon=True)
    heart.start()
    try:
        yield
    finally:
        ended.set()
        heart.join()
        if (found := _read(folder, name)) is not None and found.token == holder.token:
            os.unlink(name, dir_fd=folder)


def _created(folder: int, name: str, holder: _Holder) -> bool:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, 0o666, dir_fd=folder)
    except FileExistsError:
        return False
    with open(descriptor, "wb") as file:
        file.write(json.dumps(holder._asdict()).encode())
    return True


def _read(folder: int, name: str) -> _Holder | None:
    """Who holds a lock file; None where it is gone, or not written yet."""
    try:
        with open(open_regular(name, flags=os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder), "rb") as file:
            values = json.loads(file.read(_MOST_BYTES))
        return _Holder(str(values["host"]), int(values["pid"]), str(values["started"]), str(values["token"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _is_stale(folder: int, name: str, found: _Holder | None) -> bool:
    """Whether the process that a lock file names has ended, as far as can be known."""
    if found is not None and found.host == socket.gethostname():
        return process_started(found.pid) != found.started
    probe = f".{secrets.token_hex(8)}.partial"
    try:
        # The file system's own clock against itself: that of another host may be wrong.
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder))
        now = os.stat(probe, dir_fd=folder).st_mtime
        os.unlink(probe, dir_fd=folder)
        return now - os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime > STALE_SECONDS
    except FileNotFoundError:
        return True


def _taken_away(folder: int, name: str, stale: _Holder | None) -> bool:
    """Take a stale lock file away; False where it is another's by now, which stays."""
    aside = f".{name}.{secrets.token_hex(8)}.partial"
    try:
        os.rename(name, aside, src_dir_fd=folder, dst_dir_fd=folder)
    except FileNotFoundError:
        return True
    try:
        found = _read(folder, aside)
        if found == stale or found is None:
            return True
        _created(folder, name, found)
        return False
    finally:
        os.unlink(aside, dir_fd=folder)


def process_started(pid: int) -> str:
    """When a process of this machine started; "" if none of that number runs, "?" where the system does not say."""
    with contextlib.suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except (PermissionError, OverflowError):  # it is another user's, or no number of a process
        pass
    return "?"
