"""The network of `ccdnet-video`: a small U-Net on a restored frame and its aligned neighbors."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import nn

from gifbench import Weights

from ..ccdnet.palette_unet import Count, ResidualUNet, Width
from ..tiled_inference import exact
from ..weights_lookup import described
from .alignment import CHANNELS


class TemporalFusionOptions(BaseModel):
    """What a `TemporalFusion` is built from; it stands in the card of its weights, so it is read with suspicion."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    network: Literal["temporal-fusion"] = "temporal-fusion"
    widths: tuple[Width, ...] = Field(default=(32, 64, 96, 96), min_length=1, max_length=6)
    """Channels at 1/2, 1/4, … of the picture's size."""
    blocks: tuple[Count, ...] = Field(default=(1, 1, 2, 1), min_length=1, max_length=6)
    """Residual blocks at each of these sizes, on the way down and again on the way up."""

    @model_validator(mode="after")
    def _as_many(self) -> TemporalFusionOptions:
        if len(self.widths) != len(self.blocks):
            raise ValueError(f"widths are {len(self.widths)} and blocks {len(self.blocks)}: one for each size")
        return self


class TemporalFusion(nn.Module):
    """What `network_input` gives in, the middle frame with a correction out; untrained, the correction is 0."""

    def __init__(self, options: TemporalFusionOptions) -> None:
        super().__init__()
        self.options = options
        self.body = ResidualUNet(options.widths, options.blocks, inputs=CHANNELS)

    def forward(self, x: torch.Tensor, *, tile: int | None = None) -> torch.Tensor:
        """(N, CHANNELS, H, W) to frames (N, 3, H, W) float in about [-1, 1].

        `tile`: larger pictures are worked on in squares of that side, with the same result.
        """
        return exact(self.body, x, tile)

    @property
    def stride(self) -> int:
        """What height and width of the pictures that are folded for `correction` are multiples of."""
        return int(self.body.stride)

    def correction(self, folded: torch.Tensor) -> torch.Tensor:
        """What is added to the middle frame (N, 3, H, W), of what `folded_input` gives."""
        return self.body.correction(folded)


def load_network(weights: Weights) -> TemporalFusion:
    """The network that the card of the weights describes, filled; raises `MethodError` for weights of another kind."""
    return described(weights, TemporalFusionOptions, TemporalFusion, what="temporal fusion network")
