"""SuperSlomo: flow between two frames, then frames between them, as GIF2Video adapted it and as it was published."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import nn
from torch.nn import functional

from gifbench import optical_flow

from ..ccdnet.backbones import PoolingUNet, beside
from ..ccdnet.network import to_levels
from ..tiled_inference import padded
from ..weights_lookup import NetworkOptions

Variant = Literal["adapted", "original", "dis"]

MOST_FLOW = 30.0
"""Pixels: flow is the networks' output, which is at most 1, times this (the released code of GIF2Video)."""

BLUR = 1.0
"""Pixels: sigma of the gaussian that takes dither away before DIS looks for motion."""

STRIDE = 32
"""Height and width of what the U-Nets see are multiples of this, or at least this."""


class SuperSlomoArchitecture(NetworkOptions):
    """What a SuperSlomo is built from."""

    network: Literal["superslomo"] = "superslomo"
    base: int = Field(default=32, ge=1, le=128)
    """Channels of the first layers; the paper's 32 doubles to 512."""
    variant: Variant = "adapted"
    as_released: bool = True
    """Of `adapted`: the decoder of GIF2Video's released code. Without it that of gifbench 0.1.0, which is the
    original's; cards of 0.1.0 lack the field (`from_card`)."""

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> SuperSlomoArchitecture:
        """What the card of a file of weights says, also of one that gifbench 0.1.0 wrote."""
        return cls.model_validate({"as_released": False, **card})


class FlowPair(NamedTuple):
    """Flow from the first frame to the second and back, (N, 2, H, W) float32, in units of `MOST_FLOW` pixels."""

    forward: torch.Tensor
    backward: torch.Tensor


class Between(NamedTuple):
    """Frames between two others, and what they were made of.

    `frames` (N, 3, H, W) in [-1, 1]; flows from each of them to the first and to the second frame, (N, 2, H, W) in
    units of `MOST_FLOW` pixels: `guessed` from the motion, `refined` by the network; `visible` (N, 1, H, W) in [0, 1]:
    how far the first frame shows what is to be seen.
    """

    frames: torch.Tensor
    guessed: tuple[torch.Tensor, torch.Tensor]
    refined: tuple[torch.Tensor, torch.Tensor]
    visible: torch.Tensor


class FlowUNet(PoolingUNet):
    """Five halvings by average, five doublings by bilinear interpolation, LeakyReLU 0.1, no normalization.

    `as_released`: the decoder of GIF2Video's released code, which aligns corners when it doubles, and convolves twice
    after the skip is beside; it takes sides of `STRIDE` or more. Else that of the best known implementation of Jiang et
    al., which convolves before and after; it takes multiples of `STRIDE`. Both have as many parameters.

    The output layer begins at zero, so that an untrained SuperSlomo is the linear blend, and never worse than that.
    """

    stride = STRIDE

    def __init__(self, channels: int, out: int, *, base: int = 32, as_released: bool = False) -> None:
        super().__init__()
        self.any_size = as_released
        decoder = _UpAsReleased if as_released else _Up
        widths = [base, 2 * base, 4 * base, 8 * base, 16 * base, 16 * base]
        self.inc = _Double(channels, base, size=7)
        sizes = (5, 3, 3, 3, 3)
        self.downs = nn.ModuleList([_Double(widths[i], widths[i + 1], size=sizes[i]) for i in range(5)])
        self.ups = nn.ModuleList([decoder(widths[i + 1], widths[i]) for i in reversed(range(5))])
        self.outc = nn.Conv2d(base, out, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):  # without normalization, torch's own start would fade from layer to layer
                nn.init.kaiming_normal_(layer.weight, a=0.1)
                nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.outc.weight)


