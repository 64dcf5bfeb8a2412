"""Putting a site at its place: whole or not at all, and never over something that is not ours."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gifbench.errors import AlreadyExists, storage_errors

MARKER = "gifbench-site.json"
"""The file that says that a folder is a site made here, and which entries of the folder are the site's own."""


@contextmanager
def published(out: Path, *, overwrite: bool) -> Iterator[Path]:
    """A new folder beside `out` to write a site into; it becomes `out` by rename when the block ends well.

    If the block raises, the folder is removed and what stood at `out` stays as it was.

    Raises
    ------
    AlreadyExists
        `out` is there and is not an empty folder; with `overwrite`, unless it is a site made here and nothing else.
    StorageError
        Nothing can be written beside `out`.

    """
    out = Path(os.path.realpath(out))
    _check_place(out, overwrite=overwrite)
    with storage_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{out.name[:100]}.", suffix=".draft", dir=out.parent))
    try:
        with storage_errors(draft):
            draft.chmod(0o755)
        yield draft
        with storage_errors(out):
            entries = sorted({entry.name for entry in draft.iterdir()} | {MARKER})
            marker = {"made_by": "gifbench leaderboard", "version": 1, "entries": entries}
            (draft / MARKER).write_text(json.dumps(marker, indent=1) + "\n", encoding="utf-8")
            _check_place(out, overwrite=overwrite)
            _move(draft, out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _check_place(out: Path, *, overwrite: bool) -> None:
    with storage_errors(out):
        if not out.exists() and not out.is_symlink():
            return
        if not out.is_dir():
            raise AlreadyExists(f"{out}: this is a file; name a folder for the site")
        present = {entry.name for entry in out.iterdir()}
        if not present:
            return
        ours = _entries(out / MARKER)
    if ours is None:
        raise AlreadyExists(f"{out}: this folder holds something that is not a gifbench site; choose another --out")
    if not overwrite:
        raise AlreadyExists(f"{out}: a site is there already; add --overwrite to replace it, or choose another --out")
    if foreign := sorted(present - ours):
        shown = ", ".join(foreign[:3]) + (", …" if len(foreign) > 3 else "")
        raise AlreadyExists(
            f"{out}: beside the site this folder holds {shown}; move that away, or choose another --out"
        )


def _entries(marker: Path) -> set[str] | None:
    """The names that a site's marker lists, or None where there is no marker of ours."""
    try:
        content = json.loads(marker.read_text(encoding="utf-8"))
        if content["made_by"] != "gifbench leaderboard":
            return None
        return {str(entry) for entry in content["entries"]}
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError, KeyError, TypeError):
        return None


def _move(draft: Path, out: Path) -> None:
    """Rename `draft` to `out`; a site that stands there steps aside first, and comes back if the rename fails."""
    if not out.exists() or not any(out.iterdir()):
        draft.rename(out)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{out.name[:100]}.", suffix=".old", dir=out.parent))
    out.rename(aside / "site")
    try:
        draft.rename(out)
    except OSError:
        (aside / "site").rename(out)
        aside.rmdir()
        raise
    shutil.rmtree(aside, ignore_errors=True)
