"""A command, or a call, as a process that is forked from one with gifbench imported: Python takes seconds to start."""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp

from tests.builder.servers import start_fork_server


class ForkedProcess:
    """A call in a process and a session of its own; what it prints is kept in files."""

    def __init__(self, function: Callable[..., object], *given: object, ignored: Sequence[int] = ()) -> None:
        """`ignored` are signals that whoever starts it has it ignore, as a shell does in the background."""
        start_fork_server()
        self._place = Path(mkdtemp())
        weakref.finalize(self, shutil.rmtree, self._place, ignore_errors=True)
        about = (function, given, list(ignored), self._place, Path.cwd(), dict(os.environ))
        self._process = multiprocessing.get_context("forkserver").Process(target=_live, args=about)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid
        with contextlib.suppress(ProcessLookupError):
            while self.poll() is None and os.getsid(self.pid) != self.pid:  # so that its group can be sent a signal
                time.sleep(0.001)

    def poll(self) -> int | None:
        """The exit code, as of `subprocess.Popen`."""
        return self._process.exitcode

    def wait(self) -> int:
        self._process.join()
        assert self._process.exitcode is not None
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

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


def _live(
    function: Callable[..., object],
    given: Sequence[object],
    ignored: Sequence[int],
    place: Path,
    here: Path,
    environment: Mapping[str, str],
) -> None:
    os.setsid()
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
    for number in (1, 2):
        os.dup2(os.open(place / str(number), os.O_WRONLY | os.O_CREAT), number)
    os.chdir(here)
    os.environ.clear()
    os.environ.update(environment)
    try:
        function(*given)
    finally:
        sys.stdout.flush()
        threading._shutdown()  # in the order in which an interpreter ends: workers of joblib are ended by the first
        atexit._run_exitfuncs()
