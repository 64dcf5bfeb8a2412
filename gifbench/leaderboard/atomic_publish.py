"""Putting a site at its place: whole or not at all, and never over something that is not ours."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gifbench.errors import AlreadyExists, StorageError, storage_errors
from gifbench.storage import exclusive_lock

MARKER = "gifbench-site.json"
"""The file that says that a folder is a site made here, and which entries of the folder are the site's own."""

_SITE, _OLD, _LOCK = "site", "old", "lock"
"""What a hidden folder holds: the site that is written, the one that it replaces, the lock of the process at work."""


@contextmanager
def published(out: Path, *, overwrite: bool, inputs: str = "") -> Iterator[Path]:
    """A new folder beside `out` to write a site into; it becomes `out` by rename when the block ends well.

    If the block raises, the folder is removed and what stood at `out` stays as it was. What a process that was killed
    left beside `out` is swept first; a site that it had moved aside and not replaced is put back. `inputs` stands for
    all that the site is made of (`made_of`).

    Raises
    ------
    AlreadyExists
        `out` is there and is not an empty folder; with `overwrite`, unless it is a site made here and nothing else.
    StorageError
        Nothing can be written beside `out`.

    """
    out = Path(os.path.realpath(out))
    with storage_errors(out):
        _sweep(out)
        _check_place(out, overwrite=overwrite)
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=_hidden(out), suffix=".draft", dir=out.parent))
    draft, old = folder / _SITE, folder / _OLD
    try:
        # The lock keeps others from sweeping the folder meanwhile.
        with exclusive_lock(folder / _LOCK, busy=AlreadyExists(f"{folder}: another process is at work here")):
            with storage_errors(out):
                draft.mkdir(mode=0o755)
            yield draft
            with storage_errors(out):
                entries = sorted({entry.name for entry in draft.iterdir()} | {MARKER})
                marker = {"made_by": "gifbench leaderboard", "version": 1, "entries": entries, "inputs": inputs}
                (draft / MARKER).write_text(json.dumps(marker, indent=1) + "\n", encoding="utf-8")
                _check_place(out, overwrite=overwrite)
                if out.exists():
                    out.rename(old)
                draft.rename(out)
    finally:
        with storage_errors(out):
            if old.exists() and not out.exists():
                old.rename(out)
        shutil.rmtree(folder, ignore_errors=True)


def made_of(out: Path, inputs: str) -> bool:
    """Whether a whole site made of the same `inputs` stands at `out`; what it shows need not be made again."""
    with storage_errors(out):
        entries, made = _read_marker(out)
        return bool(entries) and made == inputs and all((out / name).exists() for name in entries)


def _sweep(out: Path) -> None:
    """Remove the drafts of processes that are no more, and put back a site that one of them had moved aside."""
    for left in sorted(out.parent.iterdir()) if out.parent.is_dir() else ():
        found = re.fullmatch(rf"{re.escape(_hidden(out))}\w+\.(draft|old)", left.name)  # none of `out` with a dot more
        if found is None or left.is_symlink() or not left.is_dir():
            continue
        old = left / (_SITE if found[1] == "old" else _OLD)  # gifbench 0.1.0 moved a site into a folder of its own
        # A process that holds the lock is still at work; where there can be no locks nothing is swept.
        with suppress(AlreadyExists, StorageError), exclusive_lock(left / _LOCK, busy=AlreadyExists(str(left))):
            if old.is_dir() and not out.exists():
                old.rename(out)
            shutil.rmtree(left, ignore_errors=True)


def _hidden(out: Path) -> str:
    return f".{out.name[:100]}."


def _check_place(out: Path, *, overwrite: bool) -> None:
    if not out.exists() and not out.is_symlink():
        return
    if not out.is_dir():
        raise AlreadyExists(f"{out}: this is a file; name a folder for the site")
    present = {entry.name for entry in out.iterdir()}
    if not present:
        return
    ours, _ = _read_marker(out)
    if not ours:
        raise AlreadyExists(f"{out}: this folder holds something that is not a gifbench site; choose another --out")
    if not overwrite:
        raise AlreadyExists(f"{out}: a site is there already; add --overwrite to replace it, or choose another --out")
    if foreign := sorted(present - ours):
        shown = ", ".join(foreign[:3]) + (", …" if len(foreign) > 3 else "")
        raise AlreadyExists(
            f"{out}: beside the site this folder holds {shown}; move that away, or choose another --out"
        )


def _read_marker(site: Path) -> tuple[set[str], object]:
    """The names that a site's marker lists, and what it says of the inputs; no names where there is no marker of ours.

    A site has a name at least, that of its marker.
    """
    try:
        content = json.loads((site / MARKER).read_text(encoding="utf-8"))
        ours = content["made_by"] == "gifbench leaderboard"
        return {str(entry) for entry in content["entries"] if ours}, content.get("inputs")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError, KeyError, TypeError, RecursionError):
        return set(), None
