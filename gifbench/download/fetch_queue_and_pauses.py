"""Fetching the sources of a manifest into a store: each once, politely, over days if need be, with nothing lost.

Sources are grouped by what would slow down as one: YouTube, or one server. Within a group they are fetched one after
the other, from several groups at the same time. A failure that may pass is tried again later, later still the next
time, with jitter. A rate limit or a bot check says nothing about the source that met it: it pauses its whole group.
"""

from __future__ import annotations

import heapq
import itertools
import queue
import tempfile
import threading
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gifbench.dataset.failure_reasons import KINDS
from gifbench.dataset.row_outcomes import outcome_of
from gifbench.download.fetch_ledger import Fetch, FetchLedger, SourceKey
from gifbench.download.retry_wait_times import Clock, RetryPolicy
from gifbench.download.source_interface import Source
from gifbench.download.store import Store
from gifbench.download.unreachable_or_suspicious_server import Brake, Reach
from gifbench.errors import NoNetwork, SourceError, StorageError, Unreachable, UsageError
from gifbench.manifest.rows import ManifestRow
from gifbench.progress import Progress, ProgressCallback, duration_text, silent
from gifbench.text_redaction import redact

BREAKERS = ("rate_limited", "bot_check")
"""Reasons that pause a whole group."""

_KNOWN_GOOD = 3
"""So many sources that were there are asked for, before a service's answers are not believed."""

_LOOK_SECONDS = 0.5  # how long to wait for a fetch to end before the clock is looked at again
_LEAVE_SECONDS = 5.0  # what fetches under way are given to end when a run stops because going on would fail


@dataclass(frozen=True, slots=True)
class FetchSummary:
    """What a run ended with."""

    wanted: int
    stored: int
    failed: Mapping[str, int]
    """By reason; what may be tried again and what not alike."""
    untried: int
    """Left by this run without a decision: their group asked for too many pauses, or could not be reached."""


@dataclass(slots=True)
class _Group:
    """The sources of one service, and what keeps it from being asked."""

    name: str
    brake: Brake
    queue: list[tuple[float, int, SourceKey]] = field(default_factory=list)
    busy: bool = False
    open_until: float = 0.0
    next_start: float = 0.0
    pauses: int = 0

    def ready(self) -> float:
        return max(self.queue[0][0], self.open_until, self.next_start)


def fetch_sources(
    rows: Iterable[ManifestRow],
    store: Store,
    sources: Mapping[str, Source],
    *,
    policy: RetryPolicy | None = None,
    retry: Collection[str] = (),
    progress: ProgressCallback = silent,
    clock: Clock | None = None,
) -> FetchSummary:
    """Fetch what `rows` need and the store does not hold; local files are left where they are.

    `sources` gives the source for each value of the column `source`; a source must bear being asked from several
    threads, one a group. Sources that failed for a permanent reason stay as they are unless `retry` names the reason.
    `progress` is called in this thread alone. Raises `UsageError` if a kind of source is missing in `sources`,
    `StorageError` (a full disk) or `NoNetwork` where going on would fail every source: what is done is kept, and the
    same call goes on later.
    """
    wanted = list(dict.fromkeys(SourceKey(row.source, row.locator) for row in rows if row.source != "file"))
    missing = sorted({key.source for key in wanted} - sources.keys())
    if missing:
        raise UsageError(
            f"the manifest has {missing[0]} sources, and nothing was said of where to get those; `sources` must give "
            "one for each value of the column source"
        )
    with store.alone():
        store.make()
        run = _Run(wanted, store, sources, policy or RetryPolicy(), clock=clock or Clock(), progress=progress)
        return run.go(retry)


