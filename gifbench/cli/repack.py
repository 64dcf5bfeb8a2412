"""`gifbench repack`."""

from __future__ import annotations

from typing import Annotated

import typer

from gifbench.cli.build import Workers
from gifbench.cli.progress_bar import progress_bar
from gifbench.cli.shared_options import DatasetPlace, Json
from gifbench.cli.terminal_text import note, say, say_json


def repack(
    dataset: DatasetPlace,
    out: Annotated[str, typer.Option(help="Where the copy is written: a folder or an fsspec URL.")],
    gifs: Annotated[
        str,
        typer.Option(metavar="stored|generated", help="Kept in the shards, or made of the truth when they are read."),
    ],
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Copy a dataset with its GIFs stored, or without them; no source videos are needed."""
    from gifbench.builder.repack import repack_dataset
    from gifbench.builder.strip_dataset_secrets import find_secrets, secrets_warning

    with progress_bar("Repacking") as step:
        written = repack_dataset(dataset, out, gifs=gifs, workers=workers, progress=step)  # type: ignore[arg-type]  # checked there
    if secrets := find_secrets(written):
        note(secrets_warning(secrets, out))
    if as_json:
        say_json({key: written.about[key] for key in ("name", "fingerprint", "clips", "frames", "bytes")})
    else:
        say(f"{out}: {len(written)} clips, {written.about['bytes'] / 1e6:.1f} MB; fingerprint {written.fingerprint}")
