"""Which gifbench wrote a result, its version and commit, and what results may show of an option."""

from __future__ import annotations

import hashlib
import re
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from gifbench.redaction import redact

if TYPE_CHECKING:
    from gifbench.results.schema import CodeRecord

_PACKAGE = Path(__file__).parent
_MATTERS = ("media", "dataset", "methods", "metrics", "evaluation", "tasks.py")


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


def is_there(text: str) -> bool:
    """Whether a text names a file or folder on this machine."""
    try:
        return bool(text) and "\0" not in text and Path(text).expanduser().exists()
    except (OSError, RuntimeError):
        return False


def displayed(value: object) -> str | int | float | bool | None:
    """An option as results show it: of a path the last part, because where files lie is nobody's business."""
    if isinstance(value, bool | int | float | None):
        return value
    text = str(value)
    if "://" not in text and re.search(r"[/\\]", text) and (re.match(r"[/\\~]|[A-Za-z]:[/\\]", text) or is_there(text)):
        text = re.split(r"[/\\]", text.rstrip("/\\"))[-1] or text
    return redact(text)
