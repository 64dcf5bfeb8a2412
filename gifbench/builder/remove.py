"""Taking clips out of a dataset for good: out of index and shards, and remembered so that no build brings them back."""

from __future__ import annotations

import json
from collections.abc import Sequence

from gifbench.builder.build_ledger import REMOVED, Ledger
from gifbench.builder.shard_assembly import Assembly, plan_shards
from gifbench.builder.staging_folder_and_build_lock import alone, begin_run, group_name
from gifbench.dataset.card import SAMPLE
from gifbench.dataset.dataset_reader import Dataset, no_such_clip, open_dataset, read_about
from gifbench.dataset.fingerprint import fingerprint
from gifbench.dataset.index_rows import read_table
from gifbench.dataset.row_outcomes import Outcome
from gifbench.dataset.shard_format import STAGING
from gifbench.errors import DatasetDamaged, NotFound, UsageError
from gifbench.manifest.rows import ManifestRow, check_rows
from gifbench.storage import Folder

_KEPT = f"{STAGING}/removed"
_CLIPS_PER_SHARD = 32
_REMEMBERED = ("detail", "look", "source_sha256")


def remove_clips(url: str, clip_ids: Sequence[str], *, reason: str) -> tuple[Dataset, list[str]]:
    """Take clips out of the dataset at `url`; the dataset, and the ids of those that were not out before.

    Their bytes leave the shards, their rows the index, and the picture of the card goes, since it may show them. The
    manifest keeps their rows, and the outcomes say `removed`, with `reason`, so that a build makes none of them again,
    also under another id, of a file that was renamed, or of another file with the same frames. `dataset.json` records
    the fingerprint that the dataset had. After a kill the same call goes on. Raises `NoSuchClip`, before anything is
    changed, `UsageError` without a reason, `BuildError` while a build is at work.
    """
    if not reason.strip():
        raise UsageError("reason must be a text, got none; it stands in the dataset's outcomes")
    folder = Folder(url)
    about = read_about(folder)
    with alone(folder):
        ledger = Ledger(folder, None)
        for clip_id in clip_ids:
            if clip_id not in ledger.rows:
                raise no_such_clip(url, clip_id, ledger.rows)
        folder.sweep()
        run = begin_run(folder)
        new = [clip_id for clip_id in dict.fromkeys(clip_ids) if not ledger.is_removed(clip_id)]
        for clip_id in new:
            ledger.record(_removed(ledger.outcomes.get(clip_id), clip_id, " ".join(reason.split())[:1000]))
        # Counted, since a call that was killed may have written the outcomes and not yet the description.
        out = sum(ledger.is_removed(clip_id) for clip_id in ledger.outcomes)
        unrecorded = out - sum(int(entry.get("removed", 0)) for entry in ledger.earlier)
        rows = [outcome.row for outcome in ledger.outcomes.values() if outcome.row is not None]
        if unrecorded > 0 and fingerprint(rows) != about["fingerprint"]:
            ledger.earlier.append({"fingerprint": str(about["fingerprint"]), "removed": unrecorded})
            ledger.changed = True
        per_shard = about["recipe"].get("clips_per_shard", _CLIPS_PER_SHARD)
        plan = plan_shards(ledger.rows.values(), per_shard if isinstance(per_shard, int) else _CLIPS_PER_SHARD)
        assembly = Assembly(folder, ledger, plan, run=run)
        # The tables first: from here on nobody reads the clips, and their bytes follow.
        assembly.save()
        assembly.purge(clip_ids)
        folder.delete(SAMPLE)
        for clip_id in clip_ids:
            folder.delete(group_name(clip_id))
        assembly.save()
        if not ledger.waiting():
            folder.delete(STAGING)
    return open_dataset(url), new


def _removed(before: Outcome | None, clip_id: str, reason: str) -> Outcome:
    """The outcome of a removed clip, with the hashes by which it is known under any name, and nothing else of it."""
    row = None if before is None else before.row
    return Outcome(
        clip_id,
        "rejected",
        REMOVED,
        reason,
        look="" if row is None else row.pixels_sha256,
        source_sha256="" if row is None else row.source_sha256 or "",
    )


def equal_to_removed(dataset: Dataset, clip_ids: Sequence[str]) -> list[str]:
    """The clips that are still in a dataset, and have the very frames of one of those that were taken out."""
    outcomes = read_table(dataset.folder, "outcomes.parquet")
    wanted = set(clip_ids)
    pixels = {row.get("look") for row in outcomes if row.get("clip_id") in wanted and row.get("reason") == REMOVED}
    return [row.clip_id for row in dataset.rows if row.pixels_sha256 in pixels]


def keep_removed(folder: Folder) -> None:
    """Before a dataset is built anew: write down which clips were taken out of it."""
    try:
        manifest, outcomes = (read_table(folder, f"{name}.parquet") for name in ("manifest", "outcomes"))
    except (NotFound, DatasetDamaged):
        return
    removed = {str(row.get("clip_id")): row for row in outcomes if row.get("reason") == REMOVED}
    kept = [
        {"row": row, **{name: removed[row["clip_id"]].get(name) or "" for name in _REMEMBERED}}
        for row in manifest
        if row.get("clip_id") in removed
    ]
    if kept:
        earlier = read_about(folder).get("earlier_fingerprints", [])
        folder.write(_KEPT, json.dumps({"clips": kept, "earlier": earlier}).encode())


def take_removed(folder: Folder, ledger: Ledger) -> None:
    """Have the ledger know what `keep_removed` wrote down."""
    try:
        kept = json.loads(folder.read(_KEPT, limit=1 << 26))
        clips, earlier = kept["clips"], list(kept["earlier"])
        rows: list[ManifestRow] = check_rows([entry["row"] for entry in clips], name=folder.place(_KEPT))
        outcomes = [
            Outcome.from_dict(
                {"clip_id": row.clip_id, "state": "rejected", "reason": REMOVED}
                | {name: str(entry.get(name) or "") for name in _REMEMBERED}
            )
            for row, entry in zip(rows, clips, strict=True)
        ]
    except NotFound:
        return
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DatasetDamaged(f"{folder.place(_KEPT)}: it is not what a build writes ({error}); delete it") from error
    for row, outcome in zip(rows, outcomes, strict=True):
        ledger.keep_out(row, outcome)
    if not ledger.earlier:
        ledger.earlier = [entry for entry in earlier if isinstance(entry, dict)]
