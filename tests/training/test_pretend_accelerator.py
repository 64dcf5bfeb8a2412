"""Trainers and metrics on an accelerator that is not the CPU: equal results, no mixed devices."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from gifbench.builder.build_loop import run_build  # noqa: E402
from gifbench.builder.recipe import load_recipe  # noqa: E402
from gifbench.dataset import Dataset  # noqa: E402
from gifbench.evaluation.evaluate import evaluate  # noqa: E402
from gifbench.manifest.rows import from_folder  # noqa: E402
from tests.cli.forked_command import ForkedProcess  # noqa: E402
from tests.conftest import moving_picture, write_video  # noqa: E402
from tests.pretend_device import KIND, pretend_device  # noqa: E402
from tests.training import pretend_training  # noqa: E402


@pytest.fixture
def large(tiny_recipe: Path, tmp_path: Path) -> Dataset:
    """Two clips of three frames of 256×256."""
    (tmp_path / "videos").mkdir()
    for i, name in enumerate(("ant", "bee")):
        write_video(tmp_path / "videos" / f"{name}.mp4", moving_picture(3, 512, 512, seed=i))
    manifest, recipe = from_folder(tmp_path / "videos", split="train"), load_recipe(str(tiny_recipe))
    return run_build(recipe, manifest, str(tmp_path / "large"), sources=tmp_path / "videos", workers=1)


@pytest.mark.parametrize(
    "trainers",
    [
        ("ccdnet", "stabilizer"),
        pytest.param(("dither-classifier", "palette-unet", "pix2pix", "superslomo"), marks=pytest.mark.slow),
    ],
)
def test_trainers_learn_on_an_accelerator_what_they_learn_on_the_cpu_also_resumed(
    dataset, request, tmp_path, trainers
) -> None:
    large = request.getfixturevalue("large") if "pix2pix" in trainers else dataset
    done = ForkedProcess(pretend_training.main, str(dataset.folder), str(large.folder), tmp_path, *trainers)
    assert done.wait() == 0, done.stderr[-2000:]
    equal = json.loads(done.stdout.splitlines()[-1])
    assert tuple(equal) == trainers and all(equal.values()), equal


def test_metrics_measure_on_an_accelerator_what_they_measure_with_torch_on_the_cpu(dataset) -> None:
    names = ["gradient", "requantised", "flat", "delta-e", "tof"]
    options = {"metrics": names, "split": "train"}
    here = evaluate("gaussian-0.5", dataset, "plain-1", metrics_device="torch", **options)
    with pretend_device() as pretend:
        there = evaluate("gaussian-0.5", dataset, "plain-1", metrics_device=KIND, **options)
        assert pretend.operations > 100
    for one, other in zip(here, there, strict=True):
        assert other.environment.metrics_device == "pretend: Pretend 1"
        for name, score in one.scores.items():
            assert other.scores[name].mean == pytest.approx(score.mean, abs=1e-4)
