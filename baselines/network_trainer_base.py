"""What the trainers of one network share: what is learned by name, weights to start from, the options in its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from pydantic import BaseModel
from torch import nn

from .weights_lookup import start_weights


class NetworkTrainer:
    """One network, filled with the weights `start` where these are named, and `others` that only training needs.

    `architecture` are the network's options. A subclass gives `options_class`, `updates` and `scores`.
    """

    def __init__(self, network: nn.Module, architecture: BaseModel, *, start: str = "", **others: nn.Module) -> None:
        if start:
            start_weights(start).fill(network)
        self.network = network
        self.others: Mapping[str, nn.Module] = others
        self.learned: Mapping[str, Sequence[nn.Parameter]] = {
            name: list(each.parameters()) for name, each in {"network": network, **others}.items()
        }
        self._architecture = architecture

    def architecture(self) -> Mapping[str, Any]:
        """The network's options."""
        return self._architecture.model_dump(mode="json")

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing."""


def draw(count: int, generator: torch.Generator) -> int:
    """A number of 0 to `count` - 1, at random."""
    return int(torch.randint(count, (), generator=generator))
