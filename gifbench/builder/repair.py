"""Making again exactly what is damaged in a dataset."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from pathlib import Path

from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import Recipe, recorded_recipe
from gifbench.builder.remove import keep_removed
from gifbench.builder.staging_folder_and_build_lock import alone, group_name
from gifbench.dataset import Dataset
from gifbench.dataset.columns import CLIP_ID
from gifbench.dataset.dataset_reader import only_a_copy, read_about, read_index
from gifbench.dataset.fingerprint import fingerprint
from gifbench.dataset.index_rows import index_bytes
from gifbench.dataset.lost_index_recovery import INDEX, best_index
from gifbench.dataset.shard_format import STAGING
from gifbench.dataset.table_checksums import CHECKSUMS, accept_written
from gifbench.dataset.verify import KNOWN_FROM_A_COPY
from gifbench.download.store import Store
from gifbench.errors import BuildError, DatasetDamaged, UsageError
from gifbench.progress import ProgressCallback, silent
from gifbench.storage import Folder


def repair_dataset(
    url: str,
    damaged: Collection[str],
    *,
    sources: Path | None = None,
    recipe: Recipe | None = None,
    store: Store | None = None,
    workers: int | None = None,
    trusted: bool = False,
    progress: ProgressCallback = silent,
) -> Dataset:
    """Make the damaged clips of the dataset at `url` anew from their sources, and nothing else.

    `damaged` are the places that `verify_dataset` names: clip ids, shards, files. Clips come from where `run_build`
    would take them; `recipe` is needed where the dataset's own is not installed, and `trusted` where its manifest names
    files outside of `sources`. What was whole stays as it is, so that the dataset ends with the fingerprint it had. A
    shard that no clip needs is deleted.

    A lost index is made from the shards, and the clips that they do not tell of are made anew. Where the table of
    outcomes is lost, clips that are not built are tried again. A clip whose source is not to be had any more is then
    recorded as failed.

    Raises what `run_build` raises, `DatasetDamaged` where what is lost is known to the user alone, the manifest or
    the recipe, and `UsageError`, before anything is changed, where clips are to be made and there is neither `sources`
    nor `store`.
    """
    folder = Folder(url)
    for name, known in KNOWN_FROM_A_COPY.items():
        if name in damaged:
            raise DatasetDamaged(f"{folder.place(name)}: it is damaged, and {only_a_copy(known)}")
    about = read_about(folder)
    if recipe is None:
        recipe = recorded_recipe(about["name"], about["recipe"], place=folder.place("dataset.json"))
    rows, gone = best_index(folder)
    lost = {row.clip_id for row in rows if {row.clip_id, row.shard} & set(damaged)}
    never_made = {place for place in damaged if CLIP_ID.fullmatch(place)} - lost - {CHECKSUMS}
    whole = not (lost or never_made or "outcomes.parquet" in damaged) and fingerprint(rows) == about["fingerprint"]
    if not whole and sources is None and store is None:
        raise UsageError(
            f"{url}: clips are to be made anew, from what the dataset was built from: --source FOLDER, --store FOLDER, "
            "or both"
        )
    if "outcomes.parquet" in damaged:
        keep_removed(folder)
        folder.delete("outcomes.parquet")
    if gone:
        folder.write(INDEX, index_bytes(rows))
    accept_written(folder, INDEX)

    def make(clips: Collection[str]) -> Dataset:
        return run_build(
            recipe,
            [],
            url,
            sources=sources or Path(),
            store=store,
            retry=(),
            remake=clips,
            trust="everything" if trusted else "nothing",
            workers=workers,
            progress=progress,
        )

    dataset = make(lost)
    if gone and dataset.fingerprint != about["fingerprint"]:
        # A description in a shard that was taken for a row lies, and which one, only the index knew.
        dataset = make({row.clip_id for row in rows} - lost)
    return dataset


def clear_leftovers(url: str) -> None:
    """Take the staging folder of a whole dataset away that a kill at the end of a build or repair left.

    One that holds clips which are in no shard yet stays, and so does that of a build which is at work.
    """
    folder = Folder(url)
    left = folder.names(STAGING)
    placed = {group_name(row.clip_id) for row in read_index(folder)}
    if left and not any(name.endswith(".group") and name not in placed for name in left):
        with contextlib.suppress(BuildError), alone(folder):
            folder.delete(STAGING)
