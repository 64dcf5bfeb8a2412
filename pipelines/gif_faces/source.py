"""The kind of source `faceforensics`: FaceForensics, or the same videos in FaceForensics++, from a folder here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gifbench.download import FetchLimits, Source, SourceKind
from gifbench.errors import Refused, UsageError

if TYPE_CHECKING:
    from gifbench import ManifestRow

    from .faceforensics_plus_plus import FaceForensicsPlusPlus

Compression = Annotated[
    str | None, typer.Option(help="raw, c23 or c40 of FaceForensics++; the best that is there if not given.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceForensicsOptions:
    """Where the videos of FaceForensics are."""

    faceforensics: Annotated[
        Path | None, typer.Option(help="The folder into which FaceForensics was downloaded, for its rows.")
    ] = None
    faceforensics_script: Annotated[
        Path | None,
        typer.Option(
            help="Your copy of its download script, run on this terminal, where you answer it, into --faceforensics."
        ),
    ] = None
    faceforensics_plus_plus: Annotated[
        Path | None,
        typer.Option(help="A folder of FaceForensics++ instead; clips are matched by YouTube id and frames."),
    ] = None
    compression: Compression = None


class FaceForensicsKind(SourceKind):
    """`faceforensics`: the locator is the name of a file of FaceForensics, wherever in the folder that lies."""

    options = FaceForensicsOptions

    def check_locator(self, locator: str, *, trusted: bool = False) -> None:
        """Raise `Refused` for a name with a path in it, or with another ending."""
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,80}\.avi", locator):
            raise Refused(f"{locator[:200]!r} is no name of FaceForensics: those end in .avi and hold no path")

    def open(self, rows: Sequence[ManifestRow], options: FaceForensicsOptions, limits: FetchLimits) -> Source:
        """The folder of one of the two datasets."""
        from .faceforensics import FaceForensicsFolder, run_script

        folder, script = options.faceforensics, options.faceforensics_script
        if options.faceforensics_plus_plus is not None:
            if folder is not None or script is not None:
                raise UsageError("--faceforensics-plus-plus stands alone: a clip is taken from one of the two datasets")
            from gifbench.cli.output import note

            matched = plus_plus(options.faceforensics_plus_plus, rows, options.compression)
            counts = ", ".join(f"{count} {state}" for state, count in counts_of(matched).items())
            note(f"FaceForensics++ {matched.compression}: {counts}")
            return matched
        if folder is None:
            what = "--faceforensics-script" if script is not None else "the manifest has sources of FaceForensics and"
            raise UsageError(
                f"{what} needs --faceforensics FOLDER, into which it is downloaded, or --faceforensics-plus-plus FOLDER"
            )
        if script is not None:
            there = FaceForensicsFolder(folder) if folder.is_dir() else None
            if there is None or any(there.lacks(row.locator) for row in rows):
                run_script(script, folder)
        return FaceForensicsFolder(folder)


def plus_plus(folder: Path, rows: Sequence[ManifestRow], compression: str | None) -> FaceForensicsPlusPlus:
    """The clips of some rows in a folder of FaceForensics++, with a bar while they are matched."""
    from gifbench.cli.output import progress_bar

    from .faceforensics_plus_plus import FaceForensicsPlusPlus

    with progress_bar("Matching") as step:
        return FaceForensicsPlusPlus(folder, rows, compression=compression, progress=step)


def counts_of(matched: FaceForensicsPlusPlus) -> dict[str, int]:
    """How many clips are certain, ambiguous and missing."""
    states = [match.state for match in matched.matches.values()]
    return {state: states.count(state) for state in ("certain", "ambiguous", "missing")}
