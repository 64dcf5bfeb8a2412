"""Which clip id each video of a folder has: from its own path, and as a dataset or a manifest had it before."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gifbench.dataset.columns import CLIP_ID
from gifbench.manifest.folder_listing import VIDEO_SUFFIXES

if TYPE_CHECKING:
    from gifbench.manifest.rows import ManifestRow


def clip_ids(files: Sequence[Path], known: Container[str] = ()) -> Iterator[tuple[str, Path]]:
    """The clip id of each file, by its path in the folder, as `from_folder` says."""
    longer = {other for _, others in siblings(files) for other in others}
    for file in files:
        stem = safe_name(file.stem)
        short = stem in known or (len(file.parts) == 1 and file not in longer)
        yield (stem if short else safe_name(file.as_posix())), file


def siblings(files: Iterable[Path]) -> Iterator[tuple[Path, list[Path]]]:
    """Files of the folder itself whose names differ in the ending alone: the one with the short id, and the others."""
    alike: dict[str, list[Path]] = {}
    for file in sorted(files, key=_by_suffix):
        if len(file.parts) == 1:
            alike.setdefault(file.stem, []).append(file)
    yield from ((first, others) for first, *others in alike.values() if others)


def keep_ids(rows: Sequence[ManifestRow], existing: Iterable[ManifestRow]) -> list[ManifestRow]:
    """Rows made from a folder, with the ids that rows of `existing` have for the same source and span.

    A new row whose id another source has there gets one with its ending in it.
    """
    ids: dict[tuple[object, ...], str] = {}
    for row in existing:
        ids.setdefault(source_and_span(row), row.clip_id)
    taken = set(ids.values())
    kept = []
    for row in rows:
        clip_id = ids.get(source_and_span(row))
        if clip_id is None and row.clip_id in taken:
            clip_id = safe_name(f"./{row.locator}")
        kept.append(row if clip_id in (None, row.clip_id) else row.model_copy(update={"clip_id": clip_id}))
    return kept


def source_and_span(row: ManifestRow) -> tuple[object, ...]:
    """What a row is of, whatever its clip is called."""
    return row.source, row.locator, *span(row)


def span(row: ManifestRow) -> tuple[object, ...]:
    """Which part of its source a row is of."""
    return row.start, row.end, row.start_frame, row.end_frame


def _by_suffix(file: Path) -> tuple[int, str]:
    suffix = file.suffix.lower()
    return (VIDEO_SUFFIXES.index(suffix) if suffix in VIDEO_SUFFIXES else len(VIDEO_SUFFIXES), file.name)


def safe_name(name: str) -> str:
    """`name` as a clip may be called; different names stay different."""
    if CLIP_ID.fullmatch(name):
        return name
    # Different names must not become one: what was replaced is kept apart by a few digits of the name's hash.
    return f"{re.sub('[^A-Za-z0-9_-]', '_', name)[:70]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
