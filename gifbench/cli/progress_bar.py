"""How far a long command is: a bar on a terminal, plain lines elsewhere, and in the log of the run."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from gifbench.cli.terminal_text import note, terminal, write_note
from gifbench.progress import Progress, ProgressCallback, duration_text


@contextmanager
def progress_bar(title: str) -> Iterator[ProgressCallback]:
    """What to call with every `Progress`: a bar on a terminal, plain lines elsewhere, and messages, all on stderr.

    Both say how much time is left: what the call estimates, else by the pace of this run.
    """
    logger, time_left = logging.getLogger("gifbench"), _time_left()
    with _bar(title) if sys.stderr.isatty() else nullcontext(_lines()) as show:

        def step(now: Progress) -> None:
            if now.message:
                note(now.message)
            left = time_left(now)
            line = f"{title}: {f'{now.done}/{now.total}' if now.total else now.done} {now.what}".rstrip() + left
            show(now, left, line)
            if logger.handlers:
                logger.info(line, extra={"progress": True})

        yield step


_Show = Callable[[Progress, str, str], None]
"""What shows an event, given the time left as text, and all of it as a line."""


@contextmanager
def _bar(title: str) -> Iterator[_Show]:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[what]}{task.fields[left]}", markup=False),
    )
    with Bars(*columns, console=terminal()) as bar:
        task = bar.add_task(title, total=None, what="", left="")
        yield lambda now, left, _: bar.update(
            task, completed=now.done, total=now.total or None, what=now.what[:60], left=left
        )


def _time_left() -> Callable[[Progress], str]:
    """The time left as text, by the pace since the first event: what was done before it took no time."""
    first: tuple[float, int] | None = None

    def left(now: Progress) -> str:
        nonlocal first
        clock = time.monotonic()
        began, before = first = first or (clock, now.done)
        seconds = now.seconds_left
        if seconds is None and before < now.done:
            seconds = (clock - began) / (now.done - before) * (now.total - now.done)
        return "" if seconds is None or now.done >= now.total else f", about {duration_text(seconds)} left"

    return left


def _lines() -> _Show:
    last = -float("inf")

    def show(now: Progress, _: str, line: str) -> None:
        nonlocal last
        # A log that runs for days must not grow by a line a frame.
        if time.monotonic() - last >= 1 or now.done == now.total:
            last = time.monotonic()
            write_note(line)

    return show
