"""A command that is killed as it is about to touch a file: in a fork, at any such moment, by Python's audit events."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

_WRITES = frozenset(
    f"os.{name}" for name in ("rename", "remove", "rmdir", "mkdir", "truncate", "link", "symlink", "chmod", "utime")
) | {"shutil.rmtree", "shutil.move", "shutil.copyfile"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class _Touches:
    """What Python tells of each file that is about to be touched; heard from the first time on, counted when asked."""

    def __init__(self) -> None:
        self._heard, self._counting = False, False
        self.count, self._last = 0, -1

    def begin(self, *, last: int = -1) -> None:
        """Count from here on; the process ends, as by SIGKILL, before it has touched more than `last`."""
        if not self._heard:
            sys.addaudithook(self._hear)  # which nothing takes away again
            self._heard = True
        self._counting, self.count, self._last = True, 0, last

    def end(self) -> int:
        self._counting = False
        return self.count

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self._counting:
            return
        if event == "open":
            flags = arguments[2]
            if not isinstance(flags, int) or not flags & _WRITING or str(arguments[0]).startswith("/dev/"):
                return
        elif event not in _WRITES:
            return
        if self.count == self._last:
            os._exit(137)
        self.count += 1


_TOUCHES = _Touches()


def touches_of(run: Callable[[], object]) -> int:
    """Run to the end, in this process; how often files are touched."""
    _TOUCHES.begin()
    try:
        run()
    finally:
        _TOUCHES.end()
    return _TOUCHES.count


def killed(run: Callable[[], object], *, after: int) -> bool:
    """Run in a fork that ends, as by SIGKILL, before its `after`-th touch of a file; whether it came to that."""
    child = os.fork()
    if child == 0:
        _TOUCHES.begin(last=after)
        try:
            run()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 137


def kill_at_touches(
    run: Callable[[], object],
    prepare: Callable[[], object],
    look: Callable[[], object],
    *,
    touches: int,
    most: int,
    first: int = 0,
) -> None:
    """Kill a command that touches files so often at up to `most` of these moments, spread over all; `look` after each.

    One that has warmed up may touch fewer, so that the last kills come too late, but not all.
    """
    step, kills = max(1, -(-touches // most)), 0
    for after in range(first % step, touches, step):
        prepare()
        kills += killed(run, after=after)
        look()
    assert kills > 0
