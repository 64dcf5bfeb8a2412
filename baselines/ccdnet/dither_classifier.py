"""The dither classifier: five convolutions on a frame and its gradient maps (GIF2Video, CVPR 2019)."""

from __future__ import annotations

import itertools
from typing import Literal

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional

from ..weights_lookup import NetworkOptions


class ClassifierOptions(NetworkOptions):
    """What a classifier is built from."""

    network: Literal["dither-classifier"]
    base: int = Field(ge=1, le=256)


class DitherClassifier(nn.Module):
    """C(9,64) C(64,128) C(128,256) C(256,512) C(512,1), BatchNorm and LeakyReLU 0.2 between, global average pooling.

    4×4 convolutions of stride 2, the last one of stride 1, as in a PatchGAN. 2,772,801 parameters at a base of 64,
    698,273 at the base of 32 that comes with gifbench.
    """

    def __init__(self, *, base: int = 64) -> None:
        super().__init__()
        widths = [9, base, 2 * base, 4 * base, 8 * base]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.BatchNorm2d(after)]
            layers += [nn.LeakyReLU(0.2, inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, stride=1, padding=2))

    def forward(self, gif: torch.Tensor) -> torch.Tensor:
        """GIF frames (N, 3, H, W) in [-1, 1] to N logits: above 0 where a frame is dithered."""
        return self.places(gif).mean(dim=(1, 2))

    def places(self, gif: torch.Tensor) -> torch.Tensor:
        """The logit of each place, (N, h, w), whose mean is a frame's.

        Frames under 32 pixels are filled up by repeating their border.
        """
        height, width = gif.shape[2:]
        if min(height, width) < 32:
            gif = functional.pad(gif, (0, max(0, 32 - width), 0, max(0, 32 - height)), mode="replicate")
        across = functional.pad(gif.diff(dim=-1), (0, 1))
        down = functional.pad(gif.diff(dim=-2), (0, 0, 0, 1))
        return self.layers(torch.cat([gif, across, down], dim=1))[:, 0]
