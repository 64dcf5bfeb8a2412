"""What `gifbench train` trains for Pix2Pix."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import nn

from gifbench import TrainerOptions, TrainingBatch, Update

from ..adversarial_training import PatchGAN, fake_loss, fooling_loss, real_loss
from ..ccdnet.losses import color_loss
from ..ccdnet.network import scaled
from ..network_trainer_base import NetworkTrainer, frame_scores
from ..tiled_inference import padded
from .network import Pix2PixArchitecture, UNet256


class Pix2PixOptions(TrainerOptions):
    """`[model]` of a Pix2Pix."""

    base: int = Field(default=64, ge=1, le=128)
    color: float = Field(default=100.0, ge=0)
    """Weight of the mean absolute difference, λ in the paper."""
    adversarial: float = Field(default=1.0, gt=0)


class Pix2PixTrainer(NetworkTrainer):
    """Trains the generator by L1 and against a PatchGAN that sees the GIF's frame beside the other."""

    options_class = Pix2PixOptions

    def __init__(self, options: Pix2PixOptions) -> None:
        self._options = options
        architecture = Pix2PixArchitecture(base=options.base)
        generator, discriminator = UNet256(architecture), PatchGAN(6, base=options.base)
        for network in (generator, discriminator):
            network.apply(_begin)
        super().__init__(generator, architecture, discriminator=discriminator)

    def updates(self, network: nn.Module, batch: TrainingBatch, generator: torch.Generator) -> Iterator[Update]:
        """The discriminator's update, then the network's."""
        gif, truth = scaled(batch.gif), scaled(batch.truth)
        restored = network(gif).float()
        discriminator = self.others["discriminator"]
        on_real = discriminator(torch.cat([gif, truth], dim=1))
        on_fake = discriminator(torch.cat([gif, restored.detach()], dim=1))
        judging = (real_loss(on_real) + fake_loss(on_fake)) / 2
        yield Update("discriminator", judging, {"discriminator": judging})
        adversarial = fooling_loss(discriminator, torch.cat([gif, restored], dim=1))
        color = color_loss(restored, truth)
        loss = self._options.color * color + self._options.adversarial * adversarial
        yield Update("network", loss, {"loss": loss, "color": color, "adversarial": adversarial})

    def scores(self, network: nn.Module, batch: TrainingBatch) -> tuple[dict[str, float], torch.Tensor]:
        """PSNR of the restored frames and of the GIF's, over all pixels of the batch."""
        return frame_scores(padded(network, scaled(batch.gif)), batch)


def _begin(module: nn.Module) -> None:
    """Pix2Pix's own first weights."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
