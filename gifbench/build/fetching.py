"""Fetching the sources of a manifest into a store: each once, politely, over days if need be, with nothing lost.

Sources are grouped by what would slow down as one: YouTube, or one server. Within a group they are fetched one after
the other. A failure that may pass is tried again later, later still the next time, with jitter. A rate limit or a bot
check says nothing about the source that met it: it pauses its whole group.
"""

from __future__ import annotations

import heapq
import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gifbench.build.fetch_ledger import Fetch, FetchLedger, Key
from gifbench.build.manifest import ManifestRow
from gifbench.build.outcomes import KINDS, outcome_of
from gifbench.build.sources.interface import Source
from gifbench.build.store import Store
from gifbench.errors import NoNetwork, SourceError, StorageError, Unreachable, UsageError

BREAKERS = ("rate_limited", "bot_check")
"""Reasons that pause a whole group."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How hard to try. Times are in seconds; a wait is varied by half, so that many do not come back as one."""

    attempts: int = 4
    """Tries of one source in one run."""
    first_wait: float = 30.0
    """After a failure that may pass; doubled each time."""
    longest_wait: float = 3600.0
    """The most that a wait or a pause grows to; a server that asks for more is given what it asks."""
    pause: float = 300.0
    """How long a group rests after a rate limit or a bot check; doubled as long as nothing succeeds in between."""
    pauses: int = 8
    """So many pauses in a row, and the group is left for another day."""
    unreachable: int = 5
    """So many sources of a group in a row without a connection, and its server is taken for unreachable."""
    per_hour: Mapping[str, int] = field(default_factory=dict)
    """The most fetches an hour, by group; a group that is not named goes as fast as it goes."""


class Clock(Protocol):
    """What the loop needs of time."""

    def now(self) -> float:
        """Seconds since 1970."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The time of this machine."""

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """How far a run is: `done` of `wanted` sources are decided for this run."""

    done: int
    wanted: int
    seconds_left: float | None = None
    """An estimate, from what this run took so far and from `Pace.per_hour`."""
    fetch: Fetch | None = None
    """The newest try, if that is the news."""
    message: str = ""
    """Anything else that a person should know: a pause, a group given up."""


@dataclass(frozen=True, slots=True)
class FetchSummary:
    """What a run ended with."""

    wanted: int
    stored: int
    failed: Mapping[str, int]
    """By reason; what may be tried again and what not alike."""
    untried: int
    """Left by this run without a decision: their group asked for too many pauses."""


@dataclass(slots=True)
class _Group:
    """The sources of one service, and what keeps it from being asked."""

    name: str
    queue: list[tuple[float, int, Key]] = field(default_factory=list)
    open_until: float = 0.0
    next_start: float = 0.0
    pauses: int = 0
    unreachable: set[Key] = field(default_factory=set)

    def ready(self) -> float:
        return max(self.queue[0][0], self.open_until, self.next_start)


def fetch_sources(
    rows: Iterable[ManifestRow],
    store: Store,
    sources: Mapping[str, Source],
    *,
    pace: Pace | None = None,
    retry: Collection[str] = (),
    report: Callable[[FetchProgress], None] = lambda progress: None,
    clock: Clock | None = None,
) -> FetchSummary:
    """Fetch what `rows` need and the store does not hold; local files are left where they are.

    `sources` gives the source for each value of the column `source`. Sources that failed for a permanent reason stay as
    they are unless `retry` names the reason. Raises `UsageError` if a kind of source is missing in `sources`,
    `StorageError` (a full disk) or `NoNetwork` where going on would fail every source: what is done is kept, and the
    same call goes on later.
    """
    wanted = list(dict.fromkeys(Key(row.source, row.locator) for row in rows if row.source != "file"))
    missing = sorted({key.source for key in wanted} - sources.keys())
    if missing:
        raise UsageError(
            f"the manifest has {missing[0]} sources, and nothing was said of where to get those; fetch has an option "
            "for each kind that is no URL, as in --faceforensics FOLDER"
        )
    store.make()
    with store.alone():
        run = _Run(
            wanted=wanted,
            store=store,
            sources=sources,
            pace=pace or Pace(),
            retry=retry,
            report=report,
            clock=clock or SystemClock(),
        )
        return run.go()


