"""Arguments and options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, and nothing else there.")]

DatasetPlace = Annotated[str, typer.Argument(help="The dataset: a folder or an fsspec URL.", metavar="DATASET")]

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")]
