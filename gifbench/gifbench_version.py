"""Which gifbench wrote a result: its version, its commit, and its code by content."""

from __future__ import annotations

import hashlib
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gifbench.results.schema import CodeRecord

_PACKAGE = Path(__file__).parent
_MATTERS = ("media", "dataset", "methods", "metrics", "evaluation", "benchmark_tasks.py")


@cache
def code_record() -> CodeRecord:
    """The gifbench that runs: two with one sha256 score alike, whatever their versions say."""
    from gifbench.results.schema import CodeRecord

    digest = hashlib.sha256()
    for part in _MATTERS:
        place = _PACKAGE / part
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return CodeRecord(version=version("gifbench"), commit=_commit(), sha256=digest.hexdigest())


def _commit() -> str | None:
    """The commit of the checkout that holds this package, with a `+` where files were changed; None for a wheel."""
    root = _PACKAGE.parent
    if not (root / ".git").exists():
        return None
    try:
        commit, changed = (
            subprocess.run(
                ["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10, check=True
            ).stdout.strip()
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no", "--", _PACKAGE.name])
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit}+" if changed else commit
