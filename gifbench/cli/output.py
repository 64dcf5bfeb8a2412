"""What a command prints: one JSON document or text on stdout, progress and errors on stderr, and its exit code."""

from __future__ import annotations

import functools
import json
import logging
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec, TextIO

import typer

from gifbench.cli.run_log import RunLog, run_log
from gifbench.errors import GifbenchError, UsageError
from gifbench.progress import Progress, ProgressCallback, duration_text
from gifbench.text_redaction import redact

if TYPE_CHECKING:
    from rich.console import Console

P = ParamSpec("P")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, and nothing else there.")]

DatasetPlace = Annotated[str, typer.Argument(help="The dataset: a folder or an fsspec URL.", metavar="DATASET")]

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")]

EXAMPLE = "gifbench_example"
"""The attribute of a command's function that holds what `example` was given."""

_WIDE = 10_000
"""Columns of a table that is no terminal's: its lines are for scripts, and stay whole."""

FAILED, WRONG_USAGE, SOME_FAILED, INTERRUPTED, TERMINATED = 1, 2, 3, 130, 143

_LONG = frozenset({"build", "fetch", "retry", "evaluate", "train"})
"""The commands that keep a log of every run; the others leave one only where gifbench is at fault."""

_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What drives a terminal, or turns the order of what is read: names in files and others' errors may hold it."""

_stdout: TextIO | None = None  # the real one, while a command runs


def say(text: str) -> None:
    """Print a line on stdout."""
    (_stdout or sys.stdout).write(f"{_UNSEEN.sub('�', text)}\n")


def note(text: str) -> None:
    """Print a line on stderr, where it does not mix with a result, and in the log of the run; without secrets."""
    text = redact(text, homes=False)
    _write_note(text)
    logging.getLogger("gifbench").info(text)


def _write_note(text: str) -> None:
    seen = _UNSEEN.sub("�", text)
    if sys.stderr.isatty():  # above a bar that is being drawn, not across it
        _terminal().out(seen, highlight=False)
    else:
        sys.stderr.write(f"{seen}\n")
        sys.stderr.flush()


@functools.cache
def _terminal() -> Console:
    from rich.console import Console

    return Console(stderr=True)


def say_json(document: object) -> None:
    """Print one JSON document on stdout."""
    say(json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False))


