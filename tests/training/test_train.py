"""A training is seeded, resumes as if it had not stopped, keeps its last good checkpoint, and reads files strictly."""

from __future__ import annotations

import json
import os
import signal
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file  # noqa: E402

from gifbench import load_method, load_recipe  # noqa: E402
from gifbench.builder.build_loop import run_build  # noqa: E402
from gifbench.errors import AlreadyExists, TrainingError, UsageError  # noqa: E402
from gifbench.manifest.rows import from_folder  # noqa: E402
from gifbench.progress import Progress  # noqa: E402
from gifbench.training.checkpoint import FILE, load_checkpoint  # noqa: E402
from gifbench.training.config import DataOptions, TrainingConfig, checked, read_config  # noqa: E402
from gifbench.training.frame_sampler import Samples  # noqa: E402
from gifbench.training.optimizer_and_learning_rate import learning_rate  # noqa: E402
from gifbench.training.trainer_interface import load_trainer  # noqa: E402
from gifbench.training.training_loop import train  # noqa: E402
from gifbench.training.window_sampler import Windows  # noqa: E402
from tests.conftest import answer, invoke, moving_picture, write_video  # noqa: E402

TIMES = ("steps_per_second", "loader", "metrics", "device")
"""What two runs that are otherwise equal differ in."""

BASELINES = Path(__file__).parent.parent.parent / "baselines"
ROWS = [*sorted(BASELINES.glob("ccdnet/*.toml")), *sorted(BASELINES.glob("pix2pix/*.toml"))]


pytestmark = pytest.mark.usefixtures("one_thread")


def config(*, model=None, data=None, trainer="ccdnet", **training) -> TrainingConfig:
    options = {
        "trainer": trainer,
        "name": "tiny",
        "data": {"crop": 24, "validation_clips": ["bee"], "validation_frames": 2, **(data or {})},
        "training": {"steps": 8, "batch_size": 2, "log_every": 1, "learning_rate": 1e-3, **training},
        "model": {"base": 2, **(model or {})},
    }
    return checked(TrainingConfig, options, what="test")


def lines(run: Path) -> list[dict[str, float]]:
    found = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key not in TIMES} for line in found]


def same(one: Path, two: Path) -> bool:
    left, right = load_file(one), load_file(two)
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


class Stop(Exception):
    """Ends a training as a kill does."""


def test_loss_falls_and_the_weights_restore(dataset, tmp_path):
    trained = train(config(steps=30), dataset, tmp_path)
    losses = [line["loss"] for line in lines(tmp_path) if "loss" in line]
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])
    assert trained.scores.keys() == {"psnr", "gif_psnr"}
    assert list(tmp_path.glob("panel-*.png"))
    loaded = load_method(f"ccdnet-1:weights={trained.weights}")
    assert loaded.parameters > 10_000


@pytest.mark.parametrize(
    "options",
    [
        {"ema": 0.9, "schedule": "cosine", "model": {"steps": 2}, "steps": 5},
        {"model": {"adversarial": 1.0, "pool": 3}, "data": {"dithered": True, "flips": True}, "steps": 4},
    ],
    ids=["ema", "adversarial"],
)
def test_two_runs_are_equal_and_a_resumed_one_too(dataset, tmp_path, options):
    def stop(now: Progress) -> None:
        if now.done == 3:
            raise Stop

    whole, again, broken = tmp_path / "whole", tmp_path / "again", tmp_path / "broken"
    first = train(config(**options), dataset, whole)
    assert same(first.weights, train(config(**options), dataset, again).weights)
    kept = config(**options, checkpoint_seconds=0)
    with pytest.raises(Stop):
        train(kept, dataset, broken, progress=stop)
    assert load_checkpoint(broken)["step"] == 2
    assert same(first.weights, train(kept, dataset, broken, resume=True).weights)
    assert lines(whole) == lines(broken)


