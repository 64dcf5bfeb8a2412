"""A dataset once more with its GIFs stored, or without them: from the dataset alone, no source is needed."""

from __future__ import annotations

import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, get_args

from gifbench.builder.build_ledger import TABLES, recorded_versions
from gifbench.builder.recipe import Recipe
from gifbench.builder.staging_folder_and_build_lock import alone, claim
from gifbench.child_processes import in_processes
from gifbench.dataset.dataset_clip import DatasetClip
from gifbench.dataset.dataset_json import Gifs, current_gifs
from gifbench.dataset.dataset_reader import Dataset, open_dataset
from gifbench.dataset.gifs_from_truth import columns_of_made, made_gifs, other_gifs
from gifbench.dataset.index_rows import MEMBERS, IndexRow, index_bytes
from gifbench.dataset.lost_index_recovery import rows_in_shards
from gifbench.dataset.shard_format import END_OF_SHARD, OF_MADE_GIFS, STAGING, about_clip, write_member
from gifbench.dataset.table_checksums import CHECKSUMS, checksum_lines
from gifbench.errors import AlreadyExists, DatasetDamaged, DatasetError, UsageError
from gifbench.progress import Progress, ProgressCallback, silent
from gifbench.storage import Folder
from gifbench.text_redaction import hashed


def repack_dataset(
    url: str,
    out: str,
    *,
    gifs: Gifs,
    workers: int | None = None,
    progress: ProgressCallback = silent,
) -> Dataset:
    """Write the dataset at `url` to `out` with its GIFs stored, or without them, to be made when they are read.

    What comes out is what a build gives whose recipe has `gifs` set so, with the same fingerprint; a build may go on
    with it. After an interruption the same call goes on: shards that are there stay. `progress` is told of each shard.

    Raises `AlreadyExists` if a dataset or something else is at `out`, `BuildError` if another process is at work there,
    `DatasetDamaged` if a member is not the one of the index, `DatasetError` if this gifbench makes other GIFs than the
    dataset has, `UsageError` for another value of `gifs`.
    """
    kept = current_gifs(gifs)
    if kept not in get_args(Gifs):
        raise UsageError(f"gifs must be stored or generated, got {str(gifs)[:40]!r}")
    dataset, target = open_dataset(url), Folder(out)
    if target.exists("dataset.json"):
        raise AlreadyExists(f"{out}: a dataset is there already; choose another folder")
    claim(target)
    recipe = {**dataset.about["recipe"], "gifs": kept}
    shards: dict[str, list[IndexRow]] = defaultdict(list)
    for row in sorted(dataset.rows, key=lambda row: row.truth.offset):
        shards[row.shard].append(row)
    if dataset.folder.in_memory or target.in_memory:
        workers = 1  # other processes do not see it
    with alone(target):
        target.sweep()
        there: dict[str, list[IndexRow]] = defaultdict(list)
        for row in rows_in_shards(target):
            there[row.shard].append(row)
        index = {
            shard: there[shard] for shard, rows in shards.items() if _same(there[shard], rows, stored=kept == "stored")
        }
        missing = sorted(shards.keys() - index.keys())
        progress(Progress(len(index), len(shards), ""))
        write = partial(_write_shard, dataset.folder, target, recipe)
        made = in_processes(write, [shards[shard] for shard in missing], workers)
        for shard, rows in zip(missing, made, strict=True):
            index[shard] = rows
            progress(Progress(len(index), len(shards), shard))
        rows = sorted((row for rows in index.values() for row in rows), key=lambda row: row.clip_id)
        _write_tables(dataset, target, rows, recipe)
        target.delete(STAGING)
    return open_dataset(out)


def _same(there: Sequence[IndexRow], wanted: Sequence[IndexRow], *, stored: bool) -> bool:
    """Whether a shard of an interrupted call is the one that is wanted."""

    def clips(rows: Sequence[IndexRow]) -> set[tuple[str, ...]]:
        return {(row.clip_id, *(member.sha256 for member in row.members.values())) for row in rows}

    return clips(there) == clips(wanted) and all(("plain" in row.stored) == stored for row in there)


def _write_shard(source: Folder, target: Folder, recipe: Mapping[str, Any], rows: Sequence[IndexRow]) -> list[IndexRow]:
    placed = []
    with target.create(rows[0].shard) as file:
        for row in rows:
            clip = DatasetClip(source, row)
            members = {name: clip.read(name) for name in row.stored}
            if recipe["gifs"] == "stored":
                if "plain" not in row.stored:
                    members |= _made(clip)
                stored: dict[str, Any] = dict.fromkeys(OF_MADE_GIFS)
                new = replace(row, **stored)
            else:
                new = _without_gifs(clip, recipe) if "plain" in row.stored else row
            new = replace(new, locator=hashed(new.locator))
            where: dict[str, Any] = {
                name: write_member(file, f"{new.clip_id}.{MEMBERS[name]}", io.BytesIO(members[name]))
                for name in new.stored
            }
            placed.append(replace(new, **where))
            write_member(file, f"{new.clip_id}.json", io.BytesIO(about_clip(placed[-1])))
        file.write(END_OF_SHARD)
    return placed


def _made(clip: DatasetClip) -> dict[str, bytes]:
    made = made_gifs(clip.row, clip.iter_truth())
    for line in other_gifs(clip.row, made):
        raise DatasetDamaged(f"clip {clip.clip_id}: {line}; gifbench verify reads all clips")
    return made


def _without_gifs(clip: DatasetClip, recipe: Mapping[str, Any]) -> IndexRow:
    """The row of a clip whose GIFs are to be left out; raises `DatasetError` if they would not come back."""
    maker = {
        name: recipe.get(name, Recipe.model_fields[name].default) for name in ("colors", "quantizer", "kmeans_steps")
    }
    written = clip.written_gif("plain")
    row = replace(clip.row, **columns_of_made(maker, (written.times, written.duration), clip.row.times()))
    if list(other_gifs(row, made_gifs(row, clip.iter_truth()))):
        raise DatasetError(
            f"clip {clip.clip_id}: this gifbench makes other GIFs of its truth than are stored, so that they cannot be "
            "left out; use the version that dataset.json names"
        )
    return replace(row, plain=replace(row.plain, offset=0), dithered=replace(row.dithered, offset=0))


def _write_tables(dataset: Dataset, target: Folder, index: Sequence[IndexRow], recipe: Mapping[str, Any]) -> None:
    about = {
        **dataset.about,
        "recipe": recipe,
        "bytes": sum(row.members[name].bytes for row in index for name in row.stored),
        "versions": recorded_versions(),
    }
    files = {name: index_bytes(index) if name == "index.parquet" else dataset.folder.read(name) for name in TABLES}
    files["dataset.json"] = json.dumps(about, indent=1).encode() + b"\n"
    files[CHECKSUMS] = checksum_lines({name: hashlib.sha256(data).hexdigest() for name, data in files.items()})
    for name in (*TABLES, CHECKSUMS, "dataset.json"):  # the last one says that all are there
        target.write(name, files[name])
