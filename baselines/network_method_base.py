"""What methods of one network share: its weights with their card, the device, and frames that go through it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from gifbench import Weights

from .half_precision_and_winograd import Precision, Runner


class OneNetwork:
    """A method with one network: its file of weights, their license, its size, and where it is."""

    backend = "torch"
    _network: Any
    _device = torch.device("cpu")

    def _hold(self, network: nn.Module, found: Weights) -> None:
        """Keep the network channels-last, and say what its weights are."""
        self._network = network.to(memory_format=torch.channels_last)
        self.weights = str(found.path)
        self.licence = str(found.about.get("licence") or "")
        self.parameters = sum(parameter.numel() for parameter in network.parameters())

    def to(self, device: str) -> None:
        """Move the network; called once, before the first clip."""
        self._device = torch.device(device)
        self._network.to(device)


class FrameNetwork(OneNetwork, ABC):
    """A method that restores frame by frame with one network, and looks at no palettes."""

    def __init__(self, *, precision: Precision) -> None:
        self._runner = Runner(precision=precision)

    @abstractmethod
    def _restored(self, frames: torch.Tensor) -> torch.Tensor:
        """Some frames (N, 3, H, W) uint8 on the network's device, restored: float of about [0, 255]."""

    def restore_frames(self, frames: torch.Tensor, palettes: Sequence[torch.Tensor]) -> torch.Tensor:
        """Frames (N, H, W, 3) uint8 to float32 in [0, 255]."""
        shown = frames.permute(0, 3, 1, 2).to(self._device)
        return self._runner.run(lambda part: self._restored(shown[part]), shown).clamp(0, 255).permute(0, 2, 3, 1)
