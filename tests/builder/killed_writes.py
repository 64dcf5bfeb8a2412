"""Kills between any two writes of a command: what both a clean and a killed run leave behind can be looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from gifbench.progress import Progress
from gifbench.storage import Folder


class Killed(BaseException):
    """Nothing is written any more, as after SIGKILL: neither by the command nor by what tidies up behind it."""


class Pulled(Exception):
    """The plug is pulled."""


def pull(now: Progress) -> None:
    """Pull the plug after the first clip of a build."""
    if now.what:
        raise Pulled


@contextmanager
def killed_after(writes: int) -> Iterator[Callable[[], int]]:
    """While it lasts a process may write, create, take or delete `writes` files and no more."""
    done = 0

    def counted(method: Callable[..., object]) -> Callable[..., object]:
        def call(self: Folder, name: str, *args: object) -> object:
            nonlocal done
            if done >= writes:
                raise Killed
            done += 1
            return method(self, name, *args)

        return call

    with pytest.MonkeyPatch.context() as patch:
        # `write` goes through `create` on this machine's file system.
        for name in ("create", "take", "delete"):
            patch.setattr(Folder, name, counted(getattr(Folder, name)))
        yield lambda: done


def every_kill(
    run: Callable[[], object],
    prepare: Callable[[], None],
    look: Callable[[], None],
    *,
    first: int = 0,
    step: int = 1,
) -> int:
    """Run a command once for every number of writes after which it is killed, and look at what is there each time.

    With a `step` only for each so-many-th number from `first` on. Gives a number of writes that a run ends with, which
    without a step is the least.
    """
    writes = first
    while True:
        prepare()
        try:
            with killed_after(writes):
                run()
        except Killed:
            look()
            writes += step
            continue
        look()
        return writes
