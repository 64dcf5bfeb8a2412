"""The making of clips on a Dask cluster that stands somewhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gifbench.builder.build_ledger import RECORDED_VERSIONS
from gifbench.builder.local_build_workers import Work
from gifbench.builder.unfinished_clips_folder import WorkResult
from gifbench.dask_cluster import WorkersDied, connected
from gifbench.dataset.row_outcomes import Outcome
from gifbench.dataset.shard_format import STAGING
from gifbench.errors import BuildError, MissingExtra, StorageError
from gifbench.manifest.rows import ManifestRow


def outcomes_on_cluster(work: Work, rows: Sequence[ManifestRow], address: str) -> Iterator[WorkResult]:
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
