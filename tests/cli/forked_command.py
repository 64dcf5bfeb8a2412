"""A command, or a call, as a process that is forked from one with gifbench imported: Python takes seconds to start."""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp

from tests.builder.servers import start_fork_server


class Fork:
    """A call in a process and a session of its own, with what `subprocess.Popen` has."""

    def __init__(self, function: Callable[..., object], *given: object) -> None:
        start_fork_server()
        about = (function, given, Path.cwd(), dict(os.environ))
        self._process = multiprocessing.get_context("forkserver").Process(target=_live, args=about)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("a fork", timeout or 0.0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


def _live(function: Callable[..., object], given: Sequence[object], here: Path, environment: Mapping[str, str]) -> None:
    os.setsid()
    os.chdir(here)
    os.environ.clear()
    os.environ.update(environment)
    function(*given)


class ForkedProcess(Fork):
    """A fork whose output is kept in files."""

    def __init__(self, function: Callable[..., object], *given: object, ignored: Sequence[int] = ()) -> None:
        """`ignored` are signals that whoever starts it has it ignore, as a shell does in the background."""
        self._place = Path(mkdtemp())
        weakref.finalize(self, shutil.rmtree, self._place, ignore_errors=True)
        super().__init__(_heard, function, given, ignored, self._place)
        with contextlib.suppress(ProcessLookupError):
            while self.poll() is None and os.getsid(self.pid) != self.pid:  # so that its group can be sent a signal
                time.sleep(0.001)

    @property
    def stdout(self) -> str:
        return (self._place / "1").read_text(encoding="utf-8")

    @property
    def stderr(self) -> str:
        return (self._place / "2").read_text(encoding="utf-8")


class ForkedCommand(ForkedProcess):
    """`gifbench` with these words."""

    def __init__(self, *words: object, ignored: Sequence[int] = ()) -> None:
        super().__init__(_command, *map(str, words), ignored=ignored)


def _command(*words: str) -> None:
    sys.argv = ["gifbench", *words]
    from gifbench.cli import main

    main()


def _heard(function: Callable[..., object], given: Sequence[object], ignored: Sequence[int], place: Path) -> None:
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
    for number in (1, 2):
        os.dup2(os.open(place / str(number), os.O_WRONLY | os.O_CREAT), number)
    try:
        function(*given)
    finally:
        sys.stdout.flush()
        threading._shutdown()  # in the order in which an interpreter ends: workers of joblib are ended by the first
        atexit._run_exitfuncs()
