"""`gifbench info`, `verify` and `export`: looking at a built dataset, or a store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gifbench.cli.build import AllowDuplicates, RecipeFile, TrustManifest
from gifbench.cli.output import Json, note, progress, say, say_json, table
from gifbench.cli.store import coverage_json, info_store, reasons_of, say_coverage, say_reasons, verify_store
from gifbench.errors import DatasetDamaged, UsageError

if TYPE_CHECKING:
    from gifbench.builder.coverage import Coverage
    from gifbench.builder.recipe import Recipe
    from gifbench.dataset import Dataset
    from gifbench.dataset.duplicates import Duplicates
    from gifbench.dataset.shards import IndexRow

Where = Annotated[str, typer.Argument(help="The dataset: a folder or an fsspec URL.", metavar="DATASET")]
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
    from gifbench.dataset import open_dataset
    from gifbench.dataset.card import outdated
    from gifbench.dataset.duplicates import find_duplicates
    from gifbench.download.store import Store

    store = Store(place)
    if store.is_there():
        if html is not None:
            raise UsageError(f"--html is for a dataset, and {place} is a store")
        info_store(store, manifest, as_json=as_json)
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
        extra = {"reasons": reasons_of(about["outcomes"]), "coverage": coverage_json(coverage)}
        say_json({**about, **extra, "duplicates": same.to_json(), **page})
        return
    say(f"{about['title']} ({opened.name}), fingerprint {opened.fingerprint}, {about['bytes'] / 1e6:.1f} MB\n")
    splits = sorted(about["clips"].keys() | coverage.keys())
    say(
        table(
            [(split, about["clips"].get(split, 0), about["frames"].get(split, 0)) for split in splits],
            header=("split", "clips", "frames"),
        )
    )
    outcomes = about["outcomes"]
    missing = about["wanted"] - outcomes["built"] - sum(sum(outcomes[key].values()) for key in ("rejected", "failed"))
    say(f"\n{outcomes['built']} built" + (f", {missing} not tried yet (run gifbench build again)" if missing else ""))
    say_reasons(reasons_of(outcomes))
    say_coverage("the official list", coverage)
    if clips:
        _say_clips(opened)
    say("\nrecipe: " + ", ".join(f"{key}={value}" for key, value in about["recipe"].items()))
    for line in same.lines():
        say(f"\n{line}")
    if across := same.across_splits():
        say(f"\n{len(across)} groups of equal clips are in two splits: what is learnt of one is tested with the other")
    if outdated(opened):
        say(f"\nIts card is of another state: gifbench card {place} --overwrite")
    if html is not None:
        say(f"\ncontact sheet: {html}")


def _clip_about(row: IndexRow) -> dict[str, object]:
    seconds = round(row.end_seconds - row.start_seconds, 3)
    about = {"clip_id": row.clip_id, "split": row.split, "frames": row.frames, "width": row.width, "height": row.height}
    return {**about, "seconds": seconds, "source": row.source, "locator": row.locator}


def _left_out(dataset: Dataset) -> list[dict[str, object]]:
    """The clips that were rejected or failed, with the reason and what was seen."""
    from gifbench.dataset.shards import table_rows

    rows = table_rows(dataset.folder.read("outcomes.parquet"), place=dataset.folder.place("outcomes.parquet"))
    names = ("clip_id", "state", "reason", "detail")
    return [{name: row[name] for name in names} for row in rows if row["state"] != "built"]


def _say_clips(dataset: Dataset) -> None:
    listed = [
        (row.clip_id, row.split, row.frames, f"{row.width}×{row.height}", f"{row.end_seconds - row.start_seconds:.2f}")
        for row in dataset.rows
    ]
    say("")
    say(table(listed, header=("clip", "split", "frames", "size", "seconds")))
    if left_out := _left_out(dataset):
        rows = [tuple(str(value) for value in row.values()) for row in left_out]
        say("\nleft out:")
        say(table(rows, header=("clip", "state", "reason", "detail")))


def _write_sheet(dataset: Dataset, out: Path, *, overwrite: bool) -> None:
    from gifbench.leaderboard.contact_sheet import contact_sheet
    from gifbench.storage import atomic_write

    with progress("Drawing") as step:
        page = contact_sheet(dataset, report=step).encode()
    if not overwrite and out.is_file() and out.read_bytes() == page:
        note(f"{out}: reused, the very same page is there")
        return
    with atomic_write(out, overwrite=overwrite) as file:
        file.write(page)


def _coverage(dataset: Dataset) -> dict[str, Coverage]:
    """The coverage of the official splits; empty for a dataset of one's own."""
    from gifbench.builder.coverage import dataset_coverage
    from gifbench.builder.recipe import load_recipe, recipe_names
    from gifbench.dataset.shards import table_rows
    from gifbench.manifest.rows import official_rows

    if not dataset.official or dataset.name not in recipe_names():
        return {}
    table = table_rows(dataset.folder.read("outcomes.parquet"), place=dataset.folder.place("outcomes.parquet"))
    reasons = {row["clip_id"]: row["reason"] for row in table}
    return dataset_coverage(
        (clip.clip_id for clip in dataset.rows), reasons, official_rows(load_recipe(dataset.name).manifest)
    )


