"""The authors' own weights of CCDNet (github.com/yangwangx/gif2video_code): what their tensors are called here.

A file's `model_netG` is one U-Net, `model_netD` its discriminator, which nothing here needs. CCDNet-1 is one file. Of
CCDNet-2 and 3 a file holds the second U-Net alone; the first is that of CCDNet-1, a second file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from gifbench import WeightsError

from .network import Architecture, CCDNet

GENERATOR = "model_netG"
_NAME = re.compile(r"(?:module\.)?(in|out|down|up)conv([1-4]?)\.(.+)")
_CHANNELS = {12: True, 6: False}  # of the second U-Net: with f_C embedded, for plain GIFs, or without

Tensors = Mapping[str, torch.Tensor]


def convert(files: Sequence[Mapping[str, Tensors]]) -> tuple[CCDNet, Mapping[str, Any]] | None:
    """The CCDNet of one file, or of the second U-Net's and the first one's, in either order; None for other files.

    Raises `WeightsError` for a second U-Net without the first, or tensors of other shapes.
    """
    networks = [_renamed(file.get(GENERATOR, {})) for file in files]
    if not all("outc.weight" in named and "downs.0.0.weight" in named for named in networks):
        return None
    parts = {_inputs(named): named for named in networks}
    if len(parts) != len(files):
        raise WeightsError("these files are of the same network twice; give that of the second U-Net and of the first")
    first = parts.pop(3, None)
    if first is None:
        raise WeightsError(
            "this is the second U-Net of a CCDNet-2 or 3: name also the first one's file, --first FILE.pt"
        )
    if len(parts) > 1 or (parts and parts.keys() - _CHANNELS.keys()):
        raise WeightsError(f"U-Nets of 3, 12 or 6 channels are CCDNet's, and these have 3 and {sorted(parts)}")
    architecture = Architecture(
        base=len(first["outc.weight"][0]),
        steps=2 if parts else 1,
        embedded=all(_CHANNELS[channels] for channels in parts),
    )
    tensors = {f"first.{name}": tensor for name, tensor in first.items()}
    for second in parts.values():
        tensors |= {f"second.{name}": tensor for name, tensor in second.items()}
    network = CCDNet(architecture)
    own = network.state_dict()
    # Torch has counted batches since 0.4.1; the count is not used.
    tensors |= {name: own[name] for name in own if name.endswith("num_batches_tracked") and name not in tensors}
    wrong = [
        name
        for name in own.keys() | tensors.keys()
        if name not in own or name not in tensors or own[name].shape != tensors[name].shape
    ]
    if wrong:
        raise WeightsError(f"no U-Net of CCDNet's shape: {min(wrong)} does not fit")
    network.load_state_dict(tensors)
    return network, architecture.model_dump()


def _inputs(tensors: Tensors) -> int:
    weight = tensors.get("inc.0.weight")
    return int(weight.shape[1]) if weight is not None and weight.dim() == 4 else 0


def _renamed(tensors: Tensors) -> dict[str, torch.Tensor]:
    """Under our names: `downconv1.1.0.weight` is `downs.0.0.weight`, after a pooling that theirs counts as layer 0."""
    renamed = {}
    for name, tensor in tensors.items():
        found = _NAME.fullmatch(name)
        if found is None:
            renamed[name] = tensor
        elif found[2]:
            rest = found[3].removeprefix("1.") if found[1] == "down" else found[3]
            renamed[f"{found[1]}s.{int(found[2]) - 1}.{rest}"] = tensor
        else:
            renamed[f"{found[1]}c.{found[3]}"] = tensor
    return renamed
