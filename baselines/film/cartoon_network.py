"""The networks of CartoonGAN (Chen, Lai, Liu, "CartoonGAN: generative adversarial networks for photo cartoonization",
CVPR 2018, Figure 2).
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional

from ..weights_lookup import NetworkOptions

_EPSILON = 1e-9
"""Added to variances, as in the authors' own generators."""


class CartoonOptions(NetworkOptions):
    """What a `Cartoonist` is built from."""

    network: Literal["cartoon"] = "cartoon"
    base: int = Field(default=64, ge=4, le=128)
    """Channels of the first layer, 64 in the paper; twice and four times as many further in."""
    blocks: int = Field(default=8, ge=1, le=16)


class Cartoonist(nn.Module):
    """The generator: 11,129,667 parameters with the paper's 64 channels and 8 residual blocks.

    A flat convolution (k7 n64 s1), two down-convolutions (k3 n128 s2, k3 n128 s1; k3 n256 s2, k3 n256 s1), eight
    residual blocks (k3 n256 s1, twice), two up-convolutions (k3 n128 s1/2, k3 n128 s1; k3 n64 s1/2, k3 n64 s1) and a
    last convolution (k7 n3 s1). Normalization, of single pictures, stands after the second convolution of each pair,
    and in the blocks after each; borders are mirrored for the outer convolutions and in the blocks, as in the
    generators that the authors published.
    """

    stride = 8
    """Height and width are whole multiples of this; at a quarter of the size there are two pixels to mirror then."""

    def __init__(self, options: CartoonOptions) -> None:
        super().__init__()
        b = options.base
        self.flat = nn.Sequential(_mirrored(3, b, 7), _norm(b))
        self.down_1 = nn.Sequential(_conv(b, 2 * b, stride=2), _conv(2 * b, 2 * b), _norm(2 * b))
        self.down_2 = nn.Sequential(_conv(2 * b, 4 * b, stride=2), _conv(4 * b, 4 * b), _norm(4 * b))
        self.blocks = nn.ModuleList(_Block(4 * b) for _ in range(options.blocks))
        self.up_1 = nn.Sequential(_up(4 * b, 2 * b), _conv(2 * b, 2 * b), _norm(2 * b))
        self.up_2 = nn.Sequential(_up(2 * b, b), _conv(b, b), _norm(b))
        self.out = _mirrored(b, 3, 7)

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) in [-1, 1], RGB, to the same; H and W are multiples of `stride`."""
        x = functional.relu(self.flat(photo))
        x = functional.relu(self.down_2(functional.relu(self.down_1(x))))
        for block in self.blocks:
            x = block(x)
        x = functional.relu(self.up_2(functional.relu(self.up_1(x))))
        return torch.tanh(self.out(x).float())


class _Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Sequential(_mirrored(channels, channels, 3), _norm(channels))
        self.second = nn.Sequential(_mirrored(channels, channels, 3), _norm(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.second(functional.relu(self.first(x)))


class EdgeDiscriminator(nn.Module):
    """The discriminator: 1,129,665 parameters at the paper's 32 channels; a logit for each patch.

    k3 n32 s1; k3 n64 s2, k3 n128 s1; k3 n128 s2, k3 n256 s1; k3 n256 s1; k3 n1 s1, with LeakyReLU 0.2 and, from the
    second pair's end on, normalization. It is shallow: whether there are clear edges shows in small patches.
    """

    def __init__(self, base: int = 32) -> None:
        super().__init__()
        b = base
        self.layers = nn.Sequential(
            _conv(3, b),
            _leaky(),
            _conv(b, 2 * b, stride=2),
            _leaky(),
            _conv(2 * b, 4 * b),
            _norm(4 * b),
            _leaky(),
            _conv(4 * b, 4 * b, stride=2),
            _leaky(),
            _conv(4 * b, 8 * b),
            _norm(8 * b),
            _leaky(),
            _conv(8 * b, 8 * b),
            _norm(8 * b),
            _leaky(),
            _conv(8 * b, 1),
        )

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) in [-1, 1] to (N, 1, H/4, W/4); above 0: held for a cartoon."""
        return self.layers(pictures)


def _mirrored(before: int, after: int, size: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, size, padding=size // 2, padding_mode="reflect")


def _conv(before: int, after: int, *, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, stride=stride, padding=1)


def _up(before: int, after: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1)


def _norm(channels: int) -> nn.InstanceNorm2d:
    return nn.InstanceNorm2d(channels, eps=_EPSILON, affine=True)


def _leaky() -> nn.LeakyReLU:
    return nn.LeakyReLU(0.2)
