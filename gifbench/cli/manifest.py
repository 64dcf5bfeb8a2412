"""`gifbench manifest`: tables of clips made and checked."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from gifbench.cli.build import TrustManifest
from gifbench.cli.progress_bar import progress_bar
from gifbench.cli.shared_options import Json, Overwrite
from gifbench.cli.terminal_text import note, say, say_json

SHOWN = 20
"""Findings that are printed; --json gives all."""


def check(
    file: Annotated[Path, typer.Argument(help="The table (.parquet, .csv, .jsonl).", metavar="FILE")],
    store: Annotated[
        Path | None, typer.Option(help="Also check that the spans lie within the videos of this download store.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="The recipe that it is for; if not given, every installed one is checked.")
    ] = None,
    trust_manifest: TrustManifest = False,
    as_json: Json = False,
) -> None:
    """Check a manifest before you fetch or build: every error is listed by row and column. Nothing is downloaded."""
    from gifbench.builder.recipe import installed_recipes, load_recipe
    from gifbench.download.store import Store
    from gifbench.errors import ManifestError
    from gifbench.manifest.manifest_check import check_manifest

    with progress_bar("Checking") as step:
        recipes = [load_recipe(recipe)] if recipe else installed_recipes()
        count, findings = check_manifest(
            file,
            trusted=trust_manifest,
            borrowed=Store(store).borrowed if store else None,
            row_checks=[one.missing_span for one in recipes],
            progress=step,
        )
    if findings:
        failed = ManifestError(f"{file}: {len(findings)} cells of {count} rows are wrong")
        if as_json:
            names = ("row", "clip_id", "column", "value", "what")
            listed = [{name: getattr(finding, name) for name in names} for finding in findings]
            error = {"code": failed.code, "message": str(failed)}
            say_json({"file": str(file), "rows": count, "findings": listed, "error": error})
            note(f"Error: {failed}")
            raise typer.Exit(1)
        for finding in findings[:SHOWN]:
            say(str(finding))
        if len(findings) > SHOWN:
            say(f"and {len(findings) - SHOWN} more; --json lists them all")
        raise failed
    if as_json:
        say_json({"file": str(file), "rows": count, "findings": []})
    else:
        say(f"{file}: {count} rows, nothing wrong")


def from_folder(
    folder: Annotated[Path, typer.Argument(help="The folder with videos.", metavar="FOLDER")],
    out: Annotated[
        Path | None,
        typer.Option(help="The manifest to write (.csv, .parquet, .jsonl); if not given, FOLDER/manifest.csv."),
    ] = None,
    split: Annotated[str, typer.Option(help="The split of every video.")] = "test",
    splits: Annotated[
        str | None,
        typer.Option(
            help="Instead of --split: shares, as in train=8,validation=1,test=1, or `folders`, if the videos lie in "
            "folders called train, validation and test. A video keeps its split when others are added."
        ),
    ] = None,
    licence: Annotated[str, typer.Option(help="The license of every video.")] = "",
    licences: Annotated[
        Path | None,
        typer.Option(help="A CSV file with the columns file and licence, for videos with a license of their own."),
    ] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """List the videos of a folder in a manifest, which you can edit and share."""
    from collections import Counter

    from gifbench.errors import GifbenchError
    from gifbench.manifest.clip_ids import keep_ids
    from gifbench.manifest.own_videos_splits import folder_manifest, parse_splits, read_licences
    from gifbench.manifest.rows import read_manifest, write_manifest

    target = out or folder / "manifest.csv"
    rows = folder_manifest(
        folder,
        home=target.parent,
        split=split,
        splits=parse_splits(splits) if splits else None,
        licence=licence,
        licences=read_licences(licences) if licences else None,
        warn=note,
    )
    if overwrite and target.is_file():
        with suppress(GifbenchError):  # what cannot be read has no ids to keep
            rows = keep_ids(rows, read_manifest(target))
    write_manifest(target, rows, overwrite=overwrite)
    counts = dict(sorted(Counter(row.split for row in rows).items()))
    without = sum(not row.licence for row in rows)
    if as_json:
        say_json({"file": str(target), "clips": counts, "without_licence": without})
        return
    say(f"{target}: {', '.join(f'{count} {name}' for name, count in counts.items())}")
    if without:
        say(f"{without} without a licence: --licence, or --licences FILE")
    if any(row.locator.startswith("../") for row in rows):
        say("The videos are outside of the manifest's folder, so build and fetch need --trust-manifest.")
