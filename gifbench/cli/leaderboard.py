"""`gifbench leaderboard`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gifbench.cli.shared_options import Device, Json
from gifbench.cli.terminal_text import note, say, say_json


def leaderboard(
    results: Annotated[list[Path], typer.Argument(help="Results files, or folders of them.")],
    out: Annotated[Path, typer.Option(help="The folder for the page.")],
    data: Annotated[
        list[str] | None,
        typer.Option(help="The dataset that was scored: the page shows its clips. May be given more than once."),
    ] = None,
    method_file: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE.py:CLASS", help="A method in a file, so that the page can show its clips too."),
    ] = None,
    clips: Annotated[int, typer.Option(min=0, help="Clips to show for each method and task.")] = 3,
    device: Device = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a page that gifbench made there.")] = False,
    as_json: Json = False,
) -> None:
    """Make a page of results that opens from the disk, and the same tables as Markdown, CSV and LaTeX."""
    from datetime import UTC, datetime

    from gifbench.dataset import open_dataset
    from gifbench.errors import ResultsError
    from gifbench.leaderboard.site_builder import build_site
    from gifbench.methods.registry import find_method
    from gifbench.results.io import load_results

    refused: list[ResultsError] = []

    def refuse(error: ResultsError) -> None:
        refused.append(error)
        note(f"Left out: {error}")

    loaded = load_results(*results, on_error=refuse)
    if refused and not loaded:
        raise refused[0]
    files = len(loaded) + len(refused)
    if not loaded:
        places = ", ".join(map(str, results))
        raise ResultsError(f"{places}: no results are here; gifbench evaluate METHOD --data DATASET --out writes some")
    opened = [open_dataset(url) for url in data or []]
    page = build_site(
        loaded,
        out,
        dataset_for={dataset.fingerprint: dataset for dataset in opened},
        methods=[find_method(name) for name in method_file or []],
        clips_per_method=clips,
        overwrite=overwrite,
        date=datetime.now(UTC).date().isoformat(),
        device=device,
        progress=lambda now: note(now.message),
        on_error=refuse,
    )
    shown = files - len(refused)
    if as_json:
        say_json({"page": str(page), "results": shown, "refused": [str(error) for error in refused]})
    else:
        say(f"{shown} results{f', {len(refused)} files left out' if refused else ''}: {page}")
