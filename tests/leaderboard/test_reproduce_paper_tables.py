"""The paper's tables: each row has its method, what is at hand runs once, and what is missing says how it comes."""

from __future__ import annotations

import re

import pytest
from gifbench_baselines.gif2video_tables import TABLES

from gifbench.errors import NotFound, UsageError
from gifbench.leaderboard.reproduce_paper_tables import plan, reproduce
from gifbench.methods.registry import find_method, list_methods
from gifbench.training.presets import presets

REPORTED = TABLES.rows


@pytest.mark.parametrize(("table", "dataset"), [(1, "gif-faces"), (2, "gif-faces"), (2, "gif-moments")])
def test_every_row_of_the_paper_has_a_method_that_exists(table, dataset):
    known = {method.name for method in list_methods()}
    planned = plan(table, dataset=dataset)
    assert [row.reported for row in planned] == [r for r in REPORTED if (r.table, r.dataset) == (table, dataset)]
    for row in planned:
        assert {row.method.partition(":")[0], *re.findall(r"=\[([\w.-]+)", row.method)} <= known, row.method


def test_every_command_that_trains_a_missing_row_names_a_training_that_is_there():
    planned = [*plan(1, dataset="gif-faces"), *plan(2, dataset="gif-faces"), *plan(2, dataset="gif-moments")]
    named = {config for row in planned for config in re.findall(r"gifbench train (\S+)", row.needs)}
    assert len(named) > 10
    assert named <= {preset.name for preset in presets()}
    assert all(row.needs or row.method in ("gif", "nearest", "fcdr", "gaussian-0.5", "gaussian-1.0") for row in planned)


def test_trainings_in_a_folder_are_taken_and_dithered_rows_take_dithered_ones(tmp_path):
    for name in ("ccdnet-2/ccdnet-2", "ccdnet-2-dithered/ccdnet-2", "superslomo/superslomo"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.safetensors").touch()
    rows = {(row.reported.row, row.reported.task): row.method for row in plan(1, dataset="gif-faces", runs=tmp_path)}
    assert rows["8", "plain-1"] == f"ccdnet-2:weights={tmp_path}/ccdnet-2/ccdnet-2.safetensors"
    assert rows["8", "dithered-1"] == f"ccdnet-2:weights={tmp_path}/ccdnet-2-dithered/ccdnet-2.safetensors"
    assert rows["9", "plain-1"] == "ccdnet-3"
    assert rows["9", "dithered-1"] == "ccdnet-3:weights=ccdnet-3-dithered"
    rate = plan(2, dataset="gif-faces", runs=tmp_path)[3]
    assert (rate.reported.row, rate.reported.method) == ("1/2", "GIF2Video")
    assert rate.method == (
        f"gif2video:color=[ccdnet-2:weights={tmp_path}/ccdnet-2/ccdnet-2.safetensors],"
        f"time=[superslomo:weights={tmp_path}/superslomo/superslomo.safetensors]"
    )
    with pytest.raises(NotFound, match="there is no such folder"):
        plan(1, dataset="gif-faces", runs=tmp_path / "none")


def test_a_row_takes_the_method_that_is_named_for_it_and_an_unknown_row_is_said():
    rows = plan(1, dataset="gif-faces", methods={"8": "blend", "8@dithered-1": "gaussian-1.0"})
    assert [row.method for row in rows if row.reported.row == "8"] == ["blend", "gaussian-1.0"]
    rows = plan(2, dataset="gif-moments", methods={"GIF2Video@plain-4": "dis"})
    assert [row.reported.task for row in rows if row.method == "dis"] == ["plain-4"]
    for wrong in ("15", "8@plain-2", "gif"):
        with pytest.raises(UsageError, match=f'Table 1 has no row "{wrong}" on gif-faces: choose from 1, 2'):
            plan(1, dataset="gif-faces", methods={wrong: "gif"})


def test_a_dataset_that_the_table_is_not_of_is_refused():
    with pytest.raises(UsageError, match="Table 1 of the paper is of gif-faces; this dataset is called gif-moments"):
        plan(1, dataset="gif-moments")
    with pytest.raises(UsageError, match="is of gif-faces and gif-moments; this dataset is called tiny"):
        plan(2, dataset="tiny")


@pytest.fixture
def some_rows():
    return [row for row in plan(1, dataset="gif-faces") if row.reported.row in ("8", "12", "14")]


def test_what_is_at_hand_runs_and_the_rest_says_what_it_needs(some_rows, tiny_dataset, tmp_path):
    found = reproduce(some_rows, tiny_dataset, out=tmp_path)
    assert [(each.planned.reported.row, each.result is not None) for each in found] == [
        ("8", False),
        ("8", False),
        ("12", True),
        ("12", True),
        ("14", True),
        ("14", True),
    ]
    gif = found[4]
    assert gif.result.protocol.name == "gif2video"
    assert gif.difference("psnr") == pytest.approx(gif.result.scores["psnr"].mean - 30.99)
    assert gif.summary()["ours"]["ssim"]["mean"] == gif.result.scores["ssim"].mean
    assert "gifbench train ccdnet-2 --data DATASET" in found[0].missing
    assert "--set data.dithered=true --set model.embedded=false --out runs/ccdnet-2-dithered" in found[1].missing
    assert found[0].difference("psnr") is None and found[0].summary()["ours"] is None
    assert "\n" not in found[0].missing


def test_a_second_run_takes_what_is_there(some_rows, tiny_dataset, tmp_path):
    steps: list[str] = []
    first = reproduce(some_rows, tiny_dataset, out=tmp_path, progress=lambda now: steps.append(now.run))
    assert {step.partition(" on ")[0] for step in steps} == {"Gaussian σ=0.5", "GIF (palette 32)"}
    steps.clear()
    again = reproduce(some_rows, tiny_dataset, out=tmp_path, progress=lambda now: steps.append(now.run))
    assert steps == []
    assert [each.summary() for each in again] == [each.summary() for each in first]


def test_a_method_that_fails_is_said_in_its_row_and_the_others_run(some_rows, tiny_dataset, tmp_path, monkeypatch):
    def load(name):
        loaded = find_method(name)
        if name == "gaussian-0.5":

            def fails(frames, palettes):
                raise ZeroDivisionError("two\nlines")

            loaded.method.restore_frames = fails
        return loaded

    monkeypatch.setattr("gifbench.leaderboard.reproduce_paper_tables.find_method", load)
    found = reproduce(some_rows, tiny_dataset, out=tmp_path)
    assert [each.planned.method for each in found if each.result] == ["gif", "gif"]
    assert "ZeroDivisionError: two lines" in found[2].missing
