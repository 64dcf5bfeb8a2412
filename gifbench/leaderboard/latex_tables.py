r"""A table for a paper: LaTeX with booktabs, the best in bold, the groups apart, the paper's own rows marked.

Names are escaped character by character: whatever stands in a results file becomes text, and never a command.
"""

from __future__ import annotations

from collections.abc import Sequence

from gifbench.leaderboard.board import Board, Column, Row, Table
from gifbench.leaderboard.sanitize import visible
from gifbench.leaderboard.scored_run import Score

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "σ": r"$\sigma$",
    "λ": r"$\lambda$",
    "×": r"$\times$",
    "Δ": r"$\Delta$",
    "…": r"\dots{}",
    "–": "--",
    "−": "$-$",
    "’": "'",
}


def latex_table(board: Board, table: Table, *, date: str | None = None) -> str:
    r"""One table as a `table` environment; needs `\usepackage{booktabs}` and, for some names, `[T1]{fontenc}`.

    Groups of methods that the clips cannot tell apart are separated by a line, the best mean of each column among the
    ranked is bold, † marks runs that lack clips, rows in italics are the paper's own numbers.
    """
    measured = [row for row in table.rows if row.run is not None]
    ranked = [row for row in measured if row.rank is not None]
    best_psnr = max((round(row.psnr.mean, 2) for row in ranked), default=None)
    best_ssim = max((round(row.ssim.mean, 4) for row in ranked), default=None)
    lines = [
        f"% gifbench leaderboard{f', {latex_text(date)}' if date else ''}; dataset fingerprint "
        f"{latex_text(board.fingerprint[:16])}",
        "% \\usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\begin{{tabular}}{{clrr{'r' * len(table.columns)}r}}",
        r"\toprule",
        rf"Rank & Method & PSNR (dB) & SSIM{''.join(map(_heading, table.columns))} & Clips \\",
        r"\midrule",
    ]
    before: int | None = None
    for row in measured:
        group = row.standing.group if row.standing else None
        if before is not None and group != before:
            lines.append(r"\addlinespace")
        before = group if row.rank is not None else None
        lines.append(_row(row, table.columns, best_psnr=best_psnr, best_ssim=best_ssim))
    if reported := [row for row in table.rows if row.reported]:
        lines += [r"\midrule", *(_reported(row, len(table.columns)) for row in reported)]
    lines += [r"\bottomrule", r"\end{tabular}", _caption(board, table, ranked, reported), r"\end{table}"]
    return "\n".join(lines) + "\n"


def latex_text(text: str, *, limit: int = 64) -> str:
    """`text` on one line, as LaTeX shows it: no character of it is a command, and what LaTeX may not know is a `?`."""
    return "".join(
        _ESCAPES.get(c, c if c.isascii() or (c < "ƀ" and c.isalpha()) else "?") for c in visible(text, limit=limit)
    )


def _heading(column: Column) -> str:
    unit = f" ({latex_text(column.example.unit)})" if column.example.unit else ""
    arrow = {"lower": r"$\downarrow$", "higher": r"$\uparrow$"}.get(column.example.better, "")
    return f" & {latex_text(column.label)}{unit} {arrow}"


def _row(row: Row, columns: Sequence[Column], *, best_psnr: float | None, best_ssim: float | None) -> str:
    run = row.run
    assert run is not None  # noqa: S101  # only measured rows come here
    name = latex_text(run.method) + (r"\textsuperscript{\dag}" if row.missing else "")
    psnr = _value(row.psnr, 2, bold=row.rank is not None and round(row.psnr.mean, 2) == best_psnr)
    ssim = _value(row.ssim, 4, bold=row.rank is not None and round(row.ssim.mean, 4) == best_ssim)
    more = ""
    for each in columns:
        found = each.of(run)
        bold = found is not None and row.rank is not None and found.score.mean == each.best
        more += f" & {_value(found.score, each.digits, bold=bold)}" if found else " &"
    return f"{row.rank or '--'} & {name} & {psnr} & {ssim}{more} & {run.clips} \\\\"


def _reported(row: Row, metrics: int) -> str:
    reported = row.reported
    assert reported is not None  # noqa: S101  # only the paper's rows come here
    name = f"{latex_text(reported.method)} (as reported)"
    return (
        rf" & \textit{{{name}}} & \textit{{{row.psnr.mean:.2f}}} & \textit{{{row.ssim.mean:.3f}}}{' &' * metrics} & \\"
    )


def _value(score: Score, digits: int, *, bold: bool) -> str:
    mean = f"{score.mean:.{digits}f}"
    half = "" if score.low is None or score.high is None else f"{(score.high - score.low) / 2:.{min(digits, 3)}f}"
    shown = rf"\textbf{{{mean}}}" if bold else mean
    return shown + (rf" {{\scriptsize$\pm${half}}}" if half else "")


def _caption(board: Board, table: Table, ranked: list[Row], reported: list[Row]) -> str:
    parts = [
        f"{latex_text(board.dataset)} ({latex_text(board.split)}), task {latex_text(board.task)}, protocol "
        f"{latex_text(table.protocol)}: means over {board.clips} clips"
        + (f" ({board.covered} of the official {board.official})" if board.official else "")
        + " with half the width of their 95\\% bootstrap intervals."
    ]
    if len(ranked) > 1:
        parts.append("Methods without a gap between them cannot be told apart (sign flips by clip, Holm, $p<0.05$).")
    if any(row.missing for row in table.rows):
        parts.append(r"\dag\ lacks clips, not ranked.")
    if reported:
        parts.append("Rows in italics are the numbers reported by Wang et al., CVPR 2019, on their own data.")
    return rf"\caption{{{' '.join(parts)}}}"
