"""Arguments and options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

from gifbench.devices import DEVICE_HELP

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, and nothing else there.")]

DatasetPlace = Annotated[str, typer.Argument(help="The dataset: a folder or an fsspec URL.", metavar="DATASET")]

Device = Annotated[str, typer.Option(help=DEVICE_HELP)]

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")]
