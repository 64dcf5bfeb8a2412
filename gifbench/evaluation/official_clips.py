"""The official lists that packages ship: which clips a dataset should hold, split by split."""

from __future__ import annotations

from functools import cache

from gifbench.plugins import official_list
from gifbench.tables import parquet_rows


@cache
def official_clips(dataset: str, split: str) -> frozenset[str]:
    """The names of the clips of a split in the official list of the recipe `dataset`; empty where none is shipped."""
    file = official_list(dataset)
    if file is None:
        return frozenset()
    return frozenset(row["clip_id"] for row in parquet_rows(file.read_bytes()) if row["split"] == split)
