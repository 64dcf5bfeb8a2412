"""`gifbench card`: what dataset hubs show of a dataset."""

from __future__ import annotations

from typing import Annotated

import typer

from gifbench.cli.progress_bar import progress_bar
from gifbench.cli.shared_options import DatasetPlace, Json
from gifbench.cli.terminal_text import note, say, say_json


def card(
    dataset: DatasetPlace,
    url: Annotated[str, typer.Option(help="Where the dataset is published.")] = "",
    published: Annotated[str, typer.Option(help="The day of publication, as 2026-08-31.")] = "",
    picture: Annotated[bool, typer.Option(help="Whether the card shows frames of three clips.")] = True,
    strip_secrets: Annotated[
        bool,
        typer.Option(
            "--strip-secrets", help="Take signed URLs and tokens out of the dataset's tables; a hash stands for each."
        ),
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a card that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Write a dataset's card (README.md), a picture for it, and Croissant metadata beside dataset.json."""
    from gifbench.builder.strip_dataset_secrets import find_secrets, secrets_warning
    from gifbench.dataset import open_dataset
    from gifbench.dataset.card import write_card

    if strip_secrets:
        from gifbench.builder.strip_dataset_secrets import strip_secrets as take_out

        opened, stripped = take_out(dataset)
        note(f"{dataset}: secrets of {stripped} rows taken out")
    else:
        opened = open_dataset(dataset)
        if secrets := find_secrets(opened):
            note(secrets_warning(secrets, dataset))
    with progress_bar("Drawing") as step:
        names = write_card(opened, url=url, published=published, picture=picture, overwrite=overwrite, progress=step)
    files = [opened.folder.place(name) for name in names]
    if as_json:
        say_json({"files": files})
    else:
        for file in files:
            say(file)
