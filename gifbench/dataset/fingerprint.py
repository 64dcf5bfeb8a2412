"""The fingerprint of a dataset: two with the same one give the same scores."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from gifbench.dataset.index_rows import IndexRow


def fingerprint(rows: Iterable[IndexRow]) -> str:
    """What methods see and are scored against, in 16 hexadecimal digits.

    It covers each clip's name, split, times, truth pixels and both GIFs, and neither where they lie nor how the truth
    is compressed nor whether the GIFs are stored: the same dataset on another machine, in other shards, has the same
    fingerprint.
    """
    digest = hashlib.sha256(b"gifbench dataset 1\n")
    for row in sorted(rows, key=lambda row: row.clip_id):
        clock = row.fps if row.ticks is None else f"{row.time_base} {row.ticks}"
        parts = (row.clip_id, row.split, clock, row.pixels_sha256, row.plain.sha256, row.dithered.sha256)
        digest.update(("\t".join(parts) + "\n").encode())
    return digest.hexdigest()[:16]
