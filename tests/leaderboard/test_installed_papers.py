"""The paper's numbers stand where they belong, and nowhere else."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from itertools import product

import pytest
from gifbench_baselines.gif2video_tables import TABLES

from gifbench.benchmark_tasks import TASKS
from gifbench.errors import MethodError
from gifbench.evaluation.scoring_protocols import PROTOCOLS
from gifbench.leaderboard import installed_papers as papers
from gifbench.leaderboard.installed_papers import reported_rows
from gifbench.leaderboard.reproduce_paper_tables import plan

REPORTED = TABLES.rows


def rows(dataset, task, protocol="gif2video", split="test"):
    return reported_rows(dataset=dataset, split=split, task=task, protocol=protocol)


def test_table_1_has_fourteen_rows_plain_and_eleven_dithered():
    plain, dithered = rows("gif-faces", "plain-1"), rows("gif-faces", "dithered-1")
    assert [row.row for row in plain] == [str(i) for i in range(1, 15)]
    assert [row.row for row in dithered] == ["3", "4", "5", "6", "7", "8", "9", "10", "12", "13", "14"]


@pytest.mark.parametrize(
    ("dataset", "task", "method", "psnr", "ssim"),
    [
        ("gif-faces", "plain-1", "UNet-2 (no adv loss)", 34.05, 0.928),
        ("gif-faces", "dithered-1", "UNet-2 (no adv loss)", 35.63, 0.956),
        ("gif-faces", "dithered-1", "GIF (palette 32)", 28.21, 0.746),
        ("gif-faces", "plain-1", "Gaussian σ=1.0", 29.26, 0.797),
        ("gif-faces", "plain-4", "GIF2Video", 32.08, 0.908),
        ("gif-moments", "plain-1", "GIF", 33.71, 0.902),
        ("gif-moments", "plain-8", "GIF2Video", 24.95, 0.800),
    ],
)
def test_numbers_are_those_of_the_paper(dataset, task, method, psnr, ssim):
    (row,) = [row for row in rows(dataset, task) if row.method == method]
    assert (row.psnr, row.ssim) == (psnr, ssim)


def test_table_2_repeats_two_rows_of_table_1_which_agree_and_are_given_once():
    repeated = [row for row in REPORTED if (row.table, row.dataset, row.task) == (2, "gif-faces", "plain-1")]
    given = {(row.psnr, row.ssim) for row in rows("gif-faces", "plain-1")}
    assert len(repeated) == 2
    assert {(row.psnr, row.ssim) for row in repeated} <= given
    assert all(row.table == 1 for row in rows("gif-faces", "plain-1"))


def test_no_other_protocol_split_or_dataset_has_any():
    assert not rows("gif-faces", "plain-1", protocol="standard")
    assert not rows("gif-faces", "plain-1", split="train")
    assert not rows("my-own", "plain-1")
    assert not rows("gif-faces", "dithered-4")
    assert not rows("gif-moments", "dithered-1")


def test_every_reported_row_stands_on_a_table_that_can_exist_unless_it_is_the_repeat():
    shown = {row for place in product(("gif-faces", "gif-moments"), TASKS, PROTOCOLS) for row in rows(*place)}
    assert len(REPORTED) == 14 + 11 + 16
    assert len(shown) == len(REPORTED) - 2


def test_another_package_can_offer_the_tables_of_its_paper(tmp_path, monkeypatch):
    (tmp_path / "a_paper_of_ours.py").write_text(
        "from gifbench import PaperTables, ReportedRow\n"
        "ROW = ReportedRow(7, '2', 'Ours', 'my-own', 'plain-1', 30.0, 0.9, key='2', protocol='standard')\n"
        "TABLES = PaperTables((ROW,), lambda row, runs: ('blend', ''), {('my-own', 'plain-1'): 'All clips.'})\n"
        "WRONG = 5\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    real = list(papers.entry_points(group=papers.GROUP))

    def install(value: str) -> None:
        point = EntryPoint("ours", value, papers.GROUP)
        monkeypatch.setattr(papers, "entry_points", lambda group: [*real, point])

    install("a_paper_of_ours:TABLES")
    (row,) = rows("my-own", "plain-1", "standard")
    assert (row.where, papers.reported_note("my-own", "plain-1")) == ("Table 7, row 2", "All clips.")
    (planned,) = plan(7, dataset="my-own")
    assert (planned.method, planned.needs) == ("blend", "")
    assert len(rows("gif-faces", "plain-1")) == 14
    install("a_paper_of_ours:WRONG")
    with pytest.raises(MethodError, match=r"a_paper_of_ours:WRONG must be a gifbench\.PaperTables"):
        rows("my-own", "plain-1")
