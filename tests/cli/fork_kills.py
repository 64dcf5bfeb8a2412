"""A command that is killed as it is about to touch a file: in a fork, at any such moment, by Python's audit events."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from typer.testing import CliRunner, Result

from gifbench.cli.app import app

_WRITES = frozenset(
    f"os.{name}" for name in ("rename", "remove", "rmdir", "mkdir", "truncate", "link", "symlink", "chmod", "utime")
) | {"shutil.rmtree", "shutil.move", "shutil.copyfile"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def invoke(*arguments: object) -> Result:
    """Run `gifbench` with these arguments in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def killed(run: Callable[[], object], *, after: int) -> tuple[bool, int]:
    """Run in a fork that ends, as by SIGKILL, before its `after`-th touch of a file; whether it did, and how many."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        count = 0

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal count
            if event == "open":
                flags = arguments[2]
                if not isinstance(flags, int) or not flags & _WRITING or str(arguments[0]).startswith("/dev/"):
                    return
            elif event not in _WRITES:
                return
            if count == after:
                os._exit(137)
            count += 1

        sys.addaudithook(hook)
        try:
            run()
        finally:
            os.write(writer, str(count).encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        text = told.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 137, int(text or after)


def every_touch(
    run: Callable[[], object],
    prepare: Callable[[], object],
    look: Callable[[], object],
    *,
    most: int,
    first: int = 0,
) -> int:
    """Kill a command at up to `most` of its touches of files, spread over all, `look` after each; how many it has."""
    prepare()
    _, touches = killed(run, after=1 << 30)
    step = max(1, -(-touches // most))
    for after in range(first % step, touches, step):
        prepare()
        killed(run, after=after)
        look()
    return touches
