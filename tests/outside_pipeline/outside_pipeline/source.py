"""Videos in a cupboard: a folder that `gifbench fetch --cupboard` names."""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from gifbench import ManifestRow
from gifbench.download import Fetched, FetchLimits, Source, SourceKind
from gifbench.errors import Gone, Refused, UsageError


@dataclass(frozen=True)
class Options:
    """Where the cupboard is; the name of the second option is taken by gifbench."""

    cupboard: Annotated[Path | None, typer.Option(help="The folder of the cupboard.")] = None
    timeout: Annotated[int, typer.Option(min=1, help="Days that the cupboard may be locked.")] = 3


class Cupboard(SourceKind):
    """`cupboard`: the locator is a word."""

    options = Options

    def check_locator(self, locator: str, *, trusted: bool = False) -> None:
        """A word, and nothing else."""
        if not re.fullmatch("[a-z]+", locator):
            raise Refused(f"{locator!r} is no word of the cupboard")

    def open(self, rows: Sequence[ManifestRow], options: Options, limits: FetchLimits) -> Source:
        """The folder."""
        if options.cupboard is None:
            raise UsageError("where is the cupboard? --cupboard FOLDER says it")
        return Folder(options.cupboard)


class Folder:
    """A cupboard that is open."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def group(self, locator: str) -> str:
        """All of it."""
        return "cupboard"

    def fetch(self, locator: str, scratch: Path) -> Fetched:
        """Copy the video of a word."""
        found = self._folder / f"{locator}.mp4"
        if not found.is_file():
            raise Gone(f"{locator} is not in the cupboard")
        return Fetched(Path(shutil.copy(found, scratch / "video.mp4")), {"cupboard": "mine"})
