"""`gifbench leaderboard` and `gifbench demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gifbench.cli.output import Json, note, say, say_json


def leaderboard(
    results: Annotated[list[Path], typer.Argument(help="Results files, or folders of them.")],
    out: Annotated[Path, typer.Option(help="The folder for the page.")],
    data: Annotated[
        list[str] | None,
        typer.Option(help="A dataset whose clips the page shows; may be given more than once."),
    ] = None,
    method_file: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE.py:CLASS", help="A method in a file of your own, so that its clips can be shown."),
    ] = None,
    clips: Annotated[int, typer.Option(min=0, help="Clips shown a method and task.")] = 3,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda, for methods that use torch.")] = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a page that gifbench made there.")] = False,
    as_json: Json = False,
) -> None:
    """Make a static page of results, and the same tables as Markdown, CSV and LaTeX."""
    from datetime import UTC, datetime

    from gifbench.dataset import open_dataset
    from gifbench.errors import ResultsError
    from gifbench.leaderboard import build_site
    from gifbench.leaderboard.from_results import installed_method
    from gifbench.methods.registry import find_method
    from gifbench.results.io import load_results

    refused: list[ResultsError] = []

    def refuse(error: ResultsError) -> None:
        refused.append(error)
        note(f"Left out: {error}")

    loaded = load_results(*results, on_error=refuse)
    if refused and not loaded:
        raise refused[0]
    opened = [open_dataset(url) for url in data or []]
    mine = {method.name: method for method in map(find_method, method_file or [])}
    page = build_site(
        loaded,
        out,
        dataset_for={dataset.fingerprint: dataset for dataset in opened},
        method_loader=lambda result: mine.get(result.method.name) or installed_method(result),
        clips_per_method=clips,
        overwrite=overwrite,
        date=datetime.now(UTC).date().isoformat(),
        device=device,
        progress=note,
        on_error=refuse,
    )
    if as_json:
        say_json({"page": str(page), "results": len(loaded), "refused": [str(error) for error in refused]})
    else:
        say(f"{len(loaded)} results{f', {len(refused)} files left out' if refused else ''}: {page}")


def demo(
    out: Annotated[Path, typer.Option(help="The folder for datasets, results and page.")] = Path("demo"),
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; one a core if not given.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier demo.")] = False,
    as_json: Json = False,
) -> None:
    """Go the whole way on three small real videos: build both datasets, score methods, write the page."""
    from gifbench.demo import run_demo

    page = run_demo(out, workers=workers, overwrite=overwrite, report=note)
    if as_json:
        say_json({"page": str(page)})
    else:
        say(f"Open {page.absolute().as_uri()}")
