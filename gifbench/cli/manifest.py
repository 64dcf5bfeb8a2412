"""`gifbench manifest`: tables of clips made, joined and checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gifbench.cli.build import TrustManifest
from gifbench.cli.output import Json, note, progress, say, say_json, table

if TYPE_CHECKING:
    from gifbench.builder.span_matching import Joined

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")]

SHOWN = 20
"""Findings that are printed; --json gives all."""


def check(
    file: Annotated[Path, typer.Argument(help="The table (.parquet, .csv, .jsonl).", metavar="FILE")],
    store: Annotated[Path | None, typer.Option(help="Hold spans against what this store holds, too.")] = None,
    trust_manifest: TrustManifest = False,
    as_json: Json = False,
) -> None:
    """Say all that is wrong with a manifest, by row and column, before anything is fetched or built."""
    from gifbench.download.store import Store
    from gifbench.errors import ManifestError
    from gifbench.manifest.check import check_manifest

    with progress("Checking") as step:
        count, findings = check_manifest(
            file, trusted=trust_manifest, store=Store(store) if store else None, report=step
        )
    if findings:
        failed = ManifestError(f"{file}: {len(findings)} cells of {count} rows are wrong")
        if as_json:
            names = ("row", "clip_id", "column", "value", "what")
            listed = [{name: getattr(finding, name) for name in names} for finding in findings]
            error = {"code": failed.code, "message": str(failed)}
            say_json({"file": str(file), "rows": count, "findings": listed, "error": error})
            note(f"Error: {failed}")
            raise typer.Exit(1)
        for finding in findings[:SHOWN]:
            say(str(finding))
        if len(findings) > SHOWN:
            say(f"and {len(findings) - SHOWN} more; --json lists them all")
        raise failed
    if as_json:
        say_json({"file": str(file), "rows": count, "findings": []})
    else:
        say(f"{file}: {count} rows, nothing wrong")


def from_folder(
    folder: Annotated[Path, typer.Argument(help="The folder with videos.", metavar="FOLDER")],
    out: Annotated[
        Path | None,
        typer.Option(help="The manifest to write (.csv, .parquet, .jsonl); FOLDER/manifest.csv if not given."),
    ] = None,
    split: Annotated[str, typer.Option(help="The split of every video.")] = "test",
    splits: Annotated[
        str | None,
        typer.Option(
            help="Shares, as train=8,validation=1,test=1 (a video stays where it is when others come), or folders."
        ),
    ] = None,
    licence: Annotated[str, typer.Option(help="The licence of every video.")] = "",
    licences: Annotated[
        Path | None, typer.Option(help="A CSV file with the columns file and licence, for those that have their own.")
    ] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Make a manifest of the videos in a folder, to be edited, split, or given to others with the videos."""
    from collections import Counter

    from gifbench.manifest.from_folder import folder_manifest, parse_splits, read_licences
    from gifbench.manifest.rows import write_manifest

    target = out or folder / "manifest.csv"
    rows = folder_manifest(
        folder,
        home=target.parent,
        split=split,
        splits=parse_splits(splits) if splits else None,
        licence=licence,
        licences=read_licences(licences) if licences else None,
    )
    write_manifest(target, rows, overwrite=overwrite)
    counts = dict(sorted(Counter(row.split for row in rows).items()))
    without = sum(not row.licence for row in rows)
    if as_json:
        say_json({"file": str(target), "clips": counts, "without_licence": without})
        return
    say(f"{target}: {', '.join(f'{count} {name}' for name, count in counts.items())}")
    if without:
        say(f"{without} without a licence: --licence, or --licences FILE")
    if any(row.locator.startswith("../") for row in rows):
        say("The videos are outside of the manifest's folder, so build and fetch need --trust-manifest.")


def import_video2gif(
    table_file: Annotated[
        Path | None, typer.Argument(help="As --metadata.", metavar="[METADATA]", show_default=False)
    ] = None,
    metadata: Annotated[
        Path | None, typer.Option(help="Your copy of metadata.txt, or a zip of it; downloaded if not given.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The manifest of matched clips to write (.parquet, .csv, .jsonl).")] = Path(
        "gif-moments.parquet"
    ),
    url: Annotated[
        str | None, typer.Option(help="Where it is downloaded from, if not from its home on GitHub.")
    ] = None,
    creative_commons: Annotated[
        bool, typer.Option("--creative-commons", help="Write only the 302 videos that may be given on with credit.")
    ] = False,
    tolerance: Annotated[int, typer.Option(min=0, help="Frames that a clip's count may differ from its row's.")] = 1,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Find which part of which video each official moment is, in the table of Video2GIF; nothing is guessed."""
    from gifbench.builder.span_matching import join
    from gifbench.builder.video2gif import URL, download_metadata, read_metadata
    from gifbench.errors import AlreadyExists
    from gifbench.manifest.rows import official_rows, write_manifest
    from gifbench.storage import Folder

    metadata = metadata or table_file
    report = out.with_suffix(".undecided.jsonl")
    for path in (out, report):
        if path.exists() and not overwrite:
            raise AlreadyExists(f"{path}: it is there already; --overwrite replaces it")
    if metadata is None:
        note(f"Downloading {url or URL}")
        moments = download_metadata(url or URL)
    else:
        moments = read_metadata(metadata)
    joined = join(official_rows("gif-moments"), moments, tolerance=tolerance)
    if creative_commons:
        joined = joined.only({row.clip_id for row in official_rows("video2gif-cc")})
    write_manifest(out, [match.row for match in joined.matches if match.state == "matched"], overwrite=overwrite)
    Folder(report.absolute().parent).write(report.name, joined.undecided())
    _say_joined(joined, len(moments), out, report, as_json=as_json)


def _say_joined(joined: Joined, rows: int, out: Path, report: Path, *, as_json: bool) -> None:
    counts, evidence = joined.count(), joined.evidence
    if as_json:
        say_json(
            {
                "rows": rows,
                "clips": counts,
                "evidence": {name: getattr(evidence, name) for name in ("order", "agree", "deciding", "offset")},
                "manifest": str(out),
                "undecided": str(report),
            }
        )
        return
    lines = [(split, sum(states.values()), *states.values()) for split, states in counts.items()]
    say(table(lines, header=("split", "clips", "matched", "ambiguous", "unmatched")))
    if evidence.order is None:
        say(
            "\nWhich order the clips' numbers follow is not sure, so only frames were used: the best order explains "
            f"{evidence.agree} of {evidence.deciding} clips that frames alone decide."
        )
    else:
        say(
            f"\nThe clips' numbers follow the order of {evidence.order}: it explains {evidence.agree} of "
            f"{evidence.deciding} clips that frames alone decide."
        )
    say(f"{out}: the matched clips, with their spans")
    say(f"{report}: the others, each with the reason and the rows that it could be")
