"""Work on a Dask cluster that stands somewhere else: clips to build, or clips to score.

Items go to the cluster a few ahead of its threads, and results come back as they end. An item whose worker dies is
given to another one by Dask itself. The cluster is asked first whether it can do the work at all: every worker must
have the versions that this process has, and must see the folders.

This does not go through joblib's Dask backend, which waits for ever for an item that Dask has given up
(joblib 1.6 sets such a future's exception and never calls back).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from gifbench.errors import GifbenchError, MissingExtra, UsageError

if TYPE_CHECKING:
    from distributed import Client, Future

Item = TypeVar("Item")

ANSWER_SECONDS = 10.0
"""How long the scheduler may take to answer."""

WORKERS_SECONDS = 60.0
"""How long to wait for a worker while there is none."""

_ADDRESS = re.compile(r"([a-z]+://)?(\[[0-9a-fA-F:.%]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}")
_AHEAD = 2  # items a thread, so that none waits for the network
_POLL_SECONDS = 0.02
_LEAVING_SECONDS = 2.0  # within which a scheduler has noticed that a worker died
_ROOM_SECONDS = 10.0  # after which the cluster is asked again how large it is


def check_scheduler_address(address: str) -> None:
    """Raise `UsageError` for what is no address of a scheduler."""
    if not _ADDRESS.fullmatch(address):
        raise UsageError(
            f"--cluster {address!r}: write the address that `dask scheduler` prints, as in tcp://host:8786"
        )


class WorkersDied(Exception):  # what became of an item, no fault of the cluster's
    """Dask gave an item up, because several workers died while they had it."""


class DaskCluster:
    """An open connection to the scheduler at `address`; what is wrong with it is raised as `error`."""

    def __init__(self, client: Client, address: str, error: type[GifbenchError]) -> None:
        self._client, self._address, self._error = client, address, error

    @property
    def processes(self) -> int:
        """How many worker processes there are."""
        return max(1, len(self._client.ncores()))

    def check_workers(self, packages: Sequence[str], places: Mapping[str, tuple[str, str]]) -> None:
        """Raise the error that names the first worker which cannot do the work, and why.

        `packages` must have the versions that they have here. `places` are folders that all must see, each with the
        name of a file in it ("" for the folder itself), by what to call them.
        """
        self._room()
        address = self._address
        expected = versions_here(packages)
        for worker, found in sorted(self._client.run(_probe(), packages, places, on_error="return").items()):
            if isinstance(found, Exception):
                if self._has_left(worker):
                    continue
                raise self._error(f"--cluster {address}: the worker {worker} cannot be asked ({found!r})")
            versions, unseen = found
            for name, mine in expected.items():
                if versions[name] != mine:
                    has = f"{name} {versions[name]}" if versions[name] else f"no {name}"
                    raise self._error(
                        f"--cluster {address}: the worker {worker} has {has}, here it is {mine}; install the same "
                        "versions everywhere (constraints.txt pins them)"
                    )
            for what, where in unseen.items():
                raise self._error(
                    f"--cluster {address}: the worker {worker} does not see {what} at {where}; it must lie on a file "
                    "system that all share, or at a URL such as s3://…"
                )

    def _has_left(self, worker: str) -> bool:
        """Whether a worker that did not answer is none of the cluster's any more: it is not asked for any work."""
        until = time.monotonic() + _LEAVING_SECONDS
        while worker in self._client.ncores():
            if time.monotonic() > until:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def results(self, work: Callable[[Item], Any], items: Sequence[Item]) -> Iterator[tuple[Item, Any]]:
        """Each item with what `work` gave for it, or the exception that it ended with, in the order in which they end.

        An item that killed several workers is tried once more when all others have ended; then it comes with
        `WorkersDied`.
        """
        killed: list[Item] = []
        for item, result in self._stream(work, items):
            if isinstance(result, WorkersDied):
                killed.append(item)
            else:
                yield item, result
        for item in killed:
            yield from self._stream(work, [item])

    def _stream(self, work: Callable[[Item], Any], items: Sequence[Item]) -> Iterator[tuple[Item, Any]]:
        from distributed import KilledWorker, as_completed

        waiting = iter(items)
        running: dict[Future, Item] = {}
        ended = as_completed(with_results=True, raise_errors=False, loop=self._client.loop)
        room, asked = self._room(), time.monotonic()
        while True:
            for item in islice(waiting, max(0, room - len(running))):
                future = self._client.submit(work, item, pure=False)
                running[future] = item
                ended.add(future)
            if not running:
                return
            batch = ended.next_batch(block=False)
            if not batch:
                if self._client.status != "running":  # Dask tries to connect anew, and has forgotten all items
                    raise self.went_away(ConnectionError("the connection to the scheduler broke"))
                time.sleep(_POLL_SECONDS)
            for future, result in batch:
                item = running.pop(future)
                value = result[1] if future.status == "error" else result
                yield item, (WorkersDied(str(value)) if isinstance(value, KilledWorker) else value)
            if time.monotonic() - asked > _ROOM_SECONDS:
                room, asked = self._room(), time.monotonic()

    def _room(self) -> int:
        """How many items the cluster is given at a time; it may grow and shrink. Raises where no worker comes."""
        address = self._address
        try:
            self._client.wait_for_workers(1, timeout=WORKERS_SECONDS)
            threads = int(sum(self._client.ncores().values()))
        except TimeoutError:
            raise self._error(
                f"--cluster {address}: the scheduler has no workers; start some with `dask worker {address}`. What was "
                "finished is kept; run the same command again to go on"
            ) from None
        except (OSError, RuntimeError) as error:
            raise self.went_away(error) from error
        return max(1, _AHEAD * threads)

    def went_away(self, error: BaseException) -> GifbenchError:
        """The error of an item that did not come back, for a reason that is not its own."""
        return self._error(
            f"--cluster {self._address}: a clip did not come back ({type(error).__name__}: {error}). What was finished "
            "is kept; run the same command again to go on"
        )


@contextmanager
def connected(address: str, *, error: type[GifbenchError]) -> Iterator[DaskCluster]:
    """The cluster at `address` while the block lasts; leaving takes back what it has not begun.

    Raises `error` where no scheduler answers, and `MissingExtra` without the package `distributed`.
    """
    try:
        from distributed import Client
    except ImportError:
        raise MissingExtra("distributed", extra="cluster", wanted_for="--cluster") from None
    try:
        client = Client(address, timeout=ANSWER_SECONDS, set_as_default=False, name="gifbench")
    except (OSError, ValueError, TimeoutError) as raised:
        raise error(
            f"--cluster {address}: no Dask scheduler answers there ({type(raised).__name__}: {raised}); is the address "
            "the one that `dask scheduler` printed, and can this machine reach it?"
        ) from raised
    with client:
        yield DaskCluster(client, address, error)


def versions_here(packages: Sequence[str]) -> dict[str, str]:
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
        if versions.get("gifbench"):
            from gifbench.storage import Folder

            unseen = {what: url for what, (url, name) in places.items() if not Folder(url).exists(name)}
        return versions, unseen

    return probe
