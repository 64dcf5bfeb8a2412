"""`gifbench.train` from Python: a run that tells where its weights are, how it went, and what to do next."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

import gifbench
from gifbench.dataset import Dataset
from gifbench.errors import AlreadyExists, MissingExtra, NotFound, TrainingError

pytestmark = pytest.mark.usefixtures("one_thread")

CONFIG = {
    "trainer": "ccdnet",
    "name": "ccdnet-1",
    "data": {"crop": 24, "validation_clips": ["bee"], "validation_frames": 1},
    "training": {"steps": 900, "batch_size": 2, "log_every": 1, "validate_every": 2},
    "model": {"base": 2},
}
TOML = """
trainer = "ccdnet"
name = "ccdnet-1"
[data]
crop = 24
validation_clips = ["bee"]
[training]
steps = 900
batch_size = 2
log_every = 1
[model]
base = 2
"""


@pytest.fixture(scope="module")
def run(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> gifbench.TrainingRun:
    out = tmp_path_factory.mktemp("runs") / "1"
    return gifbench.train(CONFIG, dataset, out=out, training={"steps": 4})


def test_a_run_tells_of_its_weights_its_log_and_the_next_step(run: gifbench.TrainingRun, dataset: Dataset) -> None:
    assert run.finished
    assert run.weights == run.path / "ccdnet-1.safetensors"
    assert run.step == 4
    assert run.scores.keys() == {"psnr", "gif_psnr"}
    log = run.log
    assert log.index.name == "step"
    assert list(log.index) == [1, 2, 3, 4]
    assert {"loss", "learning_rate", "validation/psnr", "steps_per_second"} <= set(log.columns)
    assert log["validation/psnr"].notna().tolist() == [False, True, False, True]
    assert run.next_step == f"gifbench.evaluate({str(run.path)!r}, {dataset.url!r})"
    assert gifbench.TrainingRun(str(run.path)).weights == run.weights


def test_a_run_is_a_method_as_are_its_folder_and_its_weights(run: gifbench.TrainingRun, tiny_dataset: Dataset) -> None:
    given = [run, run.path, str(run.path), run.weights, str(run.weights), f"mine={run.path}"]
    identities = set()
    for method in given:
        (result,) = gifbench.evaluate(method, tiny_dataset, "plain-1", protocols="standard", limit=1)
        assert result.method.name.partition(":")[0] in ("ccdnet-1", "mine"), method
        identities.add(result.scores["psnr"].mean)
    assert len(identities) == 1
    video = gifbench.restore_gif(run, tiny_dataset[0].gif())
    assert video.frames.shape == (6, 24, 32, 3)


def test_the_same_call_resumes_and_another_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(TOML)
    two = gifbench.train(tmp_path / "mine.toml", dataset.url, tmp_path / "run", training={"steps": 2})
    assert two.step == 2
    with pytest.raises(AlreadyExists):
        gifbench.train(tmp_path / "mine.toml", dataset, tmp_path / "run", training={"steps": 3})
    three = gifbench.train(
        str(tmp_path / "mine.toml"), Path(dataset.url), str(tmp_path / "run"), training={"steps": 3}, resume=True
    )
    assert three.step == 3
    assert list(three.log.index) == [1, 2, 3]


def test_a_name_and_a_default_place(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told: list[int] = []
    run = gifbench.train(
        "ccdnet-small",
        dataset,
        training={"steps": 1, "batch_size": 1, "log_every": 1},
        data={"crop": 24},
        progress=lambda now: told.append(now.done),
    )
    assert run.path == Path("runs/ccdnet-small")
    assert told[-1] == 1


def test_a_run_that_is_not_finished_says_how_to_go_on(tmp_path: Path) -> None:
    run = gifbench.TrainingRun(tmp_path)
    assert (run.finished, run.step, run.scores, len(run.log)) == (False, 0, {}, 0)
    with pytest.raises(NotFound, match="resume=True"):
        _ = run.weights
    with pytest.raises(gifbench.UsageError, match="nothing to plot"):
        run.plot()
    (tmp_path / "log.jsonl").write_text("no json\n")
    with pytest.raises(TrainingError, match="not the log"):
        _ = run.log
    with pytest.raises(NotFound, match="no such folder"):
        gifbench.TrainingRun(tmp_path / "none")


def test_a_plot_needs_matplotlib_and_says_so(run: gifbench.TrainingRun, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = run.plot()
    assert figure.axes[0].get_ylabel() == "loss"
    assert len(run.plot("learning_rate").axes) == 1
    with pytest.raises(gifbench.UsageError, match="must be a column of the log"):
        run.plot("nothing")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r'pip install "gifbench\[plot\]"'):
        run.plot()


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"config": "ccdnet-smal"}, NotFound, 'did you mean "ccdnet-small"'),
        ({"config": "none.toml"}, NotFound, "none.toml"),
        ({"config": {}}, gifbench.UsageError, "trainer is missing"),
        ({"config": {**CONFIG, "trainer": "nobody"}}, gifbench.UsageError, "there is no trainer"),
        ({"training": {"step": 3}}, gifbench.UsageError, 'did you mean "steps"'),
        ({"training": {"steps": 0}}, gifbench.UsageError, "training.steps"),
        ({"data": {"crop": 25}}, gifbench.UsageError, "crop must be at most"),
        ({"device": "gpu"}, gifbench.UsageError, "device"),
        ({"dataset": "nowhere"}, gifbench.GifbenchError, "nowhere"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_is_one_line(dataset: Dataset, tmp_path: Path, arguments, error, said) -> None:
    with pytest.raises(error, match=said):
        gifbench.train(**{"config": CONFIG, "dataset": dataset, "out": tmp_path / "run", **arguments})
