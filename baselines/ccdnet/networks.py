"""Which network a file of weights is of: its card names a kind from the list here and gives that kind's options.

A network of any kind restores frames by `network(gif, palettes, steps=…, tile=…)`: GIF frames (N, 3, H, W) uint8 and
palettes (N, K, 3) uint8, shorter ones filled up with their first color, to frames (N, 3, H, W) in [-1, 1]. `steps`,
None for as trained, unrolls a CCDNet; other kinds refuse it. `tile` bounds the side of what is worked on at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from torch import nn

from gifbench import MethodError, Weights

from ..pretrained import described
from .network import Architecture, CCDNet
from .palette_unet import PaletteUNet, PaletteUNetOptions


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of network: the options that cards give, checked and bounded, and how it is made of them."""

    options: type[BaseModel]
    make: Callable[[Any], nn.Module]


KINDS: Mapping[str, Kind] = {
    "ccdnet": Kind(Architecture, CCDNet),
    "palette-unet": Kind(PaletteUNetOptions, PaletteUNet),
}
"""By the name that a card gives as `network`."""


def load_network(weights: Weights) -> nn.Module:
    """The network that the card of the weights describes, filled, in evaluation mode.

    Raises `MethodError` for weights of a kind that is not in `KINDS` or with options out of their bounds, and
    `WeightsError` where tensors and options do not fit.
    """
    name = weights.architecture.get("network")
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise MethodError(
            f"{weights.path}: no weights of a CCDNet; the card says {str(name)[:60]!r}, {', '.join(KINDS)} can be read"
        )
    network: nn.Module = described(weights, kind.options, kind.make, what="CCDNet")
    return network
