"""How much an error of chroma counts in the loss of `colorize`: more where the color is rare.

Most of what is filmed is nearly gray, so that a plain mean of errors teaches gray; errors are weighed by how rare a
color is (Zhang, Isola, Efros, "Colorful image colorization", ECCV 2016, 2.2).
"""

from __future__ import annotations

import torch

_BINS = 16
"""Chroma is counted in so many steps of Cb times so many of Cr."""
_FORGET = 0.99


class ColorRarity:
    """How often each color was seen in training, the last pictures most, and what an error in it weighs."""

    def __init__(self, rebalance: float) -> None:
        """`rebalance`: 0, all pixels count alike; 1, as much as their color is rare, half of the way to alike."""
        self._rebalance = rebalance
        self.counts = torch.full((_BINS * _BINS,), 1 / _BINS**2)

    def weights(self, wanted: torch.Tensor) -> torch.Tensor:
        """Count the chroma (N, 2, H, W) in [-0.5, 0.5] of a truth; (N, H, W) with the mean 1, how much errors count."""
        places = ((wanted + 0.5) * _BINS).long().clamp(0, _BINS - 1)
        bins = places[:, 0] * _BINS + places[:, 1]
        seen = torch.bincount(bins.flatten().cpu(), minlength=_BINS**2).float()
        self.counts = _FORGET * self.counts + (1 - _FORGET) * seen / seen.sum()
        rare = (self.counts / 2 + 0.5 / _BINS**2) ** -self._rebalance
        weights = rare.to(wanted.device)[bins]
        return weights / weights.mean()
