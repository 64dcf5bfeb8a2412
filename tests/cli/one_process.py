"""Several commands, one after the other in one process of their own, since each start of Python takes seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LOOP = """
import contextlib, io, json, sys
from gifbench.cli import main
for words in json.loads(sys.argv[1]):
    sys.argv[1:], code = words, 0
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as done:
        code = done.code or 0
    print(json.dumps([code, *(stream.buffer.getvalue().decode() for stream in (out, err))]))
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    stdout: str
    stderr: str


def run_commands(
    commands: Sequence[Sequence[object]],
    *,
    before: str = "",
    place: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> list[Ended]:
    """Run commands of gifbench, their words without `gifbench` itself; `before` is code that runs first."""
    words = json.dumps([[str(word) for word in command] for command in commands])
    done = subprocess.run(
        [sys.executable, "-c", before + LOOP, words],
        cwd=place,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [Ended(*json.loads(line)) for line in done.stdout.splitlines()]
