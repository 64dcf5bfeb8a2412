"""Whose turn it is in a dataset's folder: one build at a time, and no clip of a build that has ended.

On this machine a lock holds the folder as long as the process lives. Anywhere, each run writes its name into the
staging folder; a worker whose driver was killed goes on until it has made its clip, finds another name there, or none,
and leaves the clip. Where there is no lock, the run that began last goes on and the earlier one stops.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from gifbench.dataset.shard_format import STAGING
from gifbench.dataset.table_checksums import CHECKSUMS
from gifbench.errors import AlreadyExists, BuildError
from gifbench.storage import Folder

_README = b"Work in progress of gifbench build; run the same command again to go on.\n"


def claim(folder: Folder) -> None:
    """Make the folder; raises `AlreadyExists` if something else than a dataset is in it."""
    ours = folder.exists("dataset.json") or folder.exists(STAGING)
    if not ours and folder.names():
        raise AlreadyExists(f"{folder}: the folder is not empty and holds no dataset; choose another place")
    folder.write(f"{STAGING}/README", _README)


def clear(folder: Folder) -> None:
    """Delete the dataset, and nothing else that lies there."""
    # dataset.json goes last: as long as it is there, what a kill leaves behind is known to be ours.
    for name in ("index.parquet", "outcomes.parquet", "manifest.parquet", "shards", CHECKSUMS, "dataset.json"):
        folder.delete(name)
    for name in folder.names(STAGING):
        if name.endswith((".group", ".json")):
            folder.delete(name)


def alone(folder: Folder) -> AbstractContextManager[None]:
    """Hold a local dataset for this process; the hold ends with the process, however that ends."""
    busy = BuildError(f"{folder}: another gifbench build is at work here; wait for it, or stop it")
    return folder.lock(f"{STAGING}/lock", busy=busy)