class _Double(nn.Module):
    def __init__(self, before: int, after: int, *, size: int = 3) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, size, padding=size // 2)
        self.second = nn.Conv2d(after, after, size, padding=size // 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.leaky_relu(self.first(x), 0.1)
        return functional.leaky_relu(self.second(x), 0.1)


class _Up(nn.Module):
    """Twice the size, a convolution, the skip beside it, another."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, padding=1)
        self.second = nn.Conv2d(2 * after, after, 3, padding=1)

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        x = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = functional.leaky_relu(self.first(x), 0.1)
        return functional.leaky_relu(self.second(torch.cat([x, skip], dim=1)), 0.1)


class _UpAsReleased(_Double):
    """Twice the size with aligned corners, the skip before it, two convolutions."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(after + before, after)

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        x = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        return super().forward(beside(skip, x))


class SuperSlomo(nn.Module):
    """Two networks: one for the flow between two frames, one that refines what it says of a moment between them.

    `adapted`, as in GIF2Video (CVPR 2019): the flow network gives one flow, and is run twice; the second one gives
    flows directly, from the frames, the warped frames and the guessed flows. 19,793,026 + 19,808,805 = 39,601,831
    parameters at a base of 32. `original`, as in Jiang et al. (CVPR 2018): both flows at once, and corrections of the
    guessed flows; 39,608,169 parameters. `dis`, of no paper: motion is OpenCV's DIS flow, so that the one network left,
    which corrects as the original's does, begins from what would take the other one days to learn; 2,795,057 parameters
    at the base of 12 that is shipped.
    """

    def __init__(self, architecture: SuperSlomoArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.adapted = architecture.variant == "adapted"
        self.as_released = self.adapted and architecture.as_released
        make = partial(FlowUNet, base=architecture.base, as_released=self.as_released)
        self.flow = None if architecture.variant == "dis" else make(6, 2 if self.adapted else 4)
        self.refine = make(16 if self.adapted else 20, 5)

    def begin_as_released(self) -> None:
        """Draw all weights anew as torch does when it is told nothing, as the released code does."""
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                layer.reset_parameters()

    def forward(
        self, seen: tuple[torch.Tensor, torch.Tensor], pair: tuple[torch.Tensor, torch.Tensor], shares: torch.Tensor
    ) -> tuple[FlowPair, Between]:
        """Both at once, as training wants them: `find_motion(*seen)`, and `draw` at shares (N, K) of each of N pairs.

        The frames of `Between` are (N·K, 3, H, W): K for the first pair, then K for the second.
        """
        motion = self.find_motion(*seen)
        each = shares.shape[1]
        first, second, forward, backward = (part.repeat_interleave(each, dim=0) for part in (*pair, *motion))
        return motion, self.draw((first, second), FlowPair(forward, backward), shares.flatten())

    def find_motion(self, first: torch.Tensor, second: torch.Tensor) -> FlowPair:
        """The motion between frames (N, 3, H, W) in [-1, 1] of any size."""
        if self.flow is None:
            levels = [to_levels(frames) for frames in (first, second)]
            return FlowPair(*(dis_flow(*way, blur=BLUR) / MOST_FLOW for way in (levels, levels[::-1])))
        there = torch.cat([first, second], dim=1)
        if not self.adapted:
            forward, backward = padded(self.flow, there).float().split(2, dim=1)
            return FlowPair(forward, backward)
        back = torch.cat([second, first], dim=1)
        return FlowPair(*(torch.tanh(self._run(self.flow, seen).float()) for seen in (there, back)))

    def draw(self, pair: tuple[torch.Tensor, torch.Tensor], motion: FlowPair, shares: torch.Tensor) -> Between:
        """The frames at `shares` (N) of the way, each above 0 and below 1, from N pairs in [-1, 1] and their motion."""
        first, second = pair
        t = shares.float().view(-1, 1, 1, 1)
        guessed = (guess_flows_as_released if self.as_released else guess_flows)(motion, t)
        moved = warp(first, guessed[0]), warp(second, guessed[1])
        if self.adapted:
            seen = torch.cat([first, second, *moved, *guessed], dim=1)
            said = torch.tanh(self._run(self.refine, seen).float())
            to_first, to_second, visible = said[:, 0:2], said[:, 2:4], (said[:, 4:5] + 1) / 2
        else:
            seen = torch.cat([first, second, *moved, *guessed, *motion], dim=1)
            said = padded(self.refine, seen).float()
            to_first, to_second = guessed[0] + said[:, 0:2], guessed[1] + said[:, 2:4]
            visible = torch.sigmoid(said[:, 4:5])
        return Between(fuse(pair, (to_first, to_second), visible, t), guessed, (to_first, to_second), visible)

    def _run(self, network: nn.Module, x: torch.Tensor) -> torch.Tensor:
        """Run on (N, C, H, W), on a CPU one by one: no slower, and to the bit what the released code gives."""
        one_by_one = self.as_released and x.device.type == "cpu" and not self.training
        return torch.cat([padded(network, part) for part in x.split(1 if one_by_one else len(x))])


def dis_flow(first: torch.Tensor, second: torch.Tensor, *, blur: float = 0.0) -> torch.Tensor:
    """OpenCV's DIS flow from each of the first frames (N, 3, H, W) of 0..255 to its second: (N, 2, H, W), in pixels."""
    ends = (frames.permute(0, 2, 3, 1).cpu().numpy() for frames in (first, second))
    found = np.stack([optical_flow(*pair, blur=blur) for pair in zip(*ends, strict=True)])
    return torch.from_numpy(found).permute(0, 3, 1, 2).to(first.device)


def guess_flows(motion: FlowPair, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Flows from the moment `t` to the first and to the second frame, if motion is even (Jiang et al., equation 4)."""
    forward, backward = motion
    return t * (t * backward - (1 - t) * forward), (1 - t) * ((1 - t) * forward - t * backward)


def guess_flows_as_released(motion: FlowPair, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The same in the released code's order of operations, which float32 tells apart."""
    forward, backward = motion
    return -(1 - t) * t * forward + t * t * backward, (1 - t) * (1 - t) * forward - t * (1 - t) * backward


def fuse(
    pair: tuple[torch.Tensor, torch.Tensor],
    flows: tuple[torch.Tensor, torch.Tensor],
    visible: torch.Tensor,
    t: torch.Tensor,
) -> torch.Tensor:
    """Both frames drawn along their flows, weighted by nearness in time and by what each shows (equation 1)."""
    from_first, from_second = (warp(frame, flow) for frame, flow in zip(pair, flows, strict=True))
    of_first, of_second = (1 - t) * visible, t * (1 - visible)
    return (of_first * from_first + of_second * from_second) / (of_first + of_second + 1e-8)


def warp(frames: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """`warp_by_pixels` with `flow` in units of `MOST_FLOW` pixels."""
    return warp_by_pixels(frames, MOST_FLOW * flow.float())


def warp_by_pixels(frames: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """What `frames` (N, C, H, W) show where `flow` (N, 2, H, W) float32, in pixels, leads: bilinear.

    Corners are aligned, so that no flow changes nothing; beyond the border is the border's value.
    """
    height, width = frames.shape[2:]
    x = torch.arange(width, device=frames.device) + flow[:, 0]
    y = torch.arange(height, device=frames.device)[:, None] + flow[:, 1]
    # A side of one pixel has one place, -1 to grid_sample as any other would be.
    grid = torch.stack([2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1], dim=-1)
    return functional.grid_sample(frames.float(), grid, mode="bilinear", padding_mode="border", align_corners=True)
