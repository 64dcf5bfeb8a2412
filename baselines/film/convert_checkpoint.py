"""Public weights of CartoonGAN's generator, as PyTorch files: what their tensors are called here.

The authors published Torch files, of which others made flat state dicts for PyTorch, with layers named `conv01_1` to
`deconv03_1` and `in01_1.scale`, `.shift`. Their pictures are BGR; the first and the last layer are turned round, so
that ours are RGB.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ..weights_lookup import Tensors, converted
from .cartoon_network import Cartoonist, CartoonOptions

_OUTER = {
    "conv01_1": "flat.0",
    "in01_1": "flat.1",
    "conv02_1": "down_1.0",
    "conv02_2": "down_1.1",
    "in02_1": "down_1.2",
    "conv03_1": "down_2.0",
    "conv03_2": "down_2.1",
    "in03_1": "down_2.2",
    "deconv01_1": "up_1.0",
    "deconv01_2": "up_1.1",
    "in12_1": "up_1.2",
    "deconv02_1": "up_2.0",
    "deconv02_2": "up_2.1",
    "in13_1": "up_2.2",
    "deconv03_1": "out",
}
_BLOCK = re.compile(r"(conv|in)(\d\d)_([12])")
_KINDS = {"weight": "weight", "bias": "bias", "scale": "weight", "shift": "bias"}


def convert(files: Sequence[Mapping[str, Tensors]]) -> tuple[nn.Module, Mapping[str, Any]] | None:
    """The generator of one file; None for other files. Raises `WeightsError` for tensors of other shapes."""
    if len(files) != 1 or len(files[0]) != 1:
        return None
    tensors = {name.removeprefix("module."): tensor for name, tensor in next(iter(files[0].values())).items()}
    if not {"conv01_1.weight", "in04_1.scale", "deconv03_1.weight"} <= tensors.keys():
        return None
    options = CartoonOptions()
    network = converted(
        lambda: Cartoonist(options), {_renamed(name): tensor for name, tensor in tensors.items()}, what="CartoonGAN"
    )
    with torch.no_grad():
        network.flat[0].weight.copy_(network.flat[0].weight.flip(1))
        network.out.weight.copy_(network.out.weight.flip(0))
        network.out.bias.copy_(network.out.bias.flip(0))
    return network, options.model_dump(mode="json")


def _renamed(name: str) -> str:
    """Under our names: `conv04_1.weight` is `blocks.0.first.0.weight`, `in04_1.scale` is `blocks.0.first.1.weight`."""
    layer, _, kind = name.rpartition(".")
    ours = _OUTER.get(layer)
    found = _BLOCK.fullmatch(layer)
    if ours is None and found is not None and 4 <= int(found[2]) <= 11:
        half = "first" if found[3] == "1" else "second"
        ours = f"blocks.{int(found[2]) - 4}.{half}.{0 if found[1] == 'conv' else 1}"
    return name if ours is None or kind not in _KINDS else f"{ours}.{_KINDS[kind]}"
