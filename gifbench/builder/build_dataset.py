"""Building a dataset by what a user names: a recipe, a folder of videos or a manifest, a store."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from gifbench.argument_types import check_types
from gifbench.builder.build_loop import Trust, run_build
from gifbench.builder.changed_sources import warn_of_changes, with_existing_ids
from gifbench.builder.recipe import Recipe, load_recipe, make_recipe
from gifbench.dataset.columns import SPLITS
from gifbench.dataset.dataset_reader import Dataset
from gifbench.dataset.duplicates import find_duplicates
from gifbench.download.store import Store
from gifbench.errors import UsageError
from gifbench.manifest.locator_check import check_locators
from gifbench.manifest.rows import (
    ManifestRow,
    check_rows,
    from_folder,
    official_rows,
    official_splits,
    read_manifest,
)
from gifbench.progress import ProgressCallback, silent
from gifbench.storage import Folder

_MOST_WORKERS = 1024


@check_types
def build_dataset(
    recipe: Recipe | str | os.PathLike[str],
    *,
    out: str | os.PathLike[str],
    videos: str | os.PathLike[str] | None = None,
    manifest: Any = None,  # noqa: ANN401  # a path, a DataFrame or rows
    store: Store | str | os.PathLike[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    split: str = "test",
    limit: int | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    overwrite: bool = False,
    trust_manifest: bool = False,
    allow_duplicates: bool = False,
    progress: ProgressCallback | None = None,
    warn: Callable[[str], None] | None = None,
) -> Dataset:
    """Build a dataset from videos, or go on with one: the same call again does what is left.

        ds = gifbench.build_dataset("gif-faces", out="data/faces", videos="videos/")
        ds = gifbench.build_dataset("gif-moments", out="s3://bucket/moments", manifest="moments.csv", store="store/")

    `recipe` is a name as `gifbench recipes` lists it, a `Recipe`, or the path of a `.py` or `.toml` file; `settings`
    are parameters of it, as `{"colors": 64}`. `out` is a folder or an fsspec URL.

    What is built is one of two: every video in the folder `videos`, where those that the recipe's official list names
    take their split from it and others are of `split`; or the rows of a `manifest`: a path (.parquet, .csv, .jsonl),
    the name of an official list, a DataFrame, or a list of `ManifestRow`s or mappings. Local files of a manifest count
    from its folder (of rows from the current one), and must lie in it unless `trust_manifest`; sources of other kinds
    are read from `store`, which `gifbench fetch` filled. `limit` builds the first rows only.

    `workers` processes do the work, one a core if None, or those of the Dask scheduler at `cluster`. Clips that are
    built or were rejected stay, failed ones are tried again; `overwrite` starts over. After an interruption what was
    finished is kept. `progress` gets a `Progress` after each row, `warn` what else there is to know,
    which the logger `gifbench` gets otherwise. The dataset's `outcomes` say what became of each row.

    Raises `UsageError` for wrong types, an unknown recipe or split, and unless one of `videos` and `manifest` is given;
    `RecipeError`, `ManifestError`, `NotFound`; `BuildError` where `out` holds a dataset of another recipe or is being
    built; `DatasetError` where equal clips are in two splits, unless `allow_duplicates`; `AlreadyExists` where `out`
    holds something else; `StorageError`.
    """
    say = warn or logging.getLogger("gifbench").warning
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(recipe, settings)
    elif settings:
        recipe = make_recipe(type(recipe), {**recipe.model_dump(exclude_unset=True), **settings})
    if limit is not None and limit < 1:
        raise UsageError(f"limit must be at least 1, got {limit}")
    if workers is not None and not 1 <= workers <= _MOST_WORKERS:
        raise UsageError(f"workers must be 1 to {_MOST_WORKERS}, got {workers}")
    build, _ = prepared_build(
        recipe,
        out=os.fspath(out),
        videos=videos,
        manifest=manifest,
        split=split,
        limit=limit,
        overwrite=overwrite,
        trust_manifest=trust_manifest,
        warn=say,
    )
    dataset = build(
        store=store if store is None or isinstance(store, Store) else Store(store),
        workers=workers,
        cluster=cluster,
        progress=progress or silent,
    )
    find_duplicates(dataset).tell(say, dataset.url, allow=allow_duplicates)
    return dataset


def prepared_build(
    recipe: Recipe,
    *,
    out: str,
    videos: str | os.PathLike[str] | None,
    manifest: object,
    split: str,
    limit: int | None,
    overwrite: bool,
    trust_manifest: bool,
    warn: Callable[[str], None],
) -> tuple[Callable[..., Dataset], list[str]]:
    """`run_build` of a folder of videos or of a manifest, and clips that are built of files with other bytes now.

    It lacks only what `run_build` calls `store`, `workers`, `cluster` and `progress`. Raises what `build_dataset`
    raises for the rows.
    """
    if (videos is None) == (manifest is None):
        raise UsageError("say what to build from: either videos, a folder, or manifest, a table of clips")
    if split not in SPLITS:
        raise UsageError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
    trust: Trust = "everything" if trust_manifest else "nothing"
    if videos is not None:
        folder = Folder(out)
        rows = from_folder(
            os.fspath(videos),
            split=split,
            known=official_rows(recipe.manifest),
            without=[] if folder.local is None else [folder.local],
            warn=warn,
        )
        rows = rows if overwrite else with_existing_ids(folder, rows)
        sources = Path(videos)
        trust = "everything" if trust_manifest else "rows"
    else:
        rows, sources, name = _manifest_rows(manifest)
        check_locators(rows, name=name, trusted=trust_manifest)
    official = official_splits(recipe.manifest)
    # Videos of one's own are no part of the official list, and cover none of it.
    counts = dict(Counter(official.values())) if any(row.clip_id in official for row in rows) else {}
    rows, sources = rows[:limit], sources.absolute()
    changed = [] if overwrite else warn_of_changes(Folder(out), rows, sources, warn)
    build = partial(run_build, recipe, rows, out, sources=sources, official=counts, overwrite=overwrite, trust=trust)
    return build, changed


def _manifest_rows(manifest: Any) -> tuple[list[ManifestRow], Path, str]:  # noqa: ANN401  # in any form
    """The rows of a manifest, the folder that files count from, and what messages call it."""
    if isinstance(manifest, str | os.PathLike):
        path = Path(manifest)
        return read_manifest(path), path.parent, str(path)
    if hasattr(manifest, "columns") and hasattr(manifest, "to_dict"):  # a DataFrame of pandas or polars
        records = manifest.to_dict("records") if hasattr(manifest, "iloc") else manifest.to_dicts()
        # An empty cell is None, or a number that is equal to nothing.
        manifest = [{key: cell for key, cell in row.items() if cell is not None and cell == cell} for row in records]  # noqa: PLR0124
    if not isinstance(manifest, Sequence) or isinstance(manifest, bytes):
        raise UsageError(f"manifest must be a path, a DataFrame or a list of rows, got {type(manifest).__name__}")
    for row in manifest:
        if not isinstance(row, ManifestRow | Mapping):
            raise UsageError(f"a row of manifest must be a ManifestRow or a mapping, got {type(row).__name__}")
    values = [row.model_dump() if isinstance(row, ManifestRow) else dict(row) for row in manifest]
    return check_rows(values, name="manifest"), Path(), "manifest"