class _Run:
    def __init__(
        self,
        wanted: list[SourceKey],
        store: Store,
        sources: Mapping[str, Source],
        policy: RetryPolicy,
        *,
        clock: Clock,
        progress: ProgressCallback,
    ) -> None:
        self._wanted, self._store, self._sources = wanted, store, sources
        self._policy, self._progress, self._clock = policy, progress, clock
        self._ledger = FetchLedger(store.folder.url)
        self._ledger.warn_of_changes()
        self._ledger.compact()
        self._tries: Counter[SourceKey] = Counter()
        self._started = clock.now()
        self._left = self._planned = self._under_way = 0
        self._numbers = itertools.count()
        self._clock_said = False
        self._results: queue.SimpleQueue[tuple[_Group, SourceKey, BaseException | None]] = queue.SimpleQueue()
        self._reach = Reach(self._policy.unreachable)
        self._groups: dict[str, _Group] = {}

    def go(self, retry: Collection[str]) -> FetchSummary:
        present = self._store.present(self._wanted)
        for key in self._wanted:
            self._plan(key, retry, here=key in present)
        self._planned = self._left
        seconds = self._seconds_left()
        rest = "" if seconds is None else f"; the rest takes at least {duration_text(seconds)}"
        here = len(self._wanted) - self._left
        self._say(f"{len(self._wanted)} sources are wanted, {here} of them are decided already{rest}")
        # Groups that wait for their next fetch, by when that may begin.
        order = sorted((group.ready(), name) for name, group in self._groups.items())
        try:
            while order or self._under_way:
                wait = order[0][0] - self._clock.now() if order else float("inf")
                if order and wait <= 0 and self._under_way < self._policy.parallel:
                    self._begin(self._groups[heapq.heappop(order)[1]])
                    continue
                if not self._under_way:
                    self._clock.sleep(wait)
                    continue
                ended = self._next(_LOOK_SECONDS)
                if ended is not None and self._goes_on(ended):
                    heapq.heappush(order, (ended.ready(), ended.name))
        except (StorageError, UsageError, NoNetwork):
            while self._under_way and self._drain():
                pass
            raise
        tried = [fetch for key in self._wanted if (fetch := self._ledger.get(*key)) is not None]
        stored = sum(fetch.state == "stored" for fetch in tried)
        failed = Counter(fetch.reason for fetch in tried if fetch.state == "failed")
        return FetchSummary(len(self._wanted), stored, dict(failed), self._left)

    def _plan(self, key: SourceKey, retry: Collection[str], *, here: bool) -> None:
        """Put a source in its group's queue, unless it is decided already."""
        before = self._ledger.get(*key)
        if here:
            self._store.discard(*key)  # a kill between landing and tidying up leaves its scratch folder
            if before is None or before.state != "stored":
                self._ledger.record(Fetch(*key, "stored", tried_at=self._clock.now()))
            return
        due = 0.0
        if before is not None and before.state == "failed" and before.reason not in retry:
            if KINDS[before.reason] == "permanent":
                return
            due = self._due(before)
        try:
            name = self._sources[key.source].group(key.locator)
        except SourceError as error:
            self._fail(key, error)
            return
        group = self._groups.setdefault(name, _Group(name, Brake(self._policy.brake)))
        self._push(group, key, due)
        self._left += 1

    def _due(self, before: Fetch) -> float:
        """When a source that failed may be tried again: not later than any wait is, whatever the clock was then."""
        now, longest = self._clock.now(), 1.5 * max(self._policy.longest_asked, self._policy.longest_wait)
        due = before.retry_at or 0.0
        if due <= now + longest:
            return due
        if not self._clock_said:
            self._clock_said = True
            self._say("the clock was set back since the last run; what waited for a later time is tried now")
        return 0.0

    def _begin(self, group: _Group) -> None:
        """Start the next fetch of a group, in a thread of its own."""
        _, _, key = heapq.heappop(group.queue)
        per_hour = self._policy.per_hour.get(group.name)
        if per_hour:
            group.next_start = self._clock.now() + 3600 / per_hour
        self._tries[key] += 1
        self._under_way += 1
        group.busy = True
        # A daemon: after Ctrl-C the process must not wait for a video of hours. What it has so far is kept.
        threading.Thread(target=self._fetch, args=(group, key), daemon=True).start()

    def _fetch(self, group: _Group, key: SourceKey) -> None:
        try:
            fetched = self._sources[key.source].fetch(key.locator, self._store.scratch(*key))
            self._store.land(*key, fetched)
        except (Exception, SystemExit) as error:
            self._results.put((group, key, error))
        else:
            self._results.put((group, key, None))

    def _next(self, seconds: float) -> _Group | None:
        """Wait for a fetch to end and decide what comes of it; its group, or None if none ended so soon.

        Raises an error of the disk or of a setting, which would be wrong for every source.
        """
        try:
            group, key, error = self._results.get(timeout=seconds)
        except queue.Empty:
            return None
        self._under_way -= 1
        group.busy = False
        if isinstance(error, StorageError | UsageError):
            self._push(group, key, 0.0)
            raise error
        if error is not None:
            self._failed(group, key, error)
            return group
        group.pauses = 0
        self._reach.answered(group.name)
        group.brake.answered("", key)
        self._left -= 1
        self._note(Fetch(*key, "stored", attempts=self._attempts(key), tried_at=self._clock.now()))
        return group

    def _drain(self) -> bool:
        """Let a fetch that is under way end, if it does so soon: what it brings is kept."""
        try:
            return self._next(_LEAVE_SECONDS) is not None
        except (StorageError, UsageError):
            return True

    def _goes_on(self, group: _Group) -> bool:
        """Whether a group is to be asked again. Raises `NoNetwork` if nothing can be reached any more."""
        working = {name for name, other in self._groups.items() if other.queue or other.busy}
        if self._reach.no_network(working):
            raise NoNetwork(
                f"{group.name} could not be reached, nor anything else: is there a network? What was fetched is kept; "
                "run the same command again to go on"
            )
        why = ""
        if group.pauses > self._policy.pauses:
            why = f"{group.pauses} pauses in a row"
        elif self._reach.away(group.name, working):
            why = f"its last {self._policy.unreachable} sources could not be reached"
        elif reason := group.brake.suspicious():
            why = self._doubt(group, reason)
        if why and (group.queue or group.brake.suspicious()):
            self._say(f"{group.name}: {why}; left for another day")
            group.brake.believe()
            group.queue.clear()
        return bool(group.queue)

    def _doubt(self, group: _Group, reason: str) -> str:
        """Believe what most sources of a group were answered if one that was there is still there; else why not.

        What is not believed is remembered as `unconfirmed`, which the next run tries again.
        """
        known = [
            key
            for key, fetch in self._ledger.fetches.items()
            if fetch.state == "stored" and key.source in self._sources and self._group_of(key) == group.name
        ]
        for key in known[: -_KNOWN_GOOD - 1 : -1]:
            try:
                with tempfile.TemporaryDirectory(prefix="gifbench-") as scratch:
                    ask = getattr(self._sources[key.source], "check", None)
                    ask(key.locator) if ask else self._sources[key.source].fetch(key.locator, Path(scratch))
            except (Exception, SystemExit) as error:
                self._say(f"{group.name}: {key.locator} was there, and now: {error}")
            else:
                proof = f"{key.locator} is there, so they are believed"
                self._say(f"{group.name}: most answers are {reason}; {proof}")
                group.brake.believe()
                return ""
        doubted = group.brake.sources(reason)
        for key in doubted:
            fetch = self._ledger.get(*key)
            if fetch is None:
                continue
            detail = f"not believed, since most answers of {group.name} were {reason}: {fetch.detail}"
            self._note(replace(fetch, reason="unconfirmed", detail=detail[:2000], retry_at=self._clock.now()))
        proof = "none that was there before is there now" if known else "nothing was ever fetched from there to compare"
        return f"{reason} was the answer for {len(doubted)} of the last {self._policy.brake} sources, and {proof}"

    def _group_of(self, key: SourceKey) -> str:
        try:
            return self._sources[key.source].group(key.locator)
        except SourceError:
            return ""

    def _failed(self, group: _Group, key: SourceKey, error: BaseException) -> None:
        reason = outcome_of(error, "").reason
        if isinstance(error, Unreachable):
            self._reach.unreachable(group.name, key)
        else:
            self._reach.answered(group.name)
        group.brake.answered(reason if isinstance(error, SourceError) and KINDS[reason] == "permanent" else "", key)
        asked = getattr(error, "retry_after", None) or 0.0
        retry_at = None
        if reason in BREAKERS:
            pause = self._policy.wait(self._policy.pause, group.pauses, asked)
            group.pauses += 1
            group.open_until = retry_at = self._clock.now() + pause
            why = self._capped(asked)
            self._say(f"{group.name}: {reason}: everything there waits {duration_text(pause)}{why} ({error})")
        elif KINDS[reason] == "transient":
            retry_at = self._clock.now() + self._policy.wait(self._policy.first_wait, self._tries[key] - 1, asked)
            if why := self._capped(asked):
                self._say(f"{key.locator}: tried again in {duration_text(retry_at - self._clock.now())}{why}")
        if retry_at is not None and self._tries[key] < self._policy.attempts:
            self._push(group, key, retry_at)
        else:
            self._left -= 1
        self._store.tidy(*key, keep=retry_at is not None)
        self._fail(key, error, retry_at)

    def _capped(self, asked: float) -> str:
        """What to say of a server that asks for a longer wait than it is given."""
        return f", though it asks for {duration_text(asked)}" if asked > self._policy.longest_asked else ""

    def _fail(self, key: SourceKey, error: BaseException, retry_at: float | None = None) -> None:
        ended, now = outcome_of(error, ""), self._clock.now()
        self._note(Fetch(*key, "failed", ended.reason, ended.detail[:2000], self._attempts(key), now, retry_at))

    def _attempts(self, key: SourceKey) -> int:
        before = self._ledger.get(*key)
        return 1 if before is None else before.attempts + 1

    def _push(self, group: _Group, key: SourceKey, due: float) -> None:
        heapq.heappush(group.queue, (due, next(self._numbers), key))

    def _note(self, fetch: Fetch) -> None:
        self._ledger.record(fetch)
        failed = f"{fetch.source} {fetch.locator}: {fetch.reason}: {fetch.detail}" if fetch.state == "failed" else ""
        self._say(failed, redact(fetch.locator), fetch.reason)

    def _say(self, message: str, what: str = "", reason: str = "") -> None:
        done, left = len(self._wanted) - self._left, self._seconds_left()
        self._progress(Progress(done, len(self._wanted), what, message, reason, seconds_left=left))

    def _seconds_left(self) -> float | None:
        paces = ((group, self._policy.per_hour.get(name)) for name, group in self._groups.items())
        slowest = max((len(group.queue) * 3600 / pace for group, pace in paces if pace), default=0.0)
        ended = max(0, self._planned - self._left)  # none while it is being planned
        if not ended:
            return slowest or None
        return max(slowest, (self._clock.now() - self._started) / ended * self._left)
