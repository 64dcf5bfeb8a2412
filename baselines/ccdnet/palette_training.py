"""What `gifbench train` trains for the palette U-Net: PSNR itself is the loss."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import nn

from gifbench import TrainerOptions, TrainingBatch, Update

from ..network_trainer_base import NetworkTrainer, frame_scores, update_of_psnr
from ..weights_lookup import start_weights
from .network import fill_palettes, scaled
from .palette_unet import NEIGHBORS, Count, PaletteUNet, PaletteUNetOptions, Width, begin


class PaletteUNetTrainerOptions(TrainerOptions):
    """`[model]` of a palette U-Net."""

    widths: tuple[Width, ...] = (48, 96, 128, 128)
    blocks: tuple[Count, ...] = (1, 1, 2, 2)
    neighbors: int = Field(default=NEIGHBORS, ge=1, le=8)
    start: str = ""
    """Weights to start from; where those are of a smaller network, all else begins as what changes nothing."""


class PaletteUNetTrainer(NetworkTrainer):
    """Trains a palette U-Net by `update_of_psnr`."""

    options_class = PaletteUNetTrainerOptions

    def __init__(self, options: PaletteUNetTrainerOptions) -> None:
        architecture = PaletteUNetOptions(widths=options.widths, blocks=options.blocks, neighbors=options.neighbors)
        super().__init__(PaletteUNet(architecture), architecture)
        if options.start:
            begin(self.network, start_weights(options.start), kind=architecture.network)

    def updates(self, network: nn.Module, batch: TrainingBatch, generator: torch.Generator) -> Iterator[Update]:
        """One update; the log shows the gain in dB over the GIF."""
        restored = network(batch.gif, fill_palettes(batch.palettes, batch.colors)).float()
        yield update_of_psnr(restored, scaled(batch.truth), scaled(batch.gif))

    def scores(self, network: nn.Module, batch: TrainingBatch) -> tuple[dict[str, float], torch.Tensor]:
        """PSNR of the restored frames and of the GIF's, over all pixels of the batch."""
        return frame_scores(network(batch.gif, fill_palettes(batch.palettes, batch.colors)), batch)
