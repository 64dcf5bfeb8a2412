"""Rows made from a folder against the rows that a dataset has: the same clip keeps its id, and other bytes are said."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gifbench.builder.build_ledger import Ledger
from gifbench.dataset.dataset_reader import read_index
from gifbench.dataset.index_rows import read_table
from gifbench.dataset.row_outcomes import Outcome
from gifbench.download.store import Store
from gifbench.errors import DatasetError, GifbenchError, StorageError
from gifbench.manifest.clip_ids import keep_ids
from gifbench.manifest.locator_check import FILE, local_source
from gifbench.manifest.rows import ManifestRow, check_rows
from gifbench.storage import Folder, file_sha256

_HASHERS = 4
_MOST_BYTES = 20 << 30
"""Of sources that are hashed before a build goes on; beyond that only files that are newer than the dataset are."""


def with_existing_ids(folder: Folder, rows: Sequence[ManifestRow]) -> list[ManifestRow]:
    """Rows made from a folder, with the ids that the dataset in `folder` has for the same source and span.

    A new row whose id another source of the dataset has gets one with its ending in it. Raises what reading a manifest
    raises.
    """
    if not (folder.exists("manifest.parquet") and folder.exists("dataset.json")):
        return list(rows)
    before = check_rows(read_table(folder, "manifest.parquet"), name=folder.place("manifest.parquet"))
    return keep_ids(rows, before)


def warn_of_changes(
    folder: Folder, rows: Sequence[ManifestRow], sources: Path, warn: Callable[[str], None]
) -> list[str]:
    """Say which of the local files in `sources` that are already built have other bytes now; the ids of their clips."""
    try:
        built = {row.clip_id: row.source_sha256 for row in read_index(folder) if row.source == "file"}
    except (DatasetError, StorageError):
        return []  # there is none, or the build says better what is wrong with it
    files: dict[Path, os.stat_result] = {}
    for row in rows:
        path = sources / row.locator
        if row.clip_id in built and row.source == "file" and path.is_file():
            files[path] = path.stat()
    if sum(status.st_size for status in files.values()) > _MOST_BYTES and folder.local is not None:
        newest = (folder.local / "index.parquet").stat().st_mtime
        files = {path: status for path, status in files.items() if max(status.st_mtime, status.st_ctime) > newest}
    with ThreadPoolExecutor(_HASHERS) as pool:
        sha256 = dict(zip(files, pool.map(_sha256, files), strict=True))
    changed = [
        row
        for row in rows
        if row.clip_id in built and sha256.get(sources / row.locator, "") not in ("", built[row.clip_id])
    ]
    for row in changed:
        warn(
            f"{sources / row.locator}: clip {row.clip_id} was built of a file of this name with other bytes, and is "
            "kept. For the new file, build anew (--overwrite); if both are wanted, give one of them another name"
        )
    return [row.clip_id for row in changed]


def unchanged_failures(
    ledger: Ledger, rows: Sequence[ManifestRow], sources: Path, store: Store | None, *, trusted: Container[str]
) -> dict[str, Outcome]:
    """The outcomes of those of `rows` whose sources could not be used, and have the very same bytes now, by clip id.

    Local files are hashed, which is faster than to decode them; of what lies in a store its description tells. Those of
    the ids in `trusted` may lie outside of `sources`.
    """

    def then(row: ManifestRow) -> str:
        outcome = ledger.outcomes.get(row.clip_id)
        return "" if outcome is None or row.clip_id in ledger.remaking else outcome.source_sha256

    def now(row: ManifestRow) -> str:
        try:
            if row.source != FILE and store is not None:
                stored = store.find(row.source, row.locator)
                return "" if stored is None else stored.sha256
            return file_sha256(local_source(sources, row.locator, trusted=row.clip_id in trusted))
        except (GifbenchError, OSError):
            return ""

    tried = [row for row in rows if then(row)]
    with ThreadPoolExecutor(_HASHERS) as pool:
        same = [row.clip_id for row, sha256 in zip(tried, pool.map(now, tried), strict=True) if sha256 == then(row)]
    return {clip_id: ledger.outcomes[clip_id] for clip_id in same}


def _sha256(path: Path) -> str:
    try:
        return file_sha256(path)
    except StorageError:
        return ""
