"""The making of clips in processes of this machine, and what each worker does with a row, wherever it runs."""

from __future__ import annotations

import functools
import gc
import os
import signal
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from joblib.externals.loky.process_executor import TerminatedWorkerError

from gifbench.builder.clip_builder import GROUP, make_clip
from gifbench.builder.recipe import Recipe
from gifbench.builder.staging_folder_and_build_lock import WorkResult, hand_over, scratch_folder
from gifbench.child_processes import ended_with_this_process
from gifbench.dataset.row_outcomes import Outcome, outcome_of
from gifbench.download.store import Store
from gifbench.errors import GifbenchError, MissingExtra, StorageError
from gifbench.manifest.locator_check import local_source
from gifbench.manifest.rows import ManifestRow
from gifbench.media.colors.quantize import quantize_pair
from gifbench.storage import Folder


@dataclass(frozen=True, slots=True)
class Work:
    """What every task of a build shares. It is sent to the workers with each row, and called there."""

    recipe: Recipe
    folder: Folder
    sources: Path
    store: Store | None
    run: str
    """The name of the run, so that a worker whose driver has gone leaves no clip behind."""
    driver: int
    """The process number of the driver."""
    trusted: bool = False
    """Whether local files may lie outside of `sources`, and be links that lead out of it."""

    def __call__(self, row: ManifestRow) -> WorkResult | StorageError | MissingExtra:
        """Make one clip. An error that is not the clip's own is returned: of the dataset's folder, a missing extra."""
        if os.getpid() != self.driver and threading.current_thread() is threading.main_thread():
            # Ctrl-C reaches every process of the terminal, and it is the driver that ends its workers.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            _settle()
        import cv2

        cv2.setNumThreads(1)
        try:
            if row.source == "file" or self.store is None:
                try:
                    source = local_source(self.sources, row.locator, trusted=self.trusted)
                except GifbenchError as error:
                    return WorkResult(outcome_of(error, row.clip_id))
                return self._make(row, source)
            with self.store.borrowed(row.source, row.locator) as path:
                if path is None:
                    return WorkResult(
                        Outcome(row.clip_id, "failed", "not_fetched", "it left the store during the build")
                    )
                return self._make(row, path)
        except (StorageError, MissingExtra) as error:
            return error

    def _make(self, row: ManifestRow, source: Path) -> WorkResult:
        with scratch_folder(self.folder, row.clip_id) as scratch:
            outcome = make_clip(self.recipe, row, source, scratch)
            if outcome.row is None:
                return WorkResult(outcome)
            return WorkResult(outcome, hand_over(self.folder, row.clip_id, scratch / GROUP, self.run))


def outcomes_here(work: Work, rows: Sequence[ManifestRow], workers: int) -> Iterator[WorkResult]:
    """What becomes of each row, in the order in which they end, made by so many processes of this machine.

    When a worker dies, the rows that were under way are made again, each alone, so that the one that kills its worker
    is found: it fails as `crashed`, and the rest goes on. Raises the `StorageError` or `MissingExtra` that a row ended
    with.
    """
    if workers > 1 and rows:
        _load()  # what is compiled on first use is compiled once, here, and not in every worker at the same time
    waiting = list(rows)
    while waiting:
        started: list[ManifestRow] = []
        ended: set[str] = set()
        try:
            for result in _run(work, waiting, workers, started):
                ended.add(result.outcome.clip_id)
                yield result
            return
        except TerminatedWorkerError:
            suspects = [row for row in started if row.clip_id not in ended]
        for row in suspects:
            ended.add(row.clip_id)
            try:
                yield from _run(work, [row], 2, [])
            except TerminatedWorkerError as error:
                why = str(error).split(".", maxsplit=1)[0]
                yield WorkResult(Outcome(row.clip_id, "failed", "crashed", why, attempts=2))
        waiting = [row for row in waiting if row.clip_id not in ended]


def _run(work: Work, rows: Sequence[ManifestRow], workers: int, started: list[ManifestRow]) -> Iterator[WorkResult]:
    """Make clips in `workers` processes (in this one for 1); `started` grows by what has been handed out."""

    def tasks() -> Iterator[Any]:
        for row in rows:
            started.append(row)
            yield joblib.delayed(work)(row)

    # One row ahead of each worker keeps them busy, and few rows are under suspicion after a crash.
    how: dict[str, Any] = {"batch_size": 1, "pre_dispatch": "2*n_jobs", **ended_with_this_process()}
    parallel = joblib.Parallel(n_jobs=workers, return_as="generator_unordered", **how)
    results = parallel(tasks())
    with _settled() if workers == 1 else nullcontext():
        try:
            for result in results:
                if isinstance(result, StorageError | MissingExtra):
                    raise result
                yield result
        finally:
            with warnings.catch_warnings(action="ignore"):  # joblib's, that what is not wanted any more is not done
                results.close()


@contextmanager
def _settled() -> Iterator[None]:
    """Keep Python from looking for garbage among what was loaded, hundreds of thousands of objects, meanwhile."""
    frozen = _was_frozen()
    _load()
    gc.freeze()
    try:
        yield
    finally:
        if not frozen:
            gc.unfreeze()


@functools.cache
def _was_frozen() -> bool:
    """Whether somebody else froze objects before the first build of this process: to count many takes its time."""
    return gc.get_freeze_count() > 0


@functools.cache
def _settle() -> None:
    """The same for good, in a process that does nothing else."""
    _load()
    gc.freeze()


def _load() -> None:
    """Load what every clip needs, and what is loaded by its first use: numba's is most of it."""
    with uncollected():
        quantize_pair(np.zeros((8, 8, 3), np.uint8))


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep Python from looking for garbage among hundreds of thousands of new objects: a third of the time to load."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
