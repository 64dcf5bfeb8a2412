"""`spandrel:weights=1x-model.safetensors`: any community model that the package spandrel loads, frame by frame.

Hundreds of files of OpenModelDB are of its architectures (ESRGAN, SPAN, DAT, SwinIR, …), among them networks of scale 1
against dither and bands. Those of a larger scale are taken too: their pictures are shrunk back.
"""

from __future__ import annotations

import pickle
import sys
import types
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

from gifbench import UsageError, WeightsError

from .half_precision_and_winograd import Precision
from .network_method_base import FrameNetwork
from .tiled_inference import blended

MOST_BYTES = 2 << 30
"""What a file of weights has at most."""

_OVERLAP, _LEAST_SIDE = 32, 16
_PICKLED = (".pth", ".pt", ".ckpt")
_FUNCTIONS = ("normalize", "rotate")


@contextmanager
def _torchvision_is_there() -> Iterator[None]:
    """Where no torchvision that fits this torch is installed, the names of it that `import spandrel` asks for.

    They are of two architectures that restore no GIFs (inpainting, faces), and raise where they are called.
    """
    try:
        import torchvision.transforms.functional  # noqa: F401
    except Exception:  # not installed, or RuntimeError beside another build of torch
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
    else:
        yield
        return
    names = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional")
    modules = {name: types.ModuleType(name) for name in names}
    for name in _FUNCTIONS:
        setattr(modules[names[2]], name, _missing)
    modules[names[2]].InterpolationMode = types.SimpleNamespace(BILINEAR="bilinear")  # type: ignore[attr-defined]
    modules[names[0]].transforms = modules[names[1]]  # type: ignore[attr-defined]
    modules[names[1]].functional = modules[names[2]]  # type: ignore[attr-defined]
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name in names:
            sys.modules.pop(name, None)


def _missing(*_args: object, **_options: object) -> None:
    raise WeightsError("spandrel: this architecture needs a torchvision that fits torch; install both from one place")


with _torchvision_is_there(), warnings.catch_warnings(action="ignore"):
    import spandrel


class CommunityModel(FrameNetwork):
    """Restores each frame by the network in a file of weights.

    `weights` is a `.safetensors` file, or one of torch's (`.pth`, `.pt`, `.ckpt`), of which tensors alone are read. The
    architecture is found by spandrel from the tensors. A network of a larger scale than 1 is shrunk back bicubically.
    Frames with a side above `tile` are worked on in overlapping squares of it; `precision` is fp32, bf16 or fp16.
    """

    version = "1"
    needs_palettes = False

    def __init__(self, *, weights: str = "", tile: int = 512, precision: Precision = "fp32") -> None:
        if not weights:
            raise UsageError(
                "spandrel: weights must name a file of a model that spandrel loads, got nothing; "
                "write spandrel:weights=1x-model.safetensors (https://openmodeldb.info has many)"
            )
        if tile < 64:
            raise UsageError(f"spandrel: tile must be 64 pixels or more, got {tile}")
        path = Path(weights)
        self._model = _load(path)
        half = {"bf16": self._model.supports_bfloat16, "fp16": self._model.supports_half}
        if not half.get(precision, True):
            raise UsageError(
                f"spandrel: precision must be fp32 for {path.name}, got {precision}; "
                f"{self._model.architecture.name} is not exact enough in it"
            )
        self._network = _SameSize(self._model)
        super().__init__(precision=precision)
        self._tile = tile
        self.weights = weights
        self.parameters = sum(parameter.numel() for parameter in self._model.model.parameters())
        self.description = f"{self._model.architecture.name}, scale {self._model.scale}, by spandrel"

    def _restored(self, frames: torch.Tensor) -> torch.Tensor:
        given = frames.contiguous().float() / 255
        return blended(self._network, given, tile=self._tile, overlap=_OVERLAP).float() * 255


class _SameSize(nn.Module):
    """A model of spandrel as a network of this package: pictures (N, 3, H, W) in [0, 1] to the same size."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401  # spandrel's ImageModelDescriptor
        super().__init__()
        self.model = model.model
        self._call, self._scale = model, int(model.scale)
        needs = model.size_requirements
        multiple = int(needs.multiple_of)
        self.any_size = multiple == 1
        self.stride = -(-max(int(needs.minimum), _LEAST_SIDE) // multiple) * multiple

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made = torch.cat([self._call(one[None]) for one in x])  # they are made for one picture at a time
        if self._scale == 1:
            return made
        size = (x.shape[2], x.shape[3])
        return functional.interpolate(made.float(), size=size, mode="bicubic", antialias=True, align_corners=False)


def _load(path: Path) -> Any:  # noqa: ANN401  # spandrel's ImageModelDescriptor
    """The model that a file is of, in evaluation mode; raises `WeightsError` for every other file."""
    tensors = _tensors(path)
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise WeightsError(f"{path}: {name} holds NaN or infinite values")
    try:
        with warnings.catch_warnings(action="ignore"):
            model = spandrel.ModelLoader(device="cpu").load_from_state_dict(spandrel.canonicalize_state_dict(tensors))
    except spandrel.UnsupportedModelError as error:
        raise WeightsError(f"{path}: of no architecture that spandrel {version('spandrel')} knows") from error
    except Exception as error:  # what the networks of many authors raise for tensors that do not fit
        said = f"{type(error).__name__}: {_said(error, 200)}"
        raise WeightsError(f"{path}: spandrel cannot make its network: {said}") from error
    if not isinstance(model, spandrel.ImageModelDescriptor):
        raise WeightsError(f"{path}: {model.architecture.name} wants more than a picture; gifbench gives one")
    if (model.input_channels, model.output_channels) != (3, 3):
        channels = f"{model.input_channels} channels to {model.output_channels}"
        raise WeightsError(f"{path}: {model.architecture.name} of {channels}; a network for GIFs has 3 to 3, RGB")
    model.model.eval()
    return model


def _tensors(path: Path) -> Mapping[str, torch.Tensor]:
    """What a file holds, with nothing in it run."""
    if not path.is_file():
        raise WeightsError(f"{path}: there is no such file of weights")
    if path.stat().st_size > MOST_BYTES:
        raise WeightsError(f"{path}: {path.stat().st_size} bytes, at most {MOST_BYTES} are read")
    if path.suffix.lower() == ".safetensors":
        try:
            found: Mapping[str, torch.Tensor] = load_file(path)
        except (SafetensorError, OSError, ValueError, RuntimeError) as error:
            raise WeightsError(f"{path}: not safetensors, or damaged: {_said(error)}") from error
        return found
    if path.suffix.lower() not in _PICKLED:
        raise WeightsError(f"{path}: weights end in .safetensors, {', '.join(_PICKLED)}")
    try:
        with warnings.catch_warnings(action="ignore"):
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(f"{path}: refused, it is damaged or asks for more than tensors: {_said(error)}") from error
    except Exception as error:  # torch's reader answers damage with whatever its own code stumbles over
        raise WeightsError(f"{path}: no weights of torch, or damaged: {_said(error)}") from error
    state = spandrel.canonicalize_state_dict(state) if isinstance(state, dict) else {}
    tensors = {str(name): each for name, each in state.items() if isinstance(each, torch.Tensor)}
    if not tensors:
        raise WeightsError(f"{path}: it holds no network's tensors")
    return tensors


def _said(error: Exception, most: int = 120) -> str:
    return " ".join(str(error).split())[:most]
