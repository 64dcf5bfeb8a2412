"""The network of the weights that come with gifbench: a small U-Net that is told of the palette before it begins.

A CCDNet learns what its palette did by drawing its first picture in it again, which takes a second network as large as
the first. Here each pixel comes with the way from its color to the two nearest other colors of the palette: how large
its Voronoi cell is, and where it ends. One pass is enough, at a thirtieth of CCDNet-2's cost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal, Self

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import nn
from torch.nn import functional

from gifbench import Weights, WeightsError

from ..tiled_inference import exact
from ..weights_lookup import NetworkOptions
from .network import scaled

NEIGHBORS = 2
"""Of how many other colors of the palette a pixel is told, unless the options say otherwise."""

UNIT = 32
"""Levels that the ways to these are counted in."""

Floats = NDArray[np.float32]

Width = Annotated[int, Field(ge=4, le=512)]
Count = Annotated[int, Field(ge=1, le=16)]
Widths = Annotated[tuple[Width, ...], Field(min_length=1, max_length=6)]
Blocks = Annotated[tuple[Count, ...], Field(min_length=1, max_length=6)]


class UNetOptions(NetworkOptions):
    """What a U-Net of residual blocks is built from."""

    network: str
    widths: tuple[int, ...]
    """Channels at 1/2, 1/4, … of the picture's size."""
    blocks: tuple[int, ...]
    """Residual blocks at each of these sizes, on the way down and again on the way up."""

    @model_validator(mode="after")
    def _as_many(self) -> Self:
        if len(self.widths) != len(self.blocks):
            raise ValueError(f"widths are {len(self.widths)} and blocks {len(self.blocks)}: one for each size")
        return self


class PaletteUNetOptions(UNetOptions):
    """What a `PaletteUNet` is built from."""

    network: Literal["palette-unet"] = "palette-unet"
    widths: Widths = (48, 96, 128, 128)
    blocks: Blocks = (1, 1, 2, 2)
    neighbors: Annotated[int, Field(ge=1, le=8)] = NEIGHBORS
    """Of how many other colors of the palette a pixel is told, the nearest first."""


class PaletteUNet(nn.Module):
    """Frames of a GIF and their palettes in, frames of a video out, in one pass; 2,474,780 parameters by default."""

    def __init__(self, options: PaletteUNetOptions) -> None:
        super().__init__()
        self.options = options
        self.body = ResidualUNet(options.widths, options.blocks, inputs=3 + 3 * options.neighbors)

    def forward(
        self, gif: torch.Tensor, palettes: torch.Tensor, *, steps: int | None = None, tile: int | None = None
    ) -> torch.Tensor:
        """GIF frames (N, 3, H, W) uint8 and palettes (N, K, 3) uint8 to frames (N, 3, H, W) float in about [-1, 1].

        `tile`: larger pictures are worked on in squares of that side, with the same result. There are no `steps`.
        """
        if steps not in (None, 1):
            raise ValueError(f"a palette-unet has one step, not {steps}")
        if gif.device.type == "cpu" and not torch.is_grad_enabled():
            return self._folded(gif, palettes, tile)
        told = beside(gif, palettes, self.options.neighbors)
        return exact(self.body, torch.cat([scaled(gif), told], dim=1), tile)

    def _folded(self, gif: torch.Tensor, palettes: torch.Tensor, tile: int | None) -> torch.Tensor:
        """The same to the bit, where nothing is learned: what a pixel is told is looked up as it is folded.

        No pass goes over all that is told: putting it together took a fifth of a frame's time in half precision.
        """
        seen = torch.empty((len(gif), 4, *gif.shape[2:]))
        seen[:, :3] = gif
        tables = []
        for frame, palette, places in zip(gif, palettes, seen[:, 3], strict=True):
            colors, place = placed(frame, palette)
            places.copy_(place)
            tables.append(ways(colors, self.options.neighbors))
        return exact(_ByColor(self.body, tables), seen, tile)


