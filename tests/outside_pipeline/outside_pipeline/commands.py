"""Commands of its own, in a group of gifbench's and in one of its own."""

from pathlib import Path
from typing import Annotated

import typer

from gifbench.cli.output import Json, example, say, say_json
from gifbench.errors import UsageError


@example("gifbench manifest from-cupboard ant bee --out list.csv")
def from_cupboard(words: list[str], out: Annotated[Path, typer.Option(help="The manifest to write.")]) -> None:
    """Make a manifest of some words."""
    from gifbench.manifest import ManifestRow, write_manifest

    rows = [ManifestRow(clip_id=word, split="test", source="cupboard", locator=word) for word in words]
    write_manifest(out, rows)
    say(f"{out}: {len(rows)} words")


@example("gifbench halves count ant")
def count(words: list[str], as_json: Json = False) -> None:
    """Count words."""
    if "nothing" in words:
        raise UsageError("nothing cannot be counted")
    if as_json:
        say_json({"words": len(words)})
    else:
        say(f"{len(words)} words")
