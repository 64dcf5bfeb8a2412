"""Which code wrote a result: gifbench's version, its commit where it is a checkout, and a hash of what can matter."""

from __future__ import annotations

import ast
import hashlib
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gifbench.results.schema import CodeRecord

_PACKAGE = Path(__file__).parent
_MATTERS = ("media", "dataset", "methods", "metrics", "evaluation", "tasks.py")
_MOST_FILES = 500


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


def source_sha256(file: str | None) -> str | None:
    """The sha256 of a method's or metric's source: of its file, and of those beside it that it imports.

    Followed are imports of modules of the file's own folder, and of its package, without running them; what lies
    elsewhere has a version of its own. The hash does not depend on where the folder is.
    """
    if file is None:
        return None
    path = Path(file).resolve()
    if not path.is_file():
        return None
    root = path.parent
    while (root / "__init__.py").is_file():
        root = root.parent
    # A package is followed as far as it goes; what lies beside it is another's.
    within = path.relative_to(root).parts[0] if root != path.parent else ""
    found = sorted(_reached(path, root, within))
    if len(found) == 1:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    digest = hashlib.sha256()
    for each in found:
        name = each.relative_to(root).as_posix() if each.is_relative_to(root) else each.name
        digest.update(name.encode() + b"\0" + hashlib.sha256(each.read_bytes()).digest())
    return digest.hexdigest()


def _reached(start: Path, root: Path, within: str) -> set[Path]:
    reached, waiting = {start}, [start]
    while waiting and len(reached) < _MOST_FILES:
        path = waiting.pop()
        for module in set(_imports(path, root)):
            if within and module.partition("/")[0] != within:
                continue
            for found in (root / f"{module}.py", root / module / "__init__.py"):
                if found.is_file() and found.resolve() not in reached:
                    reached.add(found.resolve())
                    waiting.append(found.resolve())
    return reached


def _imports(path: Path, root: Path) -> Iterator[str]:
    """The modules that a file names in its imports, as paths below `root`; a name may also be no module at all."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return
    package = path.parent.relative_to(root).parts if path.is_relative_to(root) else ()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.replace(".", "/") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = [*above, *(node.module or "").split(".")] if node.module else list(above)
            yield "/".join(base)
            yield from ("/".join([*base, alias.name]) for alias in node.names)
