"""Taking secrets out of a dataset that is to be shared: a hash stands for each, by which a store finds its source."""

from __future__ import annotations

from dataclasses import replace

from gifbench.builder.build_ledger import Ledger
from gifbench.builder.build_lock import alone
from gifbench.dataset.dataset_reader import Dataset, open_dataset
from gifbench.dataset.secret_search import find_secrets
from gifbench.dataset.shard_format import STAGING
from gifbench.errors import DatasetError
from gifbench.storage import Folder
from gifbench.text_redaction import hashed, redact


def strip_secrets(url: str) -> tuple[Dataset, int]:
    """Put a hash in the place of every secret in the tables of the dataset at `url`; it, and in how many rows.

    Clips, shards and fingerprint stay. What is in a store is still found there; to fetch a source again takes the
    manifest that it was fetched with. Raises `DatasetError`, before anything is changed, where an earlier version of
    gifbench wrote secrets into the shards, and `BuildError` while a build is at work.
    """
    opened, folder = open_dataset(url), Folder(url)
    found = find_secrets(opened)
    if found.shards:
        raise DatasetError(f"{url}: {found.warning(url)}")
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
        if all(outcome.row is None or outcome.row.shard for outcome in ledger.outcomes.values()):
            folder.delete(STAGING)
    return open_dataset(url), found.manifest + found.outcomes
