"""How much of a network's correction each pixel of a GIF can bear: nearly exact GIFs keep their pixels.

Networks learn from GIFs of few colors, where the palette took much. Of a screen or a drawing 256 colors take next to
nothing, and there a correction does more harm than good. Nothing in a GIF says how exact it is, but how far apart the
palette's colors lie, how calm the picture is, and how much a network would change there and around tell much of it: a
few numbers a pixel, and a tiny network that says from these which share of the correction is taken.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn
from torch.nn import functional

from gifbench import Weights

from ..pretrained import described
from .palette_unet import NEIGHBORS, beside

FEATURES = 14
_NEAR, _AROUND, _WIDE = 5, 9, 31
"""The sides of the squares that activity, corrections and cells, and steps are averaged over."""
_FULL = 1.05
"""What a sigmoid ends at is more than all, so that all of a correction can be taken."""
_UNIT = 32.0
"""`beside` counts in so many levels."""


class GuardOptions(BaseModel):
    """What a `Guard` is built from; it stands in the card of its weights, so it is read with suspicion."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    network: Literal["guard"] = "guard"
    hidden: int = Field(default=16, ge=1, le=256)


class Guard(nn.Module):
    """The share of a correction that is taken, from `FEATURES` numbers a pixel; 257 parameters by default."""

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, options: GuardOptions) -> None:
        super().__init__()
        self.options = options
        self.register_buffer("mean", torch.zeros(FEATURES))
        self.register_buffer("scale", torch.ones(FEATURES))
        self.first = nn.Linear(FEATURES, options.hidden)
        self.last = nn.Linear(options.hidden, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Features (…, FEATURES) to shares (…), 0 to 1."""
        hidden = functional.silu(self.first((features - self.mean) / self.scale))
        return (_FULL * torch.sigmoid(self.last(hidden)[..., 0])).clamp(max=1)

    def guarded(
        self, frames: torch.Tensor, palettes: torch.Tensor, restored: torch.Tensor, *, dithered: bool
    ) -> torch.Tensor:
        """Restored frames (N, H, W, 3) float32 of GIF frames (N, H, W, 3) uint8, moved back towards these.

        Palettes (N, K, 3) uint8; all in [0, 255], and on the device of the guard.
        """
        out = torch.empty_like(restored)
        for number in range(len(frames)):  # one by one: the numbers take more memory than the frame
            shown = frames[number].float()
            share = self(features(frames[number], palettes[number], restored[number], dithered=dithered))
            out[number] = shown + share[..., None] * (restored[number] - shown)
        return out


def features(frame: torch.Tensor, palette: torch.Tensor, restored: torch.Tensor, *, dithered: bool) -> torch.Tensor:
    """(H, W, FEATURES) float32 of a frame (H, W, 3) uint8, its palette (K, 3) uint8 and what a network made of it."""
    height, width = frame.shape[:2]
    shown = frame.permute(2, 0, 1).float()[None]
    ways = beside(frame.permute(2, 0, 1)[None], palette[None])[0].unflatten(0, (NEIGHBORS, 3))
    near, far = _UNIT * ways.square().sum(dim=1).sqrt()
    change = (restored.permute(2, 0, 1)[None].float() - shown).square().sum(dim=1).sqrt()[0]
    steps = _steps(shown[0])
    alike = (steps == 0).float().mean(dim=0)
    mean = _box(shown, _NEAR)
    activity = (_box(shown.square(), _NEAR) - mean.square()).clamp(min=0).sum(dim=1).sqrt()[0]
    sizes = [near, far, change, _around(change), _around(near), activity]
    near, far, change, change_around, near_around, activity = (torch.log1p(each) for each in sizes)
    # The edges of bands go over to the palette's next color, those of things to any.
    largest = steps.amax(dim=0)
    edge = (largest > 0).float()
    beyond = edge * (torch.log1p(largest) - near)
    beyond_around = _around(beyond, _WIDE) / _around(edge, _WIDE).clamp(min=1e-3)
    beyond_whole = _mean(beyond) / _mean(edge).clamp(min=1e-3)
    local = [near, far, change, change_around, near_around, alike, _around(alike), activity, beyond_around]
    wide = [_mean(near), _mean(alike), _mean(change), beyond_whole]
    kind = torch.full_like(near, float(dithered))
    return torch.stack([*local, *(each.expand(height, width) for each in wide), kind], dim=-1)


def _mean(x: torch.Tensor) -> torch.Tensor:
    """Of a picture (H, W), row by row: as a whole it would depend, in its last bit, on how many threads share it."""
    return x.mean(dim=1).mean()


def _around(x: torch.Tensor, side: int = _AROUND) -> torch.Tensor:
    return _box(x[None, None], side)[0, 0]


def _steps(shown: torch.Tensor) -> torch.Tensor:
    """How far the colors of its four neighbors are from each pixel's (3, H, W), (4, H, W); borders are repeated."""
    height, width = shown.shape[1:]
    padded = functional.pad(shown[None], (1, 1, 1, 1), mode="replicate")[0]
    ways = ((0, 1), (2, 1), (1, 0), (1, 2))
    beside_it = torch.stack([padded[:, top : top + height, left : left + width] for top, left in ways])
    return (beside_it - shown).square().sum(dim=1).sqrt()


def _box(x: torch.Tensor, side: int) -> torch.Tensor:
    """Means of squares of that side of (N, C, H, W), borders repeated.

    Sums of moved copies, across, then down: on a CPU eight times as fast as pooling.
    """
    x = functional.pad(x, (side // 2,) * 4, mode="replicate")
    for axis in (-1, -2):
        length = x.shape[axis] - side + 1
        total = x.narrow(axis, 0, length).clone()
        for start in range(1, side):
            total += x.narrow(axis, start, length)
        x = total
    return x / side**2


def load_guard(weights: Weights) -> Guard:
    """The guard of these weights; raises `MethodError` for those of another network."""
    return described(weights, GuardOptions, Guard, what="guard")
