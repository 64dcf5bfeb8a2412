"""A manifest of one's own videos: splits that stay as they are when the folder grows, licences from a table."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from gifbench.dataset.columns import SPLITS
from gifbench.errors import ManifestError, NotFound, UsageError, storage_errors
from gifbench.manifest.clip_ids import safe_name
from gifbench.manifest.rows import ManifestRow, check_name, from_folder

BY_FOLDER = "folders"
"""What `splits` is where the videos lie in folders that are called as splits are."""

_FOLDERS = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation", "test": "test"}


def folder_manifest(
    folder: Path,
    *,
    home: Path | None = None,
    split: str = "test",
    splits: str | Mapping[str, float] | None = None,
    licence: str = "",
    licences: Mapping[str, str] | None = None,
    warn: Callable[[str], None] = lambda text: None,
) -> list[ManifestRow]:
    """A row for every video in `folder` and below, whose locators count from `home` (the folder itself if None).

    All are of `split`, unless `splits` is `BY_FOLDER` (the first folder on a video's path names its split) or gives
    each split its share: then a video's split follows from its path in the folder alone, so that videos that are added
    later change nothing, and two encodings of one name are in one split. `licences` gives the licence of videos by
    their path in the folder, `licence` that of all others. `warn` is told what was passed over.

    Raises `NotFound`, or `ManifestError` for a folder without videos, a video outside of the splits' folders or one
    with a name that is not UTF-8.
    """
    rows = from_folder(folder, split=split, warn=warn)
    away = os.path.relpath(folder, home) if home is not None else "."
    made = []
    for row in rows:
        update: dict[str, str] = {"licence": (licences or {}).get(row.locator, licence)}
        if splits == BY_FOLDER:
            update["split"] = _split_by_folder(row.locator)
        elif isinstance(splits, Mapping):
            update["split"] = _drawn_split(safe_name(PurePosixPath(row.locator).with_suffix("").as_posix()), splits)
        if away != ".":
            locator = PurePosixPath(Path(away).as_posix()) / row.locator
            check_name(locator)
            update["locator"] = locator.as_posix()
        made.append(row.model_copy(update=update))
    return made


def parse_splits(text: str) -> str | dict[str, float]:
    """`folders`, or shares such as `train=8,validation=1,test=1`; raises `UsageError` for anything else."""
    if text == BY_FOLDER:
        return BY_FOLDER
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = (piece.strip() for piece in part.partition("="))
        try:
            share = float(number)
        except ValueError:
            share = -1.0
        if name not in SPLITS or name in shares or not 0 < share < 1e9:
            raise UsageError(f"--splits {text!r}: write {BY_FOLDER}, or shares as in train=8,validation=1,test=1")
        shares[name] = share
    return shares


def read_licences(path: Path) -> dict[str, str]:
    """The licences of a CSV file with the columns `file` and `licence`, by file; raises `NotFound`, `ManifestError`."""
    if not path.is_file():
        raise NotFound(f"{path}: there is no such file of licences")
    with storage_errors(path), path.open(encoding="utf-8-sig", newline="") as file:
        try:
            reader = csv.DictReader(file)
            if not {"file", "licence"} <= set(reader.fieldnames or ()):
                raise ManifestError(f"{path}: it needs the columns file and licence, and has {reader.fieldnames}")
            return {row["file"]: row["licence"] or "" for row in reader}
        except (UnicodeDecodeError, csv.Error) as error:
            raise ManifestError(f"{path}: it cannot be read as CSV in UTF-8 ({error})") from error


def _split_by_folder(locator: str) -> str:
    first = PurePosixPath(locator).parts[0]
    if first.lower() not in _FOLDERS:
        raise ManifestError(f"{locator}: the first folder on its path names the split, one of {', '.join(_FOLDERS)}")
    return _FOLDERS[first.lower()]


def _drawn_split(clip_id: str, shares: Mapping[str, float]) -> str:
    point = int.from_bytes(hashlib.sha256(clip_id.encode()).digest()[:8], "big") / 2**64 * sum(shares.values())
    name = ""
    for name, share in shares.items():  # noqa: B007 - rounding may leave the last one without a point below it
        point -= share
        if point < 0:
            break
    return name
