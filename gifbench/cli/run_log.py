"""A log file of each long run, and the traceback of a fault: files that a bug report can be made of."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import time
from pathlib import Path

from gifbench.text_redaction import redact

LOGGER = logging.getLogger("gifbench")
"""What commands say goes through it; `RunLog` is its file; `exit_codes_and_error_messages` adds the screen."""

_KEPT = 50
_PROGRESS_SECONDS = 30.0


class RunLog(logging.Handler):
    """One file: how a command was called, what it said, how it ended. What cannot be written is left out in silence.

    Records with the attribute `progress` are kept every half minute. `path` is None where no file can be written.
    """

    def __init__(self, command: str) -> None:
        from gifbench.doctor_checks import versions

        super().__init__()
        self.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt="%Y-%m-%d %H:%M:%S"))
        self._next_progress = 0.0
        self.path = _new_file(command)
        about = ", ".join(f"{name} {number}" for name, number in versions().items() if number)
        self.line(f"gifbench {' '.join(map(repr, sys.argv[1:]))}")
        self.line(f"in {Path.cwd()}, {about}")

    def emit(self, record: logging.LogRecord) -> None:
        """Add a record with its time, and its traceback if it has one; the file is open for as long only."""
        if getattr(record, "progress", False):
            if time.monotonic() < self._next_progress:
                return
            self._next_progress = time.monotonic() + _PROGRESS_SECONDS
        if self.path is None:
            return
        try:
            with self.path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(f"{redact(self.format(record))}\n")
        except OSError:  # a log is never the reason for which a run of days ends
            self.path = None

    def line(self, text: str) -> None:
        """Add a line with its time, past the logger."""
        self.emit(logging.LogRecord(LOGGER.name, logging.INFO, __file__, 0, text, None, None))


def home() -> Path:
    """The folder of the logs."""
    from platformdirs import user_state_path

    return user_state_path("gifbench", appauthor=False)


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
