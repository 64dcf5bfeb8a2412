"""`gifbench info`: what a dataset or a store of sources holds, what it lacks, and why."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gifbench.cli.progress_bar import progress_bar
from gifbench.cli.shared_options import Json
from gifbench.cli.terminal_text import note, say, say_json, table
from gifbench.errors import UsageError
from gifbench.text_redaction import redact

if TYPE_CHECKING:
    from gifbench.builder.coverage_by_split import SplitCoverage
    from gifbench.dataset import Dataset
    from gifbench.dataset.index_rows import IndexRow
    from gifbench.download.store import Store

Place = Annotated[str, typer.Argument(help="A dataset, or a store of sources: a folder or an fsspec URL.")]


def info(
    place: Place,
    manifest: Annotated[
        Path | None, typer.Option(help="With a store: how much of this manifest, or official list, it covers.")
    ] = None,
    clips: Annotated[
        bool, typer.Option("--clips", help="With a dataset: list its clips, and those left out with the reasons.")
    ] = False,
    html: Annotated[
        Path | None, typer.Option(help="With a dataset: also write a contact sheet of its clips to this page.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the page if it is there.")] = False,
    as_json: Json = False,
) -> None:
    """Summarize a dataset or a download store: what it holds, what it lacks and why, how much is covered."""
    from gifbench.builder.strip_dataset_secrets import find_secrets, secrets_warning
    from gifbench.dataset import open_dataset
    from gifbench.dataset.card import outdated
    from gifbench.dataset.duplicates import find_duplicates
    from gifbench.download.store import Store

    store = Store(place)
    if store.is_there():
        if html is not None:
            raise UsageError(f"--html is for a dataset, and {place} is a store")
        _info_store(store, manifest, as_json=as_json)
        return
    if manifest is not None:
        raise UsageError(f"--manifest is for a store, and {place} is none")
    opened = open_dataset(place)
    about = opened.about
    coverage = _coverage(opened)
    if html is not None:
        _write_sheet(opened, html, overwrite=overwrite)
    same = find_duplicates(opened)
    if as_json:
        page: dict[str, object] = {"html": str(html)} if html is not None else {}
        if clips:
            page |= {"clip_list": [_clip_about(row) for row in opened.rows], "left_out": _left_out(opened)}
        page |= {"lack_damaged_frames": dict(incomplete)} if (incomplete := _incomplete(opened)) else {}
        covered = {split: asdict(entry) for split, entry in coverage.items()}
        extra = {"reasons": _reasons_of(about["outcomes"], opened.name), "coverage": covered}
        say_json({**about, **extra, "duplicates": same.to_json(), **page})
        return
    say(f"{about['title']} ({opened.name}), fingerprint {opened.fingerprint}, {about['bytes'] / 1e6:.1f} MB\n")
    splits = sorted(about["clips"].keys() | coverage.keys())
    counts = [(split, about["clips"].get(split, 0), about["frames"].get(split, 0)) for split in splits]
    say(table(counts, header=("split", "clips", "frames")))
    outcomes = about["outcomes"]
    missing = about["wanted"] - outcomes["built"] - sum(sum(outcomes[key].values()) for key in ("rejected", "failed"))
    say(f"\n{outcomes['built']} built" + (f", {missing} not tried yet (run gifbench build again)" if missing else ""))
    _say_reasons(_reasons_of(outcomes, opened.name))
    _say_coverage("the official list", coverage)
    _say_clips(opened, listed=clips)
    say("\nrecipe: " + ", ".join(f"{key}={value}" for key, value in about["recipe"].items()))
    for line in same.lines():
        say(f"\n{line}")
    if across := same.across_splits():
        say(f"\n{len(across)} groups of equal clips are in two splits: what is learnt of one is tested with the other")
    if secrets := find_secrets(opened):
        say(f"\n{secrets_warning(secrets, place)}")
    if outdated(opened):
        say(f"\nIts card is of another state: gifbench card {place} --overwrite")
    if html is not None:
        say(f"\ncontact sheet: {html}")


def _clip_about(row: IndexRow) -> dict[str, object]:
    seconds = round(row.end_seconds - row.start_seconds, 3)
    about = {"clip_id": row.clip_id, "split": row.split, "frames": row.frames, "width": row.width, "height": row.height}
    return {**about, "seconds": seconds, "source": row.source, "locator": redact(row.locator)}


def _left_out(dataset: Dataset) -> list[dict[str, object]]:
    """The clips that were rejected or failed, with the reason and what was seen."""
    names = ("clip_id", "state", "reason", "detail")
    return [{name: getattr(each, name) for name in names} for each in dataset.outcomes if each.state != "built"]


def _incomplete(dataset: Dataset) -> list[tuple[str, str]]:
    """Clips of which damaged frames were left out, and what their build noted."""
    from gifbench.media.video import LEFT_OUT

    if not dataset.about["recipe"].get("max_damaged"):
        return []
    return [
        (each.clip_id, each.detail) for each in dataset.outcomes if each.state == "built" and LEFT_OUT in each.detail
    ]


def _say_clips(dataset: Dataset, *, listed: bool) -> None:
    """Print which clips lack damaged frames, and all of them, and those left out, if they are to be `listed`."""
    if lacking := _incomplete(dataset):
        say(f"\n{len(lacking)} built without their damaged frames:")
        say(table(lacking, header=("clip", "note")))
    if not listed:
        return
    clips = [
        (row.clip_id, row.split, row.frames, f"{row.width}×{row.height}", f"{row.end_seconds - row.start_seconds:.2f}")
        for row in dataset.rows
    ]
    say("")
    say(table(clips, header=("clip", "split", "frames", "size", "seconds")))
    if left_out := _left_out(dataset):
        rows = [tuple(str(value) for value in row.values()) for row in left_out]
        say("\nleft out:")
        say(table(rows, header=("clip", "state", "reason", "detail")))


def _write_sheet(dataset: Dataset, out: Path, *, overwrite: bool) -> None:
    from gifbench.leaderboard.contact_sheet import contact_sheet
    from gifbench.storage import atomic_write

    with progress_bar("Drawing") as step:
        page = contact_sheet(dataset, progress=step).encode()
    if not overwrite and out.is_file() and out.read_bytes() == page:
        note(f"{out}: reused, the very same page is there")
        return
    with atomic_write(out, overwrite=overwrite) as file:
        file.write(page)


def _coverage(dataset: Dataset) -> dict[str, SplitCoverage]:
    """The coverage of the official splits; empty for a dataset of one's own."""
    from gifbench.builder.coverage_by_split import split_coverage
    from gifbench.builder.recipe import load_recipe
    from gifbench.entry_points import RECIPES, entry_names
    from gifbench.manifest.rows import official_rows

    if not dataset.official or dataset.name not in entry_names(RECIPES):
        return {}
    # What is built stands in the index: after a repair that was killed outcomes say more.
    built = dict.fromkeys(row.clip_id for row in dataset.rows)
    reasons = {each.clip_id: each.reason for each in dataset.outcomes} | built
    return split_coverage(official_rows(load_recipe(dataset.name).manifest), reasons)


