"""Workers of a scoring that are forks of a process with gifbench imported: each start of Python takes seconds."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Sequence
from multiprocessing.connection import Connection
from types import SimpleNamespace

import pytest

from gifbench.evaluation import local_scoring_workers
from tests.cli.forked_command import Fork


class ForkedWorker(Fork):
    """What `subprocess.Popen` gives for a worker, as far as the pool asks for it."""

    def __init__(self, command: Sequence[str], *, pass_fds: Sequence[int], stdin: int, start_new_session: bool) -> None:
        assert command[1:-1] == ["-P", "-m", "gifbench.evaluation.local_scoring_workers"] and start_new_session
        with Connection(os.dup(pass_fds[0])) as pipe:
            super().__init__(_work, pipe)


def _work(pipe: Connection) -> None:
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        local_scoring_workers._work(pipe)


def fork_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the pool have its workers as forks."""
    monkeypatch.setattr(
        local_scoring_workers, "subprocess", SimpleNamespace(**{**vars(subprocess), "Popen": ForkedWorker})
    )
