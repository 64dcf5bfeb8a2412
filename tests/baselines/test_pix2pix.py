"""Pix2Pix is the paper's network, restores frames of any size without noise, and is trained like the others."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gifbench_baselines.pix2pix.network import Pix2PixArchitecture, UNet256
from gifbench_baselines.pix2pix.training import Pix2PixOptions, Pix2PixTrainer

from gifbench import TrainingBatch, UsageError, load_method
from tests.baselines.conftest import count, save

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    architecture = Pix2PixArchitecture(base=2)
    return save(tmp_path_factory.mktemp("pix2pix") / "p.safetensors", UNet256(architecture), architecture)


def test_parameters_are_the_papers():
    with torch.device("meta"):
        assert count(UNet256(Pix2PixArchitecture())) == 54_413_955


def test_frames_of_any_size_come_back_the_same_each_time(weights):
    loaded = load_method(f"pix2pix:weights={weights}")
    for size in ((1, 1), (256, 256), (200, 300)):
        frames = torch.randint(256, (2, *size, 3), dtype=torch.uint8)
        first, again = (loaded.method.restore_frames(frames, []) for _ in range(2))
        assert first.shape == frames.shape and torch.equal(first, again), "dropout is off"
        assert float(first.min()) >= 0 and float(first.max()) <= 255


def test_large_frames_fade_from_tile_to_tile(weights):
    frames = torch.randint(256, (1, 300, 700, 3), dtype=torch.uint8)
    whole = load_method(f"pix2pix:weights={weights}").method.restore_frames(frames, [])
    tiled = load_method(f"pix2pix:weights={weights},tile=256").method.restore_frames(frames, [])
    assert tiled.shape == whole.shape
    steps = (tiled[:, :, 1:] - tiled[:, :, :-1]).abs().mean(dim=(0, 1, 3))
    seams = steps[[191, 192, 255, 256, 413, 414]]
    assert float(seams.max()) < 1.5 * float(steps.mean()), "no seam is steeper than the picture"
    with pytest.raises(UsageError, match="multiple of 256"):
        load_method(f"pix2pix:weights={weights},tile=300")


def test_the_discriminator_learns_first_and_from_no_gradient_of_the_network():
    trainer = Pix2PixTrainer(Pix2PixOptions(base=2))
    picture = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 256, 256), np.uint8))
    palettes = torch.zeros(2, 256, 3, dtype=torch.uint8)
    batch = TrainingBatch(picture, palettes, torch.ones(2), picture, torch.zeros(2, dtype=torch.bool), torch.zeros(2))
    updates = trainer.updates(trainer.network.train(), batch, torch.Generator())
    judging = next(updates)
    judging.loss.backward()
    assert judging.learned == "discriminator"
    assert all(parameter.grad is None for parameter in trainer.network.parameters())
    learning = next(updates)
    trainer.others["discriminator"].zero_grad()
    learning.loss.backward()
    assert learning.learned == "network" and {"color", "adversarial"} <= learning.parts.keys()
    assert all(parameter.grad is None for parameter in trainer.others["discriminator"].parameters())
    assert any(parameter.grad is not None for parameter in trainer.network.parameters())
    assert next(updates, None) is None
    scores, pictures = trainer.scores(trainer.network.eval(), batch)
    assert scores["gif_psnr"] == 100 and pictures.shape == picture.shape
