"""How much of what was wanted is here: of a store and of a dataset, by reason and by split."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gifbench.download.fetch_ledger import Fetch, FetchLedger
from gifbench.download.store import Store
from gifbench.manifest.rows import ManifestRow


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many sources failed for one reason, and when they may be tried again."""

    count: int
    next_retry: float | None
    """When the first of them may be tried again, in seconds since 1970; None where trying again does not help."""


@dataclass(frozen=True, slots=True)
class StoreStanding:
    """What a store holds and lacks."""

    stored: Mapping[str, int]
    """Videos by kind of source."""
    bytes: int
    """Of the videos and their descriptions."""
    failed: Mapping[str, ReasonCount]
    """By reason, the most frequent first."""


@dataclass(frozen=True, slots=True)
class SplitCoverage:
    """How many of the clips that a list wants are to be had."""

    wanted: int
    here: int
    missing: Mapping[str, int]
    """Clips by what keeps them away: a reason, or "" where nobody has tried yet."""


def store_standing(store: Store) -> StoreStanding:
    """What a store holds, from its ledger and one listing."""
    stored, reasons = Counter[str](), defaultdict[str, list[float | None]](list)
    ledger = FetchLedger(store.folder.url)
    ledger.warn_of_changes()
    for fetch in ledger.fetches.values():
        if fetch.state == "stored":
            stored[fetch.source] += 1
        else:
            reasons[fetch.reason].append(fetch.retry_at)
    failed = {
        reason: ReasonCount(len(times), min((time for time in times if time is not None), default=None))
        for reason, times in sorted(reasons.items(), key=lambda item: (-len(item[1]), item[0]))
    }
    sizes = store.folder.sizes()
    held = sum(size for name, size in sizes.items() if name.count("/") == 2 and not name.startswith("unfinished/"))
    return StoreStanding(dict(sorted(stored.items())), held, failed)


def store_coverage(store: Store, rows: Sequence[ManifestRow]) -> dict[str, SplitCoverage]:
    """For each split of a manifest: how many of its clips could be made from what the store holds."""
    missing = missing_sources(rows, store, FetchLedger(store.folder.url))
    here = {row.clip_id: None for row in rows if row.clip_id not in missing}
    return split_coverage(rows, here | {clip_id: fetch.reason for clip_id, fetch in missing.items() if fetch})


def missing_sources(rows: Sequence[ManifestRow], store: Store, ledger: FetchLedger) -> dict[str, Fetch | None]:
    """The clips whose source is not in the store, by id: the fetch of it that failed, or None where there was none."""
    here = store.present((row.source, row.locator) for row in rows if row.source != "file")
    missing: dict[str, Fetch | None] = {}
    for row in rows:
        if row.source != "file" and (row.source, row.locator) not in here:
            fetch = ledger.get(row.source, row.locator)
            missing[row.clip_id] = fetch if fetch is not None and fetch.state == "failed" else None
    return missing


def split_coverage(rows: Iterable[ManifestRow], reasons: Mapping[str, str | None]) -> dict[str, SplitCoverage]:
    """For each split, in order: how many clips are here, by what keeps each away; the reason None says that it is here.

    A clip without a reason was not tried.
    """
    splits: dict[str, Counter[str | None]] = defaultdict(Counter)
    for row in rows:
        splits[row.split][reasons.get(row.clip_id, "")] += 1
    return {
        split: SplitCoverage(
            counts.total(), counts[None], {reason: n for reason, n in counts.most_common() if reason is not None}
        )
        for split, counts in sorted(splits.items())
    }
