"""The boards as Markdown, for a README, and as CSV, for a spreadsheet or a script."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence

from gifbench.leaderboard.boards_of_comparable_runs import Board, BoardColumn, BoardRow, BoardTable
from gifbench.leaderboard.runs_from_results import MeanScore
from gifbench.leaderboard.safe_names import SHOWN_CHARACTERS, visible


def markdown_table(board: Board, table: BoardTable) -> str:
    """One table in GitHub's Markdown, with a heading; names are escaped, intervals stand beside the means."""
    place = f"{_escaped(board.dataset)}, {_escaped(board.split)}: {_escaped(board.task)}"
    lines = [
        f"### {place}, protocol {_escaped(table.protocol)}",
        "",
        f"Dataset fingerprint {_escaped(board.fingerprint[:16])}.",
        "",
        "| # | group | method | PSNR (dB) | behind the best (dB) | SSIM |"
        + "".join(f" {_escaped(column.label)} ({column.metric.better} is better) |" for column in table.columns)
        + " clips | coverage | frames/s |",
        "|--:|--:|:--|" + "--:|" * (6 + len(table.columns)),
    ]
    lines += [_markdown_row(row, table.columns) for row in table.rows]
    for paper in table.reported:
        name = f"{_escaped(paper.method)} *(as reported: {_escaped(paper.where)})*"
        lines.append(f"| | | {name} | {paper.psnr:.2f} | | {paper.ssim:.3f} |{' |' * len(table.columns)} | | |")
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
    run, standing = row.run, row.standing
    name = _escaped(visible(run.method, limit=SHOWN_CHARACTERS)) + (f" ({_escaped(row.detail)})" if row.detail else "")
    if row.missing:
        name += f" *(incomplete: {row.missing:,} clips missing)*"
    speed = "" if run.result.frames_per_second is None else f"{run.result.frames_per_second:,.1f}"
    covered = run.result.coverage
    cells = (
        row.rank or "",
        (standing.group or "") if standing else "",
        name,
        _interval(run.psnr, 3, 2),
        _interval(standing.behind, 3, 2) if standing else "",
        _interval(run.ssim, 3, 3),
        *(_interval(mean, each.digits, each.digits) if (mean := each.of(run)) else "" for each in columns),
        f"{run.result.clips:,}",
        f"{covered.scored / covered.official:.1%}" if covered.official else "",
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
    """Every row of every table in one CSV, each chosen metric a column at the end; full precision, Unix line ends.

    A text that a spreadsheet would run as a formula gets an apostrophe before it.
    """
    metrics = sorted({column.label for board in boards for table in board.tables for column in table.columns})
    rows = [row for board in boards for table in board.tables for row in _csv_rows(board, table, metrics)]
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")  # the first row is a run's, which has all
    writer.writerow({key: _cell(metrics[key]) if isinstance(key, int) else key for key in rows[0]})
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    return file.getvalue()


def _csv_rows(board: Board, table: BoardTable, metrics: Sequence[str]) -> Iterator[dict[str | int, object]]:
    """The rows of a table by the names of columns; chosen metrics, which may have any name, by their place."""
    place: dict[str | int, object] = {
        "dataset": board.dataset,
        "fingerprint": board.fingerprint,
        "split": board.split,
        "task": board.task,
        "protocol": table.protocol,
    }
    for row in table.rows:
        run, stands = row.run, row.standing
        columns = {column.label: column.of(run) for column in table.columns}
        yield {
            **place,
            "rank": row.rank,
            "method": run.label,
            "version_and_options": run.detail_among(None),
            "source": "measured",
            "complete": "no" if row.missing else "yes",
            "clips": run.result.clips,
            "official_clips": run.result.coverage.official or None,
            "frames": run.result.frames,
            **_mean_columns("psnr", run.psnr),
            **_mean_columns("ssim", run.ssim),
            "frames_per_second": run.result.frames_per_second,
            "group": stands.group if stands else None,
            "rank_low": stands.rank_low if stands else None,
            "rank_high": stands.rank_high if stands else None,
            **_mean_columns("psnr_behind", stands.behind if stands else None),
            **{i: mean.mean if (mean := columns.get(name)) else None for i, name in enumerate(metrics)},
        }
    for paper in table.reported:
        source = f"as reported: {paper.where}"
        yield {**place, "method": paper.method, "source": source, "psnr": paper.psnr, "ssim": paper.ssim}


def _mean_columns(name: str, score: MeanScore | None) -> dict[str | int, object]:
    mean, low, high = (score.mean, score.low, score.high) if score else (None, None, None)
    return {name: mean, f"{name}_low": low, f"{name}_high": high}


def _cell(value: object) -> object:
    if not isinstance(value, str) or not (text := visible(value)):
        return value
    # Also in their full width, which a spreadsheet reads alike.
    return f"'{text}" if unicodedata.normalize("NFKC", text[0]) in ("=", "+", "-", "@", "\t", "\r") else text
