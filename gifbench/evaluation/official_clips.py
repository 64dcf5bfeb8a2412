"""The official lists that are shipped with gifbench: which clips a dataset should hold, split by split."""

from __future__ import annotations

import importlib.resources
from functools import cache

from gifbench.tables import parquet_rows


@cache
def official_clips(dataset: str, split: str) -> frozenset[str]:
    """The names of the clips of a split in the official list of the recipe `dataset`; empty where none is shipped."""
    if "/" in dataset or "\\" in dataset:
        return frozenset()
    file = importlib.resources.files("gifbench_manifests") / f"{dataset}.parquet"
    if not file.is_file():
        return frozenset()
    return frozenset(row["clip_id"] for row in parquet_rows(file.read_bytes()) if row["split"] == split)
