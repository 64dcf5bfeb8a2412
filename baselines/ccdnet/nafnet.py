"""A NAFNet-style backbone: gates in place of activations, depthwise convolutions, skips that are added.

Chen et al., "Simple Baselines for Image Restoration", ECCV 2022. Two things are left out on purpose. The channel
attention pools over the whole picture, so that every pixel would see every other: tiles of a large frame would differ
from the whole, and crops in training from frames in use. And there is no dropout.
"""

from __future__ import annotations

import torch
from torch import nn


class NAF(nn.Module):
    """A U of NAFNet's blocks: half of `base` channels, doubled at each of four halvings.

    10,637,987 parameters for 3 channels in at a base of 64, 6,010,107 at a base of 48. There, CCDNet-2 of these costs a
    sixth of the U-Nets' multiplications and 0.37 of their time on a CPU, where depthwise convolutions and
    normalizations wait for memory.
    """

    stride = 16
    adds_picture = False
    encoder = (1, 1, 2, 4)
    middle = 4
    decoder = (2, 2, 1, 1)  # from the smallest picture to the largest
    reach = (
        2  # the convolutions at either end
        + sum(count << level for level, count in enumerate(encoder))
        + (middle << 4)
        + sum(count << level for level, count in enumerate(reversed(decoder)))
        + stride  # halving and doubling move by less than one pixel of the smallest picture
    )

    def __init__(self, channels: int = 3, *, base: int = 64) -> None:
        super().__init__()
        width = max(2, base // 2)
        self.intro = nn.Conv2d(channels, width, 3, padding=1)
        self.encoders, self.downs = nn.ModuleList(), nn.ModuleList()
        self.ups, self.decoders = nn.ModuleList(), nn.ModuleList()
        for count in self.encoder:
            self.encoders.append(_blocks(width, count))
            self.downs.append(nn.Conv2d(width, 2 * width, 2, stride=2))
            width *= 2
        self.middle_blocks = _blocks(width, self.middle)
        for count in self.decoder:
            self.ups.append(nn.Sequential(nn.Conv2d(width, 2 * width, 1, bias=False), nn.PixelShuffle(2)))
            width //= 2
            self.decoders.append(_blocks(width, count))
        self.ending = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to (N, 3, H, W); height and width are multiples of `stride`."""
        x = self.intro(x)
        skips = []
        for blocks, down in zip(self.encoders, self.downs, strict=True):
            x = blocks(x)
            skips.append(x)
            x = down(x)
        x = self.middle_blocks(x)
        for up, blocks in zip(self.ups, self.decoders, strict=True):
            x = blocks(up(x) + skips.pop())
        return self.ending(x)


class _Norm(nn.Module):
    """Layer normalization over the channels of each pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # Pixel by pixel, so that memory in channels-last order is walked once.
        last = x.permute(0, 2, 3, 1)
        return nn.functional.layer_norm(last, last.shape[-1:], self.weight, self.bias, 1e-6).permute(0, 3, 1, 2)


class _Block(nn.Module):
    """Two residuals: a gated depthwise convolution, and a gated mixing of channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = _Norm(channels), _Norm(channels)
        self.widen = nn.Conv2d(channels, 2 * channels, 1)
        self.depthwise = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels)
        self.narrow = nn.Conv2d(channels, channels, 1)
        self.mix = nn.Conv2d(channels, 2 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # In half precision the branches stay in it, and only what is added up is float32.
        spread = self.narrow(_gate(self.depthwise(self.widen(self.norm1(x)))))
        x = x + spread * self.beta.to(spread.dtype)
        mixed = self.out(_gate(self.mix(self.norm2(x))))
        return x + mixed * self.gamma.to(mixed.dtype)


def _gate(x: torch.Tensor) -> torch.Tensor:
    one, other = x.chunk(2, dim=1)
    return one * other


def _blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(_Block(channels) for _ in range(count)))
