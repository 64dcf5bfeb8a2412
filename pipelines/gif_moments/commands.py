"""`gifbench manifest import-video2gif`: which part of which video each official moment is."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gifbench.cli.output import Json, Overwrite, example, note, say, say_json, table

if TYPE_CHECKING:
    from .video2gif_row_matching import Joined


@example("gifbench manifest import-video2gif --out moments.parquet")
def import_video2gif(
    table_file: Annotated[
        Path | None, typer.Argument(help="The same as --metadata.", metavar="[METADATA]", show_default=False)
    ] = None,
    metadata: Annotated[
        Path | None, typer.Option(help="Your copy of metadata.txt, or a zip of it; downloaded if not given.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The manifest of matched clips to write (.parquet, .csv, .jsonl).")] = Path(
        "gif-moments.parquet"
    ),
    url: Annotated[str | None, typer.Option(help="Download the table from this address instead of GitHub.")] = None,
    creative_commons: Annotated[
        bool, typer.Option("--creative-commons", help="Write only the 302 videos that may be shared with credit.")
    ] = False,
    tolerance: Annotated[int, typer.Option(min=0, help="By how many frames a clip may differ from its row.")] = 1,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Find which part of which video each clip of GIF-Moments is, by Video2GIF's table; unsure ones are left out."""
    from gifbench.errors import AlreadyExists
    from gifbench.manifest import official_rows, write_manifest
    from gifbench.storage import Folder

    from .video2gif_list import URL, download_metadata, read_metadata
    from .video2gif_row_matching import join

    metadata = metadata or table_file
    report = out.with_suffix(".undecided.jsonl")

    def refuse(path: Path) -> None:
        if path.exists() and not overwrite:
            raise AlreadyExists(f"{path}: it is there already; --overwrite replaces it")

    refuse(out)
    if metadata is None:
        note(f"Downloading {url or URL}")
        moments = download_metadata(url or URL)
    else:
        moments = read_metadata(metadata)
    joined = join(official_rows("gif-moments"), moments, tolerance=tolerance)
    if creative_commons:
        joined = joined.only({row.clip_id for row in official_rows("video2gif-cc")})
    undecided = joined.undecided()
    folder = Folder(report.absolute().parent)
    same = folder.exists(report.name) and folder.read(report.name) == undecided  # left by one that was killed
    if not same:
        refuse(report)
        folder.write(report.name, undecided)
    write_manifest(out, [match.row for match in joined.matches if match.state == "matched"], overwrite=overwrite)
    _say_joined(joined, len(moments), out, report, as_json=as_json)


def _say_joined(joined: Joined, rows: int, out: Path, report: Path, *, as_json: bool) -> None:
    counts, evidence = joined.count(), joined.evidence
    if as_json:
        say_json(
            {
                "rows": rows,
                "clips": counts,
                "evidence": asdict(evidence),
                "manifest": str(out),
                "undecided": str(report),
            }
        )
        return
    lines = [(split, sum(states.values()), *states.values()) for split, states in counts.items()]
    say(table(lines, header=("split", "clips", "matched", "ambiguous", "unmatched")))
    if evidence.order is None:
        order = "Which order the clips' numbers follow is not sure, so only frames were used: the best order"
    else:
        order = f"The clips' numbers follow the order of {evidence.order}: it"
    say(f"\n{order} explains {evidence.agree} of {evidence.deciding} clips that frames alone decide.")
    say(f"{out}: the matched clips, with their spans")
    say(f"{report}: the others, each with the reason and the rows that it could be")
