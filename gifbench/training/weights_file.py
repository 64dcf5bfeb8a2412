"""Weights on disk: safetensors with a card in its header, and the same card as Markdown beside it.

Only safetensors are read. Nothing in a file is run, and a network is made only when the tensors are known to fit.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn
from torch.overrides import TorchFunctionMode

from gifbench.argument_types import check_types
from gifbench.errors import WeightsError, storage_errors
from gifbench.storage import atomic_write
from gifbench.training.weights_download import MOST_BYTES, fetch_weights, is_url

Network = TypeVar("Network", bound=nn.Module)

FORMAT = "gifbench-weights-1"
_CARD = "gifbench"
_PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


class _Undrawn(TorchFunctionMode):
    """Tensors without memory are not filled at random, for which torch would import its compiler: 1.5 seconds."""

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> object:
        kwargs = kwargs or {}
        if func in (torch.Tensor.normal_, torch.Tensor.uniform_) or getattr(func, "__module__", "") == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)


@dataclass(frozen=True, slots=True)
class Weights:
    """What a file of weights holds: the network's `architecture`, what its card says, and its tensors."""

    path: Path
    architecture: Mapping[str, Any]
    about: Mapping[str, Any]
    tensors: Mapping[str, torch.Tensor] = field(repr=False)

    def build(self, make: Callable[[], Network]) -> Network:
        """Make the network that these weights are of, and fill it; it is in evaluation mode.

        The shapes are compared before any memory is taken, so that a card which lies about a small file costs nothing.
        Raises `WeightsError` where names or shapes differ.
        """
        with torch.device("meta"), _Undrawn():
            self._check(make())
        network = make()
        self.fill(network)
        network.eval()
        return network

    def fill(self, network: nn.Module) -> None:
        """Copy the tensors into a network; raises `WeightsError` where names or shapes differ."""
        self._check(network)
        own = network.state_dict()
        network.load_state_dict({name: tensor.to(own[name].dtype) for name, tensor in self.tensors.items()})

    def _check(self, network: nn.Module) -> None:
        own = network.state_dict()
        if missing := sorted(own.keys() - self.tensors.keys()):
            raise WeightsError(f"{self.path}: weights of another architecture, {missing[0]} is missing")
        for name, tensor in self.tensors.items():
            if name not in own:
                raise WeightsError(f"{self.path}: weights of another architecture, {name} is not in this network")
            if tensor.shape != own[name].shape:
                shapes = f"{name} is {tuple(tensor.shape)}, and {tuple(own[name].shape)} in this network"
                raise WeightsError(f"{self.path}: weights of another architecture, {shapes}")


@check_types
def save_weights(
    path: str | os.PathLike[str],
    network: nn.Module,
    *,
    architecture: Mapping[str, Any],
    about: Mapping[str, Any],
    half: bool = False,
) -> Path:
    """Write a network's weights and their card: `path`, and `path` with the ending `.md`. The card
    appears first, each whole.

    `architecture` and `about` are plain values, as JSON has them. `half` stores what is float in half precision. Raises
    `WeightsError` for weights that are not finite, or no longer are in half precision.
    """
    path = Path(path)
    tensors = {
        name: (tensor.half() if half and tensor.is_floating_point() else tensor).detach().cpu().contiguous()
        for name, tensor in network.state_dict().items()
    }
    _check_finite(path, tensors)
    card = {"format": FORMAT, "architecture": dict(architecture), "about": dict(about)}
    parameters = sum(parameter.numel() for parameter in network.parameters())
    data = save(tensors, metadata={_CARD: json.dumps(card)})
    lines = [f"# {path.stem}", "", f"{parameters:,} parameters. {_card_of(path)}, {len(data):,} bytes.", ""]
    lines += [f"sha256: `{hashlib.sha256(data).hexdigest()}`", ""]
    for title, part in (("Architecture", architecture), ("About", about)):
        lines += [f"## {title}", "", *(f"- {key}: {json.dumps(value)}" for key, value in part.items()), ""]
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path.with_suffix(".md")) as file:
            file.write("\n".join(lines).encode())
        with atomic_write(path) as file:  # the last: where weights are, nothing is missing
            file.write(data)
    return path


def place_for_card(path: Path) -> bool:
    """Whether the card of weights at `path` takes nobody's place: there is no file, or an earlier card of theirs."""
    card = path.with_suffix(".md")
    with storage_errors(card):
        return not os.path.lexists(card) or _card_of(path) in card.read_text(encoding="utf-8", errors="replace")


def _card_of(path: Path) -> str:
    return f"The card of `{path.name}`"


@check_types
def read_weights(path: str | os.PathLike[str]) -> Weights:
    """Read a file of weights, at a path or behind `https://…/name.safetensors#sha256=…` (see `fetch_weights`).

    Raises `WeightsError` for one that is missing, too large, no safetensors, damaged or not finite.
    """
    path = fetch_weights(path) if isinstance(path, str) and is_url(path) else Path(path)
    if not path.is_file():
        raise WeightsError(f"{path}: there is no such file of weights")
    if path.stat().st_size > MOST_BYTES:
        raise WeightsError(f"{path}: {path.stat().st_size} bytes, at most {MOST_BYTES} are read")
    with storage_errors(path), path.open("rb") as file:
        start = file.read(4)
    if start.startswith(_PICKLES):
        raise WeightsError(f"{path}: a pickle, which can run code when it is read; gifbench reads safetensors only")
    try:
        with safe_open(path, framework="pt") as file:
            card = _card(path, file.metadata())
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{path}: not safetensors, or damaged: {' '.join(str(error).split())[:120]}") from error
    _check_finite(path, tensors)
    return Weights(path, card["architecture"], card["about"], tensors)


def _check_finite(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and tensor.itemsize == 1:
            raise WeightsError(f"{path}: {name} is {tensor.dtype}: weights have 16 bits or more")
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise WeightsError(f"{path}: {name} holds NaN or infinite values")


def _card(path: Path, metadata: Mapping[str, str] | None) -> dict[str, Any]:
    try:
        card: dict[str, Any] = json.loads((metadata or {})[_CARD])
        if card["format"] != FORMAT or not all(isinstance(card[key], dict) for key in ("architecture", "about")):
            raise KeyError("format")
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: safetensors without gifbench's card, so nobody knows the network") from error
    return card