class _ByColor:
    """A `ResidualUNet` on the levels of frames and the places of their colors in a table, (N, 4, H, W) float."""

    def __init__(self, body: ResidualUNet, tables: Sequence[torch.Tensor]) -> None:
        self.stride, self.reach = body.stride, body.reach
        self._body, self._tables = body, tables

    def __call__(self, seen: torch.Tensor) -> torch.Tensor:
        """Frames (N, 3, H, W) float; height and width are multiples of `stride`."""
        levels = scaled(torch.arange(256)).numpy()
        folded = torch.empty((len(seen), seen.shape[2] // 2, seen.shape[3] // 2, self._body.stem.in_channels))
        for frame, table, out in zip(seen, self._tables, folded, strict=True):
            _fold(frame.contiguous().numpy(), levels, table.numpy(), out.numpy())
        return scaled(seen[:, :3]) + self._body.correction(folded.permute(0, 3, 1, 2))


def down_and_up(
    x: torch.Tensor,
    encoder: nn.ModuleList,
    down: nn.ModuleList,
    up: nn.ModuleList,
    decoder: Sequence[Callable[..., Any]],
) -> torch.Tensor:
    """Through a U-Net's stages: halved by `down` between those of the `encoder`, doubled by `up`, skips added."""
    skips: list[torch.Tensor] = []
    for encode, halve in zip(encoder, down, strict=False):
        skips.append(encode(x))
        x = halve(skips[-1])
    x = encoder[-1](x)
    for double, decode in zip(reversed(up), reversed(decoder), strict=True):
        x = decode(functional.pixel_shuffle(double(x), 2).add_(skips.pop()))
    return x


class StridedUNet(nn.Module):
    """A U-Net with a stage for each of the `widths`, made by `stage(number)`; untrained, its outputs are 0."""

    def __init__(self, inputs: int, widths: Sequence[int], outputs: int, stage: Callable[[int], nn.Module]) -> None:
        super().__init__()
        steps = range(len(widths) - 1)
        self.stem = nn.Conv2d(inputs, widths[0], 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(widths[i], widths[i + 1], 2, stride=2) for i in steps)
        self.encoder = nn.ModuleList(stage(i) for i in range(len(widths)))
        self.up = nn.ModuleList(nn.Conv2d(widths[i + 1], 4 * widths[i], 1) for i in steps)
        self.decoder = nn.ModuleList(stage(i) for i in steps)
        self.head = nn.Conv2d(widths[0], outputs, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def said(self, x: torch.Tensor) -> torch.Tensor:
        """From the inputs to the outputs; height and width can be halved as often as there are steps."""
        out: torch.Tensor = self.head(down_and_up(self.stem(x), self.encoder, self.down, self.up, self.decoder))
        return out


class ResidualUNet(StridedUNet):
    """A residual U-Net on pictures folded to half their size: (N, `inputs`, H, W) to the first three channels, changed.

    `widths` are the channels at 1/2, 1/4, … of the picture's size, `blocks` the residual blocks there, on either way.
    """

    def __init__(self, widths: Sequence[int], blocks: Sequence[int], *, inputs: int) -> None:
        def stage(size: int) -> nn.Module:
            return nn.Sequential(*(ResidualBlock(widths[size]) for _ in range(blocks[size])))

        super().__init__(4 * inputs, widths, 12, stage)
        self.stride = 2 ** len(widths)
        both_ways = [*blocks[:-1], *blocks]
        sizes = [*range(1, len(widths)), *range(1, len(widths) + 1)]
        self.reach = self.stride + 4 + sum(2 * count * 2**size for count, size in zip(both_ways, sizes, strict=True))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Height and width are multiples of `stride`."""
        shown = x[:, :3]
        if x.device.type == "cpu" and torch.is_autocast_enabled("cpu"):  # what is folded is half as much then
            x = x.to(torch.get_autocast_dtype("cpu"))
        return shown + self.correction(functional.pixel_unshuffle(x, 2))

    def correction(self, folded: torch.Tensor) -> torch.Tensor:
        """What is added to the first three channels (N, 3, H, W), of all folded, (N, 4 · `inputs`, H/2, W/2)."""
        return functional.pixel_shuffle(self.said(folded).float(), 2)


class ResidualBlock(nn.Module):
    """Two convolutions beside the identity, which is what a block begins as."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """In half precision on a CPU what is given is overwritten by what comes out, and no pass but the convolutions
        goes over it: they took half of a block's time.
        """
        if not _fuses(x):
            return self.second(functional.relu_(self.first(x))).add_(x)
        first, second = ((each.weight.to(x.dtype), each.bias.to(x.dtype)) for each in (self.first, self.second))
        inner = torch.ops.mkldnn._convolution_pointwise(x, *first, *_SAME, "relu", [], "")
        out: torch.Tensor = torch.ops.mkldnn._convolution_pointwise_.binary(
            x, inner, *second, *_SAME, "add", 1.0, None, [], None
        )
        return out


_SAME = ([1, 1], [1, 1], [1, 1], 1)
"""Padding, stride, dilation and groups of a block's convolutions."""


def _fuses(x: torch.Tensor) -> bool:
    return (
        x.device.type == "cpu"
        and x.dtype == torch.bfloat16
        and not torch.is_grad_enabled()
        and x.is_contiguous(memory_format=torch.channels_last)
        and _has_fused()
    )


@lru_cache(maxsize=1)
def _has_fused() -> bool:
    """Whether oneDNN's convolutions with additions are here, and in half precision; tried on an x86 only."""
    return (
        torch.backends.cpu.get_cpu_capability().startswith("AVX")
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_convolution_pointwise_")
        and hasattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported")
        and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    )


def begin(network: nn.Module, weights: Weights, *, kind: str) -> None:
    """Fill a network around a `ResidualUNet` from one with as many or fewer sizes, blocks, channels and inputs.

    It computes what that one does: further blocks and sizes add nothing yet, and nothing reads further channels yet.
    Raises `WeightsError` for weights of a network that is not of this `kind`, or is a larger one.
    """
    if weights.architecture.get("network") != kind:
        found = str(weights.architecture.get("network"))[:60]
        raise WeightsError(f"{weights.path}: model.start: weights of {found!r}, not of a {kind}")
    own = network.state_dict()
    begun = {name: _widened(tensor, own[name]) for name, tensor in weights.tensors.items() if name in own}
    for name, tensor in own.items():
        if name not in begun and name.startswith("body.up."):
            begun[name] = torch.zeros_like(tensor)
    Weights(weights.path, weights.architecture, weights.about, {**own, **weights.tensors, **begun}).fill(network)


def _widened(given: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """Weights or a bias with further channels: given ones do not read them, and they begin as `own` has them."""
    if given.dim() != own.dim() or any(less > more for less, more in zip(given.shape, own.shape, strict=True)):
        return given
    widened = own.clone()
    widened[: len(given)] = 0
    widened[tuple(slice(side) for side in given.shape)] = given.to(own.dtype)
    return widened


def beside(gif: torch.Tensor, palettes: torch.Tensor, neighbors: int = NEIGHBORS) -> torch.Tensor:
    """How each pixel's color lies in its palette: (N, 3, H, W) and (N, K, 3) uint8 to (N, 3·`neighbors`, H, W) float.

    The ways to the nearest other colors, the nearest first, in units of 32 levels, within [-4, 4]; 0 where there is
    none. Every pixel has a color of its palette, as a GIF's have, and colors that stand in it twice count once.
    """
    out = torch.empty((len(gif), 3 * neighbors, *gif.shape[2:]), device=gif.device)
    for frame, palette, told in zip(gif, palettes, out, strict=True):
        colors, place = placed(frame, palette)
        told.copy_(ways(colors, neighbors).T[:, place])
    return out


def placed(frame: torch.Tensor, palette: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The different colors (K', 3) float of a palette (K, 3) uint8, in order, and which one each pixel has.

    Of a frame (3, H, W) uint8; (H, W) int64.
    """
    codes = torch.unique(_code(palette.T))
    colors = torch.stack([codes >> 16, codes >> 8 & 255, codes & 255], dim=1).float()
    if frame.device.type == "cpu":
        place = torch.empty(frame.shape[1:], dtype=torch.int64)
        _find(frame.contiguous().numpy(), codes.numpy(), place.numpy())
        return colors, place
    return colors, torch.searchsorted(codes, _code(frame)).clamp_(max=len(codes) - 1)


@njit(cache=True, nogil=True)
def _fold(seen: Floats, levels: Floats, table: Floats, out: Floats) -> None:
    """Into `out` (H/2, W/2, 4 (3 + C)) the scaled levels of each pixel and its row of the table (K, C).

    Of levels and places (4, H, W); the four pixels of a channel are beside each other, as `pixel_unshuffle` has them.
    """
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            into = out[y, x]
            for part in range(4):
                down, right = 2 * y + (part >> 1), 2 * x + (part & 1)
                for c in range(3):
                    into[4 * c + part] = levels[int(seen[c, down, right])]
                told = table[int(seen[3, down, right])]
                for c in range(len(told)):
                    into[12 + 4 * c + part] = told[c]


@njit(cache=True, nogil=True)
def _find(frame: NDArray[np.uint8], codes: NDArray[np.int32], out: NDArray[np.int64]) -> None:
    """Into `out` (H, W) the place of each pixel's color among the sorted codes, or of the next one above."""
    last = len(codes) - 1
    for y in range(out.shape[0]):
        known, place = np.int32(-1), 0
        for x in range(out.shape[1]):
            code = np.int32(frame[0, y, x]) << 16 | np.int32(frame[1, y, x]) << 8 | np.int32(frame[2, y, x])
            if code != known:
                low, high = 0, last
                while low < high:
                    middle = (low + high) >> 1
                    if codes[middle] < code:
                        low = middle + 1
                    else:
                        high = middle
                known, place = np.int32(code), low
            out[y, x] = place


def ways(colors: torch.Tensor, neighbors: int) -> torch.Tensor:
    """From each of K different colors (K, 3) the ways to its nearest, (K, 3·`neighbors`); in parts, for K is large."""
    wanted = min(neighbors, len(colors) - 1)
    found = colors.new_zeros((len(colors), neighbors, 3))
    size = max(1, (1 << 20) // len(colors))
    for start in range(0, len(colors), size):
        part = colors[start : start + size]
        apart = (part[:, None] - colors).square().sum(dim=-1)
        apart[torch.arange(len(part)), torch.arange(start, start + len(part))] = torch.inf
        nearest = apart.topk(wanted, largest=False).indices
        found[start : start + size, :wanted] = colors[nearest] - part[:, None]
    return (found / UNIT).clamp(-4, 4).flatten(1)


def _code(pixels: torch.Tensor) -> torch.Tensor:
    """Colors (3, …) uint8 as one whole number each."""
    red, green, blue = pixels.int()
    return red << 16 | green << 8 | blue
