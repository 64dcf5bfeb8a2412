"""The making of clips on a Dask cluster that stands somewhere else.

Rows go to the cluster a few ahead of its threads, and outcomes come back as they end. A row whose worker dies is given
to another one by Dask itself. The cluster is asked first whether it can do the work at all: every worker must have the
versions that this process has, since a dataset of mixed versions would not be the one it says it is, and must see the
folders.

This does not go through joblib's Dask backend, which waits for ever for a row that Dask has given up
(joblib 1.6 sets such a future's exception and never calls back).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from gifbench.builder.ledger import RECORDED_VERSIONS
from gifbench.builder.local_executor import Work
from gifbench.builder.staging import WorkResult
from gifbench.dataset.outcomes import Outcome
from gifbench.dataset.shards import STAGING
from gifbench.errors import BuildError, MissingExtra, StorageError, UsageError
from gifbench.manifest.rows import ManifestRow

if TYPE_CHECKING:
    from distributed import Client, Future

ANSWER_SECONDS = 10.0
"""How long the scheduler may take to answer."""

WORKERS_SECONDS = 60.0
"""How long to wait for a worker while there is none."""

_ADDRESS = re.compile(r"([a-z]+://)?(\[[0-9a-fA-F:.%]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}")
_AHEAD = 2  # rows a thread, so that none waits for the network
_POLL_SECONDS = 0.02
_ROOM_SECONDS = 10.0  # after which the cluster is asked again how large it is


def check_address(address: str) -> None:
    """Raise `UsageError` for what is no address of a scheduler."""
    if not _ADDRESS.fullmatch(address):
        raise UsageError(
            f"--cluster {address!r}: write the address that `dask scheduler` prints, as in tcp://host:8786"
        )


def outcomes_on_cluster(work: Work, rows: Sequence[ManifestRow], address: str) -> Iterator[WorkResult]:
    """What becomes of each row, in the order in which they end, made by the Dask cluster at `address`.

    A row that killed several workers is tried once more when all others have ended, and then fails as `crashed`.
    Raises `BuildError` where the scheduler cannot be reached, has no workers, or goes away, where a worker's versions
    differ, or it does not see the folders; `MissingExtra` without the package `distributed`; and the `StorageError`
    that a row ended with.
    """
    with _connected(address) as client:
        _check_workers(client, work, rows, address)
        killed: list[ManifestRow] = []
        yield from _stream(client, work, rows, address, killed.append)
        for row in killed:
            again: list[ManifestRow] = []
            yield from _stream(client, work, [row], address, again.append)
            for lost in again:
                why = "several workers of the cluster died of it"
                yield WorkResult(Outcome(lost.clip_id, "failed", "crashed", why))


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    try:
        from distributed import Client
    except ImportError:
        raise MissingExtra("distributed", extra="cluster", wanted_for="--cluster") from None
    try:
        client = Client(address, timeout=ANSWER_SECONDS, set_as_default=False, name="gifbench")
    except (OSError, ValueError, TimeoutError) as error:
        raise BuildError(
            f"--cluster {address}: no Dask scheduler answers there ({type(error).__name__}: {error}); is the address "
            "the one that `dask scheduler` printed, and can this machine reach it?"
        ) from error
    # Leaving takes back what the cluster has not begun.
    with client:
        yield client


def _check_workers(client: Client, work: Work, rows: Sequence[ManifestRow], address: str) -> None:
    """Raise `BuildError` naming the first worker that cannot do the work, and why."""
    _room(client, address)
    expected = _here(RECORDED_VERSIONS)
    places = {"the dataset": (work.folder.url, f"{STAGING}/README")}
    if any(row.source == "file" for row in rows):
        places["the videos"] = (str(work.sources), "")
    if work.store is not None:
        places["the store"] = (work.store.folder.url, "README")
    for worker, found in sorted(client.run(_probe(), RECORDED_VERSIONS, places, on_error="return").items()):
        if isinstance(found, Exception):
            raise BuildError(f"--cluster {address}: the worker {worker} cannot be asked ({found!r})")
        versions, unseen = found
        for name, mine in expected.items():
            if versions[name] != mine:
                has = f"{name} {versions[name]}" if versions[name] else f"no {name}"
                raise BuildError(
                    f"--cluster {address}: the worker {worker} has {has}, here it is {mine}; install the same versions "
                    "everywhere (constraints.txt pins them)"
                )
        for what, where in unseen.items():
            raise BuildError(
                f"--cluster {address}: the worker {worker} does not see {what} at {where}; it must lie on a file "
                "system that all share, or at a URL such as s3://…"
            )


def _here(packages: Sequence[str]) -> dict[str, str]:
    """The versions of this process."""
    return _probe()(packages, {})[0]


def _probe() -> Callable[..., tuple[dict[str, str], dict[str, str]]]:
    """A function that tells a worker's versions and which places it does not see.

    It is made here, so that it travels as code and not as a name: a worker without gifbench can answer, too.
    """

    def probe(packages: Sequence[str], places: dict[str, tuple[str, str]]) -> tuple[dict[str, str], dict[str, str]]:
        import importlib.metadata
        import sys

        versions = {"Python": ".".join(map(str, sys.version_info[:2]))}
        for name in packages:
            try:
                versions[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                versions[name] = ""
        unseen = {}
        if versions["gifbench"]:
            from gifbench.storage import Folder

            unseen = {what: url for what, (url, name) in places.items() if not Folder(url).exists(name)}
        return versions, unseen

    return probe


def _stream(
    client: Client, work: Work, rows: Sequence[ManifestRow], address: str, killed: Callable[[ManifestRow], None]
) -> Iterator[WorkResult]:
    """Outcomes as they end; `killed` is called with the rows that Dask gave up because their workers died."""
    from distributed import KilledWorker, as_completed

    waiting = iter(rows)
    running: dict[Future, ManifestRow] = {}
    ended = as_completed(with_results=True, raise_errors=False, loop=client.loop)
    room, asked = _room(client, address), time.monotonic()
    while True:
        for row in islice(waiting, max(0, room - len(running))):
            future = client.submit(work, row, pure=False)
            running[future] = row
            ended.add(future)
        if not running:
            return
        batch = ended.next_batch(block=False)
        if not batch:
            time.sleep(_POLL_SECONDS)
        for future, result in batch:
            row = running.pop(future)
            error = result[1] if future.status == "error" else result
            if isinstance(error, KilledWorker):
                killed(row)
            elif isinstance(error, StorageError | MissingExtra):
                raise error
            elif isinstance(error, BaseException):
                raise _went_away(address, error) from error
            else:
                yield result
        if time.monotonic() - asked > _ROOM_SECONDS:
            room, asked = _room(client, address), time.monotonic()


def _room(client: Client, address: str) -> int:
    """How many rows the cluster is given at a time; it may grow and shrink. Raises `BuildError` if no worker comes."""
    try:
        client.wait_for_workers(1, timeout=WORKERS_SECONDS)
        threads = int(sum(client.ncores().values()))
    except TimeoutError:
        raise BuildError(
            f"--cluster {address}: the scheduler has no workers; start some with `dask worker {address}`. What was "
            "finished is kept; run the same command again to go on"
        ) from None
    except (OSError, RuntimeError) as error:
        raise _went_away(address, error) from error
    return max(1, _AHEAD * threads)


def _went_away(address: str, error: BaseException) -> BuildError:
    return BuildError(
        f"--cluster {address}: a clip did not come back ({type(error).__name__}: {error}). What was finished is kept; "
        "run the same command again to go on"
    )
