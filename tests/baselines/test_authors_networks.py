"""The paper's networks answer what their authors' code answers, from weights with the authors' names.

The weights are filled by a rule, and the answers are those of the released code: golden/README.md of the test data.
"""

from __future__ import annotations

import functools
import json
import warnings
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gifbench_baselines.adversarial_training import PatchGAN, judged
from gifbench_baselines.ccdnet.method import load_network
from gifbench_baselines.ccdnet.network import nearest_color, scaled
from gifbench_baselines.superslomo.network import SuperSlomo, SuperSlomoArchitecture
from gifbench_baselines.weights_lookup import described

from gifbench import Weights, load_method, read_weights
from tests.baselines.conftest import count
from tests.conftest import succeed

pytestmark = pytest.mark.usefixtures("one_thread", "plain_convolutions")


@pytest.fixture
def plain_convolutions():
    """Without oneDNN, whose kernels differ from CPU to CPU: the authors' own code is up to 3e-5 from its answers."""
    with warnings.catch_warnings(action="ignore"), torch.backends.mkldnn.flags(enabled=False):
        yield


CLOSE = {"rtol": 0, "atol": 1e-5}


def filled(entries, *, scale: float = 1.0, module: bool = False) -> OrderedDict:
    """A state whose entry j holds, at element i, what the rule says."""
    state = OrderedDict()
    steps = 0.7 * np.arange(max(int(np.prod(shape, dtype=int)) for _, shape in entries), dtype=np.float64)
    sines, cosines = np.sin(steps), np.cos(steps)
    for j, (name, shape) in enumerate(entries):
        count = int(np.prod(shape, dtype=int))
        kind = name.rpartition(".")[2]
        if kind == "num_batches_tracked":
            state[name] = torch.tensor(0)
            continue
        i = np.arange(count if len(shape) < 2 else 0, dtype=np.float64)
        if len(shape) > 1:
            size = scale / np.sqrt(np.prod(shape[1:]))  # sin(0.7 i + j), whose sines and cosines all entries share
            values = (size * np.cos(j)) * sines[:count] + (size * np.sin(j)) * cosines[:count]
        elif kind == "running_mean":
            values = 0.1 * np.sin(i + j)
        elif kind == "running_var":
            values = 1 + 0.3 * np.sin(i + j)
        elif kind == "weight":
            values = 1 + 0.1 * np.sin(i + j)
        else:
            values = 0.05 * np.sin(i + j)
        state[f"{'module.' if module else ''}{name}"] = torch.from_numpy(values.astype(np.float32)).reshape(shape)
    return state


@pytest.fixture(scope="module")
def golden(test_data: Path):
    folder = test_data / "golden"
    return np.load(folder / "authors_networks.npz"), json.loads((folder / "authors_networks.json").read_text())


@pytest.fixture(scope="module")
def converted(golden, tmp_path_factory):
    """A function that converts a file of the authors' by `gifbench convert-weights`."""
    folder = tmp_path_factory.mktemp("authors")
    _, described = golden

    @functools.cache
    def write(part: str, key: str, module: bool) -> str:
        path = folder / f"{part}-{module}.pt"
        scale = 0.3 if part == "drrn" else 1.0
        torch.save({"epoch": 1, key: filled(described[part]["state"], scale=scale, module=module)}, path)
        return str(path)

    @functools.cache
    def convert(name: str, *, first: str = "", key: str = "model_netG", module: bool = False) -> Weights:
        out = folder / f"{name}-{module}.safetensors"
        arguments = [write(name, key, module), out, *(["--first", write(first, key, module)] if first else [])]
        succeed("convert-weights", *arguments, "--overwrite")
        return read_weights(out)

    return convert


@pytest.fixture(scope="module")
def unet(converted):
    """The network of the file of CCDNet-1."""
    return load_network(converted("unet"))


def pictures(golden, name: str) -> torch.Tensor:
    return torch.from_numpy(golden[0][name]).permute(2, 0, 1)[None]


def answer(golden, name: str) -> torch.Tensor:
    return torch.from_numpy(golden[0][name])


