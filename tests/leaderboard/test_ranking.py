"""Pairs are compared on the clips of both, and what has no rank is told where it would stand."""

from __future__ import annotations

import re

import pytest

from gifbench.leaderboard.boards_of_comparable_runs import boards
from gifbench.leaderboard.ranking import behind_on_shared_clips, compare_runs
from gifbench.leaderboard.runs_from_results import run_of
from gifbench.leaderboard.site_builder import build_site
from tests.leaderboard.factories import make_result, only_table

CLIPS = [f"clip-{i}" for i in range(12)]


def result(method, psnr, clips=CLIPS, **more):
    return make_result(method, psnr=psnr, clips=clips, **more)


def run(method, psnr, clips=CLIPS):
    return run_of(result(method, psnr, clips))


def test_a_run_without_a_rank_says_how_far_behind_it_is_on_the_clips_of_both():
    # Scores rise by 0.1 dB from clip to clip, so that the first six clips alone have a lower mean than all twelve.
    table = only_table(result("best", 32), result("half", 31, CLIPS[:6]))
    half = next(row for row in table.rows if row.run.method == "half")
    assert half.rank is None and half.standing is None
    score, clips = half.behind
    assert clips == 6
    assert (score.mean, score.low, score.high) == pytest.approx((-1, -1, -1))


def test_runs_that_share_no_clip_with_the_best_are_left_out_of_that():
    assert behind_on_shared_clips([run("other", 30, ["x"])], run("best", 31)) == {}
    (found,) = behind_on_shared_clips([run("other", 30, ["x", CLIPS[0]])], run("best", 31)).values()
    assert found[1] == 1 and found[0].low is None


def test_where_no_run_has_a_rank_all_are_compared_on_the_clips_that_all_share():
    table = only_table(result("a", 30, CLIPS[:8]), result("b", 31, CLIPS[2:]))
    assert [row.rank for row in table.rows] == [None, None]
    assert [each.method for each in table.pairs.runs] == ["b", "a"]
    assert table.pairs.found.clips == 6
    assert any("none has a rank" in note for note in table.notes)


def test_wins_are_the_mean_share_of_clips_on_which_a_method_beats_another():
    table = only_table(result("a", 32), result("b", 31), result("c", 30))
    assert [row.standing.wins for row in table.rows] == [1.0, 0.5, 0.0]


def test_fewer_than_two_runs_or_no_shared_clip_is_no_comparison():
    assert compare_runs([run("a", 30)]) is None
    assert compare_runs([run("a", 30, ["x"]), run("b", 30, ["y"])]) is None


def test_the_gain_over_the_gif_is_said_only_on_the_same_clips():
    table = only_table(result("gif", 30), result("m", 31.5), result("half", 33, CLIPS[:3]))
    gains = {row.run.method: row.gain for row in table.rows}
    assert gains == {"gif": None, "m": pytest.approx(1.5), "half": None}


def test_what_is_drawn_around_a_mean_is_the_interval_of_its_difference_to_the_best():
    table = only_table(result("best", 32), result("m", 31))
    best, other = table.rows
    assert best.paired is None
    assert other.paired == pytest.approx((other.run.psnr.mean, other.run.psnr.mean))  # all clips differ by the same
    assert other.run.psnr.high - other.run.psnr.low == pytest.approx(0.4)


def test_two_definitions_of_one_protocol_never_share_a_table():
    other = make_result("b")
    other = other.model_copy(update={"protocol": other.protocol.model_copy(update={"ssim": "another window"})})
    (board,) = boards([run_of(make_result("a")), run_of(other)])
    assert len(board.tables) == 2
    assert len({table.protocol for table in board.tables} | {table.slug for table in board.tables}) == 4
    assert all(table.protocol.startswith("standard (") for table in board.tables)
    assert all(any("more than one way" in note for note in table.notes) for table in board.tables)


def test_options_stand_below_a_name_only_where_the_name_alone_would_be_ambiguous():
    one, other = result("m", 31, options={"sigma": 1}), result("m", 30, options={"sigma": 2})
    assert [row.detail for row in only_table(one, result("n", 29)).rows] == ["version 1", "version 1"]
    assert [row.detail for row in only_table(one, other).rows] == ["version 1; sigma=1", "version 1; sigma=2"]


def test_the_best_of_each_column_is_marked_and_only_among_the_ranked(tmp_path):
    results = [
        make_result("sharp", psnr=32, clips=CLIPS, metrics={"tof": 2.0}),
        make_result("calm", psnr=31, clips=CLIPS, metrics={"tof": 1.0}),
        make_result("half", psnr=40, clips=CLIPS[:3], metrics={"tof": 0.1}),
    ]
    build_site(results, tmp_path / "site")
    (path,) = (tmp_path / "site" / "boards").glob("*.html")
    marked = re.findall(r'class="best"[^>]*><b>([^<]+)</b>', path.read_text())
    assert marked == ["32.550", "0.845", "0.845", "1.00"]  # the SSIMs of both are the same
