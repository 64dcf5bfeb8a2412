"""The network of `colorize`: a U-Net with self-attention, after the idea of DeOldify (Antic, 2018).

DeOldify's generator is a U-Net on a pretrained ResNet, with one self-attention layer (Zhang et al., "Self-attention
generative adversarial networks", ICML 2019), which paints a small picture; the luminance stays the photograph's own, in
full size. So it is here, with a small encoder of our own that begins at nothing.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional

from ..ccdnet.palette_unet import Count, UNetOptions, down_and_up

Width = Annotated[int, Field(ge=8, le=512, multiple_of=8)]

_GROUPS = 8


class ColorizeOptions(UNetOptions):
    """What a `Colorizer` is built from."""

    network: Literal["colorize"] = "colorize"
    widths: tuple[Width, ...] = Field(default=(24, 48, 96, 160), min_length=2, max_length=6)
    blocks: tuple[Count, ...] = Field(default=(1, 1, 1, 2), min_length=2, max_length=6)


class Colorizer(nn.Module):
    """Luminance in, chroma out; 1,543,881 parameters by default.

    Self-attention stands before the smallest size but one on the way up, where each place sees all others. Untrained,
    all is gray.
    """

    def __init__(self, options: ColorizeOptions) -> None:
        super().__init__()
        widths, blocks = options.widths, options.blocks
        steps = range(len(widths) - 1)
        self.stem = nn.Conv2d(4, widths[0], 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(widths[i], widths[i + 1], 2, stride=2) for i in steps)
        self.encoder = nn.ModuleList(_blocks(width, count) for width, count in zip(widths, blocks, strict=True))
        self.attention = SelfAttention(widths[-2])
        self.up = nn.ModuleList(nn.Conv2d(widths[i + 1], 4 * widths[i], 1) for i in steps)
        self.decoder = nn.ModuleList(_blocks(widths[i], blocks[i]) for i in steps)
        self.head = nn.Conv2d(widths[0], 8, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.stride = 2 ** len(widths)

    def forward(self, luminance: torch.Tensor) -> torch.Tensor:
        """(N, 1, H, W) in [0, 1] to chroma (N, 2, H, W) in [-0.5, 0.5]; H and W are multiples of `stride`."""
        x = self.stem(functional.pixel_unshuffle(2 * luminance - 1, 2))
        decoder = [*self.decoder[:-1], lambda x: self.decoder[-1](self.attention(x))]
        x = down_and_up(x, self.encoder, self.down, self.up, decoder)
        return 0.5 * torch.tanh(functional.pixel_shuffle(self.head(x).float(), 2))


class SelfAttention(nn.Module):
    """What every place takes from all others, beside the identity, which it begins as."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query, self.key = (nn.Conv2d(channels, channels // 8, 1) for _ in range(2))
        self.value = nn.Conv2d(channels, channels, 1)
        self.share = nn.Parameter(torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to the same."""
        query, key, value = (part(x).flatten(2).transpose(1, 2)[:, None] for part in (self.query, self.key, self.value))
        seen = functional.scaled_dot_product_attention(query, key, value)
        return x + self.share * seen[:, 0].transpose(1, 2).reshape(x.shape)


class _Block(nn.Module):
    """Two convolutions beside the identity, which is what a block begins as."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(_GROUPS, width)
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.second(functional.relu(self.first(functional.relu(self.norm(x)))))


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(_Block(width) for _ in range(count)))
