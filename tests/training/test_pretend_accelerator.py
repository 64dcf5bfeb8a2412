"""Trainers and metrics on an accelerator that is not the CPU: equal results, no mixed devices."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from gifbench.evaluation.evaluate import evaluate  # noqa: E402
from tests.pretend_device import KIND, pretend_device  # noqa: E402

ROOT = Path(__file__).parent.parent.parent


def test_trainers_learn_on_an_accelerator_what_they_learn_on_the_cpu_also_resumed(dataset, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.training.pretend_training", str(dataset.folder), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    equal = json.loads(done.stdout.splitlines()[-1])
    assert len(equal) == 5 and all(equal.values()), equal


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
