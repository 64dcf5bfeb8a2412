"""A recipe over a manifest: in parallel, resumable, the same bytes however often it was interrupted."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Collection, Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import joblib
import numpy as np
from joblib.externals.loky.process_executor import TerminatedWorkerError

from gifbench.build.assembly import Assembly, plan_shards
from gifbench.build.clip import make_clip
from gifbench.build.fetch_ledger import FetchLedger, Key
from gifbench.build.ledger import STAGING, Ledger
from gifbench.build.manifest import ManifestRow
from gifbench.build.outcomes import Outcome
from gifbench.build.recipe import Recipe
from gifbench.build.store import Store
from gifbench.dataset.reader import Dataset, open_dataset
from gifbench.errors import AlreadyExists, BuildError, StorageError
from gifbench.media.colors.quantize import quantize_pair
from gifbench.storage import Folder


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a build is: `done` of `wanted` rows have an outcome; `outcome` is the newest, None at the start."""

    done: int
    wanted: int
    outcome: Outcome | None = None


def build_dataset(
    recipe: Recipe,
    rows: Sequence[ManifestRow],
    out: str,
    *,
    sources: Path,
    store: Store | None = None,
    retry: Container[str] | None = None,
    remake: Collection[str] = (),
    workers: int | None = None,
    official: dict[str, int] | None = None,
    overwrite: bool = False,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Dataset:
    """Build a dataset at `out`, a path or an fsspec URL, or go on with one.

    `rows` are added to what the dataset holds; locators of local files count from the folder `sources`, sources of
    other kinds are read from `store`, where `fetch_sources` put them. Clips that are built or were rejected stay;
    failed ones are tried again, or with `retry` only those that failed for one of these reasons; `remake` names clips
    that are made anew whatever became of them. `workers` is the number of processes (None: one a core). `official` is
    how many clips the official list has in each split; None leaves what the dataset says of it.

    The dataset depends on the recipe, the rows of all runs and the sources alone. Raises `BuildError` if `out` holds
    a dataset of another recipe or is being built by another process, `StorageError` if it cannot be written (what was
    finished is kept), `AlreadyExists` if it is a folder with something else in it.
    """
    folder = Folder(out)
    _claim(folder)
    with _alone(folder):
        if overwrite:
            _clear(folder)
        folder.sweep()
        ledger = Ledger(folder, recipe)
        if official is not None:
            ledger.official = dict(official)
        ledger.want(rows)
        ledger.forget(remake)
        plan = plan_shards(ledger.rows.values(), recipe.clips_per_shard)
        assembly = Assembly(folder, ledger, plan)
        assembly.start()
        pending = [row for wanted in plan.values() for row in wanted if ledger.wants(row.clip_id, retry)]
        absent, pending = _absent(pending, store)
        done = len(ledger.rows) - len(pending)
        report(Progress(done, len(ledger.rows)))
        try:
            for outcome in absent:
                ledger.record(outcome)
                assembly.add(outcome.clip_id)
            work = _Work(recipe, folder, sources.absolute(), store, os.getpid())
            for outcome in _outcomes(work, pending, workers or joblib.cpu_count()):
                ledger.record(outcome)
                assembly.add(outcome.clip_id)
                done += 1
                report(Progress(done, len(ledger.rows), outcome))
        finally:
            # Also after Ctrl-C and on a full disk: what was finished is kept.
            assembly.save()
        folder.delete(STAGING)
    return open_dataset(out)


def _claim(folder: Folder) -> None:
    """Make the folder; raises `AlreadyExists` if something else than a dataset is in it."""
    ours = folder.exists("dataset.json") or folder.exists(STAGING)
    if not ours and folder.names():
        raise AlreadyExists(f"{folder}: the folder is not empty and holds no dataset; choose another place")
    folder.write(f"{STAGING}/README", b"Work in progress of gifbench build; run the same command again to go on.\n")


def _clear(folder: Folder) -> None:
    # dataset.json goes last: as long as it is there, what a kill leaves behind is known to be ours.
    for name in ("index.parquet", "outcomes.parquet", "manifest.parquet", "shards", "dataset.json"):
        folder.delete(name)
    for name in folder.names(STAGING):
        if name.endswith((".group", ".json")):
            folder.delete(name)


@contextmanager
def _alone(folder: Folder) -> Iterator[None]:
    """Hold a local dataset for this process; the hold ends with the process, however that ends."""
    if folder.local is None:
        yield
        return
    import fcntl

    with (folder.local / STAGING / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BuildError(f"{folder}: another gifbench build is at work here; wait for it, or stop it") from None
        yield


@dataclass(frozen=True, slots=True)
class _Work:
    """What every task of a build shares."""

    recipe: Recipe
    folder: Folder
    sources: Path
    store: Store | None
    driver: int
    """The process number of the driver."""

    def __call__(self, row: ManifestRow) -> Outcome | StorageError:
        """Make one clip. An error of the dataset's folder is returned, since it is the build's and not the clip's."""
        if os.getpid() != self.driver and threading.current_thread() is threading.main_thread():
            # Ctrl-C reaches every process of the terminal, and it is the driver that ends its workers.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        cv2.setNumThreads(1)
        try:
            if row.source == "file" or self.store is None:
                path: Path | None = self.sources / row.locator
            else:
                path = self.store.path(row.source, row.locator)
            if path is None:
                return Outcome(row.clip_id, "failed", "not_fetched", "it left the store during the build")
            return make_clip(self.recipe, row, path, self.folder)
        except StorageError as error:
            return error


def _absent(rows: Sequence[ManifestRow], store: Store | None) -> tuple[list[Outcome], list[ManifestRow]]:
    """Outcomes for the rows whose source is not in the store, with what kept it from there, and the other rows."""
    fetches = {} if store is None else FetchLedger(store.folder).fetches
    absent, present = [], []
    for row in rows:
        if row.source == "file" or (store is not None and store.path(row.source, row.locator) is not None):
            present.append(row)
            continue
        fetch = fetches.get(Key(row.source, row.locator))
        reason, why = "not_fetched", "it is not in the store: run gifbench fetch, and build with --store"
        if fetch is not None and fetch.state == "failed":
            reason, why = fetch.reason, fetch.detail
        absent.append(Outcome(row.clip_id, "failed", reason, why))
    return absent, present


def _outcomes(work: _Work, rows: Sequence[ManifestRow], workers: int) -> Iterator[Outcome]:
    """What becomes of each row, in the order in which they end.

    When a worker dies, the rows that were under way are made again, each alone, so that the one that kills its worker
    is found: it fails as `crashed`, and the rest goes on.
    """
    if workers > 1 and rows:
        # What is compiled on first use is compiled once, here, and not in every worker at the same time.
        quantize_pair(np.zeros((8, 8, 3), np.uint8))
    waiting = list(rows)
    while waiting:
        started: list[ManifestRow] = []
        ended: set[str] = set()
        try:
            for outcome in _run(work, waiting, workers, started):
                ended.add(outcome.clip_id)
                yield outcome
            return
        except TerminatedWorkerError:
            suspects = [row for row in started if row.clip_id not in ended]
        for row in suspects:
            ended.add(row.clip_id)
            try:
                yield from _run(work, [row], 2, [])
            except TerminatedWorkerError as error:
                yield Outcome(row.clip_id, "failed", "crashed", str(error).split(".", maxsplit=1)[0], attempts=2)
        waiting = [row for row in waiting if row.clip_id not in ended]


def _run(work: _Work, rows: Sequence[ManifestRow], workers: int, started: list[ManifestRow]) -> Iterator[Outcome]:
    """Make clips in `workers` processes (in this one for 1); `started` grows by what has been handed out."""

    def tasks() -> Iterator[Any]:
        for row in rows:
            started.append(row)
            yield joblib.delayed(work)(row)

    # One row ahead of each worker keeps them busy, and few rows are under suspicion after a crash.
    parallel = joblib.Parallel(n_jobs=workers, return_as="generator_unordered", batch_size=1, pre_dispatch="2*n_jobs")
    for result in parallel(tasks()):
        if isinstance(result, StorageError):
            raise result
        yield result