def _info_store(store: Store, manifest: Path | None, *, as_json: bool) -> None:
    """Say what a store holds and lacks, when what failed is tried again, and what of a manifest it covers."""
    from gifbench.builder.coverage_by_split import store_coverage, store_standing
    from gifbench.dataset.failure_reasons import KINDS, REASONS
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
        about = {"store": store.folder.url, "stored": standing.stored, "bytes": standing.bytes}
        covered = {split: asdict(entry) for split, entry in coverage.items()}
        say_json({**about, "reasons": reasons, "coverage": covered})
        return
    held = ", ".join(f"{count} {source}" for source, count in standing.stored.items()) or "nothing"
    say(f"{store.folder.url}: {held}, {standing.bytes / 1e6:.1f} MB")
    _say_reasons(reasons)
    due = [failed.next_retry for failed in standing.failed.values() if failed.next_retry is not None]
    if due:
        when = "now" if min(due) <= now else f"at {_clock(min(due))}"
        say(f"\nThe next retry is due {when}; gifbench fetch does it.")
    _say_coverage(str(manifest), coverage)


def _reasons_of(outcomes: Mapping[str, Mapping[str, int]], recipe: str) -> list[dict[str, Any]]:
    """The outcomes of a build by the recipe of that name as a list, a reason each, the most frequent first."""
    from gifbench.dataset.failure_reasons import KINDS, REASONS, current_reason
    from gifbench.entry_points import installed_recipe

    meanings = {**getattr(installed_recipe(recipe), "rules", {}), **REASONS}
    rows = [
        {
            "state": state,
            "reason": current_reason(reason),
            "count": count,
            "kind": KINDS.get(current_reason(reason), "permanent" if state == "rejected" else "fixable"),
            "meaning": meanings.get(current_reason(reason), ""),
        }
        for state in ("rejected", "failed")
        for reason, count in outcomes[state].items()
    ]
    return sorted(rows, key=lambda row: -int(str(row["count"])))


def _say_reasons(reasons: Sequence[Mapping[str, Any]]) -> None:
    if reasons:
        retried = any(row.get("next_retry") for row in reasons)
        header = ("", "", "reason", "tried again", *(("next",) if retried else ()), "what it means")
        again = {"permanent": "no", "transient": "yes", "fixable": "when fixed"}
        due = [[row.get("next_retry") or ""] if retried else [] for row in reasons]
        rows = [
            (row["count"], row["state"], row["reason"], again[row["kind"]], *when, row["meaning"])
            for row, when in zip(reasons, due, strict=True)
        ]
        say("\n" + table(rows, header=header))


def _say_coverage(what: str, coverage: Mapping[str, SplitCoverage]) -> None:
    if coverage:
        rows = [
            (split, entry.wanted, entry.here, f"{entry.here / entry.wanted:.1%}", lacks)
            for split, entry in coverage.items()
            for lacks in [", ".join(f"{count} {reason or 'not tried'}" for reason, count in entry.missing.items())]
        ]
        say(f"\nCoverage of {what}:\n" + table(rows, header=("split", "clips", "here", "share", "missing")))


def _clock(seconds: float) -> str:
    """A time as people and scripts read it, in the time zone of this machine."""
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="minutes")
