"""The three backbones of Table 1, and the list of all: pictures (N, C, H, W) in, three channels out, of any size.

Each says by `stride` to what its input is padded, by `reach` how many pixels to each side an output pixel can see: what
tiles must overlap by for their seams to be exact; by `adds_picture` whether an input of three channels is already in
its output; and by `any_size` whether sides that are no multiples of `stride` need no padding, if they are not shorter.

`as_released` builds what GIF2Video's released code has, which the golden tests hold to 1e-5. Without it they are what
gifbench 0.1.0 had, whose weights still load: a U-Net on a padded picture, a GLCIC with hidden biases, and a DRRN
without the released code's first ReLU.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from .nafnet import NAF


def _double(before: int, after: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (before, after):
        layers += [nn.Conv2d(channels, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class _Up(nn.Module):
    """Twice the size by a 2×2 transposed convolution, the skip beside it, two convolutions."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(before // 2, before // 2, 2, stride=2)
        self.conv = _double(before, after)

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        return self.conv(beside(skip, self.up(x)))


def beside(skip: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """A skip and what was doubled again; where a side was odd, pooling has dropped its last pixel."""
    x = functional.pad(x, (0, skip.shape[3] - x.shape[3], 0, skip.shape[2] - x.shape[2]))
    return torch.cat([skip, x], dim=1)


class PoolingUNet(nn.Module):
    """A U-Net of modules `inc`, `downs`, `ups` and `outc`, the first of the `ups` for the smallest picture."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to (N, C', H, W); height and width are `stride` or more."""
        skips = [self.inc(x)]
        for down in self.downs:
            skips.append(down(functional.avg_pool2d(skips[-1], 2)))
        x = skips.pop()
        for up in self.ups:
            x = up(x, skips.pop())
        return self.outc(x)


class UNet(PoolingUNet):
    """The U-Net of GIF2Video's released code.

    At a base of 64 it has 14,789,059 parameters for 3 channels in, 14,790,787 for 6 and 14,794,243 for 12.
    """

    stride = 16
    reach = 107
    adds_picture = False

    def __init__(self, channels: int = 3, *, base: int = 64, as_released: bool = True) -> None:
        super().__init__()
        self.any_size = as_released
        b = base
        self.inc = _double(channels, b)
        self.downs = nn.ModuleList(
            [_double(b, 2 * b), _double(2 * b, 4 * b), _double(4 * b, 8 * b), _double(8 * b, 8 * b)]
        )
        self.ups = nn.ModuleList([_Up(16 * b, 4 * b), _Up(8 * b, 2 * b), _Up(4 * b, b), _Up(2 * b, b)])
        self.outc = nn.Conv2d(b, 3, 1)


class DRRN(nn.Module):
    """One residual block, applied 25 times with the same weights (Tai et al., CVPR 2017), 128 channels at base 64.

    With three channels in, what it adds up is the difference from the picture; 301,824 parameters. `as_released`: what
    each recursion begins from has gone through a ReLU, too, because the released code works in place.
    """

    stride = 1
    recursions = 25
    reach = 2 + 2 * recursions
    adds_picture = True

    def __init__(self, channels: int = 3, *, base: int = 64, as_released: bool = True) -> None:
        super().__init__()
        self.as_released = as_released
        width = 2 * base
        self.inc = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.outc = nn.Conv2d(width, 3, 3, padding=1, bias=False)
        for layer in (self.inc, self.first, self.second, self.outc):
            nn.init.normal_(layer.weight, std=math.sqrt(2 / (9 * layer.out_channels)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to (N, 3, H, W)."""
        start = state = functional.relu(self.inc(x)) if self.as_released else self.inc(x)
        for _ in range(self.recursions):
            state = self.second(functional.relu(self.first(functional.relu(state)))) + start
        difference = self.outc(functional.relu(state))
        return x + difference if x.shape[1] == 3 else difference


class GLCIC(nn.Module):
    """The completion network of Iizuka et al. (SIGGRAPH 2017): two halvings, four dilated layers, 64 base channels.

    6,067,555 parameters for 3 channels in at a base of 64.
    """

    stride = 4
    reach = 153
    adds_picture = False

    def __init__(self, channels: int = 3, *, base: int = 64, as_released: bool = True) -> None:
        super().__init__()
        b, bias = base, not as_released

        def conv(before: int, after: int, size: int = 3, *, stride: int = 1, dilation: int = 1) -> list[nn.Module]:
            padding = dilation * (size // 2)
            layer = nn.Conv2d(before, after, size, stride=stride, padding=padding, dilation=dilation, bias=bias)
            return [layer, nn.BatchNorm2d(after), nn.ReLU(inplace=True)]

        def double_size(before: int, after: int) -> list[nn.Module]:
            layer = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=bias)
            return [layer, nn.BatchNorm2d(after), nn.ReLU(inplace=True)]

        self.layers = nn.Sequential(
            *conv(channels, b, 5),
            *conv(b, 2 * b, stride=2),
            *conv(2 * b, 2 * b),
            *conv(2 * b, 4 * b, stride=2),
            *conv(4 * b, 4 * b),
            *conv(4 * b, 4 * b),
            *[layer for dilation in (2, 4, 8, 16) for layer in conv(4 * b, 4 * b, dilation=dilation)],
            *conv(4 * b, 4 * b),
            *conv(4 * b, 4 * b),
            *double_size(4 * b, 2 * b),
            *conv(2 * b, 2 * b),
            *double_size(2 * b, b),
            *conv(b, max(1, b // 2)),
            nn.Conv2d(max(1, b // 2), 3, 3, padding=1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to (N, 3, H, W); height and width are multiples of `stride`."""
        return self.layers(x)


BackboneName = Literal["unet", "drrn", "glcic", "naf"]
BACKBONES: Mapping[BackboneName, Callable[..., nn.Module]] = {"unet": UNet, "drrn": DRRN, "glcic": GLCIC, "naf": NAF}