def test_ctrl_c_ends_after_a_step_with_a_checkpoint(dataset, tmp_path):
    def interrupt(now: Progress) -> None:
        if now.done == 2:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(config(checkpoint_seconds=1000), dataset, tmp_path, progress=interrupt)
    assert load_checkpoint(tmp_path)["step"] in (2, 3)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_loss_that_is_not_finite_stops_and_the_last_good_checkpoint_stays(dataset, tmp_path):
    train(config(steps=3), dataset, tmp_path)
    state = load_checkpoint(tmp_path)
    state["networks"]["network"]["first.outc.bias"].fill_(float("nan"))
    torch.save(state, tmp_path / FILE)
    poisoned = (tmp_path / FILE).read_bytes()
    with pytest.raises(TrainingError, match=r"not finite by step 4.*checkpoint is kept"):
        train(config(steps=20, checkpoint_seconds=0), dataset, tmp_path, resume=True)
    assert (tmp_path / FILE).read_bytes() == poisoned


def test_a_run_is_neither_overwritten_nor_mixed(dataset, tiny_dataset, tmp_path):
    train(config(steps=1), dataset, tmp_path)
    with pytest.raises(AlreadyExists, match="--resume"):
        train(config(steps=2), dataset, tmp_path)
    with pytest.raises(UsageError, match=r"learning_rate = 0.001, not 0.002"):
        train(config(steps=2, learning_rate=2e-3), dataset, tmp_path, resume=True)
    with pytest.raises(UsageError, match="another dataset"):
        train(config(steps=2), tiny_dataset, tmp_path, resume=True)
    (tmp_path / FILE).write_bytes((tmp_path / FILE).read_bytes()[:500])
    with pytest.raises(TrainingError, match="damaged"):
        train(config(steps=2), dataset, tmp_path, resume=True)


def test_a_frozen_first_network_stays_as_it_is(dataset, tmp_path):
    first = train(config(steps=2), dataset, tmp_path / "one").weights
    staged = config(steps=3, model={"steps": 2, "start": str(first), "freeze_first": True})
    weights = load_file(train(staged, dataset, tmp_path / "two").weights)
    for name, tensor in load_file(first).items():
        assert torch.equal(weights[name], tensor), name


def test_losses_of_every_step_are_of_those_that_learn(dataset, tmp_path):
    first = train(config(steps=1), dataset, tmp_path / "one").weights
    found = {}
    for every in (False, True):
        model = {"steps": 3, "start": str(first), "freeze_first": True, "every_step": every}
        train(config(steps=1, model=model), dataset, tmp_path / str(every))
        (found[every],) = (line["color"] for line in lines(tmp_path / str(every)) if "color" in line)
    assert found[True] != found[False]
    one = {"steps": 2, "start": str(first), "freeze_first": True}
    for every in (False, True):
        train(config(steps=1, model={**one, "every_step": every}), dataset, tmp_path / f"two {every}")
        (found[every],) = (line["color"] for line in lines(tmp_path / f"two {every}") if "color" in line)
    assert found[True] == found[False], "of two steps with the first one frozen, only the last learns"


def test_the_classifier_learns_from_both_kinds(dataset, tmp_path):
    both = config(trainer="dither-classifier", data={"dithered": "both"}, steps=3)
    assert train(both, dataset, tmp_path).scores.keys() == {"accuracy"}


def test_samples_are_the_same_whoever_makes_them(dataset):
    options = DataOptions(crop=24, flips=True, colors=(4, 16), dithered="both", clips_at_once=1, samples_per_visit=6)
    one, two = (Samples(dataset.split("train"), options, seed=3, length=24) for _ in range(2))
    backwards = [two[number] for number in reversed(range(24))][::-1]
    for number in range(24):
        assert all(torch.equal(a, b) for a, b in zip(one[number], backwards[number], strict=True))
    assert {bool(sample.dithered) for sample in backwards} == {False, True}
    assert {int(sample.colors) for sample in backwards} == {4, 16}
    errors = [(sample.gif.float() - sample.truth.float()).abs().mean() for sample in backwards]
    assert max(errors) < 40, "GIF and truth are cut and mirrored alike"


