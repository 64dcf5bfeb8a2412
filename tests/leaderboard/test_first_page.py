"""The first page opens with the result; in front are methods; few clips claim nothing; strangers spoil nothing."""

from __future__ import annotations

import csv
import io
import math
from copy import copy

import pytest

from gifbench.errors import AlreadyExists, ResultsError
from gifbench.leaderboard.boards_of_comparable_runs import boards
from gifbench.leaderboard.html_pages import comparison, headline, leader
from gifbench.leaderboard.markdown_csv_tables import csv_table, markdown
from gifbench.leaderboard.runs_from_results import run_of
from gifbench.leaderboard.site_builder import build_site
from gifbench.progress import Progress
from tests.leaderboard.factories import FINGERPRINT, make_result, small_dataset

NINE = "abcdefghi"


def made(*results):
    return boards([run_of(result) for result in results])


def test_the_first_sentence_is_the_largest_gain_over_the_gif(tmp_path):
    results = [make_result(name, psnr=psnr, clips=NINE) for name, psnr in (("gif", 30), ("gaussian-1.0", 31))]
    results += [
        make_result(name, psnr=psnr, clips=NINE, task="dithered-1")
        for name, psnr in (("gif", 25), ("gaussian-1.0", 33.2))
    ]
    text = build_site(results, tmp_path / "site").read_text()
    assert "gaussian-1.0</a> brings back 8.2 dB of what the GIF lost</h1>" in text
    assert "33.60 dB PSNR against 25.40 for the GIF itself: gif-faces, dithered-1, 9 clips, protocol standard" in text


def test_without_the_gif_or_a_gain_the_sentence_claims_none(tmp_path):
    alone = build_site([make_result("mine", clips=NINE)], tmp_path / "alone").read_text()
    assert "mine</a> comes nearest to the video</h1>" in alone
    worse = [make_result("gif", clips=NINE), make_result("mine", psnr=29, clips=NINE)]
    assert "No method here beats the GIF itself</h1>" in build_site(worse, tmp_path / "worse").read_text()


def test_the_gif_itself_is_never_in_front():
    (board,) = made(make_result("gif", psnr=31, clips=NINE), make_result("mine", clips=NINE))
    assert leader(board.tables[0]).first == ()
    assert not leader(board.tables[0]).beaten
    # Equal to the best within what nine clips can tell:
    scores = [make_result("gif", clips=NINE), make_result("mine", psnr=30.0, clips=NINE)]
    (board,) = made(*scores)
    assert [row.run.method for row in leader(board.tables[0]).first] in ([], ["mine"])
    (board,) = made(make_result("gif", clips=NINE))
    assert leader(board.tables[0]).first == ()


@pytest.mark.parametrize("clips", ["ab", "abcde"])
def test_with_fewer_than_six_clips_there_are_no_groups_and_that_is_said_everywhere(clips, tmp_path):
    results = [make_result(f"m{i}", psnr=30 + i, clips=clips) for i in range(3)]
    (board,) = made(*results)
    (table,) = board.tables
    assert [row.standing.group for row in table.rows if row.run] == [None] * 3
    assert [row.run.method for row in leader(table).first] == ["m2"]
    assert any("Fewer than 6 clips cannot tell two methods apart" in note for note in table.notes)
    rows = list(csv.DictReader(io.StringIO(csv_table([board]))))
    assert {row["group"] for row in rows} == {""}
    assert [row["rank"] for row in rows if row["source"] == "measured"] == ["1", "2", "3"]
    assert "Fewer than 6 clips" in markdown([board])
    page = build_site(results, tmp_path / "site")
    assert "With fewer than 6 clips no test can tell two methods apart" in page.read_text()
    (path,) = page.parent.glob("boards/*.html")
    body = path.read_text().partition("<tbody>")[2]
    assert not any(f'{word}"><td class="rank"' in body for word in ("odd", "even"))


def test_more_methods_than_the_clips_can_tell_apart_are_named_with_the_number_that_could():
    (board,) = made(*(make_result(f"m{i}", psnr=30 + i, clips="abcdef") for i in range(4)))
    assert any("at least 8 clips" in note or "at least 9 clips" in note for note in board.tables[0].notes)
    (board,) = made(*(make_result(f"m{i}", psnr=30 + i, clips=NINE) for i in range(4)))
    assert not any("at least" in note for note in board.tables[0].notes)


def test_csv_markdown_and_page_agree(tmp_path):
    results = [make_result(f"m{i}", psnr=30 + i / 3, clips=NINE) for i in range(3)]
    page = build_site(results, tmp_path / "site")
    rows = list(csv.DictReader(io.StringIO((page.parent / "leaderboard.csv").read_text())))
    text, (html,) = (page.parent / "leaderboard.md").read_text(), page.parent.glob("boards/*.html")
    for row in rows:
        if row["source"] == "measured":
            psnr = f"{float(row['psnr']):.3f}"
            assert f"| {row['rank']} | {row['group']} | {row['method']}" in text
            assert psnr in text
            assert f"<b>{psnr}</b>" in html.read_text()


