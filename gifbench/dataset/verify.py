"""Holding a dataset against its index: every checksum, every member decoded, every pixel of the truth."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator

from gifbench.child_processes import in_processes
from gifbench.dataset.dataset_clip import DatasetClip
from gifbench.dataset.dataset_reader import Dataset, only_a_copy, open_dataset, read_about
from gifbench.dataset.fingerprint import fingerprint
from gifbench.dataset.gifs_from_truth import check_maker
from gifbench.dataset.index_rows import read_table
from gifbench.dataset.lost_index_recovery import INDEX, best_index
from gifbench.dataset.shard_format import END_OF_SHARD, group_range
from gifbench.dataset.table_checksums import CHECKSUMS, read_checksums
from gifbench.errors import DatasetDamaged, NotFound
from gifbench.progress import Progress, ProgressCallback, silent
from gifbench.storage import Folder

KNOWN = ("dataset.json", "index.parquet", "outcomes.parquet", "manifest.parquet")
"""The files of a dataset beside its shards and `SHA256SUMS`; a README of its owner may stand there too."""

KNOWN_FROM_A_COPY = {"dataset.json": "recipe", "manifest.parquet": "manifest"}
"""The files that cannot be made from the rest, and what stands in each."""


def verify_dataset(
    url: str, *, workers: int | None = None, progress: ProgressCallback = silent
) -> Iterator[tuple[str, str]]:
    """What is damaged in the dataset at `url`, as pairs of a place (a clip or a file) and what is wrong with it.

    Where `index.parquet` is lost, the clips are those that the shards tell of. Raises `DatasetError` if there is no
    dataset, or its description cannot be read, or this gifbench makes other GIFs than are to be made when it is read.
    """
    folder = Folder(url)
    if not folder.exists("dataset.json"):
        open_dataset(url)  # which says what is wrong
    rows, lost = best_index(folder)
    dataset = Dataset(folder, read_about(folder), rows)
    for row in dataset.rows:
        check_maker(row)
    if lost:
        yield INDEX, f"{lost}; {len(dataset)} clips are known from the shards, and --repair rebuilds it"
    yield from _check_files(dataset, but={INDEX} if lost else set())
    clips = list(dataset)
    if dataset.folder.in_memory:
        workers = 1  # other processes do not see it
    damage = in_processes(_check, clips, workers)
    for done, (clip, lines) in enumerate(zip(clips, damage, strict=True), start=1):
        progress(Progress(done, len(clips), clip.clip_id))
        for line in lines:
            yield clip.clip_id, line


def _check(clip: DatasetClip) -> list[str]:
    return list(clip.check())


def _check_files(dataset: Dataset, *, but: Collection[str]) -> Iterator[tuple[str, str]]:
    """What can be seen without reading a clip: missing shards, files too many, a description of another index."""
    rows = dataset.rows
    there = set(dataset.folder.names("shards"))
    needed = {row.shard for row in rows}
    for shard in sorted(needed - there):
        yield shard, "the shard is missing"
    for name in sorted(there - needed):
        yield name, "the index does not know this file"
    for shard in sorted(needed & there):
        end = max(group_range(row)[1] for row in rows if row.shard == shard)
        size = dataset.folder.size(shard)
        if size != end + len(END_OF_SHARD):
            yield shard, f"the shard has {size} bytes, its clips reach to {end}, and {len(END_OF_SHARD)} zeros end it"
        elif any(dataset.folder.read(shard, start=end)):
            yield shard, "the zeros that end the shard are not zeros"
    sums, pending = read_checksums(dataset.folder), read_checksums(dataset.folder, pending=True)
    interrupted = False
    for name in (name for name in KNOWN if name not in but):
        advice = f"; {only_a_copy(KNOWN_FROM_A_COPY[name])}" if name in KNOWN_FROM_A_COPY else ""
        try:
            digest = hashlib.sha256(dataset.folder.read(name)).hexdigest()
        except NotFound:
            yield name, f"the file is missing{advice}"
            continue
        if name not in sums:
            yield CHECKSUMS, f"it has no line for {name}"
        elif digest != sums[name] and digest == pending.get(name):
            interrupted = True
        elif digest != sums[name]:
            yield name, f"its bytes differ from their sha256 in {CHECKSUMS}{advice}"
    yield from _check_wanted(dataset)
    if interrupted:
        yield CHECKSUMS, "a build or repair was interrupted while it wrote its tables; run it again"
    elif fingerprint(rows) != dataset.fingerprint:
        # Which of the two lies, the checksums say.
        known = hashlib.sha256(dataset.folder.read("dataset.json")).hexdigest() == sums.get("dataset.json")
        place = "index.parquet" if known else "dataset.json"
        yield place, f"dataset.json: the fingerprint is {dataset.fingerprint}, the index has {fingerprint(rows)}"


def _check_wanted(dataset: Dataset) -> Iterator[tuple[str, str]]:
    """Clips that the manifest asks for and nothing tells of, which an interrupted build or repair leaves."""
    try:
        manifest, outcomes = (read_table(dataset.folder, f"{name}.parquet") for name in ("manifest", "outcomes"))
    except (NotFound, DatasetDamaged):
        return  # which is said elsewhere
    wanted = {str(row.get("clip_id")) for row in manifest}
    built = {row.clip_id for row in dataset.rows}
    ended = {str(row.get("clip_id")) for row in outcomes if row.get("state") in ("rejected", "failed")}
    for clip_id in sorted(wanted - built - ended):
        yield clip_id, "the manifest asks for it, and it is neither built nor recorded as rejected or failed"
    for clip_id in sorted(built - wanted):
        yield clip_id, "the manifest does not ask for it"
