"""The generator of Pix2Pix: a U-Net that halves its picture eight times, down to one pixel of 256."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import nn

from ..weights_lookup import NetworkOptions

LEVELS = 8
_DROPPED = 3  # the decoder's layers of widest channels, after the innermost, that training drops half of


class Pix2PixArchitecture(NetworkOptions):
    """What a generator is built from."""

    network: Literal["pix2pix"] = "pix2pix"
    base: int = Field(default=64, ge=1, le=128)


class UNet256(nn.Module):
    """54,413,955 parameters at a base of 64: 4×4 convolutions of stride 2, BatchNorm, LeakyReLU 0.2 down and ReLU up.

    Dropout, Pix2Pix's source of noise, is part of training alone: in evaluation mode there is none.
    """

    stride = 1 << LEVELS

    def __init__(self, architecture: Pix2PixArchitecture) -> None:
        super().__init__()
        base = architecture.base
        widths = [base * min(1 << level, 8) for level in range(LEVELS)]
        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        for level, width in enumerate(widths):
            before = 3 if level == 0 else widths[level - 1]
            layers: list[nn.Module] = [] if level == 0 else [nn.LeakyReLU(0.2)]
            layers.append(nn.Conv2d(before, width, 4, stride=2, padding=1, bias=False))
            if 0 < level < LEVELS - 1:
                layers.append(nn.BatchNorm2d(width))
            self.downs.append(nn.Sequential(*layers))
        for level in reversed(range(LEVELS)):
            below = widths[level] * (1 if level == LEVELS - 1 else 2)
            after = 3 if level == 0 else widths[level - 1]
            layers = [nn.ReLU(), nn.ConvTranspose2d(below, after, 4, stride=2, padding=1, bias=level == 0)]
            if level:
                layers.append(nn.BatchNorm2d(after))
            if LEVELS - 1 - _DROPPED <= level < LEVELS - 1:
                layers.append(nn.Dropout(0.5))
            self.ups.append(nn.Sequential(*layers))

    def forward(self, gif: torch.Tensor) -> torch.Tensor:
        """GIF frames (N, 3, H, W) in [-1, 1] to frames of the same range; height and width are multiples of 256."""
        x, skips = gif, []
        for down in self.downs:
            x = down(x)
            skips.append(x)
        skips.pop()
        for up in self.ups:
            x = up(x)
            if skips:
                x = torch.cat([skips.pop(), x], dim=1)
        return torch.tanh(x)
