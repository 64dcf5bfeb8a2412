"""What a method does that its code and options do not tell, heard by an audit hook: files that it reads, programs that
it starts, the network that it asks.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from gifbench.methods.method_state_hash import content_sha256

_HARMLESS_PROGRAMS = frozenset({"uname", "ldconfig", "gcc", "g++", "cc", "c++", "ld", "clang", "nvcc", "lscpu"})


@dataclass(slots=True)
class Watch:
    """What a method does that its code and options do not tell: files that it reads, programs that it starts.

    `files` are those it read while it was set up, with their sha256; `reasons` why its identity is unknown.
    """

    files: dict[str, str] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    _heard: list[tuple[str, str, str]] = field(default_factory=list, repr=False, compare=False)

    @contextmanager
    def looking(self, *, known: bool = False) -> Iterator[None]:
        """Notice what this thread does while it lasts; `known` files become part of the identity.

        So is what threads do that it starts, and what they did since they were looked at.
        """
        _install()
        before = getattr(_now, "heard", None), getattr(_now, "callers", ())
        # All of them: the nearest may be another context manager's, which is not on the stack any more.
        _now.heard, _now.callers = self._heard, frozenset(_stack())
        try:
            yield
        finally:
            _now.heard, _now.callers = before
            heard = list(self._heard)
            del self._heard[: len(heard)]
            self._take(heard, known=known)

    def also_read(self, modules: Iterable[Path]) -> None:
        """Count what these modules read when they were imported, which only the first of several methods hears."""
        for module in modules:
            if heard_import(module):
                self.files = {**_read_at_import.get(str(module), ("", {}))[1], **self.files}

    def _take(self, heard: list[tuple[str, str, str]], *, known: bool) -> None:
        for kind, what, module in dict.fromkeys(heard):
            reason = f"it {kind} {Path(what).name or what}{' while it restores' if kind == 'reads' else ''}"[:120]
            if kind == "imports":
                _remember(what, {})
            elif what in self.files or reason in self.reasons:
                continue
            elif kind != "reads":
                self.reasons.append(reason)
            elif digest := content_sha256(what) if Path(what).is_file() else None:
                if module:
                    _remember(module, {what: digest})
                if known:
                    self.files[what] = digest
                else:  # the identity that it began with stays what it is
                    self.reasons.append(reason)


_read_at_import: dict[str, tuple[str | None, dict[str, str]]] = {}
"""The content of each module of somebody's when it was imported, and the files that it read then, with their sha256."""


def _remember(module: str, read: Mapping[str, str]) -> None:
    whole = str(Path(module).resolve())
    content = content_sha256(whole) if Path(whole).is_file() else None
    before, files = _read_at_import.get(whole, (content, {}))
    _read_at_import[whole] = content, {**(files if before == content else {}), **read}


def heard_import(module: Path) -> bool:
    """Whether a module of somebody's was imported, as it is now, while a method was looked at; others are not asked."""
    content, _ = _read_at_import.get(str(module), ("", {}))
    return str(module).startswith(_OTHERS) or content == content_sha256(module)


_now = threading.local()
_HEARD_BY_PARENT = "_gifbench_heard"


@cache
def _install() -> None:
    sys.addaudithook(_hear)
    start = threading.Thread.start

    def start_heard(thread: threading.Thread) -> None:  # no audit event tells of it before Python 3.12
        setattr(thread, _HEARD_BY_PARENT, getattr(_now, "heard", None))
        start(thread)

    threading.Thread.start = start_heard  # type: ignore[assignment, method-assign]


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    heard = getattr(_now, "heard", None)
    if heard is None:
        if not callable(getattr(threading, "get_ident", None)):  # the interpreter is ending
            return
        threads: Mapping[int, threading.Thread] = getattr(threading, "_active", {})
        heard = getattr(threads.get(threading.get_ident()), _HEARD_BY_PARENT, None)
        if heard is None:
            return
    if event == "open":
        path, mode, flags = arguments
        reads = mode.startswith("r") and "+" not in mode if isinstance(mode, str) else not flags & os.O_ACCMODE
        if reads and isinstance(path, str | bytes) and (file := _own_file(os.fsdecode(path))):
            module = _imported_module()
            # What a package reads as it is imported is read by the first in a process that imports it, and no other.
            if not module.startswith(_OTHERS):
                heard.append(("reads", file, module))
    elif event == "exec":
        code = arguments[0]
        if getattr(code, "co_name", "") == "<module>" and not code.co_filename.startswith((*_OTHERS, "<")):
            heard.append(("imports", code.co_filename, ""))
    elif event in ("subprocess.Popen", "os.posix_spawn", "os.exec", "os.spawn", "os.system"):
        program = os.fsdecode(arguments[1] if event == "os.spawn" else arguments[0] or "a program")
        if Path(program).name not in _HARMLESS_PROGRAMS:
            heard.append(("starts", program, ""))
    elif event in ("socket.connect", "urllib.Request"):
        heard.append(("asks", "the network", ""))


def _imported_module() -> str:
    """The file of the module that is being imported, of several the last one; "" where none is."""
    callers = getattr(_now, "callers", ())
    for frame in _stack():
        if frame in callers:
            break
        if frame.f_code.co_name == "<module>":
            return frame.f_code.co_filename
    return ""


def _stack() -> Iterator[FrameType]:
    """The frames that are under way, the innermost first, from whoever asks."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back


def _own_file(path: str) -> str | None:
    """The file as a whole path; None for code, and for what belongs to Python, its packages, gifbench or the system."""
    whole = os.path.abspath(path)  # noqa: PTH100  # no file system call: the event is in the middle of one
    # Code is followed by its imports, because a module is read only by the first of several methods that import it.
    if whole.startswith(_OTHERS) or whole.endswith((".py", ".pyc", ".nbi", ".nbc")) or any(map(whole.count, _CACHES)):
        return None
    return whole


_CACHES = ("/torchinductor", "/.triton/", "/.nv/", "/numba_cache", "/matplotlib/")
_OTHERS = tuple(
    f"{each.rstrip(os.sep)}{os.sep}"
    for each in {
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        *(each for each in sys.path if each.endswith("-packages")),
        str(Path(__file__).parent.parent),
        *("/proc", "/sys", "/etc", "/usr/lib", "/usr/share", "/usr/local/cuda", "/lib"),
    }
    if each
)