class _Run:
    def __init__(
        self,
        *,
        wanted: list[Key],
        store: Store,
        sources: Mapping[str, Source],
        pace: Pace,
        retry: Collection[str],
        report: Callable[[FetchProgress], None],
        clock: Clock,
    ) -> None:
        self._wanted, self._store, self._sources = wanted, store, sources
        self._pace, self._report, self._clock = pace, report, clock
        self._ledger = FetchLedger(store.folder)
        self._ledger.compact()
        self._tries: Counter[Key] = Counter()
        self._started = clock.now()
        self._left = 0
        self._ended = 0
        self._counter = 0
        self._groups: dict[str, _Group] = {}
        for key in wanted:
            self._plan(key, retry)

    def go(self) -> FetchSummary:
        self._say(message=self._estimate())
        order = [(group.ready(), name) for name, group in self._groups.items()]
        heapq.heapify(order)
        while order:
            ready, name = heapq.heappop(order)
            group = self._groups[name]
            if all(len(other.unreachable) >= self._pace.unreachable for other in self._groups.values() if other.queue):
                raise NoNetwork(
                    f"the last {len(group.unreachable)} sources of {name} could not be reached, nor anything else: "
                    "is there a network? What was fetched is kept; run the same command again to go on"
                )
            wait = ready - self._clock.now()
            if wait > 0:
                self._clock.sleep(wait)
            self._step(group)
            if group.pauses > self._pace.pauses:
                self._say(message=f"{name}: {group.pauses} pauses in a row; left for another day")
                group.queue.clear()
                continue
            if group.queue:
                heapq.heappush(order, (group.ready(), name))
        states = [self._ledger.fetches.get(key) for key in self._wanted]
        stored = sum(fetch is not None and fetch.state == "stored" for fetch in states)
        return FetchSummary(len(self._wanted), stored, dict(self._ledger.count(self._wanted)), self._left)

    def _plan(self, key: Key, retry: Collection[str]) -> None:
        """Put a source in its group's queue, unless it is decided already."""
        before = self._ledger.fetches.get(key)
        if self._store.find(*key) is not None:
            if before is None or before.state != "stored":
                self._ledger.record(Fetch(*key, "stored", tried_at=self._clock.now()))
            return
        due = 0.0
        if before is not None and before.state == "failed" and before.reason not in retry:
            if KINDS[before.reason] == "permanent":
                return
            due = before.retry_at or 0.0
        try:
            name = self._sources[key.source].group(key.locator)
        except SourceError as error:
            self._fail(key, error)
            return
        self._push(self._groups.setdefault(name, _Group(name)), key, due)
        self._left += 1

    def _step(self, group: _Group) -> None:
        """Try the next source of a group, and decide what comes of it."""
        _, _, key = heapq.heappop(group.queue)
        now = self._clock.now()
        per_hour = self._pace.per_hour.get(group.name)
        if per_hour:
            group.next_start = now + 3600 / per_hour
        self._tries[key] += 1
        try:
            fetched = self._sources[key.source].fetch(key.locator, self._store.scratch(*key))
            self._store.land(*key, fetched)
        except (StorageError, UsageError):
            # The disk, or a setting: it would be wrong for every source.
            raise
        except Exception as error:
            self._failed(group, key, error)
            return
        group.pauses = 0
        group.unreachable.clear()
        self._end()
        self._note(Fetch(*key, "stored", attempts=self._attempts(key), tried_at=now))

    def _failed(self, group: _Group, key: Key, error: Exception) -> None:
        reason = outcome_of(error, "").reason
        if isinstance(error, Unreachable):
            group.unreachable.add(key)
        else:
            group.unreachable.clear()
        asked = getattr(error, "retry_after", None) or 0.0
        retry_at = None
        if reason in BREAKERS:
            pause = self._wait(self._pace.pause, group.pauses, asked)
            group.pauses += 1
            group.open_until = retry_at = self._clock.now() + pause
            self._say(message=f"{group.name}: {reason}: everything there waits {_span(pause)} ({error})")
        elif KINDS[reason] == "transient":
            retry_at = self._clock.now() + self._wait(self._pace.first_wait, self._tries[key] - 1, asked)
        again = retry_at is not None and self._tries[key] < self._pace.attempts
        if again and retry_at is not None:
            self._push(group, key, retry_at)
        else:
            self._end()
        self._fail(key, error, retry_at)

    def _fail(self, key: Key, error: Exception, retry_at: float | None = None) -> None:
        reason, detail = outcome_of(error, "").reason, outcome_of(error, "").detail
        now, attempts = self._clock.now(), self._attempts(key)
        self._note(Fetch(*key, "failed", reason, detail[:2000], attempts, now, retry_at))

    def _attempts(self, key: Key) -> int:
        before = self._ledger.fetches.get(key)
        return 1 if before is None else before.attempts + 1

    def _wait(self, first: float, times: int, asked: float) -> float:
        """The wait after so many earlier ones; at least what the server asked for."""
        wait = min(first * 2.0 ** min(times, 30), self._pace.longest_wait)
        return max(asked, wait * random.uniform(0.5, 1.5))  # noqa: S311  # jitter is no secret

    def _end(self) -> None:
        """One source is decided for this run."""
        self._left -= 1
        self._ended += 1

    def _push(self, group: _Group, key: Key, due: float) -> None:
        self._counter += 1
        heapq.heappush(group.queue, (due, self._counter, key))

    def _note(self, fetch: Fetch) -> None:
        self._ledger.record(fetch)
        self._say(fetch=fetch)

    def _say(self, *, fetch: Fetch | None = None, message: str = "") -> None:
        done = len(self._wanted) - self._left
        self._report(FetchProgress(done, len(self._wanted), self._seconds_left(), fetch, message))

    def _seconds_left(self) -> float | None:
        slowest = max(
            (
                len(group.queue) * 3600 / self._pace.per_hour[name]
                for name, group in self._groups.items()
                if self._pace.per_hour.get(name)
            ),
            default=0.0,
        )
        if not self._ended:
            return slowest or None
        return max(slowest, (self._clock.now() - self._started) / self._ended * self._left)

    def _estimate(self) -> str:
        here = len(self._wanted) - self._left
        text = f"{len(self._wanted)} sources are wanted, {here} of them are decided already"
        left = self._seconds_left()
        return text if left is None else f"{text}; the rest takes at least {_span(left)}"


def _span(seconds: float) -> str:
    """Seconds as a person says them."""
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
