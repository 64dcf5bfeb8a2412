"""Secrets in what a dataset is shared with: signed URLs and tokens in the locators of its sources.

Shards and index hold a hash in the place of each. The manifest keeps them, because a source cannot be fetched again
without; before the dataset is shared they are taken out of it, and a hash stands for each, by which a store finds its
source.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gifbench.builder.build_ledger import Ledger
from gifbench.builder.staging_folder_and_build_lock import alone
from gifbench.dataset.dataset_reader import Dataset, open_dataset
from gifbench.dataset.index_rows import read_table
from gifbench.dataset.shard_format import STAGING
from gifbench.errors import DatasetDamaged, DatasetError, NotFound
from gifbench.storage import Folder
from gifbench.text_redaction import hashed, holds_secret, redact

_SHARDS = "index and shards"
_TEXTS = ("locator", "note", "licence", "license", "detail")


def find_secrets(dataset: Dataset) -> dict[str, int]:
    """In how many rows of which files something stands that opens an account or a bucket to whoever reads it.

    Files without any are left out; index and shards have some only where an earlier version wrote them.
    """
    found = {name: _count(dataset, name) for name in ("manifest.parquet", "outcomes.parquet")}
    found[_SHARDS] = sum(holds_secret(row.locator) for row in dataset.rows)
    return {name: count for name, count in found.items() if count}


def secrets_warning(found: Mapping[str, int], place: str) -> str:
    """One line for whoever is about to share the dataset at `place`."""
    held = " and ".join(f"{name} ({count})" for name, count in found.items())
    way = f"gifbench card {place} --strip-secrets --overwrite takes them out"
    if _SHARDS in found:
        way = "gifbench repack writes shards without them, and gifbench card --strip-secrets clears the tables there"
    return f"Secrets, such as signed URLs, stand in {held}. Before you share it: {way}"


def _count(dataset: Dataset, name: str) -> int:
    try:
        rows = read_table(dataset.folder, name)
    except (NotFound, DatasetDamaged):
        return 0
    return sum(any(holds_secret(str(row.get(key) or "")) for key in _TEXTS) for row in rows)


def strip_secrets(url: str) -> tuple[Dataset, int]:
    """Put a hash in the place of every secret in the tables of the dataset at `url`; it, and in how many rows.

    Clips, shards and fingerprint stay. What is in a store is still found there; to fetch a source again takes the
    manifest that it was fetched with. Raises `DatasetError`, before anything is changed, where an earlier version of
    gifbench wrote secrets into the shards, and `BuildError` while a build is at work.
    """
    opened, folder = open_dataset(url), Folder(url)
    found = find_secrets(opened)
    if _SHARDS in found:
        raise DatasetError(f"{url}: {secrets_warning(found, url)}")
    if not found:
        return opened, 0
    with alone(folder):
        ledger = Ledger(folder, None)
        for clip_id, row in list(ledger.rows.items()):
            texts = {"locator": hashed(row.locator), "note": redact(row.note), "licence": redact(row.licence)}
            ledger.rows[clip_id] = row.model_copy(update=texts)
        for clip_id, outcome in list(ledger.outcomes.items()):
            ledger.outcomes[clip_id] = replace(outcome, detail=redact(outcome.detail))
        ledger.save(rows=True)
        if not ledger.waiting():
            folder.delete(STAGING)
    return open_dataset(url), sum(found.values())