def palette(golden) -> torch.Tensor:
    return torch.from_numpy(golden[0]["palette0"])[None]


def test_ccdnet_1(golden, unet):
    assert count(unet) == golden[1]["unet"]["parameters"]
    with torch.no_grad():
        frames = unet(pictures(golden, "gif0"), palette(golden))
    torch.testing.assert_close(frames[0], answer(golden, "ccdnet_1"), **CLOSE)


def test_ccdnet_2_and_3_with_the_nearest_colors_of_what_is_not_rounded(golden, converted):
    network = load_network(converted("unet_12", first="unet"))
    with torch.no_grad():
        steps = network(pictures(golden, "gif0"), palette(golden), steps=3, every_step=True)
    for step, frames in enumerate(steps, start=1):
        torch.testing.assert_close(frames[0], answer(golden, f"ccdnet_{step}"), **CLOSE)
    for step in (2, 3):
        before = (answer(golden, f"ccdnet_{step - 1}")[None] + 1) * 127.5
        indices, theirs = nearest_color(before, palette(golden))[0], answer(golden, f"f_c_before_step_{step}").long()
        distances = [(before[0] - palette(golden)[0][each].permute(2, 0, 1)).norm(dim=0) for each in (indices, theirs)]
        apart = (distances[0] - distances[1]).abs()[indices != theirs]
        assert len(apart) <= 2 and (apart < 1e-4).all(), "only ties may differ"


def test_ccdnet_2_for_dithered_gifs(golden, converted):
    network = load_network(converted("unet_6", first="unet"))
    with torch.no_grad():
        frames = network(pictures(golden, "gif0"), palette(golden))
    torch.testing.assert_close(frames[0], answer(golden, "ccdnet_2_dithered"), **CLOSE)


@pytest.mark.parametrize("name", ["drrn", "glcic"])
def test_other_backbones(golden, converted, name):
    weights = converted(name)
    network = load_network(weights)
    assert count(network) == golden[1][name]["parameters"]
    with torch.no_grad():
        frames = network.first(scaled(pictures(golden, "gif0")))
    # The bare outputs are up to 8.4; what is seen of them is in [-1, 1].
    torch.testing.assert_close(frames[0].tanh(), answer(golden, name).tanh(), **CLOSE)
    torch.testing.assert_close(frames[0], answer(golden, name), rtol=4e-6, atol=1e-5)
    loaded = load_method(f"ccdnet-{name}:weights={weights.path}")
    assert loaded.parameters == golden[1][name]["parameters"]


def test_superslomo(golden, converted, unet):
    network = described(converted("superslomo", module=True), SuperSlomoArchitecture, SuperSlomo, what="SuperSlomo")
    assert count(network) == golden[1]["superslomo"]["parameters"]
    gif0, gif1 = (pictures(golden, name) for name in ("gif0", "gif1"))
    with torch.no_grad():
        ends = tuple(unet(gif, palette(golden)) for gif in (gif0, gif1))
        motion, between = network((scaled(gif0), scaled(gif1)), ends, torch.tensor([[0.25, 0.5, 0.75]]))
    torch.testing.assert_close(motion.forward[0], answer(golden, "superslomo_flow01"), **CLOSE)
    torch.testing.assert_close(motion.backward[0], answer(golden, "superslomo_flow10"), **CLOSE)
    torch.testing.assert_close(between.visible, answer(golden, "superslomo_visible0"), **CLOSE)
    # Two networks in a row: on a CPU with AMX other sums of the same products are up to 1.2e-5 apart.
    torch.testing.assert_close(between.frames, answer(golden, "superslomo_frames"), rtol=0, atol=2e-5)


def test_the_discriminator(golden, converted):
    weights = converted("discriminator", key="model_netD")
    assert weights.architecture == {"network": "patch-gan", "channels": 12, "base": 64}
    network = weights.build(PatchGAN)
    assert count(network) == golden[1]["discriminator"]["parameters"]
    with torch.no_grad():
        logits = network(judged(scaled(pictures(golden, "gif0")), answer(golden, "ccdnet_1")[None]))
    torch.testing.assert_close(logits[0], answer(golden, "discriminator_logits"), **CLOSE)
