"""`gifbench build`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gifbench.cli.exit_codes_and_error_messages import SOME_FAILED
from gifbench.cli.missing_parameters import one_of
from gifbench.cli.progress_bar import progress_bar
from gifbench.cli.shared_options import Json
from gifbench.cli.terminal_text import note, say, say_json
from gifbench.errors import UsageError
from gifbench.progress import Progress

if TYPE_CHECKING:
    from gifbench.dataset import Dataset


TrustManifest = Annotated[
    bool,
    typer.Option(
        "--trust-manifest", help="Trust this manifest: allow paths outside its folder and private network addresses."
    ),
]
AllowDuplicates = Annotated[
    bool, typer.Option("--allow-duplicates", help="Accept equal clips in two splits, and only list them.")
]
RecipeFile = Annotated[
    Path | None,
    typer.Option("--recipe", metavar="FILE.py", help="The recipe's Python file, where it is not an installed one."),
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Processes of this machine; one a core if not given.", show_default=False)
]
Cluster = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="A Dask scheduler whose workers do the work, as in tcp://host:8786."),
]


@one_of("source", "manifest")
def build(
    recipe: Annotated[str, typer.Argument(help="gif-faces, gif-moments, or the path of a recipe file (.py, .toml).")],
    out: Annotated[str, typer.Option(help="The dataset: a folder, or an fsspec URL such as s3://bucket/gif-faces.")],
    source: Annotated[Path | None, typer.Option(help="Build from every video in this folder.")] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(
            help="Build what this table (.parquet, .csv, .jsonl) lists; its paths are relative to its folder."
        ),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(help="The store that gifbench fetch filled, for rows that are not local files: a folder or URL."),
    ] = None,
    split: Annotated[
        str, typer.Option(help="The split of videos that the recipe's official list does not name.")
    ] = "test",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A parameter of the recipe, as in expand=2.25."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N rows.")] = None,
    workers: Workers = None,
    cluster: Cluster = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Delete the dataset that is there and start over.")
    ] = False,
    trust_manifest: TrustManifest = False,
    allow_duplicates: AllowDuplicates = False,
    allow_failed: Annotated[
        bool, typer.Option("--allow-failed", help="Exit with 0, not 3, if some clips failed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Build a dataset from videos. Run it again to go on after an interruption, or with more videos."""
    from gifbench.builder.build_dataset import prepared_build
    from gifbench.builder.recipe import load_recipe
    from gifbench.download.store import Store

    made = load_recipe(recipe, _settings(set_ or []))
    if (source is None) == (manifest is None):
        raise UsageError("say what to build from: either --source FOLDER or --manifest FILE")
    run, changed = prepared_build(
        made,
        out=out,
        videos=source,
        manifest=manifest,
        split=split,
        limit=limit,
        overwrite=overwrite,
        trust_manifest=trust_manifest,
        warn=note,
    )
    with progress_bar(f"Building {made.name}") as step:

        def report(now: Progress) -> None:
            hint = f" (its source has not changed; to try it: gifbench retry {out} --only {now.reason})"
            step(replace(now, message=now.message + hint) if now.reused else now)

        dataset = run(store=Store(store) if store else None, workers=workers, cluster=cluster, progress=report)
    say_built(dataset, as_json=as_json, changed=changed, allow_duplicates=allow_duplicates)
    if any(dataset.about["outcomes"]["failed"].values()) and not allow_failed:
        raise typer.Exit(SOME_FAILED)


def say_built(dataset: Dataset, *, as_json: bool, changed: Sequence[str] = (), allow_duplicates: bool = False) -> None:
    """Say what a build ended with; raises `DatasetError` where equal clips are in two splits, unless they may be."""
    from gifbench.dataset.duplicates import find_duplicates

    about = dataset.about
    found = find_duplicates(dataset)
    found.tell(note, dataset.url, allow=allow_duplicates)
    if as_json:
        values = {key: about[key] for key in ("name", "fingerprint", "clips", "frames", "bytes", "outcomes")}
        say_json({**values, "changed": list(changed), "duplicates": found.to_json()})
        return
    outcomes = about["outcomes"]
    refused = sum(outcomes["rejected"].values())
    failed = sum(outcomes["failed"].values())
    counts = f"{outcomes['built']} clips built, {refused} rejected, {failed} failed"
    say(f"{dataset.url}: {counts}; fingerprint {dataset.fingerprint}")
    if refused or failed:
        say(f"gifbench info {dataset.url} says why.")


def _settings(pairs: list[str]) -> dict[str, Any]:
    settings = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key:
            raise UsageError(f"--set {pair!r}: write KEY=VALUE, as in --set expand=2.25")
        settings[key] = value
    return settings
