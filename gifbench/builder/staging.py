"""The staging folder of a build: where a clip waits for its shard, and whose turn it is to write there.

All that a worker needs to know of the dataset that it makes a clip for.
"""

from __future__ import annotations

import secrets

from gifbench.dataset.shards import STAGING
from gifbench.errors import NotFound, StorageError
from gifbench.storage import Folder

_RUN = f"{STAGING}/run"


def group_name(clip_id: str) -> str:
    """Where a clip's group waits until its shard is put together."""
    return f"{STAGING}/{clip_id}.group"


def begin_run(folder: Folder) -> str:
    """Say that a run begins; its name."""
    run = secrets.token_hex(8)
    folder.write(_RUN, run.encode())
    return run


def check_run(folder: Folder, run: str) -> None:
    """Raise `StorageError` if the run has ended, or another one has begun."""
    try:
        now = folder.read(_RUN).decode(errors="replace")
    except NotFound:
        now = ""
    if now != run:
        raise StorageError(f"{folder}: another gifbench build has begun here, or this one has ended; it stops here")
