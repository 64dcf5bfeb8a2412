"""Several commands in one process, a fork of one with gifbench imported: a start of Python takes seconds."""

from __future__ import annotations

import atexit
import contextlib
import io
import multiprocessing
import os
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from tests.builder.servers import start_fork_server


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    stdout: str
    stderr: str


def run_commands(
    commands: Sequence[Sequence[object]],
    *,
    before: str = "",
    place: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> list[Ended]:
    """Run commands of gifbench, their words without `gifbench` itself; `before` is code that runs first.

    The modules of the command itself and what it imports late are imported by the new process, after `before` and with
    the `PYTHONPATH` of `environment`.
    """
    start_fork_server()
    words = [[str(word) for word in command] for command in commands]
    ours, theirs = multiprocessing.Pipe(duplex=False)
    given = (theirs, words, before, place or Path.cwd(), {**os.environ, **(environment or {})})
    process = multiprocessing.get_context("forkserver").Process(target=_live, args=given)
    process.start()
    theirs.close()
    with ours:
        try:
            ended = ours.recv()
        except EOFError:
            ended = None
    process.join()
    assert isinstance(ended, list), ended or f"ended with {process.exitcode}"
    assert process.exitcode == 0
    return ended


def _live(
    pipe: Connection, commands: Sequence[Sequence[str]], before: str, place: Path, environment: Mapping[str, str]
) -> None:
    os.chdir(place)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = [each for each in environment.get("PYTHONPATH", "").split(os.pathsep) if each]
    try:
        exec(before, {})
        from gifbench.cli import main

        pipe.send([_ended(main, command) for command in commands])
    except BaseException:
        pipe.send(traceback.format_exc())
    threading._shutdown()  # in the order in which an interpreter ends
    atexit._run_exitfuncs()


def _ended(main, command: Sequence[str]) -> Ended:
    sys.argv[1:], code = command, 0
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as done:
        code = done.code or 0
    return Ended(code, *(stream.buffer.getvalue().decode() for stream in (out, err)))
