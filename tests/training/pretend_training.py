"""Trains every trainer for two steps on the CPU and on the pretend accelerator, there with a stop in between.

A process of its own: torch counts the devices that gradients are computed on when it first computes one.
It prints a JSON object: by trainer whether both are equal. Pix2Pix learns from `large`, whose frames are 256×256.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from gifbench.dataset import open_dataset
from gifbench.progress import Progress
from gifbench.training.config import TrainingConfig, checked
from gifbench.training.training_loop import train
from tests.pretend_device import KIND, install, pretend_device
from tests.training.test_train import Stop

TRAINERS = {
    "ccdnet": {"base": 2, "steps": 2, "adversarial": 1.0, "pool": 3},
    "dither-classifier": {"base": 4},
    "palette-unet": {"widths": [4, 8], "blocks": [1, 1]},
    "pix2pix": {"base": 1},
    "superslomo": {"base": 2},
    "stabilizer": {"base": 2},
}
DATA = {
    "superslomo": {"windows": [3], "between": 1},
    "stabilizer": {"windows": [3]},
    "pix2pix": {"crop": 256},
}


def config(trainer: str) -> TrainingConfig:
    """Two steps on squares of 24, with a checkpoint after each."""
    options = {
        "trainer": trainer,
        "name": "tiny",
        "data": {"crop": 24, "validation_clips": ["bee"], "validation_frames": 1, **DATA.get(trainer, {})},
        "training": {"steps": 2, "batch_size": 2, "log_every": 1, "checkpoint_seconds": 0},
        "model": TRAINERS[trainer],
    }
    return checked(TrainingConfig, options, what="test")


def stop(now: Progress) -> None:
    """After the first step."""
    if now.done == 1:
        raise Stop


def main(small: str, large: str, out: Path, *trainers: str) -> None:
    install()
    torch.set_num_threads(1)
    equal = {}
    for trainer in trainers:
        dataset = open_dataset(large if trainer == "pix2pix" else small)
        here = train(config(trainer), dataset, out / trainer / "cpu")
        with pretend_device() as pretend:
            with contextlib.suppress(Stop):
                train(config(trainer), dataset, out / trainer / "there", device=KIND, progress=stop)
            there = train(config(trainer), dataset, out / trainer / "there", device=KIND, resume=True)
            assert pretend.operations > 100
        one, other = load_file(here.weights), load_file(there.weights)
        equal[trainer] = one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    print(json.dumps(equal))
