"""Ending what a program leaves running outside of its group: daemons, which begin a session of their own."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

_ROUNDS = 20
"""A program that starts another each time it is ended is not followed for ever."""


def end_strays(place: Path) -> None:
    """Kill every process that works below the folder `place`, or was given it as its `TMPDIR`.

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
    return os.fsencode(f"TMPDIR={place}") in variables or (process / "cwd").readlink().is_relative_to(place)
