"""Weights fill the network that they are of, which is first compared without memory and without a draw."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from gifbench import read_weights, save_weights  # noqa: E402


class Draws(TorchDispatchMode):
    """Notes what is drawn at random, and on which device."""

    def __init__(self):
        super().__init__()
        self.on = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func._schema.name in ("aten::normal_", "aten::uniform_"):
            self.on.add(args[0].device.type)
        return func(*args, **(kwargs or {}))


def drawn() -> nn.Module:
    layer = nn.Conv2d(2, 3, 1)
    nn.init.kaiming_normal_(layer.weight, a=0.1)
    layer.bias.data.normal_(std=2)
    return layer


def test_the_network_that_is_only_compared_draws_nothing(tmp_path):
    network = drawn()
    path = save_weights(tmp_path / "w.safetensors", network, architecture={}, about={})
    with Draws() as draws:
        built = read_weights(path).build(drawn)
    assert draws.on == {"cpu"}, "what is filled is made as ever, and takes as many numbers of the generator"
    assert torch.equal(built.weight, network.weight) and torch.equal(built.bias, network.bias)
