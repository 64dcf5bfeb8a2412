"""CCDNet as a method: a file of weights, and how frames go through the network that it is of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from pydantic import ValidationError

from gifbench import MethodError, UsageError, Weights

from ..inference import Precision, Runner
from ..packaged import find_weights
from .network import Architecture, CCDNet, stack_palettes

TILE = 1024
"""Larger frames are worked on in squares of this side."""


class CCDNetMethod:
    """Restores each frame by a trained CCDNet.

    `weights` is a file that `gifbench train` wrote, a URL with `#sha256=…`, or the name of one that comes with
    gifbench. `steps` unrolls a network of two or more steps differently from how it was trained. `precision="bf16"`
    was two to three times as fast on a CPU that has it, and differed by less than a level of 255
    (`benchmarks/networks.py`).
    """

    version = "1"
    description = "CCDNet: U-Nets unrolled around the palette (GIF2Video, CVPR 2019)"
    backend = "torch"
    row: ClassVar[str] = "ccdnet-1"
    """The name of the method, of its configuration and of its weights."""
    default_steps: ClassVar[int | None] = None
    backbone: ClassVar[str | None] = None

    def __init__(self, *, weights: str = "", steps: int = 0, tile: int = TILE, precision: Precision = "fp32") -> None:
        found = find_weights(self.row, weights, config=f"baselines/ccdnet/{self.row}.toml")
        if tile < 64:
            raise UsageError(f"{self.row}: tile must be 64 pixels or more, not {tile}")
        self._network, self._tile = load_network(found), tile
        self._network.to(memory_format=torch.channels_last)
        trained = self._network.architecture
        self._steps = steps or self.default_steps or trained.steps
        if self.backbone not in (None, trained.backbone):
            raise UsageError(f"{self.row}: {found.path} are weights of the backbone {trained.backbone}")
        if self._steps < 1 or (self._steps > 1 and trained.steps == 1):
            raise UsageError(f"{self.row}: {found.path} were trained for 1 step and cannot take {self._steps}")
        if self.default_steps == 1 and trained.steps > 1:
            raise UsageError(
                f"{self.row}: {found.path} were trained for {trained.steps} steps: "
                f"use the method ccdnet-{trained.steps}"
            )
        self._runner = Runner(precision=precision)
        self.weights = str(found.path)
        self.licence = str(found.about.get("licence") or "")
        self.parameters = sum(parameter.numel() for parameter in self._network.parameters())

    def to(self, device: str) -> None:
        """Move the network; called once, before the first clip."""
        self._network.to(device)

    def restore_frames(self, frames: torch.Tensor, palettes: Sequence[torch.Tensor]) -> torch.Tensor:
        """Frames (N, H, W, 3) uint8 to float32 in [0, 255]."""
        device = next(self._network.parameters()).device
        gif, stacked = frames.permute(0, 3, 1, 2).contiguous().to(device), stack_palettes(palettes).to(device)

        def restore(part: slice) -> torch.Tensor:
            result: torch.Tensor = self._network(gif[part], stacked[part], steps=self._steps, tile=self._tile)
            return result

        return ((self._runner.run(restore, gif) + 1) * 127.5).clamp(0, 255).permute(0, 2, 3, 1)


def load_network(weights: Weights) -> CCDNet:
    """The network that the card of the weights describes, filled; raises `MethodError` for weights of another kind."""
    try:
        architecture = Architecture.model_validate(weights.architecture)
    except ValidationError as error:
        said = weights.architecture.get("network", "nothing")
        raise MethodError(f"{weights.path}: no weights of a CCDNet; the card says {str(said)[:60]!r}") from error
    return weights.build(lambda: CCDNet(architecture))