def test_a_board_compares_its_own_methods_by_its_own_numbers(tmp_path):
    results = [
        make_result(name, psnr=psnr, protocol=protocol, clips=NINE)
        for name, psnr, protocol in (
            ("gif", 30, "standard"),
            ("gaussian-0.5", 33, "standard"),
            ("gif", 28, "gif2video"),
            ("gaussian-1.0", 29, "gif2video"),
        )
    ]
    page = build_site(results, tmp_path / "site", dataset_for={FINGERPRINT: small_dataset(NINE)}, clips_per_method=1)
    (standard,) = page.parent.glob("boards/*-standard-*.html")
    (theirs,) = page.parent.glob("boards/*-gif2video-*.html")

    def compared(path):
        return path.read_text().partition('<section class="clips"')[2].partition("</section>")[0]

    assert 'data-label="gaussian-0.5"' in compared(standard)
    assert 'data-label="gaussian-1.0"' not in compared(standard)
    assert 'data-label="gaussian-1.0"' in compared(theirs)
    assert 'data-label="gaussian-0.5"' not in compared(theirs)
    assert "gaussian-1.0 <b>29.40 dB</b>" in compared(theirs)
    assert "gif <b>28.40 dB</b>" in compared(theirs)


def test_a_method_without_pictures_is_named_with_the_flag_that_adds_them(tmp_path):
    results = [make_result(name, psnr=psnr, clips=NINE) for name, psnr in (("gif", 30), ("gaussian-1.0", 31))]
    results.append(make_result("from-a-file", psnr=32, clips=NINE))
    page = build_site(results, tmp_path / "site", dataset_for={FINGERPRINT: small_dataset(NINE)}, clips_per_method=1)
    (path,) = page.parent.glob("boards/*.html")
    text = " ".join(path.read_text().split())
    assert "Without pictures: from-a-file." in text
    assert "--method-file FILE.py:CLASS" in text


def test_nothing_is_featured_without_pictures():
    (board,) = made(make_result("gif", clips=NINE))
    assert comparison(board, board.tables[0], {}) is None
    assert headline([board]) is None


def with_clips(result, **changed):
    """Past the schema, which refuses most of this when a file is read."""
    scores = tuple(copy(clip) for clip in result.clip_scores)
    for clip in scores:
        for name, value in changed.items():
            object.__setattr__(clip, name, value)
    return result.model_copy(update={"clip_scores": scores})


def with_scores(result, **means):
    scores = {
        name: result.scores[name].model_copy(update={"mean": mean, "ci95": (mean, mean)})
        for name, mean in means.items()
    }
    return result.model_copy(update={"scores": {**result.scores, **scores}})


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda result: with_clips(result, psnr=1e308),
        lambda result: with_clips(result, psnr=500.0),
        lambda result: with_clips(result, psnr=math.nan),
        lambda result: with_clips(result, ssim=7.0),
        lambda result: with_clips(result, frames=0),
        lambda result: with_scores(result, psnr=500.0),
        lambda result: with_scores(result, ssim=7.0),
        lambda result: with_scores(result, psnr=math.inf),
        lambda result: result.model_copy(update={"method_seconds": 1e-300}),
        lambda result: result.model_copy(update={"method_seconds": 1e300}),
        lambda result: result.model_copy(update={"method": result.method.model_copy(update={"parameters": 10**400})}),
        lambda result: result.model_copy(update={"coverage": result.coverage.model_copy(update={"official": 10**400})}),
        lambda result: result.model_copy(update={"coverage": result.coverage.model_copy(update={"scored": 10**40})}),
        lambda result: with_clips(result, metrics={"lpips": 1e200}),
    ],
)
def test_one_strangers_file_is_left_out_by_name_and_the_others_stand(spoiled, tmp_path):
    bad = spoiled(make_result("stranger", psnr=99)).model_copy(update={"path": "strangers/result.json"})
    good = [make_result("gif"), make_result("mine", psnr=31)]
    refused: list[ResultsError] = []
    page = build_site([*good, bad], tmp_path / "site", on_error=refused.append)
    assert [str(error).partition(":")[0] for error in refused] == ["strangers/result.json"]
    assert "stranger" not in (page.parent / "leaderboard.csv").read_text()
    with pytest.raises(ResultsError, match=r"strangers/result\.json: .* must be"):
        build_site([*good, bad], tmp_path / "other")


def test_the_same_page_made_twice_is_reused_and_another_needs_overwrite(tmp_path):
    results = [make_result("gif"), make_result("mine", psnr=31)]
    said: list[Progress] = []
    page = build_site(results, tmp_path / "site")
    before = page.stat().st_mtime_ns
    assert build_site(results[::-1], tmp_path / "site", date="2030-01-01", progress=said.append) == page
    assert page.stat().st_mtime_ns == before
    assert said[0].reused and "reused" in said[0].message
    with pytest.raises(AlreadyExists, match="--overwrite"):
        build_site(results[:1], tmp_path / "site")
    with pytest.raises(AlreadyExists, match="--overwrite"):
        build_site([results[0], make_result("mine", psnr=32)], tmp_path / "site")
    (page.parent / "leaderboard.csv").unlink()  # no longer whole
    with pytest.raises(AlreadyExists):
        build_site(results, tmp_path / "site")
