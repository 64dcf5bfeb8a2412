"""The network of `ccdnet-video`: a small U-Net on a restored frame and its aligned neighbors."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from ..ccdnet.palette_unet import Blocks, ResidualUNet, UNetOptions, Widths
from ..tiled_inference import exact
from .alignment import CHANNELS


class TemporalFusionOptions(UNetOptions):
    """What a `TemporalFusion` is built from."""

    network: Literal["temporal-fusion"] = "temporal-fusion"
    widths: Widths = (32, 64, 96, 96)
    blocks: Blocks = (1, 1, 2, 1)


class TemporalFusion(nn.Module):
    """What `network_input` gives in, the middle frame with a correction out; untrained, the correction is 0."""

    def __init__(self, options: TemporalFusionOptions) -> None:
        super().__init__()
        self.body = ResidualUNet(options.widths, options.blocks, inputs=CHANNELS)

    def forward(self, x: torch.Tensor, *, tile: int | None = None) -> torch.Tensor:
        """(N, CHANNELS, H, W) to frames (N, 3, H, W) float in about [-1, 1].

        `tile`: larger pictures are worked on in squares of that side, with the same result.
        """
        return exact(self.body, x, tile)
