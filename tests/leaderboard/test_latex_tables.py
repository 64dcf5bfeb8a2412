"""A table for a paper: nothing in a name is a command, the best is bold, groups and the paper's rows are marked."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from gifbench.leaderboard.boards_of_comparable_runs import boards
from gifbench.leaderboard.latex_tables import latex_table, latex_text
from gifbench.leaderboard.runs_from_results import run_of
from tests.leaderboard.factories import make_result

CLIPS = [f"clip-{i}" for i in range(20)]
COMMANDS = {
    *("textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar", "textquotedbl"),
    *("dots", "sigma", "lambda", "times", "Delta"),
}


def latex(*results):
    (board,) = boards(map(run_of, results))
    return latex_table(board, *board.tables)


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet=st.characters() | st.sampled_from("\\{}$&#%_~^<>|\"'`σ×"), max_size=40))
def test_any_name_is_text_and_no_command(text):
    made = latex_text(text)
    assert set(re.findall(r"\\([a-zA-Z]+)", made)) <= COMMANDS
    bare = re.sub(r"\\[{}$&#%_]", "", made)
    bare = re.sub(r"\\[a-zA-Z]+(\{\})?", "", bare)
    assert not re.search(r"[\\{}&#%_~^]", bare)
    assert bare.count("$") % 2 == 0
    assert "\n" not in made


def test_the_best_is_bold_groups_stand_apart_and_runs_that_lack_clips_are_marked():
    text = latex(
        make_result("high", psnr=32, clips=CLIPS),
        make_result("low_er", psnr=30, clips=CLIPS),
        make_result("half", psnr=40, clips=CLIPS[:3]),
    )
    high, low, half = (
        next(line for line in text.splitlines() if f"& {name}" in line) for name in ("high", "low", "half")
    )
    assert high.startswith(r"1 & high & \textbf{32.95} {\scriptsize$\pm$0.20} & ")
    assert low.startswith(r"2 & low\_er & 30.95 {")
    assert half.startswith(r"-- & half\textsuperscript{\dag} & 40.10 {")
    lines = text.splitlines()
    assert lines.index(low) - lines.index(high) == 2 and lines[lines.index(low) - 1] == r"\addlinespace"
    assert r"\dag\ lacks clips" in text


def test_equal_bests_are_both_bold_and_one_group_has_no_gap():
    text = latex(make_result("a", psnr=31), make_result("b", psnr=31))
    assert text.count(r"\textbf{31.15}") == 2
    assert r"\addlinespace" not in text


def test_the_papers_rows_are_in_italics_below_a_line():
    text = latex(make_result("gif", protocol="gif2video"))
    assert text.count("(as reported)") == 14
    assert r" & \textit{Gaussian $\sigma$=0.5 (as reported)} & \textit{31.36} & \textit{0.876} &  \\" in text
    assert text.count(r"\midrule") == 2


def test_environments_and_columns_match():
    text = latex(make_result("a & b \\end{tabular} %", protocol="gif2video"), make_result("c", protocol="gif2video"))
    assert re.findall(r"\\(begin|end)\{(\w+)\}", text) == [
        ("begin", "table"),
        ("begin", "tabular"),
        ("end", "tabular"),
        ("end", "table"),
    ]
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert all(len(re.findall(r"(?<!\\)&", row)) == 4 for row in rows)
