"""A recipe over a manifest: in parallel, resumable, the same bytes however often it was interrupted.

`build_dataset.py` finds out what a user means; it, the commands, the repair and the demo run this.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Container, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import joblib

from gifbench.builder.build_ledger import RECORDED_VERSIONS, Ledger
from gifbench.builder.changed_sources import unchanged_failures
from gifbench.builder.coverage_by_split import missing_sources
from gifbench.builder.local_build_workers import Work, outcomes_here, uncollected
from gifbench.builder.recipe import Recipe
from gifbench.builder.remove import keep_removed, take_removed
from gifbench.builder.shard_assembly import Assembly, plan_shards
from gifbench.builder.staging_folder_and_build_lock import (
    WorkResult,
    accept,
    alone,
    begin_run,
    changed_recipe,
    claim,
    clear,
)
from gifbench.dask_cluster import WorkersDied, check_scheduler_address, connected
from gifbench.dataset.dataset_reader import Dataset, open_dataset, read_about
from gifbench.dataset.gifs_from_truth import check_maker
from gifbench.dataset.row_outcomes import Outcome
from gifbench.dataset.shard_format import STAGING
from gifbench.download.fetch_ledger import Fetch, FetchLedger
from gifbench.download.store import Store
from gifbench.errors import BuildError, MissingExtra, StorageError, UsageError
from gifbench.manifest.rows import ManifestRow
from gifbench.progress import Progress, ProgressCallback, silent
from gifbench.storage import Folder

Trust = Literal["nothing", "rows", "everything"]
"""Whose local files may lie outside of the sources' folder, or be links that lead out of it: nobody's, those of the
rows that are given, or also those of the rows in the dataset's own manifest, which may be a stranger's."""


def run_build(
    recipe: Recipe,
    rows: Sequence[ManifestRow],
    out: str,
    *,
    sources: Path,
    store: Store | None = None,
    retry: Container[str] | None = None,
    remake: Collection[str] = (),
    workers: int | None = None,
    cluster: str | None = None,
    official: dict[str, int] | None = None,
    overwrite: bool = False,
    trust: Trust = "nothing",
    progress: ProgressCallback = silent,
) -> Dataset:
    """Build a dataset at `out`, a path or an fsspec URL, or go on with one.

    `rows` are added to what the dataset holds; locators of local files count from the folder `sources`, sources of
    other kinds are read from `store`, where `fetch_sources` put them. Clips that are built or were rejected stay;
    failed ones are tried again, unless their source could not be used and has the very same bytes now, to the same
    versions of gifbench and PyAV; with `retry` all those that failed for one of these reasons, and no others; `remake`
    names clips that are made anew whatever became of them. `workers` is the number of processes here (None: one a
    core), `cluster` the address of a Dask scheduler whose workers make the clips instead; they must see `out`,
    `sources` and `store` under the same names. `trust` says whose local files may lie outside of `sources`; others fail
    as `refused`.
    `official` is how many clips the official list has in each split; None leaves what the dataset says of it.

    The dataset depends on the recipe, the rows of all runs and the sources alone. Raises `BuildError` if `out` holds
    a dataset of another recipe or is being built by another process, or the cluster cannot do the work, `DatasetError`
    if its GIFs are made when they are read and this gifbench makes others, `StorageError` if something cannot be read
    or written (what was finished is kept) or the files of two clips would be one, `AlreadyExists` if `out` is a folder
    with something else in it, `UsageError` if both `workers` and `cluster` are given, or the latter is no address.
    """
    if workers is not None and cluster is not None:
        raise UsageError("workers are processes of this machine, and a cluster has its own: give one of the two")
    if cluster is not None:
        check_scheduler_address(cluster)
    folder = Folder(out)
    claim(folder)
    with alone(folder):
        if overwrite:
            keep_removed(folder)
            clear(folder)
        folder.sweep()
        if folder.exists("dataset.json"):
            recipe = recipe.resumed(read_about(folder)["recipe"])
        run = begin_run(folder)
        with uncollected():
            ledger = Ledger(folder, recipe)
            if official is not None and official != ledger.official:
                ledger.official, ledger.changed = dict(official), True
            take_removed(folder, ledger)
            ledger.want(rows)
            folder.check_apart(ledger.rows)  # a clip that waits for its shard is a file of its name
            ledger.remake(remake)
            for outcome in ledger.outcomes.values():
                if outcome.row is not None:
                    check_maker(outcome.row)  # clips of two makers in one dataset could not be read by either
            begins = all(outcome.state == "failed" for outcome in ledger.outcomes.values())
            changed = changed_recipe(folder, recipe.code_sha256, begins=begins)
            plan = plan_shards(ledger.rows.values(), recipe.clips_per_shard)
            assembly = Assembly(folder, ledger, plan, run=run)
            assembly.start()
        pending = [row for wanted in plan.values() for row in wanted if ledger.wants(row.clip_id, retry)]
        absent, pending = _absent(pending, store)
        given = {row.clip_id for row in rows} if trust == "rows" else set[str]()
        trusted = ledger.rows if trust == "everything" else given
        same = {} if retry is not None else unchanged_failures(ledger, pending, sources, store, trusted=trusted)
        pending = [row for row in pending if row.clip_id not in same]
        done = len(ledger.rows) - len(pending)
        progress(Progress(done, len(ledger.rows), message=changed))
        for outcome in same.values():
            progress(_step(done, len(ledger.rows), outcome, reused=True))
        work = Work(recipe, folder, sources.absolute(), store, run, os.getpid())
        try:
            for outcome in absent:
                if outcome != ledger.outcomes.get(outcome.clip_id):
                    assembly.add(outcome)
            for number, result in enumerate(_results(work, pending, trusted, workers, cluster), done + 1):
                outcome = ledger.unless_removed(accept(folder, result))
                assembly.add(outcome)
                progress(_step(number, len(ledger.rows), outcome))
        finally:
            # Also after Ctrl-C and on a full disk: what was finished is kept.
            assembly.save()
        folder.delete(STAGING)
    return open_dataset(out)


def _step(done: int, total: int, outcome: Outcome, *, reused: bool = False) -> Progress:
    """A row that has an outcome; `reused`: that of an earlier build, whose source has the very same bytes now."""
    why = "" if outcome.state == "built" else f"{outcome.clip_id}: {outcome.state}, {outcome.reason}: {outcome.detail}"
    return Progress(done, total, outcome.clip_id, message=why, reason=outcome.reason, reused=reused)


def _results(
    work: Work, rows: Sequence[ManifestRow], trusted: Container[str], workers: int | None, cluster: str | None
) -> Iterator[WorkResult]:
    """What becomes of each row, wherever it is made; `trusted` are the ids of those whose files may lie anywhere."""
    if work.folder.in_memory:
        workers = 1  # other processes do not see it
    for trust in (False, True):
        part = [row for row in rows if (row.clip_id in trusted) == trust]
        if cluster is not None and part:
            yield from _outcomes_on_cluster(replace(work, trusted=trust), part, cluster)
        else:
            yield from outcomes_here(replace(work, trusted=trust), part, workers or joblib.cpu_count())


def _outcomes_on_cluster(work: Work, rows: Sequence[ManifestRow], address: str) -> Iterator[WorkResult]:
    """What becomes of each row, in the order in which they end, made by the Dask cluster at `address`.

    A row that killed several workers is tried once more when all others have ended, and then fails as `crashed`.
    Raises `BuildError` where the scheduler cannot be reached, has no workers, or goes away, where a worker's versions
    differ, since a dataset of mixed versions would not be the one that it says it is, or it does not see the folders;
    `MissingExtra` without the package `distributed`; and the `StorageError` that a row ended with.
    """
    places = {"the dataset": (work.folder.url, f"{STAGING}/README")}
    if any(row.source == "file" for row in rows):
        places["the videos"] = (str(work.sources), "")
    if work.store is not None:
        places["the store"] = (work.store.folder.url, "README")
    with connected(address, error=BuildError) as cluster:
        cluster.check_workers(RECORDED_VERSIONS, places)
        for row, result in cluster.results(work, rows):
            if isinstance(result, WorkersDied):
                why = "several workers of the cluster died of it"
                yield WorkResult(Outcome(row.clip_id, "failed", "crashed", why))
            elif isinstance(result, StorageError | MissingExtra):
                raise result
            elif isinstance(result, BaseException):
                raise cluster.went_away(result) from result
            else:
                yield result


def _absent(rows: Sequence[ManifestRow], store: Store | None) -> tuple[list[Outcome], list[ManifestRow]]:
    """Outcomes for the rows whose source is not in the store, with what kept it from there, and the other rows."""
    missing: dict[str, Fetch | None] = {row.clip_id: None for row in rows if row.source != "file"}
    if store is not None:
        ledger = FetchLedger(store.folder.url)
        ledger.warn_of_changes()
        missing = missing_sources(rows, store, ledger)
    why = "it is not in the store: run gifbench fetch, and build with --store"
    absent = [
        Outcome(clip_id, "failed", "not_fetched", why)
        if fetch is None
        else Outcome(clip_id, "failed", fetch.reason, fetch.detail)
        for clip_id, fetch in missing.items()
    ]
    return absent, [row for row in rows if row.clip_id not in missing]
