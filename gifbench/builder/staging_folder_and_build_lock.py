"""The staging folder of a build: where a clip waits for its shard, and whose turn it is to write there.

A worker leaves the group of a clip under a name that counts for nothing, and returns that name; only the build that
asked for the clip gives it the name under which a group counts. So a worker whose build has gone changes nothing, and
no clip has to fit into memory on its way.

On this machine a lock holds the folder as long as the process lives. Anywhere, each run writes its name into the
staging folder; a worker whose driver was killed goes on until it has made its clip, finds another name there, or none,
and leaves the clip. Where there is no lock, the run that began last goes on and the earlier one stops.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from gifbench.dataset.row_outcomes import Outcome
from gifbench.dataset.shard_format import STAGING
from gifbench.dataset.table_checksums import CHECKSUMS
from gifbench.errors import AlreadyExists, BuildError, NotFound, StorageError, storage_errors
from gifbench.storage import PARTIAL, Folder

_RUN = f"{STAGING}/run"
_RECIPE = f"{STAGING}/recipe"
_README = b"Work in progress of gifbench build; run the same command again to go on.\n"


@dataclass(frozen=True, slots=True)
class WorkResult:
    """What a worker returns for a row: what became of it, and the file below the dataset that holds a built clip."""

    outcome: Outcome
    file: str | None = None


def group_name(clip_id: str) -> str:
    """Where a clip's group waits until its shard is put together."""
    return f"{STAGING}/{clip_id}.group"


@contextmanager
def scratch_folder(folder: Folder, clip_id: str) -> Iterator[Path]:
    """A folder on this machine for the files of a clip while they grow; it is gone after the block.

    Beside the dataset if that is on this machine, so that its disk is the one that fills up.
    """
    parent = None if folder.local is None else folder.local / STAGING
    with storage_errors(folder):
        scratch = tempfile.TemporaryDirectory(
            prefix=f".{clip_id}.", suffix=PARTIAL, dir=parent, ignore_cleanup_errors=True
        )
    with scratch as name:
        yield Path(name)


def hand_over(folder: Folder, clip_id: str, group: Path, run: str) -> str:
    """Leave a clip's group for the build that is the run `run`, and return the name to tell it.

    Raises `StorageError` if the run has ended.
    """
    check_run(folder, run)
    name = f"{STAGING}/.{clip_id}.{secrets.token_hex(4)}{PARTIAL}"
    folder.take(group, name)
    return name


def accept(folder: Folder, result: WorkResult) -> Outcome:
    """Give a worker's file the name under which it counts; the outcome, which may be recorded after that."""
    if result.file is not None:
        folder.rename(result.file, group_name(result.outcome.clip_id))
    return result.outcome


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


def claim(folder: Folder) -> None:
    """Make the folder; raises `AlreadyExists` if something else than a dataset is in it."""
    ours = folder.exists("dataset.json") or folder.exists(STAGING)
    if not ours and folder.names():
        raise AlreadyExists(f"{folder}: the folder is not empty and holds no dataset; choose another place")
    folder.write(f"{STAGING}/README", _README)


def changed_recipe(folder: Folder, code_sha256: str, *, begins: bool) -> str:
    """What is to be said where the build that was interrupted here had another file of the recipe; else empty.

    A build that `begins` has no clip of its own yet, and leaves word of its file.
    """
    if not code_sha256:  # it is installed
        return ""
    try:
        earlier = "" if begins else folder.read(_RECIPE).decode(errors="replace")
    except NotFound:
        earlier = ""
    if not earlier:
        folder.write(_RECIPE, code_sha256.encode())
    if earlier in ("", code_sha256):
        return ""
    return (
        "the recipe's file has changed since this build was begun, and clips that are built or were rejected stay as "
        "they are: --overwrite, or another folder, makes them anew"
    )


def clear(folder: Folder) -> None:
    """Delete the dataset, and nothing else that lies there."""
    # dataset.json goes last: as long as it is there, what a kill leaves behind is known to be ours.
    for name in ("index.parquet", "outcomes.parquet", "manifest.parquet", "shards", CHECKSUMS, "dataset.json"):
        folder.delete(name)
    folder.delete(_RECIPE)
    for name in folder.names(STAGING):
        if name.endswith((".group", ".json")):
            folder.delete(name)


def alone(folder: Folder) -> AbstractContextManager[None]:
    """Hold a local dataset for this process; the hold ends with the process, however that ends."""
    busy = BuildError(f"{folder}: another gifbench build is at work here; wait for it, or stop it")
    return folder.lock(f"{STAGING}/lock", busy=busy)
