"""What is ranked against what, and what is not."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np

from gifbench.leaderboard.boards_of_comparable_runs import boards
from gifbench.leaderboard.runs_from_results import run_of
from tests.leaderboard.factories import make_result, only_table


def measured(table):
    return [(row.run.method, row.rank) for row in table.rows]


def test_rows_are_ranked_by_psnr():
    table = only_table(make_result("low", psnr=29), make_result("high", psnr=31), make_result("mid", psnr=30))
    assert measured(table) == [("high", 1), ("mid", 2), ("low", 3)]


def test_equal_scores_share_a_rank_and_the_next_one_is_skipped():
    table = only_table(make_result("a", psnr=30), make_result("b", psnr=30), make_result("c", psnr=29))
    assert measured(table) == [("a", 1), ("b", 1), ("c", 3)]


def test_a_run_that_lacks_clips_of_others_has_no_rank_however_good_it_is():
    table = only_table(make_result("best", psnr=40, clips=("a", "b")), make_result("other", psnr=30))
    assert measured(table) == [("other", 1), ("best", None)]
    assert table.rows[1].missing == 2


def test_two_runs_that_each_lack_a_clip_are_both_incomplete():
    table = only_table(make_result("x", clips=("a", "b")), make_result("y", clips=("b", "c")))
    assert [rank for _, rank in measured(table)] == [None, None]


def test_other_fingerprints_splits_tasks_and_protocols_never_share_a_table():
    results = [
        make_result("m"),
        make_result("m", fingerprint="f" * 16),
        make_result("m", split="validation"),
        make_result("m", task="plain-4"),
        make_result("m", protocol="gif2video"),
        make_result("m", dataset="gif-moments", fingerprint="e" * 16),
    ]
    made = boards(map(run_of, results))
    assert len(made) == 5
    tables = [table for board in made for table in board.tables]
    assert len(tables) == 6
    assert all(len(measured(table)) == 1 for table in tables)
    assert len({table.slug for table in tables} | {board.slug for board in made}) == 11
    assert [(board.dataset, board.twins) for board in made].count(("gif-faces", 1)) == 4
    assert {board.twins for board in made if board.dataset == "gif-moments"} == {0}


def test_the_papers_rows_stand_only_beside_its_protocol_and_have_no_rank():
    made = boards(map(run_of, [make_result(), make_result(protocol="gif2video")]))
    standard, gif2video = made[0].tables
    assert (standard.protocol, gif2video.protocol) == ("standard", "gif2video")
    assert standard.reported == ()
    assert len(gif2video.reported) == 14
    assert measured(gif2video) == [("gif", 1)]


def test_of_repeated_runs_the_fullest_and_of_these_the_newest_is_shown_and_said():
    fullest = make_result("m", psnr=30, day=1)
    newest = make_result("m", psnr=31, day=3)
    smaller = make_result("m", psnr=35, day=5, clips=("a",))
    for order in ([fullest, newest, smaller], [smaller, newest, fullest]):
        table = only_table(*order)
        assert [round(row.run.psnr.mean) for row in table.rows] == [31]
        assert any("3 results of m" in note for note in table.notes)


def test_versions_and_options_make_different_methods():
    table = only_table(make_result("m"), make_result("m", version="2"), make_result("m", options={"sigma": 1.0}))
    assert len(measured(table)) == 3
    assert len({row.run.method_slug for row in table.rows}) == 3


def test_the_order_of_the_results_does_not_matter():
    results = [
        make_result(method, psnr=psnr, task=task, protocol=protocol)
        for method, psnr in (("a", 30), ("b", 31), ("c", 30))
        for task in ("plain-8", "plain-1", "dithered-2")
        for protocol in ("gif2video", "standard")
    ]
    runs = [run_of(result) for result in results]
    expected = [
        (board.slug, [([row.run for row in t.rows], t.reported) for t in board.tables]) for board in boards(runs)
    ]
    random.Random(1).shuffle(runs)
    assert [
        (board.slug, [([row.run for row in t.rows], t.reported) for t in board.tables]) for board in boards(runs)
    ] == expected
    assert [board.task for board in boards(runs)] == ["plain-1", "plain-8", "dithered-2"]


def test_a_single_clip_has_no_interval_and_that_is_said():
    table = only_table(make_result(clips=("a",)))
    assert (table.rows[0].run.psnr.low, table.rows[0].run.ssim.high) == (None, None)
    assert any("no interval" in note for note in table.notes)


def test_values_that_count_as_100_db_are_said():
    assert any("perfect (7)" in note for note in only_table(make_result("perfect", psnr=99, capped=7)).notes)


def separable(method, advantage, *, clips=30, seed=0):
    """A result whose clips differ by far more than its method does from others."""
    rng = np.random.default_rng(seed)
    result = make_result(method, clips=[f"clip-{i}" for i in range(clips)])
    hard = np.random.default_rng(9).normal(30, 5, clips)
    psnrs = hard + advantage + rng.normal(0, 0.05, clips)
    scores = tuple(replace(each, psnr=float(psnr)) for each, psnr in zip(result.clip_scores, psnrs, strict=True))
    psnr = result.scores["psnr"].model_copy(update={"mean": float(psnrs.mean())})
    return result.model_copy(update={"clip_scores": scores, "scores": {**result.scores, "psnr": psnr}})


def test_methods_that_the_clips_cannot_tell_apart_share_a_group():
    table = only_table(separable("low", 0.0), separable("same", 1.001, seed=1), separable("best", 1.0, seed=2))
    standings = {row.run.method: row.standing for row in table.rows}
    assert [standings[name].group for name in ("best", "same", "low")] == [1, 1, 2]
    assert [row.standing.opens_group for row in table.rows] == [True, False, True]
    low = standings["low"]
    assert (low.rank_low, low.rank_high) == (3, 3)
    assert -1.1 < low.behind.low < low.behind.mean < low.behind.high < -0.9
    best = next(row.standing for row in table.rows if row.rank == 1)
    assert (best.behind.mean, best.behind.low, best.rank_low, best.rank_high) == (0, None, 1, 2)


def test_what_has_no_rank_or_no_rival_has_no_standing():
    (alone,) = (row.standing for row in only_table(make_result("alone")).rows if row.run)
    assert alone is None
    rows = only_table(make_result("half", clips=("a", "b")), make_result("a"), make_result("b")).rows
    assert [row.standing is None for row in rows if row.run] == [False, False, True]
