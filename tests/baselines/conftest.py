"""What tests of methods share: a method's frames by its name, networks that are saved, contracts that are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gifbench import Gif, check_method, load_method, run_method, save_weights
from gifbench.methods.inference import on_device


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package's folder of weights, empty."""
    from gifbench_baselines import weights_lookup

    folder = tmp_path / "package"
    folder.mkdir()
    monkeypatch.setattr(weights_lookup, "WEIGHTS", folder)
    return folder


def frames_of(name: str, gif: Gif, times=None) -> np.ndarray:
    """The frames of the method of that name at `times`, or at the GIF's own, on the CPU: (N, H, W, 3) float64."""
    loaded = load_method(name)
    on_device(loaded, "cpu")
    batches = run_method(loaded, gif, gif.times if times is None else times, clip="a GIF")
    return np.concatenate([batch.astype(float) for batch in batches])


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """In dB, of pictures of 0 to 255."""
    return float(10 * np.log10(255**2 / np.mean((np.asarray(one, float) - other) ** 2)))


def assert_contract_is_kept(name: str) -> None:
    """No check of `gifbench.check_method` fails."""
    checks = check_method(name)
    assert not [check for check in checks if check.kept is False], checks


def count(network: Any) -> int:
    """How many parameters a network has."""
    return sum(parameter.numel() for parameter in network.parameters())


def save(path: Path, network: Any, options: Any, *, half: bool = False, **about: str) -> Path:
    """The file of weights of a network that was built from these options."""
    return save_weights(path, network, architecture=options.model_dump(mode="json"), about=about, half=half)


def save_classifier(folder: Path) -> None:
    """A dither classifier that knows nothing."""
    from gifbench_baselines.ccdnet.dither_classifier import ClassifierOptions, DitherClassifier

    options = ClassifierOptions(network="dither-classifier", base=2)
    save(folder / "dither-classifier.safetensors", DitherClassifier(base=2), options)


def save_color_networks(folder: Path, *, loud: float) -> None:
    """What `ccdnet` needs: narrow palette U-Nets whose heads are drawn so loud, and a classifier."""
    import torch
    from gifbench_baselines.ccdnet.palette_unet import PaletteUNet, PaletteUNetOptions

    options = PaletteUNetOptions(widths=(4, 4), blocks=(1, 1))
    for kind in ("plain", "dithered"):
        network = PaletteUNet(options)
        torch.nn.init.normal_(network.body.head.weight, std=loud)
        save(folder / f"ccdnet-{kind}.safetensors", network, options)
    save_classifier(folder)


def save_ccdnets(folder: Path) -> None:
    """What `ccdnet` takes as well: untrained CCDNets of two steps, and a classifier."""
    from gifbench_baselines.ccdnet.network import CCDNet, CCDNetArchitecture

    for kind, embedded in (("plain", True), ("dithered", False)):
        options = CCDNetArchitecture(base=2, steps=2, embedded=embedded)
        save(folder / f"ccdnet-{kind}.safetensors", CCDNet(options), options)
    save_classifier(folder)


def learn(trainer: Any, optimizer: Any, batch: Any, steps: range) -> list[float]:
    """Take these steps, whose numbers seed what is drawn; the loss of each update."""
    import torch

    losses = []
    for step in steps:
        for update in trainer.updates(trainer.network, batch, torch.Generator().manual_seed(step)):
            optimizer.zero_grad()
            update.loss.backward()
            optimizer.step()
            losses.append(float(update.loss.detach()))
    return losses
