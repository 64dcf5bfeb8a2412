"""CCDNet-k: a first network, then k−1 times a second one that is shown how far its picture is from the palette."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from pydantic import Field
from torch import nn

from ..tiled_inference import exact
from ..weights_lookup import NetworkOptions
from .backbones import BACKBONES, BackboneName

_MOST_DISTANCES = 1 << 22
"""So many distances from pixels to colors are in memory at once."""

_INSIDE = 1 - 0.5 / 255  # of the range of tanh, whose ends no number reaches


class CCDNetArchitecture(NetworkOptions):
    """What a CCDNet is built from."""

    network: Literal["ccdnet"] = "ccdnet"
    backbone: BackboneName = "unet"
    base: int = Field(default=64, ge=1, le=256)
    steps: int = Field(default=1, ge=1, le=16)
    embedded: bool = True
    as_released: bool = True
    """The networks and f_C of GIF2Video's released code; without it those of gifbench 0.1.0, whose f_C rounds to 8 bits
    first. Cards of 0.1.0 lack the field (`from_card`)."""
    skip: bool = False
    """Not of the paper: each network says what to change, and begins from the GIF's picture where the first one has
    nothing to begin from. Gains in a short training, which otherwise goes into drawing the picture anew."""

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> CCDNetArchitecture:
        """What the card of a file of weights says, also of one that gifbench 0.1.0 wrote."""
        return cls.model_validate({"as_released": False, **card})


class CCDNet(nn.Module):
    """Frames of a GIF and their palettes in, frames of a video out.

    `embedded`: the steps after the first see [I, G, G_t, G−G_t], 12 channels, with G_t the picture I in the palette's
    nearest colors (f_C, not differentiated through); without, [I, G], as for dithered GIFs. A network of one step
    has no second network; one of two or more takes any number of steps. Of U-Nets with a base of 64 one step has
    14,789,059 parameters, more have 29,583,302, or 29,579,846 without `embedded`.
    """

    def __init__(self, architecture: CCDNetArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        options: dict[str, Any] = {"base": architecture.base}
        if architecture.backbone != "naf":
            options["as_released"] = architecture.as_released
        make = partial(BACKBONES[architecture.backbone], **options)
        self.first: Any = make(3)
        self.second: Any = make(12 if architecture.embedded else 6) if architecture.steps > 1 else None
        if architecture.skip:
            for network in (self.first, self.second):
                _say_nothing(network)

    def forward(
        self,
        gif: torch.Tensor,
        palettes: torch.Tensor,
        *,
        steps: int | None = None,
        tile: int | None = None,
        every_step: bool = False,
    ) -> torch.Tensor:
        """GIF frames (N, 3, H, W) uint8 and palettes (N, K, 3) uint8 to frames (N, 3, H, W) float in [-1, 1].

        `tile`: larger pictures are worked on in squares of that side, with as much around each as the backbone sees, so
        that the result is the same. `every_step`: the frames after each of k steps, (k, N, 3, H, W), for their losses.
        """
        shown = scaled(gif)
        skip = self.architecture.skip
        said = exact(self.first, shown, tile)
        if skip and self.first.adds_picture:
            said = said - shown
        frames = changed(shown, said) if skip else torch.tanh(said)
        done = [frames]
        for _ in range(1, self.architecture.steps if steps is None else steps):
            if self.second is None:
                raise ValueError("a network of one step has no second network")
            seen = [frames, shown]
            if self.architecture.embedded:
                recolored = scaled(to_palette(frames.detach(), palettes, rounded=not self.architecture.as_released))
                seen += [recolored, shown - recolored]
            said = exact(self.second, torch.cat(seen, dim=1), tile)
            frames = changed(frames, said) if skip else torch.tanh(frames + said)
            done.append(frames)
        return torch.stack(done) if every_step else frames


def changed(frames: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
    """Frames in [-1, 1], changed by what a network says before the tanh; where it says 0, by a quarter level of 255 at
    most.
    """
    return torch.tanh(torch.atanh(frames.float() * _INSIDE) + said)


def _say_nothing(network: nn.Module | None) -> None:
    """Begin with an output of 0: the last convolution that a backbone declares is its output's."""
    if network is not None:
        last = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)][-1]
        for parameter in last.parameters():
            nn.init.zeros_(parameter)


def scaled(frames: torch.Tensor) -> torch.Tensor:
    """Values of 0..255 as float in [-1, 1]."""
    return frames.float() / 127.5 - 1


