"""The authors' own weights of CCDNet (github.com/yangwangx/gif2video_code): what their tensors are called here.

A file's `model_netG` is one network. CCDNet-1 is one file, of a U-Net, a DRRN or a GLCIC. Of CCDNet-2 and 3 a file
holds the second U-Net alone; the first is that of CCDNet-1, a second file. `model_netD` is the discriminator, which is
converted where a file holds nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from pydantic import ValidationError
from torch import nn

from gifbench import WeightsError

from ..adversarial_training import PatchGAN
from ..weights_lookup import Tensors, converted
from .network import CCDNet, CCDNetArchitecture

GENERATOR, DISCRIMINATOR = "model_netG", "model_netD"
_NAME = re.compile(r"(?:module\.)?(in|out|down|up)conv([1-4]?)\.(.+)")
_GLCIC_NAME = re.compile(r"(\d{1,2})\.(?:([01])\.)?(\w+)")
_CHANNELS = {12: True, 6: False}  # of the second U-Net: with f_C embedded, for plain GIFs, or without


def convert(files: Sequence[Mapping[str, Tensors]]) -> tuple[nn.Module, Mapping[str, Any]] | None:
    """The CCDNet of one file, or of the second U-Net's and the first one's, in either order; None for other files.

    Raises `WeightsError` for a second U-Net without the first, or tensors of other shapes.
    """
    if len(files) == 1:
        for find in (_discriminator, _drrn, _glcic):
            found = find(files[0])
            if found is not None:
                return found
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
    tensors = {f"first.{name}": tensor for name, tensor in first.items()}
    for second in parts.values():
        tensors |= {f"second.{name}": tensor for name, tensor in second.items()}
    return _ccdnet(
        tensors,
        base=_size(first["outc.weight"], 1),
        steps=2 if parts else 1,
        embedded=all(_CHANNELS[channels] for channels in parts),
    )


def _drrn(file: Mapping[str, Tensors]) -> tuple[nn.Module, Mapping[str, Any]] | None:
    names = {"input.weight": "inc", "conv1.weight": "first", "conv2.weight": "second", "output.weight": "outc"}
    tensors = _without_module(file.get(GENERATOR, {}))
    if tensors.keys() != names.keys():
        return None
    renamed = {f"first.{name}.weight": tensors[theirs] for theirs, name in names.items()}
    return _ccdnet(renamed, backbone="drrn", base=_size(tensors["input.weight"], 0) // 2)


def _glcic(file: Mapping[str, Tensors]) -> tuple[nn.Module, Mapping[str, Any]] | None:
    tensors = _without_module(file.get(GENERATOR, {}))
    if not {"0.0.weight", "15.0.weight", "16.weight"} <= tensors.keys():
        return None
    renamed = {}
    for name, tensor in tensors.items():
        found = _GLCIC_NAME.fullmatch(name)  # a block is a convolution, BatchNorm and ReLU
        layer = f"layers.{3 * int(found[1]) + int(found[2] or 0)}.{found[3]}" if found else name
        renamed[f"first.{layer}"] = tensor
    return _ccdnet(renamed, backbone="glcic", base=_size(tensors["0.0.weight"], 0))


def _discriminator(file: Mapping[str, Tensors]) -> tuple[nn.Module, Mapping[str, Any]] | None:
    tensors = _without_module(file.get(DISCRIMINATOR, {}))
    if file.keys() != {DISCRIMINATOR} or "0.weight" not in tensors or tensors["0.weight"].dim() != 4:
        return None
    base, channels = tensors["0.weight"].shape[:2]
    if not (1 <= base <= 256 and 1 <= channels <= 64):
        raise WeightsError(f"no discriminator of GIF2Video: {channels} channels in, {base} out of the first layer")
    renamed = {f"layers.{name}": tensor for name, tensor in tensors.items()}
    network = converted(lambda: PatchGAN(channels, base=base), renamed, what="discriminator of GIF2Video")
    return network, {"network": "patch-gan", "channels": channels, "base": base}


def _ccdnet(tensors: dict[str, torch.Tensor], **options: Any) -> tuple[CCDNet, Mapping[str, Any]]:  # noqa: ANN401 - fields
    try:
        architecture = CCDNetArchitecture(**options)
    except ValidationError as error:
        raise WeightsError(f"no network of CCDNet's shape: base is {options['base']}") from error
    return converted(lambda: CCDNet(architecture), tensors, what="network of CCDNet's shape"), architecture.model_dump()


def _without_module(tensors: Tensors) -> dict[str, torch.Tensor]:
    return {name.removeprefix("module."): tensor for name, tensor in tensors.items()}


def _inputs(tensors: Tensors) -> int:
    weight = tensors.get("inc.0.weight")
    return 0 if weight is None else _size(weight, 1)


def _size(weight: torch.Tensor, dimension: int) -> int:
    """A size of a convolution's weight; 0, which is of no network, for a tensor that is none."""
    return int(weight.shape[dimension]) if weight.dim() == 4 else 0


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
