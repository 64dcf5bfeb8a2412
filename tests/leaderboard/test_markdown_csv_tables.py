"""Markdown and CSV hold the same table, and nothing in a name breaks out of its cell."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import pytest

from gifbench.leaderboard.boards_of_comparable_runs import boards
from gifbench.leaderboard.latex_tables import latex_table
from gifbench.leaderboard.markdown_csv_tables import csv_table, markdown, markdown_table
from gifbench.leaderboard.runs_from_results import run_of
from gifbench.leaderboard.site_builder import build_site
from tests.leaderboard.factories import make_result


def made(*results):
    return boards(map(run_of, results))


def test_markdown_has_a_row_for_each_method_with_three_digits_and_intervals():
    (board,) = made(make_result("low", psnr=29), make_result("high", psnr=31.0004))
    lines = markdown_table(board, board.tables[0]).splitlines()
    assert (
        "| 1 |  | high (version 1) | 31.150 [30.95, 31.35] | 0.000 | 0.885 [0.875, 0.895] | 4 | 3.8% | 20.0 |" in lines
    )
    assert sum(line.startswith("| ") for line in lines) == 3


def test_markdown_escapes_what_a_name_may_hold():
    (board,) = made(make_result("<b>x</b> | [y](z) `*_\n| new row |"))
    table = markdown_table(board, board.tables[0])
    assert "<b>" not in table and "\n| new" not in table and "\\[y\\](z)" in table
    (row,) = [line for line in table.splitlines() if "new row" in line]
    assert row.replace("\\|", "").count("|") == 10


def test_the_papers_rows_are_marked_in_both():
    everything = made(make_result(protocol="gif2video"))
    assert markdown(everything).count("*(as reported: Table 1, row") == 14
    rows = list(csv.DictReader(io.StringIO(csv_table(everything))))
    assert [row["source"] for row in rows].count("measured") == 1
    assert sum(row["source"].startswith("as reported: Table 1") for row in rows) == 14


def test_csv_reads_back_with_full_precision():
    result = make_result('m, with "quotes" and , commas', psnr=1 / 3)
    (row,) = csv.DictReader(io.StringIO(csv_table(made(result))))
    assert row["method"] == result.method.name
    assert float(row["psnr"]) == result.scores["psnr"].mean
    assert (row["rank"], row["complete"], row["clips"], row["fingerprint"]) == ("1", "yes", "4", "0123456789abcdef")


def test_csv_holds_no_formulas():
    for name in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20SUM(A1)"):
        (row,) = csv.DictReader(io.StringIO(csv_table(made(make_result(name)))))
        assert row["method"][0] == "'"


def test_an_incomplete_run_is_said_to_be_one():
    everything = made(make_result("half", clips=("a", "b")), make_result("whole"))
    assert "*(incomplete: 2 clips missing)*" in markdown(everything)
    rows = {row["method"]: row for row in csv.DictReader(io.StringIO(csv_table(everything)))}
    assert (rows["half"]["complete"], rows["half"]["rank"]) == ("no", "")


def test_how_sure_a_rank_is_stands_in_both():
    clips = "abcdef"
    everything = made(make_result("high", psnr=31, clips=clips), make_result("low", psnr=29, clips=clips))
    assert "| 2 | 2 | low (version 1) | 29.250 [29.05, 29.45] | -2.000 [-2.00, -2.00] |" in markdown(everything)
    rows = {row["method"]: row for row in csv.DictReader(io.StringIO(csv_table(everything)))}
    assert (rows["low"]["group"], rows["low"]["rank_low"], rows["low"]["rank_high"]) == ("2", "2", "2")
    assert float(rows["low"]["psnr_behind"]) == pytest.approx(-2)
    assert rows["high"]["psnr_behind_low"] == ""


def test_chosen_metrics_have_a_column_each_where_a_run_has_them():
    everything = made(
        make_result("a", psnr=31, metrics={"tof": 0.0123, "x|<b>": 5}),
        make_result("b"),
        make_result(protocol="gif2video"),
    )
    (board,) = everything
    table = markdown_table(board, board.tables[0])
    assert r"| SSIM | tof (lower is better) | x\|&lt;b&gt; (lower is better) | clips |" in table
    assert "| 0.0123 [0.0111, 0.0135] | 5.00 [4.50, 5.50] | 4 |" in table
    rows = {row["method"]: row for row in csv.DictReader(io.StringIO(csv_table(everything)))}
    assert (float(rows["a"]["tof"]), rows["b"]["tof"]) == (0.0123, "")
    text = latex_table(board, board.tables[0])
    assert r"& SSIM & tof (px) $\downarrow$ & x\textbar{}\textless{}b\textgreater{} (px) $\downarrow$ & Clips" in text
    assert r"\begin{tabular}{clrrrrr}" in text
    assert r" & \textbf{0.0123} {" in text
    assert [len(re.findall(r"(?<!\\)&", line)) for line in text.splitlines() if line.endswith(r"\\")] == [6] * 3


def test_a_clips_page_has_its_own_values_of_the_metrics(tmp_path):
    result = make_result("a", metrics={"tof": 0.5})
    clips = tuple(
        replace(clip, metrics={"tof": value})
        for clip, value in zip(result.clip_scores, (0.1, 0.7, None, 0.7), strict=True)
    )
    build_site([result.model_copy(update={"clip_scores": clips}), make_result("b")], tmp_path / "site")
    pages = [path.read_text() for path in sorted((tmp_path / "site" / "clips").glob("*/*.html"))]
    shown = [re.findall(r'<td data-v="([\d.]*)">([\d.]*)</td></tr>', page) for page in pages]
    assert [rows[0] for rows in shown] == [("0.1", "0.100"), ("0.7", "0.700"), ("0.88", "0.880"), ("0.7", "0.700")]
    assert [page.count(">tof, px<") for page in pages] == [1, 1, 0, 1]


def test_a_metric_that_two_runs_define_differently_has_two_columns():
    other = make_result("b", metrics={"tof": 2})
    other = other.model_copy(update={"metrics": [other.metrics[0].model_copy(update={"sha256": "f" * 64})]})
    (board,) = made(make_result("a", metrics={"tof": 1}), other)
    columns = board.tables[0].columns
    assert [column.label for column in columns] == ["tof (eeeeeeee)", "tof (ffffffff)"]
    runs = {run.method: run for run in board.tables[0].runs}
    assert [column.best for column in columns] == [1, 2]
    assert columns[0].of(runs["b"]) is None and columns[1].of(runs["b"]).mean == 2
