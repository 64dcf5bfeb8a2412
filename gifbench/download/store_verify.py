"""Holding a store against what it says of itself: every byte of every video, and nothing missing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from gifbench.child_processes import in_processes
from gifbench.download.fetch_ledger import FetchLedger
from gifbench.download.store import Store, beside, read_stored
from gifbench.errors import DatasetDamaged, NotFound
from gifbench.progress import Progress, ProgressCallback, silent
from gifbench.text_redaction import hashed


@dataclass(frozen=True, slots=True)
class StoreDamage:
    """Something in a store that is not as it should be."""

    place: str
    """A file, relative to the store; or source and locator, of what is gone without a trace."""
    what: str
    files: tuple[str, ...] = ()
    """What has to go so that the source is fetched anew."""


def verify_store(
    store: Store, *, workers: int | None = None, progress: ProgressCallback = silent
) -> Iterator[StoreDamage]:
    """Read every video of a store and give what is damaged or missing.

    A video that is there and that the store does not count, since its description is not, is damage, too; what a fetch
    has not finished is none.
    """
    names = [name for name in store.folder.names() if name.count("/") == 2 and not name.startswith("unfinished/")]
    descriptions = [name for name in names if name.endswith(".json")]
    if store.folder.in_memory:
        workers = 1
    checked = in_processes(partial(_check, store), descriptions, workers)
    described, sound = set(descriptions), set()
    for done, (name, (video, key, what)) in enumerate(zip(descriptions, checked, strict=True), start=1):
        progress(Progress(done, len(descriptions), name))
        described.add(video)
        if key is not None:
            sound.add(key)
        if what:
            yield StoreDamage(video or name, what, tuple(file for file in (name, video) if file))
    for name in sorted(set(names) - described):
        yield StoreDamage(name, "it has no description, so that it does not count", (name,))
    ledger = FetchLedger(store.folder.url)
    for place in ledger.changed:
        yield StoreDamage(place, "it is not as gifbench wrote it, and ignored")
    for fetch in ledger.fetches.values():
        if fetch.state == "stored" and fetch.key not in sound:
            yield StoreDamage(f"{fetch.source} {fetch.locator}", "it was stored, and is not here")


def take_away(store: Store, damage: Iterable[StoreDamage]) -> None:
    """Delete what is damaged, so that `fetch_sources` brings it again, and leave changed lines out of the ledger."""
    ledger = FetchLedger(store.folder.url)
    if ledger.changed:
        ledger.compact(always=True)
    for entry in damage:
        for name in entry.files:
            store.folder.delete(name)


def _check(store: Store, description: str) -> tuple[str, tuple[str, str] | None, str]:
    """The video that a description is of ("" if it names none), what it is, and what is wrong ("" if nothing)."""
    try:
        stored = read_stored(store.folder, description)
    except DatasetDamaged:
        return "", None, "the description cannot be read"
    key = (stored.source, hashed(stored.locator))
    if description not in store.descriptions(stored.source, stored.locator):
        return "", None, f"it describes another source, {stored.source} {stored.locator}"
    video = beside(description, stored.file)
    size = store.folder.size(video)
    if size is None:
        return video, key, "it is missing"
    if size != stored.bytes:
        return video, key, f"it has {size} bytes instead of {stored.bytes}"
    try:
        with store.folder.open(video) as file:
            digest = hashlib.file_digest(file, "sha256")  # type: ignore[arg-type]  # any of fsspec will do
    except NotFound:
        return video, key, "it is missing"
    return video, key, "" if digest.hexdigest() == stored.sha256 else "its bytes differ from their sha256"
