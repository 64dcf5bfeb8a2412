"""The authors' own weights of SuperSlomo (github.com/yangwangx/gif2video_code): what their tensors are called here.

A file's `model_netG` holds both networks, `netA` for flow and `netB` for what is drawn; `gif2video_t8.*.pt` is of
GIF-Faces, `gif2video_t4.*.pt` of GIF-Moments, and `gif2video_t8.seq.*.pt` looks for motion in restored frames: it is
for `gif2video:flow=restored`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from gifbench import WeightsError

from ..weights_lookup import Tensors, converted
from .network import SuperSlomo, SuperSlomoArchitecture

_NETWORKS = {"A": "flow", "B": "refine"}
_NAME = re.compile(r"(?:module\.)?net([AB])\.(in|out|down|up)conv([1-5]?)\.(?:(?:1|conv)\.)?(?:([02])\.)?(weight|bias)")
_LAYERS = {"0": "first.", "2": "second.", None: ""}


def convert(files: Sequence[Mapping[str, Tensors]]) -> tuple[SuperSlomo, Mapping[str, Any]] | None:
    """The adapted SuperSlomo of one file; None for other files. Raises `WeightsError` for tensors of other shapes."""
    if len(files) != 1:
        return None
    tensors = {_renamed(name): tensor for name, tensor in files[0].get("model_netG", {}).items()}
    outputs = tensors.get("flow.outc.weight")
    if outputs is None or outputs.dim() != 4 or "refine.outc.weight" not in tensors:
        return None
    try:
        architecture = SuperSlomoArchitecture(base=outputs.shape[1])
    except ValidationError as error:
        raise WeightsError(f"these tensors are of no SuperSlomo: base is {outputs.shape[1]}") from error
    what = "SuperSlomo as GIF2Video adapted it"
    return converted(lambda: SuperSlomo(architecture), tensors, what=what), architecture.model_dump()


def _renamed(name: str) -> str:
    """Under our names: `netA.downconv1.1.0.weight` is `flow.downs.0.first.weight`."""
    found = _NAME.fullmatch(name)
    if found is None:
        return name
    network, place, number, layer, kind = found.groups()
    where = f"{place}s.{int(number) - 1}" if number else f"{place}c"
    return f"{_NETWORKS[network]}.{where}.{_LAYERS[layer]}{kind}"
