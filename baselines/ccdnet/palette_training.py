"""What `gifbench train` trains for the palette U-Net: PSNR itself is the loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from pydantic import Field
from torch import nn

from gifbench import TrainerOptions, TrainingBatch, Update

from ..weights_lookup import start_weights
from .network import fill_palettes, scaled
from .palette_unet import NEIGHBORS, Count, PaletteUNet, PaletteUNetOptions, Width, begin
from .training import frame_scores

_ROUNDING = 0.5 / 127.5**2
"""Added to the squared error: what no picture of eight bits is known better than, so that flat crops do not rule."""


class PaletteUNetTrainerOptions(TrainerOptions):
    """`[model]` of a palette U-Net."""

    widths: tuple[Width, ...] = (48, 96, 128, 128)
    blocks: tuple[Count, ...] = (1, 1, 2, 2)
    neighbors: int = Field(default=NEIGHBORS, ge=1, le=8)
    start: str = ""
    """Weights to start from; where those are of a smaller network, all else begins as what changes nothing."""


class PaletteUNetTrainer:
    """Trains a palette U-Net down the logarithm of each crop's mean squared error: its PSNR, up to sign and scale."""

    options_class = PaletteUNetTrainerOptions

    def __init__(self, options: PaletteUNetTrainerOptions) -> None:
        self._options = PaletteUNetOptions(widths=options.widths, blocks=options.blocks, neighbors=options.neighbors)
        self.network = PaletteUNet(self._options)
        if options.start:
            begin(self.network, start_weights(options.start), kind=self._options.network)
        self.others: Mapping[str, nn.Module] = {}
        self.learned: Mapping[str, Sequence[nn.Parameter]] = {"network": list(self.network.parameters())}

    def updates(self, network: nn.Module, batch: TrainingBatch, generator: torch.Generator) -> Iterator[Update]:
        """One update; the log shows the gain in dB over the GIF."""
        truth = scaled(batch.truth)
        restored = network(batch.gif, fill_palettes(batch.palettes, batch.colors)).float()
        error = (restored - truth).square().mean(dim=(1, 2, 3)) + _ROUNDING
        before = (scaled(batch.gif) - truth).square().mean(dim=(1, 2, 3)) + _ROUNDING
        loss = error.log().mean()
        yield Update("network", loss, {"loss": loss, "gain": 10 * torch.log10(before / error.detach()).mean()})

    def scores(self, network: nn.Module, batch: TrainingBatch) -> tuple[dict[str, float], torch.Tensor]:
        """PSNR of the restored frames and of the GIF's, over all pixels of the batch."""
        return frame_scores(network(batch.gif, fill_palettes(batch.palettes, batch.colors)), batch)

    def architecture(self) -> Mapping[str, Any]:
        """The fields of `PaletteUNetOptions`."""
        return self._options.model_dump(mode="json")

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing."""