def example(line: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Give a command that a package adds the line that its `--help` ends with."""

    def mark(function: Callable[P, None]) -> Callable[P, None]:
        setattr(function, EXAMPLE, line)
        return function

    return mark


def command(function: Callable[P, None]) -> Callable[P, None]:
    """Turn what a command raises into one clear message and the exit code of the contract.

    `GIFBENCH_DEBUG=1` lets the error through with its traceback.
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        terminated = threading.Event()
        logger = logging.getLogger("gifbench")
        log = RunLog(function.__name__) if function.__name__ in _LONG else None
        warnings = _Warnings(logging.WARNING)
        logger.addHandler(warnings)
        if log is not None:
            logger.setLevel(logging.INFO)
            logger.addHandler(log)
        try:
            with _terminated_as_interrupted(terminated), _stdout_is_ours():
                function(*args, **kwargs)
            logger.info("done")
        except typer.Exit:  # what there is to say has been said
            raise
        except KeyboardInterrupt as error:
            how, code = ("Terminated", TERMINATED) if terminated.is_set() else ("Interrupted", INTERRUPTED)
            note(f"{how}. {str(error) or 'What was finished is kept; run the same command again to go on.'}")
            raise typer.Exit(code) from None
        except BrokenPipeError:
            # Whoever read our output has gone, as `head` does; there is nobody left to tell.
            os.dup2(os.open(os.devnull, os.O_WRONLY), (_stdout or sys.stdout).fileno())
            raise typer.Exit(FAILED) from None
        except Exception as error:
            if os.environ.get("GIFBENCH_DEBUG") == "1":
                raise
            _fail(error, command=function.__name__, as_json=bool(kwargs.get("as_json")))
        finally:
            logger.removeHandler(warnings)
            if log is not None:
                logger.removeHandler(log)

    return run


class _Warnings(logging.Handler):
    """What the library warns of, on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        _write_note(redact(record.getMessage(), homes=False))


@contextmanager
def _stdout_is_ours() -> Iterator[None]:
    """While it lasts only `say` writes to stdout: what methods, metrics, recipes and programs print goes to stderr.

    In a process of its own file descriptors are turned, once and for all, so that workers, programs, libraries that
    are no Python, and what runs as the interpreter ends follow.
    """
    global _stdout  # noqa: PLW0603  # what `say` writes to
    before = sys.stdout
    try:
        own = _stdout is None and before.fileno() == 1 and os.fstat(2) is not None
    except (OSError, ValueError):  # a test's stream, or one that is closed
        own = False
    if own:
        before.flush()
        _stdout = os.fdopen(os.dup(1), "w", encoding=before.encoding, errors=before.errors)
        os.dup2(2, 1)
    real, _stdout = _stdout, _stdout or before
    sys.stdout = sys.stderr
    try:
        yield
    finally:
        # However it ends: as the interpreter ends a stream may be gone before it is flushed.
        ours, _stdout, sys.stdout = _stdout, real, before
        if not ours.closed:
            ours.flush()


@contextmanager
def _terminated_as_interrupted(terminated: threading.Event) -> Iterator[None]:
    """While it lasts, SIGTERM, which is how a cluster ends a job, ends the command as Ctrl-C does: in order."""
    before = signal.getsignal(signal.SIGTERM)
    if before is not signal.SIG_DFL or threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        terminated.set()
        on_interrupt = signal.getsignal(signal.SIGINT)
        if not callable(on_interrupt):  # a shell's job in the background is told to ignore Ctrl-C
            raise KeyboardInterrupt
        on_interrupt(number, frame)

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _fail(error: Exception, *, command: str, as_json: bool) -> None:
    if isinstance(error, GifbenchError):
        code, message = error.code, str(error)
    else:
        code = "internal"
        log = run_log() or RunLog(command)
        log.fault(error)
        where = f"{log.path} says where" if log.path else "GIFBENCH_DEBUG=1 shows where"
        message = f"{type(error).__name__}: {error}. This is a fault of gifbench; {where}, for a bug report"
    if as_json:
        say_json({"error": {"code": code, "message": message}})
        with suppress(BrokenPipeError):
            (_stdout or sys.stdout).flush()
    note(f"Error: {message}")
    raise typer.Exit(WRONG_USAGE if isinstance(error, UsageError) else FAILED) from None


@contextmanager
def progress_bar(title: str) -> Iterator[ProgressCallback]:
    """What to call with every `Progress`: a bar on a terminal, plain lines elsewhere, and messages, all on stderr.

    Both say how much time is left: what the call estimates, else by the pace of this run.
    """
    left = _time_left()
    if sys.stderr.isatty():
        with _bar(title) as bar:
            yield _logged(title, left, bar)
    else:
        yield _logged(title, left, _lines(title))


_Show = Callable[[Progress, str], None]
"""What shows an event, and the time left as text."""


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
    with Bars(*columns, console=_terminal()) as bar:
        task = bar.add_task(title, total=None, what="", left="")
        yield lambda now, left: bar.update(
            task, completed=now.done, total=now.total or None, what=now.what[:60], left=left
        )


def _logged(title: str, left: Callable[[Progress], str], show: _Show) -> ProgressCallback:
    """What `show` shows, which the log of the run has too, now and then."""
    logger = logging.getLogger("gifbench")

    def step(now: Progress) -> None:
        if now.message:
            note(now.message)
        remaining = left(now)
        show(now, remaining)
        if logger.handlers:
            logger.info(_line(title, now, remaining), extra={"progress": True})

    return step


def _line(title: str, now: Progress, left: str) -> str:
    return f"{title}: {f'{now.done}/{now.total}' if now.total else now.done} {now.what}".rstrip() + left


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


def _lines(title: str) -> _Show:
    last = -float("inf")

    def show(now: Progress, left: str) -> None:
        nonlocal last
        # A log that runs for days must not grow by a line a frame.
        if time.monotonic() - last >= 1 or now.done == now.total:
            last = time.monotonic()
            _write_note(_line(title, now, left))

    return show


def table(rows: list[tuple[Any, ...]], *, header: tuple[str, ...]) -> str:
    """Rows as aligned text, numbers to the right; on a terminal cells wrap to its width, elsewhere lines stay whole."""
    from io import StringIO

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, header_style="", padding=(0, 2, 0, 0))
    for i, name in enumerate(header):
        number = bool(rows) and all(isinstance(row[i], int | float) for row in rows)
        made.add_column(Text(name), justify="right" if number else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(_UNSEEN.sub("�", str(value))) for value in row))
    console = Console(file=StringIO(), width=None if sys.stdout.isatty() else _WIDE, color_system=None)
    with console.capture() as captured:
        console.print(made)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())
