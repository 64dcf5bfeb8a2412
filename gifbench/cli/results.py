"""`gifbench results`: what was scored, as a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gifbench.cli.shared_options import Json
from gifbench.cli.terminal_text import note, say, say_json, table

if TYPE_CHECKING:
    from gifbench.results.dataframe import Results


def results(
    folder: Annotated[list[Path], typer.Argument(help="Results files, or folders of them.")], as_json: Json = False
) -> None:
    """Show what was scored as a table: a row a method, task and protocol, the best first."""
    from gifbench.errors import ResultsError
    from gifbench.results.io import load_results

    refused: list[ResultsError] = []
    found = load_results(*folder, on_error=refused.append)
    for error in refused:
        note(f"Left out: {error}")
    if not found:
        places = ", ".join(map(str, folder))
        none = ResultsError(f"{places}: no results are here; gifbench evaluate … --out writes some")
        raise refused[0] if refused else none
    if as_json:
        say_json([result.summary() for result in found])
        return
    say_results(found)


def say_results(found: Results) -> None:
    """Print results as tables, one a dataset and split."""
    from gifbench.results.dataframe import COLUMNS

    datasets = {(each.dataset.name, each.dataset.fingerprint, each.split): each for each in found}
    for name, fingerprint, split in sorted(datasets):
        key = (name, fingerprint, split)
        here = type(found)([each for each in found if (each.dataset.name, each.dataset.fingerprint, each.split) == key])
        if len(datasets) > 1:
            say(f"{name}, {split}, fingerprint {fingerprint[:8]}")
        say(table(here.table(), header=(*COLUMNS, *here.further_metrics)))
