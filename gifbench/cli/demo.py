"""`gifbench demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gifbench.cli.shared_options import Json
from gifbench.cli.terminal_text import note, say, say_json, table


def demo(
    out: Annotated[Path, typer.Option(help="The folder for datasets, results and page.")] = Path("demo"),
    workers: Annotated[int | None, typer.Option(min=1, help="Processes that build; one a core if not given.")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Do everything again instead of reusing an earlier demo.")
    ] = False,
    as_json: Json = False,
) -> None:
    """See it work in two minutes: build two small datasets from real videos, score methods, write the page."""
    from gifbench.demo import PROTOCOL, demo_table, run_demo

    made = run_demo(out, workers=workers, overwrite=overwrite, progress=lambda now: note(now.message))
    if as_json:
        say_json({"page": str(made.page), "results": [result.summary() for result in made.results]})
        return
    header, *rows = demo_table(made)
    say(f"\nPSNR in dB, higher is better; mean over {made.results[0].clips} clips, protocol {PROTOCOL}:\n")
    say(table(rows, header=header))
    say("\nThe film in gif-moments is one that the networks were trained on; the face in gif-faces is not.")
    say(f"The page: {made.page.absolute().as_uri()}")
    say("A GIF of yours: gifbench restore my.gif")
