"""Secrets in what a dataset is shared with: signed URLs and tokens in the locators of its sources.

Shards and index hold a hash in the place of each. The manifest keeps them, because a source cannot be fetched again
without; `gifbench.builder.strip_dataset_secrets` takes them out of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from gifbench.dataset.dataset_reader import Dataset
from gifbench.dataset.shard_format import table_rows
from gifbench.errors import DatasetDamaged, NotFound
from gifbench.text_redaction import holds_secret

_TEXTS = ("locator", "note", "licence", "license", "detail")


@dataclass(frozen=True, slots=True)
class Secrets:
    """In how many rows of each table there are some; `shards` of those that an earlier version wrote."""

    manifest: int
    outcomes: int
    shards: int

    def __bool__(self) -> bool:
        return bool(self.manifest or self.outcomes or self.shards)

    def warning(self, place: str) -> str:
        """One line for whoever is about to share the dataset."""
        tables = {"manifest.parquet": self.manifest, "outcomes.parquet": self.outcomes, "index and shards": self.shards}
        held = " and ".join(f"{name} ({count})" for name, count in tables.items() if count)
        way = f"gifbench card {place} --strip-secrets --overwrite takes them out"
        if self.shards:
            way = (
                "gifbench repack writes shards without them, and gifbench card --strip-secrets clears the tables there"
            )
        return f"Secrets, such as signed URLs, stand in {held}. Before you share it: {way}"


def find_secrets(dataset: Dataset) -> Secrets:
    """What stands in the dataset's files that opens an account or a bucket to whoever reads it."""
    return Secrets(
        manifest=_count(dataset, "manifest.parquet"),
        outcomes=_count(dataset, "outcomes.parquet"),
        shards=sum(holds_secret(row.locator) for row in dataset.rows),
    )


def _count(dataset: Dataset, name: str) -> int:
    try:
        rows = table_rows(dataset.folder.read(name), place=dataset.folder.place(name))
    except (NotFound, DatasetDamaged):
        return 0
    return sum(any(holds_secret(str(row.get(key) or "")) for key in _TEXTS) for row in rows)