@pytest.mark.parametrize("windows", [(), (2,)], ids=["frames", "windows"])
def test_a_short_clip_is_drawn_by_its_frames_or_as_often_as_any(tiny_recipe, tmp_path, windows):
    write_video(tmp_path / "long.mp4", moving_picture(57, 48, 64))
    write_video(tmp_path / "short.mp4", np.zeros((3, 48, 64, 3), np.uint8))
    manifest, recipe = from_folder(tmp_path, split="train"), load_recipe(str(tiny_recipe))
    built = run_build(recipe, manifest, str(tmp_path / "built"), sources=tmp_path, workers=1)
    dark = {}
    for equal in (False, True):
        options = DataOptions(crop=24, windows=windows, equal_clips=equal, clips_at_once=4, samples_per_visit=4)
        samples = (Windows if windows else Samples)(built.split("train"), options, seed=0, length=120)
        dark[equal] = sum(bool(sample.truth.float().mean() < 20) for sample in map(samples.__getitem__, range(120)))
    assert dark[False] < 24 < 44 < dark[True] < 76, dark


@pytest.mark.parametrize("path", ROWS, ids=lambda path: path.stem)
def test_every_row_is_a_configuration(path):
    row = read_config(path)
    trainings = (row.name, f"{row.name}-small", f"{row.name}-wide", "small")
    assert path.stem in trainings  # of the method that it names
    checked(load_trainer(row.trainer).options_class, row.model, what=path.stem)
    assert learning_rate(row.training, 0) == pytest.approx(row.training.learning_rate)
    assert 0 < learning_rate(row.training, row.training.steps - 1) <= row.training.learning_rate


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("training.learning_rat=1", 'did you mean "learning_rate"'),
        ("datas.crop=1", 'did you mean "data"'),
        ("training.batch_size=0", "training.batch_size is '0'"),
        ("training.batch_size", "section.key=value"),
        ("trainer.x=1", "no section"),
    ],
)
def test_a_wrong_option_is_named(change, said):
    with pytest.raises(UsageError, match=said):
        read_config(ROWS[0], [change])


@pytest.mark.parametrize(
    "text",
    ["a" + ".a" * 50_000 + " = 1", "[" + "a." * 50_000 + "a]", 'x = {"b"' + " . c" * 20_000 + " = 1}", "#" * (2 << 20)],
    ids=["key", "table", "inline", "long"],
)
def test_a_hostile_configuration_is_refused_before_it_takes_memory(tmp_path, text):
    """A key of 50,000 parts takes gigabytes where it is read."""
    path = tmp_path / "bomb.toml"
    path.write_text(text)
    tracemalloc.start()
    with pytest.raises(UsageError, match="no configuration of a training"):
        read_config(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20


def test_wrong_names_are_answered_with_what_was_meant(dataset, tmp_path):
    with pytest.raises(UsageError, match='did you mean "ccdnet"'):
        train(config(trainer="cdnet"), dataset, tmp_path)
    with pytest.raises(UsageError, match='did you mean "backbone"'):
        train(config(model={"backbon": "unet"}), dataset, tmp_path)
    with pytest.raises(UsageError, match='did you mean "bee"'):
        train(config(data={"validation_clips": ["be"]}), dataset, tmp_path)
    with pytest.raises(UsageError, match="nothing to learn"):
        train(config(model={"color": 0, "gradient": 0}), dataset, tmp_path)


def test_the_command_trains_and_resumes(dataset, tmp_path):
    row = tmp_path / "row.toml"
    row.write_text('trainer = "ccdnet"\nname = "row"\n[data]\ncrop = 24\n[training]\nsteps = 2\n[model]\nbase = 2\n')
    command = ["train", str(row), "--data", dataset.url, "--out", str(tmp_path / "run"), "--device", "cpu"]
    assert answer(*command, "--set", "training.batch_size=2")["step"] == 2
    assert invoke(*command).exit_code == 1
    more = ["--resume", "--set", "training.batch_size=2", "--set", "training.steps=4"]
    resumed = invoke(*command, *more)
    assert resumed.exit_code == 0 and "step 4, no validation clips" in resumed.stdout
    unknown = invoke(*command, "--set", "training.stepps=4")
    assert unknown.exit_code == 2 and "did you mean" in unknown.stderr
