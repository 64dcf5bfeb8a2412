"""The recurrent network of Lai et al.: frame by frame, it sees the input video and what was made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional

from ..weights_lookup import NetworkOptions

STRIDE = 4
"""Height and width of what the network sees are multiples of this, and at least twice as much."""


class StabilizerArchitecture(NetworkOptions):
    """What a stabilizer is built from."""

    network: Literal["stabilizer"] = "stabilizer"
    base: int = Field(default=32, ge=1, le=128)
    """Channels of the first layers; four times as many in the residual blocks and in the ConvLSTM."""
    blocks: int = Field(default=5, ge=1, le=16)

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> StabilizerArchitecture:
        """What the card of a file of weights says, also of one that gifbench 0.1.0 wrote, which spelled the name so."""
        return cls.model_validate({**card, "network": "stabilizer"} if card.get("network") == "stabiliser" else card)


class LstmState(NamedTuple):
    """What the ConvLSTM remembers, (N, C, H/4, W/4) each."""

    hidden: torch.Tensor
    cell: torch.Tensor


class Stabilizer(nn.Module):
    """2,979,555 parameters at a base of 32, 426,135 at the base of 12 that comes with gifbench.

    Two branches look at two frames each: one at the input video, one at the processed frame and the last output. Only
    the processed one hands its details on to the decoder, so that no colors of the input leak into the output. The
    last layer begins at zero: an untrained stabilizer changes nothing.
    """

    def __init__(self, architecture: StabilizerArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        b = architecture.base
        self.input_1, self.processed_1 = _conv(6, b, 7), _conv(6, b, 7)
        self.input_2, self.processed_2 = _conv(b, 2 * b, 3, stride=2), _conv(b, 2 * b, 3, stride=2)
        self.joint = _conv(4 * b, 4 * b, 3, stride=2)
        self.blocks = nn.ModuleList([_Residual(4 * b) for _ in range(architecture.blocks)])
        self.memory = _ConvLSTM(4 * b)
        self.up_2 = _conv(4 * b, 2 * b, 3)
        self.up_1 = _conv(4 * b, b, 3)
        self.out = _conv(2 * b, 3, 7)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(
        self,
        shown: tuple[torch.Tensor, torch.Tensor],
        processed: torch.Tensor,
        last: torch.Tensor,
        state: LstmState | None,
    ) -> tuple[torch.Tensor, LstmState]:
        """The next frame of the output, and what is to be remembered for the one after.

        `shown` are the input video's frame and the one before, `processed` what a method made of the frame, `last` the
        output before: (N, 3, H, W) each, in [0, 1], of any size. `state` is None at the start.
        """
        height, width = processed.shape[2:]
        about_input = _filled(torch.cat(shown, dim=1))
        about_output = _filled(torch.cat([processed, last], dim=1))
        i1, p1 = _active(self.input_1(about_input)), _active(self.processed_1(about_output))
        i2, p2 = _active(self.input_2(i1)), _active(self.processed_2(p1))
        x = _active(self.joint(torch.cat([i2, p2], dim=1)))
        for block in self.blocks:
            x = block(x)
        state = self.memory(x, state)
        x = _active(self.up_2(functional.interpolate(state.hidden, scale_factor=2.0)))
        x = _active(self.up_1(functional.interpolate(torch.cat([x, p2], dim=1), scale_factor=2.0)))
        correction = torch.tanh(self.out(torch.cat([x, p1], dim=1)).float())
        return processed + correction[..., :height, :width], state


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = _conv(channels, channels, 3), _conv(channels, channels, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.second(_active(self.first(x)))


class _ConvLSTM(nn.Module):
    """Shi et al., "Convolutional LSTM network" (NIPS 2015), without peepholes."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gates = nn.Conv2d(2 * channels, 4 * channels, 3, padding=1)

    def forward(self, x: torch.Tensor, state: LstmState | None) -> LstmState:
        hidden, cell = (torch.zeros_like(x), torch.zeros_like(x)) if state is None else state
        taken, kept, given, new = self.gates(torch.cat([x, hidden], dim=1)).float().chunk(4, dim=1)
        cell = torch.sigmoid(kept) * cell.float() + torch.sigmoid(taken) * torch.tanh(new)
        return LstmState(torch.sigmoid(given) * torch.tanh(cell), cell)


def _conv(before: int, after: int, size: int, *, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, size, stride=stride, padding=size // 2, padding_mode="reflect")


def _active(x: torch.Tensor) -> torch.Tensor:
    return functional.leaky_relu(x, 0.2)


def _filled(x: torch.Tensor) -> torch.Tensor:
    """A picture filled up below and to the right by its border, to whole strides that reflect padding can mirror."""
    height, width = x.shape[2:]
    down, across = (max(-side % STRIDE, 2 * STRIDE - side) for side in (height, width))
    return functional.pad(x, (0, across, 0, down), mode="replicate") if down or across else x
