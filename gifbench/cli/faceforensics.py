"""What `gifbench fetch` is told about FaceForensics, and `gifbench manifest match-faceforensics`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gifbench.cli.output import Json, note, progress, say, say_json
from gifbench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gifbench.download import Source
    from gifbench.download.faceforensics_plus_plus import FaceForensicsPlusPlus
    from gifbench.manifest.rows import ManifestRow

Folder = Annotated[Path | None, typer.Option(help="The folder into which FaceForensics was downloaded, for its rows.")]
Script = Annotated[
    Path | None,
    typer.Option(
        help="Your copy of its download script, run on this terminal, where you answer it, into --faceforensics."
    ),
]
PlusPlus = Annotated[
    Path | None, typer.Option(help="A folder of FaceForensics++ instead; clips are matched by YouTube id and frames.")
]
Compression = Annotated[
    str | None, typer.Option(help="raw, c23 or c40 of FaceForensics++; the best that is there if not given.")
]


def faceforensics_sources(
    rows: Sequence[ManifestRow],
    *,
    folder: Path | None,
    script: Path | None,
    plus_plus: Path | None,
    compression: str | None,
) -> dict[str, Source]:
    """The source of the rows of FaceForensics, if anything was said of where to get it."""
    from gifbench.download.faceforensics import FaceForensicsFolder
    from gifbench.download.faceforensics_script import run_script

    if plus_plus is not None:
        if folder is not None or script is not None:
            raise UsageError("--faceforensics-plus-plus stands alone: a clip is taken from one of the two datasets")
        matched = _plus_plus(plus_plus, rows, compression)
        counts = _counts(matched)
        note(
            f"FaceForensics++ {matched.compression}: "
            + ", ".join(f"{count} {state}" for state, count in counts.items())
        )
        return {"faceforensics": matched}
    if script is not None:
        if folder is None:
            raise UsageError("--faceforensics-script needs --faceforensics FOLDER, into which it downloads")
        wanted = [row.locator for row in rows if row.source == "faceforensics"]
        if not folder.is_dir() or any(FaceForensicsFolder(folder).lacks(locator) for locator in wanted):
            run_script(script, folder)
    return {} if folder is None else {"faceforensics": FaceForensicsFolder(folder)}


def match_faceforensics(
    folder: Annotated[Path, typer.Argument(help="A folder of FaceForensics++.", metavar="FOLDER")],
    manifest: Annotated[Path | None, typer.Option(help="The clips; the official 987 if not given.")] = None,
    compression: Compression = None,
    as_json: Json = False,
) -> None:
    """Say which clips of GIF-Faces are certain, ambiguous or missing in a folder of FaceForensics++."""
    from gifbench.manifest.rows import official_rows, read_manifest

    rows = read_manifest(manifest) if manifest else official_rows("gif-faces")
    matched = _plus_plus(folder, rows, compression)
    counts = _counts(matched)
    if as_json:
        names = ("locator", "state", "video", "why")
        clips = [{name: getattr(match, name) for name in names} for match in matched.matches.values()]
        say_json({"compression": matched.compression, **counts, "clips": clips})
        return
    for match in matched.matches.values():
        if match.state == "ambiguous":
            say(f"{match.locator}: {match.why}")
    say(f"{matched.compression}: " + ", ".join(f"{count} {state}" for state, count in counts.items()))
    if counts["missing"]:
        say("--json lists the missing ones, too.")


def _plus_plus(folder: Path, rows: Sequence[ManifestRow], compression: str | None) -> FaceForensicsPlusPlus:
    from gifbench.download.faceforensics_plus_plus import FaceForensicsPlusPlus

    with progress("Matching") as step:
        return FaceForensicsPlusPlus(folder, rows, compression=compression, report=step)


def _counts(matched: FaceForensicsPlusPlus) -> dict[str, int]:
    states = [match.state for match in matched.matches.values()]
    return {state: states.count(state) for state in ("certain", "ambiguous", "missing")}