def verify(
    place: Place,
    repair: Annotated[bool, typer.Option("--repair", help="Make what is damaged anew, from its sources.")] = False,
    source: Annotated[Path | None, typer.Option(help="With --repair: the folder that it was built from.")] = None,
    store: Annotated[str | None, typer.Option(help="With --repair: the store that it was built from.")] = None,
    recipe: RecipeFile = None,
    trust_manifest: TrustManifest = False,
    allow_duplicates: AllowDuplicates = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; one a core if not given.")] = None,
    as_json: Json = False,
) -> None:
    """Check every checksum, that every member decodes, and that truth pixels match their hashes; or a whole store."""
    from gifbench.builder.repair import repair_dataset
    from gifbench.dataset import verify_dataset
    from gifbench.dataset.verify import KNOWN_FROM_A_COPY
    from gifbench.download.store import Store

    if Store(place).is_there():
        verify_store(Store(place), repair=repair, workers=workers, as_json=as_json)
        return
    dataset = place
    with progress("Verifying") as step:
        damage = list(verify_dataset(dataset, workers=workers, report=step))
    if repair and damage:
        for name, what in damage:
            note(f"{name}: {what}")
        with progress("Repairing") as step:
            repair_dataset(
                dataset,
                {name for name, _ in damage},
                sources=source.absolute() if source else None,
                store=Store(store) if store else None,
                recipe=_recipe(dataset, recipe),
                trusted=trust_manifest,
                workers=workers,
                report=lambda now: step(now.done, now.wanted, now.outcome.clip_id if now.outcome else ""),
            )
        with progress("Verifying") as step:
            damage = list(verify_dataset(dataset, workers=workers, report=step))
    same = _duplicates(dataset, damage)
    if as_json:
        lines = [{"place": name, "what": what} for name, what in damage]
        say_json({"dataset": dataset, "damage": lines, "duplicates": same.to_json() if same else None})
    for name, what in damage:
        if not as_json:
            say(f"{name}: {what}")
    if damage:
        places = {name for name, _ in damage}
        if needed := sorted(places & KNOWN_FROM_A_COPY.keys()):
            raise DatasetDamaged(f"{dataset}: {len(places)} damaged; --repair needs {' and '.join(needed)} from a copy")
        raise DatasetDamaged(f"{dataset}: {len(places)} damaged; --repair makes it anew")
    if same is not None:
        for line in same.lines():
            note(line)
        if not allow_duplicates:
            same.refuse_across_splits(dataset)
    if not as_json:
        say(f"{dataset}: whole")


def _duplicates(dataset: str, damage: Sequence[tuple[str, str]]) -> Duplicates | None:
    """Which clips are the same; None where the dataset is damaged, which comes first."""
    from gifbench.dataset import open_dataset
    from gifbench.dataset.duplicates import find_duplicates

    return None if damage else find_duplicates(open_dataset(dataset))


def _recipe(dataset: str, file: Path | None) -> Recipe | None:
    """The recipe in a file that the user gave, with the parameters of the dataset."""
    from gifbench.builder.recipe import recorded_recipe
    from gifbench.dataset.reader import read_about
    from gifbench.storage import Folder

    if file is None:
        return None
    about = read_about(Folder(dataset))
    return recorded_recipe(about["name"], about["recipe"], file=file, place=dataset)


def export(
    dataset: Where,
    clip: Annotated[str | None, typer.Argument(help="The clip's id; gifbench info DATASET --clips lists them.")] = None,
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("clips"),
    all_: Annotated[bool, typer.Option("--all", help="Every clip of the dataset.")] = False,
    png: Annotated[bool, typer.Option("--png", help="Also write every frame of the truth as a PNG.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
    as_json: Json = False,
) -> None:
    """Write a clip's truth video and both its GIFs, and its frames if asked; or those of every clip."""
    from gifbench.dataset import export_clip, open_dataset

    if (clip is None) == (not all_):
        raise UsageError("name a clip, or give --all for every clip; gifbench info DATASET --clips lists them")
    opened = open_dataset(dataset)
    chosen = [opened[clip]] if clip is not None else list(opened)
    before = {path: path.stat().st_mtime_ns for path in out.glob("*")} if out.is_dir() else {}
    files: list[Path] = []
    with progress("Exporting") as step:
        for done, each in enumerate(chosen):
            step(done, len(chosen), each.clip_id)
            files += export_clip(each, out, png=png, overwrite=overwrite)
        step(len(chosen), len(chosen), "")
    if all(before.get(file) == file.stat().st_mtime_ns for file in files if file.parent == out):
        note(f"{out}: reused, the very same files are there")
    if as_json:
        say_json({"files": [str(file) for file in files]})
        return
    for file in files[:3]:
        say(str(file))
    if len(files) > 3:
        say(f"and {len(files) - 3} {'files' if all_ else 'frames'}")
