"""Processes that end with the one that started them, however that ends: also where it is killed or hung up.

A worker in Python watches its parent by `end_with_parent`, one of joblib's by `ended_with_this_process`. A program in
any language is guarded by a watchdog, a small process of its own that hears of the end of its parent through a pipe,
and ends what works in the folders it was told.
This file is also run as that watchdog, so it imports nothing of gifbench.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, Thread
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_SECONDS = 0.5
_ROUNDS = 20
"""A program that starts another each time it is ended is not followed for ever."""


@functools.cache
def end_with_parent(parent: int) -> None:
    """End this process soon after the process `parent` is no longer its parent, even in the middle of work.

    A process that leads a group ends with all of its group. For another one than a child of `parent` nothing happens.
    """
    if os.getppid() != parent:
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_SECONDS)
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    Thread(target=watch, daemon=True, name="end with parent").start()


def ended_with_this_process() -> dict[str, Any]:
    """Settings of `joblib.Parallel` whose workers end when this process does, also those that have had no work yet.

    joblib keeps workers for the next call, but not for one whose settings differ: these hold the environment, so that
    no worker goes on without the credentials that have come into it since.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return {"initializer": _end_with_driver, "initargs": (os.getpid(), environment)}


def in_processes(work: Callable[[T], R], items: Iterable[T], workers: int | None) -> Iterator[R]:
    """What `work` gives for each item, in their order, from so many processes, one a core if None; 1 is this one."""
    import joblib

    settings = ended_with_this_process()
    parallel = joblib.Parallel(n_jobs=workers or joblib.cpu_count(), return_as="generator", batch_size=1, **settings)
    results: Iterator[R] = parallel(joblib.delayed(work)(item) for item in items)
    return results


def _end_with_driver(driver: int, _environment: dict[str, str]) -> None:
    """The first that a worker of joblib does, which is a child of the process `driver`."""
    if os.name == "posix" and os.getppid() != driver:  # it was gone before
        os._exit(1)
    end_with_parent(driver)


def end_strays(place: Path) -> None:
    """Kill every process that works below the folder `place`, or was given it, or a folder in it, as its `TMPDIR`.

    Linux alone says so much of processes, and only of one's own; elsewhere nothing happens. One that leaves the folder
    and clears its environment is not found.
    """
    if sys.platform != "linux":
        return
    for _ in range(_ROUNDS):
        if not sum(_ended(int(entry.name), place) for entry in Path("/proc").iterdir() if entry.name.isdecimal()):
            return


def _ended(process: int, place: Path) -> bool:
    """Whether the process is of that folder, and was sent a signal that ends it."""
    with contextlib.suppress(OSError):  # it is another's, or has ended
        handle = os.pidfd_open(process)  # so that the signal reaches this process, and no later one of its number
        try:
            if process != os.getpid() and _is_of(Path(f"/proc/{process}"), place):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                return True
        finally:
            os.close(handle)
    return False


def _is_of(process: Path, place: Path) -> bool:
    variables = (process / "environ").read_bytes().split(b"\0")  # empty where a process has ended and waits to be read
    given = [Path(os.fsdecode(each[7:])) for each in variables if each.startswith(b"TMPDIR=")]
    return any(each.is_relative_to(place) for each in [*given, (process / "cwd").readlink()])


class _Watchdog:
    """The process that outlives this one by a moment; it is started for the first program, and is enough for all."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def tell(self, line: str) -> None:
        # Without a watchdog programs still end as they should.
        with self._lock, contextlib.suppress(OSError, ValueError):
            if self._process is None or self._owner != os.getpid() or self._process.poll() is not None:
                self._owner = os.getpid()
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", __file__],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,  # what ends this group does not end it
                )
                atexit.register(self._close, self._process)
            assert self._process.stdin is not None  # noqa: S101
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()

    @staticmethod
    def _close(process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError, subprocess.TimeoutExpired):
            assert process.stdin is not None  # noqa: S101
            process.stdin.close()
            process.wait(2)


_watchdog = _Watchdog()


@contextmanager
def guarded_folder(place: Path) -> Iterator[None]:
    """While it lasts, the end of this process ends whatever works in the folder `place`, and takes the folder away.

    A program is of the folder if it works below it or has it as its `TMPDIR`.
    """
    _watchdog.tell(f"+{os.fsencode(place).hex()}")
    try:
        yield
    finally:
        _watchdog.tell(f"-{os.fsencode(place).hex()}")


def guard_group(place: Path, group: int) -> None:
    """The process group `group` is of the guarded folder `place` too; where /proc is not, this alone tells."""
    _watchdog.tell(f"={os.fsencode(place).hex()} {group}")


def _watch() -> None:
    """The life of the watchdog: it reads what to guard until its parent has gone, whatever end that had."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    guarded: dict[Path, set[int]] = {}
    for line in sys.stdin.buffer:
        name, _, group = line[1:].strip().partition(b" ")
        place = Path(os.fsdecode(bytes.fromhex(name.decode())))
        if line[:1] == b"+":
            guarded[place] = set()
        elif line[:1] == b"-":
            guarded.pop(place, None)
        elif place in guarded and group:
            guarded[place].add(int(group))
    for place, groups in guarded.items():
        for group in groups:
            with contextlib.suppress(OSError):
                os.killpg(group, signal.SIGKILL)
        with contextlib.suppress(OSError):
            end_strays(place)
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    _watch()
