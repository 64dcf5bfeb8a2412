"""TOML files that people write, read strictly."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

from gifbench.errors import UsageError, storage_errors

_MOST_BYTES = 1 << 20
_DEEPEST = 32


def read_toml(path: str | os.PathLike[str], *, what: str) -> dict[str, Any]:
    """The values of a TOML file of at most a MiB, which messages call "no `what`" where it is something else.

    Raises `NotFound`, or `UsageError` for what is no TOML or has keys of many parts.
    """
    path = Path(path)
    with storage_errors(path), path.open("rb") as file:
        text = file.read(_MOST_BYTES + 1)
    if len(text) > _MOST_BYTES or any(map(_is_deep, text.splitlines())):
        raise UsageError(f"{path}: no {what}: over {_MOST_BYTES >> 10} KiB, or keys too deep")
    try:
        return tomllib.loads(text.decode())
    except (ValueError, RecursionError) as error:  # also for a number of too many digits
        raise UsageError(f"{path}: not TOML: {str(error)[:200]}") from error


def _is_deep(line: bytes) -> bool:
    """Whether a line has a key of so many parts that reading it takes memory by their square."""
    bare = re.sub(rb"\"[^\"]*\"|'[^']*'", b"q", line)
    return any(part.count(b".") > _DEEPEST for part in re.split(rb"[,\[\]{}=#]", bare))
