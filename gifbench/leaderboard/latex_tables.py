r"""A table for a paper: LaTeX with booktabs, the best in bold, the groups apart, the paper's own rows marked.

Names are escaped character by character: whatever stands in a results file becomes text, and never a command.
"""

from __future__ import annotations

import pandas as pd

from gifbench.leaderboard.boards_of_comparable_runs import Board, BoardColumn, BoardTable
from gifbench.leaderboard.installed_papers import reported_by
from gifbench.leaderboard.runs_from_results import MeanScore
from gifbench.leaderboard.safe_names import visible

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


def latex_table(board: Board, table: BoardTable, *, date: str | None = None) -> str:
    r"""One table as a `table` environment; needs `\usepackage{booktabs}` and, for some names, `[T1]{fontenc}`.

    Groups of methods that the clips cannot tell apart are separated by a line, the best mean of each column among the
    ranked is bold, † marks runs that lack clips, rows in italics are the paper's own numbers.
    """
    best_psnr = max((round(row.run.psnr.mean, 2) for row in table.ranked), default=None)
    best_ssim = max((round(row.run.ssim.mean, 4) for row in table.ranked), default=None)
    cells = []
    before: int | None = None
    for row in table.rows:
        run, ranked = row.run, row.rank is not None
        group = row.standing.group if row.standing else None
        # A line that stands between two rows is written before the first cell of the second.
        gap = "\\addlinespace\n" if before is not None and group != before else ""
        before = group if ranked else None
        means = [(each, each.of(run)) for each in table.columns]
        cells.append(
            [
                gap + str(row.rank or "--"),
                latex_text(run.method) + (r"\textsuperscript{\dag}" if row.missing else ""),
                _value(run.psnr, 2, bold=ranked and round(run.psnr.mean, 2) == best_psnr),
                _value(run.ssim, 4, bold=ranked and round(run.ssim.mean, 4) == best_ssim),
                *(_value(m, each.digits, bold=ranked and m.mean == each.best) if m else "" for each, m in means),
                str(run.result.clips),
            ]
        )
    for i, paper in enumerate(table.reported):
        shown = (f"{latex_text(paper.method)} (as reported)", f"{paper.psnr:.2f}", f"{paper.ssim:.3f}")
        italics = [rf"\textit{{{text}}}" for text in shown]
        cells.append(["" if i else "\\midrule\n", *italics, *[""] * (len(table.columns) + 1)])
    header = ["Rank", "Method", "PSNR (dB)", "SSIM", *map(_heading, table.columns), "Clips"]
    frame = pd.DataFrame(cells, columns=header, dtype=object)
    made = f", {latex_text(date)}" if date else ""
    return (
        f"% gifbench leaderboard{made}; dataset fingerprint {latex_text(board.fingerprint[:16])}\n"
        "% \\usepackage{booktabs}\n"
    ) + frame.style.hide(axis="index").to_latex(
        column_format=f"clrr{'r' * len(table.columns)}r",
        hrules=True,
        position_float="centering",
        caption=_caption(board, table),
    )


def latex_text(text: str, *, limit: int = 64) -> str:
    """`text` on one line, as LaTeX shows it: no character of it is a command, and what LaTeX may not know is a `?`."""
    return "".join(
        _ESCAPES.get(c, c if c.isascii() or (c < "ƀ" and c.isalpha()) else "?") for c in visible(text, limit=limit)
    )


def _heading(column: BoardColumn) -> str:
    unit = f" ({latex_text(column.metric.unit)})" if column.metric.unit else ""
    arrow = {"lower": r"$\downarrow$", "higher": r"$\uparrow$"}[column.metric.better]
    return f"{latex_text(column.label)}{unit} {arrow}"


def _value(score: MeanScore, digits: int, *, bold: bool) -> str:
    mean = f"{score.mean:.{digits}f}"
    half = "" if score.low is None or score.high is None else f"{(score.high - score.low) / 2:.{min(digits, 3)}f}"
    shown = rf"\textbf{{{mean}}}" if bold else mean
    return shown + (rf" {{\scriptsize$\pm${half}}}" if half else "")


def _caption(board: Board, table: BoardTable) -> str:
    parts = [
        f"{latex_text(board.dataset)} ({latex_text(board.split)}), task {latex_text(board.task)}, protocol "
        f"{latex_text(table.protocol)}: means over {board.clips} clips"
        + (f" ({board.covered} of the official {board.official})" if board.official else "")
        + " with half the width of their 95\\% bootstrap intervals."
    ]
    if len(table.ranked) > 1:
        parts.append("Methods without a gap between them cannot be told apart (sign flips by clip, Holm, $p<0.05$).")
    if any(row.missing for row in table.rows):
        parts.append(r"\dag\ lacks clips, not ranked.")
    if table.reported:
        paper = latex_text(reported_by(board.dataset, board.task), limit=400)
        parts.append(f"Rows in italics are the numbers reported by {paper}, on their own data.")
    return " ".join(parts)
