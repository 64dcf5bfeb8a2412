"""What trainers share: what is learned by name, weights to start from, the options in the card, pools, PSNR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import nn

from gifbench import Update

from .weights_lookup import NetworkOptions, start_weights

Sample = TypeVar("Sample")

_ROUNDING = 0.5 / 127.5**2
"""Added to the squared error: what no picture of eight bits is known better than, so that flat crops do not rule."""


class NetworkTrainer:
    """One network, filled with the weights `start` where these are named, and `others` that only training needs.

    `architecture` are the network's options. A subclass gives `options_class`, `updates` and `scores`.
    """

    def __init__(
        self, network: nn.Module, architecture: NetworkOptions, *, start: str = "", **others: nn.Module
    ) -> None:
        if start:
            start_weights(start).fill(network)
        self.network = network
        self.others: Mapping[str, nn.Module] = others
        self.learned: Mapping[str, Sequence[nn.Parameter]] = {
            name: [parameter for parameter in each.parameters() if parameter.requires_grad]
            for name, each in {"network": network, **others}.items()
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


def keep(pool: list[Sample], sample: Sample, most: int, generator: torch.Generator) -> None:
    """Add a sample to a pool of at most so many; where that is full, in place of another one, drawn at random."""
    if len(pool) < most:
        pool.append(sample)
    else:
        pool[draw(most, generator)] = sample


def update_of_psnr(restored: torch.Tensor, truth: torch.Tensor, before: torch.Tensor) -> Update:
    """The update down the logarithm of each crop's mean squared error: its PSNR, up to sign and scale.

    Of frames (N, 3, H, W) in [-1, 1]. The log shows the gain in dB over those `before`.
    """
    error = (restored - truth).square().mean(dim=(1, 2, 3)) + _ROUNDING
    error_before = (before - truth).square().mean(dim=(1, 2, 3)) + _ROUNDING
    loss = error.log().mean()
    return Update("network", loss, {"loss": loss, "gain": 10 * torch.log10(error_before / error.detach()).mean()})


def psnr(frames: torch.Tensor, truth: torch.Tensor, *, span: float = 255.0) -> float:
    """In dB, of values from one end of `span` to the other; 100 at the most."""
    error = float((frames.float() - truth.float()).square().mean())
    return min(100.0, float(10 * torch.log10(torch.tensor(span**2 / error)))) if error else 100.0