def to_levels(frames: torch.Tensor) -> torch.Tensor:
    """Values in [-1, 1] as float of 0..255."""
    return (frames.float() + 1) * 127.5


def eight_bit(frames: torch.Tensor) -> torch.Tensor:
    """Values in about [-1, 1] as uint8, rounded."""
    return to_levels(frames).round().clamp(0, 255).to(torch.uint8)


def to_palette(frames: torch.Tensor, palettes: torch.Tensor, *, rounded: bool = False) -> torch.Tensor:
    """f_C: each pixel of frames (N, 3, H, W) float in [-1, 1] in its palette's nearest color, uint8 (N, 3, H, W).

    Palettes (N, K, 3) uint8 may have any number of colors. `rounded` takes the nearest color of the frames in 8 bits,
    as gifbench 0.1.0 did.
    """
    pixels = to_levels(frames)
    if rounded:
        pixels = pixels.round().clamp(0, 255)
    indices = nearest_color(pixels, palettes).flatten(1)
    colors = palettes.gather(1, indices[..., None].expand(-1, -1, 3))
    return colors.transpose(1, 2).unflatten(2, frames.shape[2:]).contiguous()


def nearest_color(pixels: torch.Tensor, palettes: torch.Tensor) -> torch.Tensor:
    """Indices (N, H, W) int64 of the colors of palettes (N, K, 3) nearest to float pixels (N, 3, H, W) in [0, 255].

    By squared RGB distance, of colors at the same distance the first. Raises `ValueError` for a palette of no colors.
    """
    count = palettes.shape[1]
    if not count:
        raise ValueError("a palette must have at least 1 color, got 0")
    # |p − c|² without |p|², which all colors share; float64 holds it exactly, so that only true ties are ties.
    colors = palettes.double()
    lengths = colors.square().sum(dim=2)
    flat = pixels.detach().flatten(2).transpose(1, 2)
    search = _nearest_one_by_one if pixels.device.type == "cpu" else _nearest_at_once
    return search(flat, colors, lengths).unflatten(1, pixels.shape[2:])


def _nearest_one_by_one(pixels: torch.Tensor, colors: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    out = torch.empty(pixels.shape[:2], dtype=torch.int64)
    for number, part in enumerate(pixels):
        arrays = (part.double().contiguous(), colors[number], lengths[number], out[number])
        nearest_rows(*(array.numpy() for array in arrays))
    return out


def _nearest_at_once(pixels: torch.Tensor, colors: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    size = max(1, _MOST_DISTANCES // (colors.shape[1] * max(1, len(pixels))))
    scores = (
        torch.baddbmm(lengths[:, None], part.double(), colors.transpose(1, 2), alpha=-2)
        for part in pixels.split(size, dim=1)
    )
    return torch.cat([score.argmin(dim=2) for score in scores], dim=1)


def stack_palettes(palettes: Sequence[torch.Tensor]) -> torch.Tensor:
    """Palettes (K_i, 3) as one tensor (N, K, 3), each filled up with its first color, which changes no answer."""
    longest = max(len(palette) for palette in palettes)
    return torch.stack([torch.cat([p, p[:1].expand(longest - len(p), 3)]) for p in palettes])


def fill_palettes(palettes: torch.Tensor, colors: torch.Tensor) -> torch.Tensor:
    """Palettes (N, 256, 3) of which `colors` (N) entries count, cut to the longest and filled up with first colors."""
    longest = int(colors.max())
    empty = torch.arange(longest, device=palettes.device)[None] >= colors[:, None]
    return torch.where(empty[..., None], palettes[:, :1], palettes[:, :longest])


@njit(cache=True, nogil=True)
def nearest_rows(
    pixels: NDArray[np.float64],
    colors: NDArray[np.float64],
    lengths: NDArray[np.float64],
    out: NDArray[np.int64],
) -> None:
    """Into `out` (P) the first of the colors (K, 3) nearest to each of the pixels (P, 3); `lengths` (K) are squared."""
    for i in range(len(pixels)):
        red, green, blue = -2 * pixels[i, 0], -2 * pixels[i, 1], -2 * pixels[i, 2]
        least, best = np.inf, 0
        for k in range(len(colors)):
            score = lengths[k] + red * colors[k, 0] + green * colors[k, 1] + blue * colors[k, 2]
            if score < least:
                least, best = score, k
        out[i] = best
