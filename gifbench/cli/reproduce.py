"""`gifbench reproduce`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gifbench.cli.progress_bar import progress_bar
from gifbench.cli.shared_options import Device, Json, Limit
from gifbench.cli.terminal_text import say, say_json, table
from gifbench.errors import UsageError

if TYPE_CHECKING:
    from gifbench.leaderboard.reproduce_paper_tables import Reproduced


def reproduce(
    which: Annotated[
        Literal["table1", "table2"], typer.Argument(metavar="table1|table2", help="A table of GIF2Video (CVPR 2019).")
    ],
    data: Annotated[str, typer.Option(help="The dataset: gif-faces, for table2 also gif-moments.")],
    runs: Annotated[
        Path | None, typer.Option(help="A folder of trainings, runs/NAME each: rows take their weights from there.")
    ] = None,
    row: Annotated[
        list[str] | None,
        typer.Option(metavar="ROW=METHOD", help="The method of a row, as in 8=ccdnet-2:weights=mine.safetensors."),
    ] = None,
    device: Device = "auto",
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the clips.")] = 1,
    limit: Limit = None,
    out: Annotated[Path, typer.Option(help="The folder for results; those of the same run are reused.")] = Path(
        "results"
    ),
    as_json: Json = False,
) -> None:
    """Run a table of the paper: every row that has weights, our numbers beside the reported ones."""
    from gifbench.dataset import open_dataset
    from gifbench.leaderboard.reproduce_paper_tables import bundled, plan
    from gifbench.leaderboard.reproduce_paper_tables import reproduce as run

    dataset = open_dataset(data)
    number = int(which[-1])
    planned = plan(number, dataset=dataset.name, runs=runs, methods=_by_hand(row or []))
    ours = bundled(number, dataset=dataset.name)
    with progress_bar(f"Table {number}") as step:
        found = run([*planned, *ours], dataset, out=out, device=device, workers=workers, limit=limit, progress=step)
    if as_json:
        about = {"table": number, "dataset": dataset.name, "fingerprint": dataset.fingerprint, "protocol": "gif2video"}
        summaries = [each.summary() for each in found]
        say_json({**about, "rows": summaries[: len(planned)], "bundled": summaries[len(planned) :]})
        return
    show(found)


def _by_hand(texts: list[str]) -> dict[str, str]:
    methods = {}
    for text in texts:
        key, equals, method = text.partition("=")
        if not (key and equals and method):
            raise UsageError(f'--row "{text}": write ROW=METHOD, as in 8=ccdnet-2:weights=mine.safetensors')
        methods[key] = method
    return methods


def show(found: list[Reproduced]) -> None:
    """Print the rows that were run as text, what ran for each, and in a line what is missing."""
    rows = []
    for each in found:
        reported, result = each.planned.reported, each.result
        if result is None:
            continue
        psnr, ssim = each.difference("psnr"), each.difference("ssim")
        scores, covered = result.scores, result.coverage
        share = f"{covered.scored} of {covered.official}" if covered.official else str(result.clips)
        rows.append(
            (
                reported.row,
                reported.method,
                reported.task,
                "" if psnr is None else f"{reported.psnr:.2f} / {reported.ssim:.3f}",
                result.method.name,
                f"{scores['psnr'].mean:.2f} / {scores['ssim'].mean:.3f}",
                "" if psnr is None or ssim is None else f"{psnr:+.2f} / {ssim:+.3f}",
                share,
            )
        )
    header = ("row", "in the paper", "task", "reported", "run here", "ours", "difference", "clips")
    if rows:
        say(table(rows, header=header))
    untrained = [each for each in found if each.missing and each.planned.needs and "train" in each.missing]
    if untrained:
        names = dict.fromkeys(f"{each.planned.reported.row} {each.planned.reported.method}" for each in untrained)
        say(f"\nNot run, because their networks have to be trained: {', '.join(names)}.")
        say(f"Train one: {untrained[-1].planned.needs}. gifbench train --list names them all.")
    reasons: dict[str, list[str]] = {}
    for each in found:
        if each.missing and each not in untrained:
            where = f"{each.planned.reported.row} {each.planned.reported.method}".strip()
            reasons.setdefault(each.missing, []).append(f"{where} ({each.planned.reported.task})")
    if reasons:
        say("\nNot run:")
    for why, rows_of in reasons.items():
        say(f"  {'; '.join(rows_of)}: {why}")
    if untrained or reasons:
        first = (untrained or [each for each in found if each.missing])[0].planned.reported
        if key := first.key:
            say(f"Another method for a row: --row {key}=METHOD, or --row {key}@{first.task}=METHOD for one task.")
    if any(each.result is not None and each.result.limit for each in found):
        say("The runs were limited to some clips.")
