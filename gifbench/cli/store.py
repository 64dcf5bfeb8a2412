"""What `gifbench info` and `verify` say of a store of sources, and how both say reasons and coverage."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gifbench.cli.output import note, progress, say, say_json, table
from gifbench.errors import DatasetDamaged

if TYPE_CHECKING:
    from gifbench.builder.coverage import Coverage
    from gifbench.download.store import Store


def info_store(store: Store, manifest: Path | None, *, as_json: bool) -> None:
    """Say what a store holds and lacks, when what failed is tried again, and what of a manifest it covers."""
    from gifbench.builder.coverage import store_coverage, store_standing
    from gifbench.manifest.outcomes import KINDS, REASONS
    from gifbench.manifest.rows import read_manifest

    standing = store_standing(store)
    coverage = store_coverage(store, read_manifest(manifest)) if manifest else {}
    now = time.time()
    reasons = [
        {
            "state": "failed",
            "reason": reason,
            "count": failed.count,
            "kind": KINDS[reason],
            "meaning": REASONS[reason],
            "next_retry": None if failed.next_retry is None else _clock(failed.next_retry),
        }
        for reason, failed in standing.failed.items()
    ]
    if as_json:
        say_json(
            {
                "store": store.folder.url,
                "stored": standing.stored,
                "bytes": standing.bytes,
                "reasons": reasons,
                "coverage": coverage_json(coverage),
            }
        )
        return
    held = ", ".join(f"{count} {source}" for source, count in standing.stored.items()) or "nothing"
    say(f"{store.folder.url}: {held}, {standing.bytes / 1e6:.1f} MB")
    say_reasons(reasons)
    due = [failed.next_retry for failed in standing.failed.values() if failed.next_retry is not None]
    if due:
        when = "now" if min(due) <= now else f"at {_clock(min(due))}"
        say(f"\nThe next retry is due {when}; gifbench fetch does it.")
    say_coverage(str(manifest), coverage)


def verify_store(store: Store, *, repair: bool, workers: int | None, as_json: bool) -> None:
    """Read every byte of a store; with `repair` take away what is damaged, so that it is fetched again."""
    from gifbench.download.store_verify import take_away
    from gifbench.download.store_verify import verify_store as check

    with progress("Verifying") as step:
        damage = list(check(store, workers=workers, report=step))
    if as_json:
        say_json(
            {
                "store": store.folder.url,
                "damage": [{"place": found.place, "what": found.what} for found in damage],
                "repaired": repair,
            }
        )
    for found in damage:
        (note if as_json else say)(f"{found.place}: {found.what}")
    if damage and not repair:
        raise DatasetDamaged(
            f"{store.folder.url}: {len(damage)} damaged; --repair takes it away, and gifbench fetch brings it again"
        )
    take_away(store, damage)
    if not as_json:
        gone = f"{len(damage)} damaged were taken away; run gifbench fetch to have them again"
        say(f"{store.folder.url}: {gone if damage else 'whole'}")


def reasons_of(outcomes: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
    """The outcomes of a build as a list, a reason each, the most frequent first."""
    from gifbench.manifest.outcomes import KINDS, REASONS, current_reason

    rows = [
        {
            "state": state,
            "reason": current_reason(reason),
            "count": count,
            "kind": KINDS.get(current_reason(reason), "fixable"),
            "meaning": REASONS.get(current_reason(reason), ""),
        }
        for state in ("rejected", "failed")
        for reason, count in outcomes[state].items()
    ]
    return sorted(rows, key=lambda row: -int(str(row["count"])))


def say_reasons(reasons: Sequence[Mapping[str, Any]]) -> None:
    """Print why what is missing is missing."""
    if reasons:
        retried = any(row.get("next_retry") for row in reasons)
        header = ("", "", "reason", "tried again", *(("next",) if retried else ()), "what it means")
        again = {"permanent": "no", "transient": "yes", "fixable": "when fixed"}
        rows = [
            (
                row["count"],
                row["state"],
                row["reason"],
                again[row["kind"]],
                *((row.get("next_retry") or "",) if retried else ()),
                row["meaning"],
            )
            for row in reasons
        ]
        say("\n" + table(rows, header=header))


def say_coverage(what: str, coverage: Mapping[str, Coverage]) -> None:
    """Print how much of each split is here."""
    if coverage:
        rows = [
            (
                split,
                entry.wanted,
                entry.here,
                f"{entry.here / entry.wanted:.1%}",
                ", ".join(f"{count} {reason or 'not tried'}" for reason, count in entry.missing.items()),
            )
            for split, entry in coverage.items()
        ]
        say(f"\nCoverage of {what}:\n" + table(rows, header=("split", "clips", "here", "share", "missing")))


def coverage_json(coverage: Mapping[str, Coverage]) -> dict[str, Any]:
    """Coverage as `--json` gives it; the reason "" is of what nobody has tried."""
    return {
        split: {"wanted": entry.wanted, "here": entry.here, "missing": dict(entry.missing)}
        for split, entry in coverage.items()
    }


def _clock(seconds: float) -> str:
    """A time as people and scripts read it, in the time zone of this machine."""
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="minutes")
