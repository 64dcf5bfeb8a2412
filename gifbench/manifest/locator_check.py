"""Whether a locator may be followed: a manifest from the internet must not open files or networks here.

Every kind of source but `file` is an entry point of the group `gifbench.sources`, called as the column `source` says
it. What a kind is, `gifbench.download.SourceKind` says; here only its check of a locator is asked. A local
file must be a regular one below the manifest's folder, without a link that leads out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from gifbench.did_you_mean import known_names
from gifbench.entry_points import SOURCES, entry_names, source_kind
from gifbench.errors import Refused, storage_errors
from gifbench.manifest.rows import Finding, ManifestRow, refuse

FILE = "file"
"""The kind of a local video, whose locator is a path from the manifest's folder."""

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def check_locators(rows: Sequence[ManifestRow], *, name: str, trusted: bool = False) -> None:
    """Refuse locators that cannot be, or that a manifest from somebody else must not hold.

    For anybody: what the kind of source says is none of its locators, such as a YouTube id of 12 letters, and kinds
    that no installed package offers. Unless the manifest is `trusted`: files outside its folder, servers named as an
    address of a private network (names are looked up, and refused, when they are fetched). Raises `ManifestError`
    naming the first row, from 1, and how many more there are. Nothing is looked up or opened.
    """
    refuse(list(locator_findings(dict(enumerate(rows, start=1)), trusted=trusted)), name=name)


def locator_findings(rows: Mapping[int, ManifestRow], *, trusted: bool = False) -> Iterator[Finding]:
    """What `check_locators` refuses, in rows by their number."""
    known = {FILE, *entry_names(SOURCES)}
    for number, row in rows.items():
        if row.source not in known:
            what = f"no installed package offers sources of this kind: {known_names(row.source, sorted(known))}"
            yield Finding(number, "source", what, repr(row.source), row.clip_id)
            continue
        try:
            if row.source == FILE:
                check_file(row.locator, trusted=trusted)
            else:
                source_kind(row.source).check_locator(row.locator, trusted=trusted)
        except Refused as error:
            yield Finding(number, "locator", str(error), clip_id=row.clip_id)


def check_file(locator: str, *, trusted: bool = False) -> None:
    """Raise `Refused` for a path that leads out of the manifest's folder, unless `trusted`, or that is none."""
    if "://" in locator:
        raise Refused(f"{locator[:200]!r} is a URL; a file is named by its path")
    if _UNPRINTABLE.search(locator):
        raise Refused(f"{locator[:200]!r} has control characters in it; rename the file")
    # Paths of both families: a manifest may be read on another system than it was made on.
    for path in (PurePosixPath(locator), PureWindowsPath(locator)):
        if not trusted and (path.is_absolute() or path.drive or ".." in path.parts):
            raise Refused(f"{locator[:200]!r} leads out of the manifest's folder; --trust-manifest allows it")


def local_source(folder: Path, locator: str, *, trusted: bool = False) -> Path:
    """Where the file `locator` of a manifest lies, whose files count from `folder`; it may be missing.

    Unless the manifest is `trusted` the path is the resolved one, so that a link that is set later is not followed.
    Raises `Refused` for a path or link that leads out of `folder`, unless `trusted`, and for a pipe, device or socket,
    which would be waited for.
    """
    path = folder / locator
    with storage_errors(path):
        if not trusted:
            top, real = os.path.realpath(folder), os.path.realpath(path)
            if os.path.commonpath((top, real)) != top:
                raise Refused(f"{path}: it leads out of the manifest's folder; --trust-manifest follows it")
            path = Path(real)
        if path.exists() and not path.is_file():
            raise Refused(f"{path}: it must be a regular file")
    return path
