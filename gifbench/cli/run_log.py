"""A log of each long run, and the traceback of a fault: files that a bug report can be made of."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

from gifbench.redaction import redact

_KEPT = 50
_PROGRESS_SECONDS = 30.0


class RunLog:
    """One file: how a command was called, what it said, how it ended. What cannot be written is left out in silence."""

    def __init__(self, command: str) -> None:
        from gifbench.doctor import versions

        self._next_progress = 0.0
        self.path = _new_file(command)
        about = ", ".join(f"{name} {number}" for name, number in versions().items() if number)
        self.line(f"gifbench {' '.join(map(repr, sys.argv[1:]))}")
        self.line(f"in {Path.cwd()}, {about}")

    def line(self, text: str) -> None:
        """Add a line with its time."""
        if self.path is not None:
            stamp = time.strftime("%Y-%m-%d %H:%M:%S")
            try:
                with self.path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                    file.write(f"{stamp} {redact(text)}\n")
            except OSError:  # a log is never the reason for which a run of days ends
                self.path = None

    def progress(self, text: str) -> None:
        """Add a line of progress, if the last one is half a minute old."""
        if time.monotonic() >= self._next_progress:
            self._next_progress = time.monotonic() + _PROGRESS_SECONDS
            self.line(text)

    def fault(self, error: BaseException) -> None:
        """Add a traceback."""
        self.line("".join(traceback.format_exception(error)).rstrip())


def home() -> Path:
    """The folder of the logs."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()) / "gifbench"


def _new_file(command: str) -> Path | None:
    """A new, empty file, in the folder for temporary files where `home()` cannot be written."""
    start = f"{time.strftime('%Y-%m-%dT%H-%M-%S')}-{command}-"
    try:
        place = home()
        place.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(prefix=start, suffix=".log", dir=place)
        for old in sorted(place.glob("????-??-??T*.log"))[:-_KEPT]:
            old.unlink(missing_ok=True)
    except (OSError, RuntimeError):  # RuntimeError: a user without a home
        try:
            number, name = tempfile.mkstemp(prefix=f"gifbench-{start}", suffix=".log")
        except OSError:
            return None
    os.close(number)
    return Path(name)
