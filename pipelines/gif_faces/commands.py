"""`gifbench manifest match-faceforensics`: which clips are certain in a folder of FaceForensics++."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gifbench.cli.output import Json, example, say, say_json

from .source import Compression, counts_of, plus_plus


@example("gifbench manifest match-faceforensics FaceForensics++/")
def match_faceforensics(
    folder: Annotated[Path, typer.Argument(help="A folder of FaceForensics++.", metavar="FOLDER")],
    manifest: Annotated[Path | None, typer.Option(help="The clips; the official 987 if not given.")] = None,
    compression: Compression = None,
    as_json: Json = False,
) -> None:
    """List which clips of GIF-Faces are certain, ambiguous or missing in a folder of FaceForensics++."""
    from gifbench.manifest import official_rows, read_manifest

    rows = read_manifest(manifest) if manifest else official_rows("gif-faces")
    matched = plus_plus(folder, rows, compression)
    counts = counts_of(matched)
    if as_json:
        clips = [asdict(match) for match in matched.matches.values()]
        say_json({"compression": matched.compression, **counts, "clips": clips})
        return
    for match in matched.matches.values():
        if match.state == "ambiguous":
            say(f"{match.locator}: {match.why}")
    say(f"{matched.compression}: " + ", ".join(f"{count} {state}" for state, count in counts.items()))
    if counts["missing"]:
        say("--json lists the missing ones, too.")
