"""How much of a network's correction each pixel of a GIF can bear: nearly exact GIFs keep their pixels.

Networks learn from GIFs of few colors, where the palette took much. Of a screen or a drawing 256 colors take next to
nothing, and there a correction does more harm than good. Nothing in a GIF says how exact it is, but how far apart the
palette's colors lie, how calm the picture is, and how much a network would change there and around tell much of it: a
few numbers a pixel, and a tiny network that says from these which share of the correction is taken.
"""

from __future__ import annotations

from functools import partial
from typing import Literal

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional

from ..weights_lookup import NetworkOptions
from . import correction_guard_kernels
from .palette_agreement import agree, each_on_cpu
from .palette_unet import NEIGHBORS, UNIT, placed, ways

FEATURES = 14
_NEAR, _AROUND, _WIDE = 5, 9, 31
"""The sides of the squares that activity, corrections and cells, and steps are averaged over."""
_FULL = 1.05
"""What a sigmoid ends at is more than all, so that all of a correction can be taken."""
_LEAST_EDGE = 1e-3
_AT_ONCE = 1 << 13
"""Pixels whose shares are computed at once."""


class GuardOptions(NetworkOptions):
    """What a `Guard` is built from."""

    network: Literal["guard"] = "guard"
    hidden: int = Field(default=16, ge=1, le=256)


