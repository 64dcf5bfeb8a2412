"""Arguments and options that several commands have, and the names of these options in messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from gifbench.devices import DEVICE_HELP
from gifbench.errors import CorruptMedia, TooLarge, UsageError

if TYPE_CHECKING:
    from gifbench.media.gif import GifLimits

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, and nothing else there.")]

DatasetPlace = Annotated[str, typer.Argument(help="The dataset: a folder or an fsspec URL.", metavar="DATASET")]

Device = Annotated[str, typer.Option(help=DEVICE_HELP)]

OneTask = Annotated[str, typer.Option(help="A task, as gifbench tasks lists them.")]

Split = Annotated[str, typer.Option(help="train, validation or test.")]

Limit = Annotated[int | None, typer.Option(min=1, help="Only the first N clips.")]

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")]

MaxPixels = Annotated[
    int | None, typer.Option(min=1, help="The most pixels of a GIF's frame; 67 million unless given.")
]
Salvage = Annotated[bool, typer.Option("--salvage", help="Of a damaged GIF, read the frames before the damage.")]

_IN_LIBRARY = re.compile(r"; if the file is to be trusted, raise GifLimits\.(\w+)| \(GifLimits\.\w+\)")


def gif_limits(max_pixels: int | None) -> GifLimits:
    """The limits of the library, with the one that the command was given."""
    from gifbench.media.gif import GifLimits

    return GifLimits() if max_pixels is None else GifLimits(max_pixels=max_pixels)


@contextmanager
def gif_advice() -> Iterator[None]:
    """Say the library's advice about a GIF in the words of the command, and none that the command cannot follow."""
    try:
        yield
    except UsageError as error:
        raise UsageError(str(error).replace("fps_factor must", "--fps-factor must")) from error
    except (TooLarge, CorruptMedia) as error:
        advice = "; if the file is to be trusted, raise --max-pixels"
        text = _IN_LIBRARY.sub(lambda found: advice if found[1] == "max_pixels" else "", str(error))
        text = text.replace("salvage=True reads", "--salvage reads")
        raise type(error)(text) from error
