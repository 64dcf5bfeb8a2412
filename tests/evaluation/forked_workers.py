"""Workers of a scoring that are forks of a process with gifbench imported: each start of Python takes seconds."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace

import pytest

from gifbench.evaluation import local_scoring_workers
from tests.builder.servers import start_fork_server


class ForkedWorker:
    """What `subprocess.Popen` gives for a worker, as far as the pool asks for it: a process and a group of its own."""

    def __init__(self, command: Sequence[str], *, pass_fds: Sequence[int], stdin: int, start_new_session: bool) -> None:
        assert command[1:-1] == ["-P", "-m", "gifbench.evaluation.local_scoring_workers"] and start_new_session
        start_fork_server()
        pipe = Connection(os.dup(pass_fds[0]))
        given = (pipe, Path.cwd(), dict(os.environ))
        self._process = multiprocessing.get_context("forkserver").Process(target=_live, args=given)
        self._process.start()
        pipe.close()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("a worker", timeout or 0.0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


def _live(pipe: Connection, place: Path, environment: Mapping[str, str]) -> None:
    os.setsid()
    os.chdir(place)
    os.environ.clear()
    os.environ.update(environment)
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        local_scoring_workers._work(pipe)


def fork_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the pool have its workers as forks."""
    monkeypatch.setattr(
        local_scoring_workers, "subprocess", SimpleNamespace(**{**vars(subprocess), "Popen": ForkedWorker})
    )
