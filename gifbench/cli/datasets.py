"""`gifbench info`, `verify` and `export`: looking at a built dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gifbench.cli.output import Json, note, progress, say, say_json, table
from gifbench.errors import DatasetDamaged, UsageError

Where = Annotated[str, typer.Argument(help="The dataset: a folder or an fsspec URL.", metavar="DATASET")]


def info(dataset: Where, as_json: Json = False) -> None:
    """Say what a dataset holds: clips and frames a split, bytes, outcomes by reason, fingerprint, recipe."""
    from gifbench.build.outcomes import REASONS
    from gifbench.dataset import open_dataset

    opened = open_dataset(dataset)
    about = opened.about
    if as_json:
        say_json(about)
        return
    say(f"{about['title']} ({opened.name}), fingerprint {opened.fingerprint}, {about['bytes'] / 1e6:.1f} MB\n")
    official = opened.official
    splits = sorted(about["clips"].keys() | official.keys())
    rows = [
        (split, about["clips"].get(split, 0), about["frames"].get(split, 0), official.get(split, ""))
        for split in splits
    ]
    say(table(rows, header=("split", "clips", "frames", "official clips")))
    outcomes = about["outcomes"]
    missing = about["wanted"] - outcomes["built"] - sum(sum(outcomes[key].values()) for key in ("rejected", "failed"))
    say(f"\n{outcomes['built']} built" + (f", {missing} not tried yet (run gifbench build again)" if missing else ""))
    for state in ("rejected", "failed"):
        for reason, count in outcomes[state].items():
            say(f"{count} {state}, {reason}: {REASONS.get(reason, '')}")
    say("\nrecipe: " + ", ".join(f"{key}={value}" for key, value in about["recipe"].items()))


def verify(
    dataset: Where,
    repair: Annotated[bool, typer.Option("--repair", help="Make what is damaged anew, from its sources.")] = False,
    source: Annotated[Path | None, typer.Option(help="With --repair: the folder that it was built from.")] = None,
    store: Annotated[Path | None, typer.Option(help="With --repair: the store that it was built from.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; one a core if not given.")] = None,
    as_json: Json = False,
) -> None:
    """Check every checksum, that every member decodes, and that truth pixels match their hashes."""
    from gifbench.dataset import verify_dataset

    if repair and source is None and store is None:
        raise UsageError("--repair needs what the dataset was built from: --source FOLDER, --store FOLDER, or both")
    with progress("Verifying") as step:
        damage = list(verify_dataset(dataset, workers=workers, report=step))
    if repair and damage:
        for place, what in damage:
            note(f"{place}: {what}")
        _repair(dataset, {place for place, _ in damage}, source, store, workers)
        with progress("Verifying") as step:
            damage = list(verify_dataset(dataset, workers=workers, report=step))
    if as_json:
        say_json({"dataset": dataset, "damage": [{"place": place, "what": what} for place, what in damage]})
    for place, what in damage:
        if not as_json:
            say(f"{place}: {what}")
    if damage:
        places = len({place for place, _ in damage})
        raise DatasetDamaged(f"{dataset}: {places} damaged; --repair makes it anew")
    if not as_json:
        say(f"{dataset}: whole")


def _repair(dataset: str, damaged: set[str], source: Path | None, store: Path | None, workers: int | None) -> None:
    from gifbench.build.repair import repair_dataset
    from gifbench.build.store import Store

    with progress("Repairing") as step:
        repair_dataset(
            dataset,
            damaged,
            sources=(source or Path()).absolute(),
            store=Store(store) if store else None,
            workers=workers,
            report=lambda now: step(now.done, now.wanted, now.outcome.clip_id if now.outcome else ""),
        )


def export(
    dataset: Where,
    clip: Annotated[str, typer.Argument(help="The clip's id; gifbench info and index.parquet list them.")],
    out: Annotated[Path, typer.Option(help="The folder to write to.")],
    png: Annotated[bool, typer.Option("--png", help="Also write every frame of the truth as a PNG.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
    as_json: Json = False,
) -> None:
    """Write a clip's truth video and both its GIFs, and its frames if asked."""
    from gifbench.dataset import export_clip, open_dataset

    files = export_clip(open_dataset(dataset)[clip], out, png=png, overwrite=overwrite)
    if as_json:
        say_json({"files": [str(file) for file in files]})
    else:
        for file in files[:3]:
            say(str(file))
        if len(files) > 3:
            say(f"and {len(files) - 3} frames")
