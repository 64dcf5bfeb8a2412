"""What a command prints: text or one JSON document on stdout, all else on stderr; nothing that drives a terminal."""

from __future__ import annotations

import functools
import json
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO

from gifbench.text_redaction import redact

if TYPE_CHECKING:
    from rich.console import Console

_WIDE = 10_000
"""Columns of a table that is no terminal's: its lines are for scripts, and stay whole."""

_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What drives a terminal, or turns the order of what is read: names in files and others' errors may hold it."""

_stdout: TextIO | None = None  # the real one, while a command runs


def say(text: str) -> None:
    """Print a line on stdout."""
    (_stdout or sys.stdout).write(f"{_UNSEEN.sub('�', text)}\n")


def note(text: str) -> None:
    """Print a line on stderr, where it does not mix with a result, and in the log of the run; without secrets."""
    text = redact(text, homes=False)
    write_note(text)
    logging.getLogger("gifbench").info(text)


def write_note(text: str) -> None:
    """Print a line on stderr alone, above a bar that is being drawn."""
    seen = _UNSEEN.sub("�", text)
    if sys.stderr.isatty():
        terminal().out(seen, highlight=False)
    else:
        sys.stderr.write(f"{seen}\n")
        sys.stderr.flush()


@functools.cache
def terminal() -> Console:
    """The one on stderr, which bars and notes share."""
    from rich.console import Console

    return Console(stderr=True)


def say_json(document: object) -> None:
    """Print one JSON document on stdout."""
    say(json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False))


def flush() -> None:
    """Write out what was said so far; whoever read it may have gone."""
    with suppress(BrokenPipeError):
        (_stdout or sys.stdout).flush()


def nobody_reads() -> None:
    """Whoever read stdout has gone, as `head` does: what is still written goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), (_stdout or sys.stdout).fileno())


@contextmanager
def stdout_is_ours() -> Iterator[None]:
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
