"""The boards as Markdown, for a README, and as CSV, for a spreadsheet or a script."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import pandas as pd

from gifbench.leaderboard.boards_of_comparable_runs import Board, BoardColumn, BoardRow, BoardTable, MeanScore
from gifbench.leaderboard.installed_papers import ReportedRow
from gifbench.leaderboard.safe_names import SHOWN_CHARACTERS, visible

CSV_COLUMNS = (
    "dataset",
    "fingerprint",
    "split",
    "task",
    "protocol",
    "rank",
    "method",
    "version_and_options",
    "source",
    "complete",
    "clips",
    "official_clips",
    "frames",
    "psnr",
    "psnr_low",
    "psnr_high",
    "ssim",
    "ssim_low",
    "ssim_high",
    "frames_per_second",
    "group",
    "rank_low",
    "rank_high",
    "psnr_behind",
    "psnr_behind_low",
    "psnr_behind_high",
)


def markdown_table(board: Board, table: BoardTable) -> str:
    """One table in GitHub's Markdown, with a heading; names are escaped, intervals stand beside the means."""
    place = f"{_escaped(board.dataset)}, {_escaped(board.split)}: {_escaped(board.task)}"
    lines = [
        f"### {place}, protocol {_escaped(table.protocol)}",
        "",
        f"Dataset fingerprint {_escaped(board.fingerprint[:16])}.",
        "",
        "| # | group | method | PSNR (dB) | behind the best (dB) | SSIM |"
        + "".join(f" {_escaped(column.label)} ({column.example.better} is better) |" for column in table.columns)
        + " clips | coverage | frames/s |",
        "|--:|--:|:--|" + "--:|" * (6 + len(table.columns)),
    ]
    lines += [_markdown_row(row, table.columns) for row in table.rows]
    if table.notes:
        lines += ["", *(f"{_escaped(note)}  " for note in table.notes)]
    return "\n".join(lines) + "\n"


def markdown(boards: Sequence[Board], *, date: str | None = None) -> str:
    """Every table of every board, one after the other."""
    head = "# GIF restoration leaderboard\n"
    if date:
        head += f"\nMade on {_escaped(date)}.\n"
    head += (
        "\nMeans over clips, 95% intervals in brackets. Methods of one group cannot be told from its first by these "
        "clips (flips of signs, p < 0.05 after Holm). Rows marked “as reported” are the paper's own numbers.\n"
    )
    return "\n".join([head, *(markdown_table(board, table) for board in boards for table in board.tables)])


def _markdown_row(row: BoardRow, columns: Sequence[BoardColumn]) -> str:
    if isinstance(row.entry, ReportedRow):
        name = f"{_escaped(row.entry.method)} *(as reported: {_escaped(row.entry.where)})*"
        return f"| | | {name} | {row.psnr.mean:.2f} | | {row.ssim.mean:.3f} |{' |' * len(columns)} | | |"
    run = row.entry
    name = _escaped(visible(run.method, limit=SHOWN_CHARACTERS)) + (f" ({_escaped(row.detail)})" if row.detail else "")
    if row.missing:
        name += f" *(incomplete: {row.missing:,} clips missing)*"
    speed = "" if run.frames_per_second is None else f"{run.frames_per_second:,.1f}"
    coverage = f"{run.covered / run.official:.1%}" if run.official else ""
    standing = row.standing
    cells = (
        row.rank or "",
        (standing.group or "") if standing else "",
        name,
        _interval(run.psnr, 3, 2),
        _interval(standing.behind, 3, 2) if standing else "",
        _interval(run.ssim, 3, 3),
        *(_interval(found.score, each.digits, each.digits) if (found := each.of(run)) else "" for each in columns),
        f"{run.clips:,}",
        coverage,
        speed,
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _interval(score: MeanScore, digits: int, interval_digits: int) -> str:
    if score.low is None or score.high is None:
        return f"{score.mean:.{digits}f}"
    return f"{score.mean:.{digits}f} [{score.low:.{interval_digits}f}, {score.high:.{interval_digits}f}]"


def _escaped(text: str) -> str:
    """`text` as literal Markdown: no HTML, no links, no cell that ends early."""
    one_line = visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", one_line)


def csv_table(boards: Sequence[Board]) -> str:
    """Every row of every table in one CSV (`CSV_COLUMNS`, then one a chosen metric; in full precision, Unix line ends).

    A text that a spreadsheet would run as a formula gets an apostrophe before it.
    """
    metrics = sorted({column.label for board in boards for table in board.tables for column in table.columns})
    rows = [
        [_cell(value) for value in _csv_row(board, table, row, metrics)]
        for board in boards
        for table in board.tables
        for row in table.rows
    ]
    frame = pd.DataFrame(rows, columns=[*CSV_COLUMNS, *map(_cell, metrics)], dtype=object)
    return frame.to_csv(index=False, lineterminator="\n")


def _csv_row(board: Board, table: BoardTable, row: BoardRow, metrics: Sequence[str]) -> tuple[object, ...]:
    place = (board.dataset, board.fingerprint, board.split, board.task, table.protocol, row.rank)
    scores = (row.psnr.mean, row.psnr.low, row.psnr.high, row.ssim.mean, row.ssim.low, row.ssim.high)
    if isinstance(row.entry, ReportedRow):
        reported = f"as reported: {row.entry.where}"
        return (*place, row.entry.method, None, reported, *[None] * 4, *scores, *[None] * (7 + len(metrics)))
    run = row.entry
    method = (run.label, run.full_detail, "measured", "no" if row.missing else "yes", run.clips, run.official or None)
    stands: tuple[object, ...] = (None,) * 6
    if standing := row.standing:
        behind = standing.behind
        stands = (standing.group, standing.rank_low, standing.rank_high, behind.mean, behind.low, behind.high)
    columns = {column.label: column.of(run) for column in table.columns}
    values = [found.score.mean if (found := columns.get(name)) else None for name in metrics]
    return (*place, *method, run.frames, *scores, run.frames_per_second, *stands, *values)


def _cell(value: object) -> object:
    if not isinstance(value, str) or not (text := visible(value)):
        return value
    # Also in their full width, which a spreadsheet reads alike.
    return f"'{text}" if unicodedata.normalize("NFKC", text[0]) in ("=", "+", "-", "@", "\t", "\r") else text
