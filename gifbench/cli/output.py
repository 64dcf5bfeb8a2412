"""What commands that packages add are written with: how they print, tell their progress, and end.

`command` turns what one raises into a message and an exit code; `example` is the line that its `--help` ends with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec

from gifbench.cli.exit_codes_and_error_messages import command
from gifbench.cli.missing_parameters import marked
from gifbench.cli.progress_bar import progress_bar
from gifbench.cli.shared_options import DatasetPlace, Json, Overwrite
from gifbench.cli.terminal_text import note, say, say_json, table

__all__ = [
    "DatasetPlace",
    "Json",
    "Overwrite",
    "command",
    "example",
    "note",
    "progress_bar",
    "say",
    "say_json",
    "table",
]

P = ParamSpec("P")

EXAMPLE = "gifbench_example"
"""The attribute of a command's function that holds what `example` was given."""


def example(line: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Give a command that a package adds the line that its `--help` ends with."""
    return marked(EXAMPLE, line)
