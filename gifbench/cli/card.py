"""`gifbench card`: what dataset hubs show of a dataset."""

from __future__ import annotations

from typing import Annotated

import typer

from gifbench.cli.output import Json, progress, say, say_json

Where = Annotated[str, typer.Argument(help="The dataset: a folder or an fsspec URL.", metavar="DATASET")]


def card(
    dataset: Where,
    url: Annotated[str, typer.Option(help="Where the dataset is published.")] = "",
    published: Annotated[str, typer.Option(help="The day on which it was, as 2026-08-31.")] = "",
    picture: Annotated[bool, typer.Option(help="Whether the card shows frames of three clips.")] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a card that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Write a dataset's card (README.md), a picture for it, and Croissant metadata beside dataset.json."""
    from gifbench.dataset import open_dataset
    from gifbench.dataset.card import write_card

    opened = open_dataset(dataset)
    with progress("Drawing") as step:
        names = write_card(opened, url=url, published=published, picture=picture, overwrite=overwrite, report=step)
    files = [opened.folder.place(name) for name in names]
    if as_json:
        say_json({"files": files})
    else:
        for file in files:
            say(file)
