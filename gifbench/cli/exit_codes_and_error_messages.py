"""How a command ends: its exit code, and one clear message for whatever was raised, Ctrl-C and SIGTERM among it."""

from __future__ import annotations

import functools
import logging
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import ParamSpec

import typer

from gifbench.cli.run_log import LOGGER, RunLog
from gifbench.cli.terminal_text import flush, nobody_reads, note, say_json, stdout_is_ours, write_note
from gifbench.errors import GifbenchError, UsageError
from gifbench.text_redaction import redact
from gifbench.user_code_import import one_line

P = ParamSpec("P")

FAILED, WRONG_USAGE, SOME_FAILED, INTERRUPTED, TERMINATED = 1, 2, 3, 130, 143

_LONG = frozenset({"build", "fetch", "retry", "evaluate", "train"})
"""The commands that keep a log of every run; the others leave one only where gifbench is at fault."""


def command(function: Callable[P, None]) -> Callable[P, None]:
    """Turn what a command raises into one clear message and the exit code of the contract.

    `GIFBENCH_DEBUG=1` lets the error through with its traceback.
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        terminated = threading.Event()
        handlers: list[logging.Handler] = [_Warnings(logging.WARNING)]
        if function.__name__ in _LONG:
            LOGGER.setLevel(logging.INFO)
            handlers.append(RunLog(function.__name__))
        for handler in handlers:
            LOGGER.addHandler(handler)
        try:
            with _terminated_as_interrupted(terminated), stdout_is_ours():
                function(*args, **kwargs)
            LOGGER.info("done")
        except typer.Exit:  # what there is to say has been said
            raise
        except KeyboardInterrupt as error:
            how, code = ("Terminated", TERMINATED) if terminated.is_set() else ("Interrupted", INTERRUPTED)
            note(f"{how}. {str(error) or 'What was finished is kept; run the same command again to go on.'}")
            raise typer.Exit(code) from None
        except BrokenPipeError:
            nobody_reads()
            raise typer.Exit(FAILED) from None
        except SystemExit as error:
            if not function.__module__.startswith("gifbench."):  # a command of a package may end itself
                raise
            ended = GifbenchError(f"code that the command called ended it, before it was done ({one_line(error)})")
            _fail(ended, command=function.__name__, as_json=bool(kwargs.get("as_json")))
        except Exception as error:
            if os.environ.get("GIFBENCH_DEBUG") == "1":
                raise
            _fail(error, command=function.__name__, as_json=bool(kwargs.get("as_json")))
        finally:
            for handler in handlers:
                LOGGER.removeHandler(handler)

    return run


class _Warnings(logging.Handler):
    """What the library warns of, on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        write_note(redact(record.getMessage(), homes=False))


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
        log = next((each for each in LOGGER.handlers if isinstance(each, RunLog)), None) or RunLog(command)
        log.line("".join(traceback.format_exception(error)).rstrip())
        where = f"{log.path} says where" if log.path else "GIFBENCH_DEBUG=1 shows where"
        message = f"{type(error).__name__}: {error}. This is a fault of gifbench; {where}, for a bug report"
    if as_json:
        say_json({"error": {"code": code, "message": message}})
        flush()
    note(f"Error: {message}")
    raise typer.Exit(WRONG_USAGE if isinstance(error, UsageError) else FAILED) from None