class Guard(nn.Module):
    """The share of a correction that is taken, from `FEATURES` numbers a pixel; 257 parameters by default."""

    mean: torch.Tensor
    scale: torch.Tensor
    agrees: bool = True
    """Whether what comes out agrees with what the palettes say, too."""

    def __init__(self, options: GuardOptions) -> None:
        super().__init__()
        self.options = options
        self.register_buffer("mean", torch.zeros(FEATURES))
        self.register_buffer("scale", torch.ones(FEATURES))
        self.first = nn.Linear(FEATURES, options.hidden)
        self.last = nn.Linear(options.hidden, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Features (…, FEATURES) to shares (…), 0 to 1."""
        hidden = functional.silu(self.first((features - self.mean) / self.scale), inplace=True)
        return (_FULL * torch.sigmoid(self.last(hidden)[..., 0])).clamp(max=1)

    def guarded(
        self, frames: torch.Tensor, palettes: torch.Tensor, restored: torch.Tensor, *, dithered: bool
    ) -> torch.Tensor:
        """Restored frames (N, H, W, 3) float32 of GIF frames (N, H, W, 3) uint8, moved back towards these.

        Palettes (N, K, 3) uint8; all in [0, 255], and on the device of the guard.
        """
        planes = restored.permute(0, 3, 1, 2)
        out = torch.empty_like(planes, memory_format=torch.contiguous_format)
        for number in range(len(frames)):  # one by one: the numbers take more memory than the frame
            shown = frames[number].permute(2, 0, 1).contiguous()
            with torch.no_grad():
                told, wide = _told(shown, palettes[number], planes[number], dithered=dithered)
                share = self._share(told.flatten(1), wide).view(shown.shape[1:])
                torch.sub(planes[number], shown, out=out[number])
                out[number].mul_(share).add_(shown)
        return self.agreed(frames, palettes, out.permute(0, 2, 3, 1), dithered=dithered)

    def agreed(
        self, frames: torch.Tensor, palettes: torch.Tensor, restored: torch.Tensor, *, dithered: bool
    ) -> torch.Tensor:
        """Restored frames (N, H, W, 3) moved to what the GIF says of them, if `agrees`; all as for `guarded`."""
        if not self.agrees:
            return restored
        return each_on_cpu(frames, palettes, restored, partial(agree, dithered=dithered))

    def _share(self, told: torch.Tensor, wide: torch.Tensor) -> torch.Tensor:
        """Of numbers (F, P) of P pixels, and those that all share (G): (P), in parts that stay in the caches."""
        share = told.new_empty(told.shape[1])
        size = _AT_ONCE if told.device.type == "cpu" else told.shape[1]
        for part, into in zip(told.split(size, dim=1), share.split(size), strict=True):
            into.copy_(self(_side_by_side(part, wide)))
        return share


def features(frame: torch.Tensor, palette: torch.Tensor, restored: torch.Tensor, *, dithered: bool) -> torch.Tensor:
    """(H, W, FEATURES) float32 of a frame (H, W, 3) uint8, its palette (K, 3) uint8 and what a network made of it."""
    shown = frame.permute(2, 0, 1).contiguous()
    told, wide = _told(shown, palette, restored.permute(2, 0, 1), dithered=dithered)
    return _side_by_side(told.flatten(1), wide).view(*frame.shape[:2], FEATURES)


def _side_by_side(told: torch.Tensor, wide: torch.Tensor) -> torch.Tensor:
    """Of numbers (F, P) of P pixels, and those that all share (G): (P, F + G)."""
    return torch.cat([told.T, wide.expand(told.shape[1], -1)], dim=1)


def _told(
    shown: torch.Tensor, palette: torch.Tensor, restored: torch.Tensor, *, dithered: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Of a frame (3, H, W) uint8 the numbers of each pixel (9, H, W), and those that all share (5)."""
    colors, place = placed(shown, palette)
    apart = torch.stack([_square(each).sqrt() for each in ways(colors, NEIGHBORS).unflatten(1, (-1, 3)).unbind(1)])
    apart = UNIT * apart
    # One after the other in the same memory; torch, whose roots and logarithms differ from numba's, makes both.
    numbers = _numbers_on_cpu if shown.device.type == "cpu" else _numbers
    told, edge, past = numbers(shown, restored.float(), apart, torch.log1p(apart), place)
    past_whole = _mean(past) / _mean(edge).clamp(min=_LEAST_EDGE)
    kind = torch.full_like(past_whole, float(dithered))
    near, _, change, _, _, alike = told[:6]
    return told, torch.stack([_mean(near), _mean(alike), _mean(change), past_whole, kind])


_Numbers = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def _numbers(
    shown: torch.Tensor, restored: torch.Tensor, apart: torch.Tensor, far: torch.Tensor, place: torch.Tensor
) -> _Numbers:
    """The numbers of each pixel (9, H, W), where edges are, and how far each goes beyond the palette's next color.

    `apart` (2, K) are the distances from each color to the next two, `far` the logarithms of these, `place` (H, W) is
    each pixel's color.
    """
    near, second = far[:, place]
    change = _square((restored - shown).permute(1, 2, 0)).sqrt()
    steps = _steps(shown.float())
    alike = (steps == 0).float().mean(dim=0)
    mean = _box(shown[None].float(), _NEAR)
    activity = (_box(shown[None].float().square(), _NEAR) - mean.square()).clamp(min=0).sum(dim=1).sqrt()[0]
    largest = steps.amax(dim=0).sqrt()
    # The edges of bands go over to the palette's next color, those of things to any.
    edge = (largest > 0).float()
    past = edge * (torch.log1p(largest) - near)
    past_around = _around(past, _WIDE) / _around(edge, _WIDE).clamp(min=_LEAST_EDGE)
    sizes = [torch.log1p(each) for each in (change, _around(change), _around(apart[0][place]), activity)]
    told = [near, second, *sizes[:3], alike, _around(alike), sizes[3], past_around]
    return torch.stack(told), edge, past


def _numbers_on_cpu(
    shown: torch.Tensor, restored: torch.Tensor, apart: torch.Tensor, far: torch.Tensor, place: torch.Tensor
) -> _Numbers:
    """The same by `correction_guard_kernels`, whose loops add in the same order; roots and logarithms are torch's."""
    told, sizes = apart.new_empty((11, *place.shape)), apart.new_empty((3, *place.shape))
    near, change, activity = told[0], told[2], told[7]
    torch.index_select(far, 1, place.flatten(), out=told[:2].flatten(1))
    arrays = [each.detach().contiguous().numpy() for each in (shown, restored)]
    correction_guard_kernels.squares(*arrays, _NEAR, sizes.numpy(), told[5].numpy())
    sizes.sqrt_()
    step = torch.log1p(sizes[2])
    planes = (sizes[0].numpy(), apart[0][place].numpy())
    correction_guard_kernels.around(planes, _AROUND, told[3:5].numpy())
    correction_guard_kernels.around((told[5].numpy(),), _AROUND, told[6:7].numpy())
    told[3:5].log1p_()
    torch.log1p(sizes[:1], out=change[None])
    torch.log1p(sizes[1], out=activity)
    correction_guard_kernels.beyond(sizes[2].numpy(), step.numpy(), near.numpy(), _WIDE, told[8:].numpy())
    return told[:9], told[9], told[10]


def _square(x: torch.Tensor) -> torch.Tensor:
    """Of vectors (…, 3), added in their order."""
    first, second, third = x.square().unbind(-1)
    return first + second + third


def _mean(x: torch.Tensor) -> torch.Tensor:
    """Of a picture (H, W), row by row: as a whole it would depend, in its last bit, on how many threads share it."""
    return x.mean(dim=1).mean()


def _around(x: torch.Tensor, side: int = _AROUND) -> torch.Tensor:
    return _box(x[None, None], side)[0, 0]


def _steps(shown: torch.Tensor) -> torch.Tensor:
    """How far, squared, the colors of the four neighbors are from each pixel's (3, H, W): (4, H, W)."""
    height, width = shown.shape[1:]
    padded = functional.pad(shown[None], (1, 1, 1, 1), mode="replicate")[0]
    ways = ((0, 1), (2, 1), (1, 0), (1, 2))
    beside_it = torch.stack([padded[:, top : top + height, left : left + width] for top, left in ways])
    return _square((beside_it - shown).movedim(1, -1))


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
