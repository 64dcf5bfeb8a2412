"""Making again exactly what is damaged in a dataset."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from gifbench.build.recipe import Recipe, load_recipe
from gifbench.build.run import Progress, build_dataset
from gifbench.build.store import Store
from gifbench.dataset import Dataset, open_dataset
from gifbench.dataset.reader import read_about
from gifbench.errors import DatasetDamaged
from gifbench.storage import Folder


def repair_dataset(
    url: str,
    damaged: Collection[str],
    *,
    sources: Path,
    recipe: Recipe | None = None,
    store: Store | None = None,
    workers: int | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Dataset:
    """Make the damaged clips of the dataset at `url` anew from their sources, and nothing else.

    `damaged` are the places that `verify_dataset` names: clip ids, shards, files. Clips come from where `build_dataset`
    would take them; `recipe` is needed where the dataset's own is not installed. What was whole stays as it is, so that
    the dataset ends with the fingerprint it had. A shard that no clip needs is deleted.

    Raises what `build_dataset` raises, and `DatasetDamaged` where what is lost is known to the user alone: the manifest
    or the recipe. A clip whose source is not to be had any more is then recorded as failed. Where the table of outcomes
    is lost, clips that are not built are tried again.
    """
    folder = Folder(url)
    for name, known_from in (("dataset.json", "recipe"), ("manifest.parquet", "manifest")):
        if name in damaged:
            raise DatasetDamaged(
                f"{folder.place(name)}: it is damaged, and nothing else here knows the {known_from}; take it from a "
                f"copy, or build with the same {known_from} into another folder"
            )
    about = read_about(folder)
    if "outcomes.parquet" in damaged:
        folder.delete("outcomes.parquet")
    recipe = recipe or load_recipe(str(about["name"]), about["recipe"])
    lost = {clip.clip_id for clip in open_dataset(url) if {clip.clip_id, clip.row.shard} & set(damaged)}
    return build_dataset(recipe, [], url, sources=sources, store=store, remake=lost, workers=workers, report=report)
