"""What must not happen while a stranger's file is read: nothing written or read outside, no network, no code.

Python's own events (`sys.addaudithook`) tell of opening, renaming, connecting and starting programs; what C libraries
open themselves, such as libav and Arrow, only the kernel sees (`inotify` on the folder that nobody may look into).
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

_NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.bind", "ftplib.")
_PROGRAMS = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "os.startfile", "os.fork", "ctypes.dlopen")
_CHANGES = {  # which arguments are paths, and where the folder is that they are relative to
    **{f"os.{name}": ((0, 2),) for name in ("mkdir", "chmod")},
    **{f"os.{name}": ((0, 1),) for name in ("remove", "rmdir")},
    **{f"os.{name}": ((0, None),) for name in ("truncate", "chown", "setxattr", "removexattr")},
    "os.utime": ((0, 3),),
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((1, 3),),
    "os.symlink": ((1, 2),),
    "shutil.rmtree": ((0, 1),),
    "shutil.copyfile": ((1, None),),
    "shutil.move": ((0, None), (1, None)),
}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_LIBRARIES = tuple(
    {sys.prefix, sys.base_prefix, str(ROOT / "gifbench"), *(path for path in sys.path if path)} - {str(ROOT)}
)

_IN_SEEN = 0x20 | 0x1 | 0x2 | 0x4 | 0x40 | 0x80 | 0x100 | 0x200  # opened, read, changed, moved, made, deleted
_IN_FOLDER = 0x40000000


class Guard:
    """What happened within a block that must not have: a line each."""

    def __init__(self, sandbox: Path, *, writable: Sequence[Path], victim: Path) -> None:
        self._sandbox, self._victim = os.path.realpath(sandbox), os.path.realpath(victim)
        self._writable = tuple(os.path.realpath(path) for path in writable)
        self.seen: list[str] = []

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """One event of Python's."""
        if event.startswith(_NETWORK):
            self.seen.append(f"network: {event} {arguments[1:] or arguments!r}")
        elif event in _PROGRAMS:
            version = event == "subprocess.Popen" and list(arguments[1])[:3] == ["git", "-C", str(ROOT)]  # of the code
            if not version and (event != "ctypes.dlopen" or self._is_inside(str(arguments[0]))):
                self.seen.append(f"program: {event} {arguments[:2]!r}")
        elif event == "open":
            path, mode, flags = arguments
            if not isinstance(path, str | bytes | os.PathLike):
                return  # a descriptor
            writes = bool((flags or 0) & _WRITES) or (isinstance(mode, str) and bool(set(mode) & set("wax+")))
            self._look(os.fsdecode(path), None, "written" if writes else "read")
        elif event == "exec" and self._is_inside(getattr(arguments[0], "co_filename", "")):
            self.seen.append(f"code: {arguments[0].co_filename} is run")
        elif event == "import" and arguments[1] and self._is_inside(str(arguments[1])):
            self.seen.append(f"code: {arguments[1]} is imported")
        elif event in _CHANGES:
            for at, folder in _CHANGES[event]:
                if at < len(arguments) and isinstance(arguments[at], str | bytes | os.PathLike):
                    inside = arguments[folder] if folder is not None and folder < len(arguments) else None
                    follows = event in ("os.truncate", "os.chmod", "os.chown", "os.utime", "shutil.copyfile")
                    self._look(os.fsdecode(arguments[at]), inside, f"changed by {event}", follows=follows)

    def _is_inside(self, path: str) -> bool:
        if not path or path.startswith(("<", *_LIBRARIES)):  # made by dataclasses and templates, or installed
            return False
        return _below(os.path.realpath(path), self._sandbox)

    def _look(self, path: str, folder: object, how: str, *, follows: bool = True) -> None:
        if isinstance(folder, int) and folder >= 0:
            path = f"{os.path.realpath(f'/proc/self/fd/{folder}')}/{path}"
        elif "/" not in path and folder is None:
            return  # opened below a folder that is open already, which Python does not tell; the kernel does
        if how == "read" and path.startswith(_LIBRARIES):
            return
        folder_of, name = os.path.split(path)
        real = os.path.realpath(path) if follows else f"{os.path.realpath(folder_of)}/{name}"
        if _below(real, self._victim) or (how != "read" and not self._may_write(real)):
            self.seen.append(f"{how}: {path}")

    def _may_write(self, real: str) -> bool:
        if any(_below(real, folder) for folder in self._writable) or real.startswith("/dev/"):
            return True
        # What is compiled or cached on first use, whatever is read.
        return not _below(real, self._sandbox) and "__pycache__" in real and _below(real, str(ROOT))


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


_guards: list[Guard] = []
_hooks: list[object] = []
_own = threading.local()


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _guards or getattr(_own, "looking", False):  # what a guard itself looks up is not to be heard
        return
    _own.looking = True
    try:
        for guard in _guards:
            guard.hear(event, arguments)
    finally:
        _own.looking = False


@contextmanager
def nothing_outside(sandbox: Path, *, writable: Sequence[Path], victim: Path) -> Iterator[None]:
    """Within the block nothing but `writable` is written, `victim` is not even opened, and no code or network is used.

    `sandbox` holds all of them, and is the current folder meanwhile. Raises `AssertionError` with all that happened.
    """
    if not _hooks:  # one for good: a hook cannot be taken away
        sys.addaudithook(_hook)
        _hooks.append(_hook)
    guard = Guard(sandbox, writable=writable, victim=victim)
    before = _listing(victim)
    stray = sandbox / "cwd"
    stray.mkdir(exist_ok=True)
    here, temporary, unwritten = Path.cwd(), tempfile.tempdir, sys.dont_write_bytecode
    # A recipe's compiled file beside it is Python's own.
    sys.dont_write_bytecode = True
    watch = _Watch(victim)
    os.chdir(stray)
    tempfile.tempdir = str(writable[0])
    _guards.append(guard)
    try:
        yield
    finally:
        _guards.clear()
        tempfile.tempdir, sys.dont_write_bytecode = temporary, unwritten
        os.chdir(here)
        seen = [*guard.seen, *watch.close()]
    if _listing(victim) != before:
        seen.append("the folder of the victim is another")
    seen += [f"written: {path}" for path in stray.iterdir()]
    if seen:
        raise AssertionError("; ".join(dict.fromkeys(seen)))


def _listing(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in sorted(folder.rglob("*"))}


class _Watch:
    """The kernel's own record of what happens to the files below a folder; of other systems than Linux nothing."""

    def __init__(self, folder: Path) -> None:
        self._descriptor = -1
        if not sys.platform.startswith("linux"):
            return
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        for each in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
            libc.inotify_add_watch(self._descriptor, os.fsencode(each), _IN_SEEN)

    def close(self) -> list[str]:
        """A line for each file that was opened, read or changed."""
        if self._descriptor < 0:
            return []
        data = b""
        try:
            while part := os.read(self._descriptor, 1 << 16):
                data += part
        except BlockingIOError:
            pass
        finally:
            os.close(self._descriptor)
        seen, at = set(), 0
        while at < len(data):
            _, mask, _, length = struct.unpack_from("iIII", data, at)
            name = data[at + 16 : at + 16 + length].rstrip(b"\0").decode(errors="replace")
            at += 16 + length
            if not mask & _IN_FOLDER:
                seen.add(f"the kernel saw {name} of the victim touched ({mask:#x})")
        return sorted(seen)
