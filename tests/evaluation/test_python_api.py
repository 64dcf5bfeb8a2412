"""`gifbench.evaluate` from Python: objects, classes, paths and lists, and results as tables."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import gifbench
from gifbench.dataset import Dataset


class Median:
    """The median of each pixel and its neighbors to the left and right."""

    def __init__(self, reach: int = 1) -> None:
        self.reach = reach

    def restore_frames(self, frames, palettes):
        moved = [np.roll(frames, step, axis=2) for step in range(-self.reach, self.reach + 1)]
        return np.median(moved, axis=0).astype(np.uint8)


def test_an_object_on_a_path_and_two_tasks_is_a_data_frame(tiny_dataset: Dataset) -> None:
    results = gifbench.evaluate(Median(), tiny_dataset.url, ["plain-1", "dithered-1"])
    frame = results.to_pandas()
    assert len(frame) == 2 * 2 * 2  # tasks, protocols, PSNR and SSIM
    assert set(frame["method"]) == {"Median"}
    assert frame["mean"].between(0, 100).all()
    clips = results.to_pandas(per_clip=True)
    assert len(clips) == 8 * 3
    assert clips.groupby(["task", "protocol", "metric"])["value"].mean().to_list() == pytest.approx(
        frame.sort_values(["task", "protocol", "metric"])["mean"].to_list()
    )
    assert "<table>" in results._repr_html_()
    assert repr(results).startswith("Results(4: Median on plain-1, standard")


def test_methods_come_in_every_way(tiny_dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "class Mine:\n    def restore_frames(self, frames, palettes):\n        return frames\n"
    )
    methods = ["gif", Median, Median(2), tmp_path / "mine.py", gifbench.load_method("gaussian-0.5")]
    results = gifbench.evaluate(methods, Path(tiny_dataset.url), gifbench.TASKS["plain-1"], protocols="standard")
    assert [each.method.name for each in results] == ["gif", "Median", "Median", "Mine", "gaussian-0.5"]
    assert len({each.method.identity for each in results}) == 5
    table = results.table()
    assert [float(row[4]) for row in table] == sorted((float(row[4]) for row in table), reverse=True)
    assert len({row[2] for row in table}) == 5, "two of one name are told apart"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"methods": 5}, "a method must be"),
        ({"methods": []}, "at least one method"),
        ({"methods": [None]}, "a method must be"),
        ({"methods": object}, "a method must be"),
        ({"dataset": 5}, "dataset must be"),
        ({"tasks": 5}, "tasks must be"),
        ({"tasks": [5]}, "a task must be"),
        ({"tasks": []}, "at least one of"),
        ({"protocols": 5}, "protocols must be"),
        ({"metrics": 5}, "metrics must be"),
        ({"metrics": [5]}, "a name in metrics must be"),
        ({"split": 5}, "split must be"),
        ({"limit": "2"}, "limit must be"),
        ({"limit": True}, "limit must be"),
        ({"workers": 1.5}, "workers must be"),
        ({"seed": None}, "seed must be"),
        ({"device": 0}, "device must be"),
        ({"metrics_device": 0}, "metrics_device must be"),
        ({"time_limit": "1"}, "the time limit must be"),
        ({"out": 5}, "out must be"),
        ({"cache": 5}, "cache must be"),
        ({"existing": True}, "existing must be"),
        ({"progress": 5}, "progress must be"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_wrong_type_is_one_clear_usage_error(dataset, arguments, said) -> None:
    given = {"methods": "gif", "dataset": dataset, "tasks": "plain-1", **arguments}
    with pytest.raises(gifbench.UsageError, match=said):
        gifbench.evaluate(**given)


def test_results_are_drawn_where_matplotlib_is(tiny_dataset: Dataset) -> None:
    results = gifbench.evaluate([Median(), "gif"], tiny_dataset, ["plain-1", "dithered-1"])
    figure = results.plot()
    assert [axis.get_title() for axis in figure.axes] == [
        f"{task}, {name}" for task in ("plain-1", "dithered-1") for name in ("standard", "gif2video")
    ]
    assert {label.get_text() for label in figure.axes[0].get_yticklabels()} == {"gif", "Median"}
    lengths = [bar.get_width() for bar in figure.axes[0].patches]
    means = results.to_pandas().query("task == 'plain-1' and protocol == 'standard' and metric == 'psnr'")["mean"]
    assert sorted(lengths) == pytest.approx(sorted(means))
    assert results.plot("ssim").axes[0].get_xlabel() == "ssim"
    assert figure._repr_png_().startswith(b"\x89PNG"), "a notebook shows it without pyplot"
    with pytest.raises(gifbench.UsageError, match="metric must be one of psnr, ssim, got 'pnsr'"):
        results.plot("pnsr")
    with pytest.raises(gifbench.UsageError, match="there are no results"):
        gifbench.Results().plot()


def test_without_matplotlib_one_line_says_what_brings_it(
    tiny_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = gifbench.evaluate("gif", tiny_dataset, "plain-1", protocols="standard")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(gifbench.GifbenchError, match=r'Results.plot needs .* pip install "gifbench\[plot\]"'):
        results.plot()


def test_results_that_were_written_are_results_again(tiny_dataset: Dataset, tmp_path: Path) -> None:
    results = gifbench.evaluate("gif", tiny_dataset, "plain-1", out=tmp_path / "results")
    for again in (
        gifbench.load_results(tmp_path / "results"),
        gifbench.load_results([str(tmp_path / "results")]),
        gifbench.load_results(*(each.path for each in results)),
    ):
        assert isinstance(again, gifbench.Results)
        assert set(again.to_pandas()["mean"]) == set(results.to_pandas()["mean"])


def test_the_version_is_told() -> None:
    assert gifbench.__version__ == "0.1.0"
