"""Adversarial training: the discriminator, its losses, the fakes that it is shown again, and when who may step.

The discriminator is conditional, a 70×70 PatchGAN (Isola et al., CVPR 2017) on a frame, its gradients and its GIF.
"""

from __future__ import annotations

from collections.abc import Generator

import torch
from torch import nn
from torch.nn import functional

from gifbench import Update

from .ccdnet.losses import gradients
from .network_trainer_base import draw, in_all_processes

D_STEPS_BELOW = 0.75
"""The discriminator learns only while it judges fewer patches than this rightly …"""
G_STEPS_ABOVE = 0.25
"""… and the network takes its whole step only while it judges more than this rightly (the released code)."""


class PatchGAN(nn.Module):
    """(N, 12, H, W) to one logit a patch of 70×70 pixels: 2,774,849 parameters at a base of 64."""

    def __init__(self, channels: int = 12, *, base: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, base, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        for level, stride in ((1, 2), (2, 2), (4, 1)):
            layers += [
                nn.Conv2d(level * base, 2 * level * base, 4, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(2 * level * base),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(8 * base, 1, 4, stride=1, padding=1))

    def forward(self, pair: torch.Tensor) -> torch.Tensor:
        """Above 0: held for a frame of a video."""
        return self.layers(pair)


def judged(gif: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
    """What the discriminator sees, (N, 12, H, W): the GIF, the frame, and its differences across and down.

    Both are of the (H−1)×(W−1) lower right pixels, from the one on the left and from the one above, padded by a row of
    zeros above and a column of zeros on the left, as in the released code.
    """
    return torch.cat([gif, frames, functional.pad(torch.cat(gradients(frames), dim=1), (1, 0, 1, 0))], dim=1)


class FakePool:
    """The last fakes, of which the discriminator is shown an old one as often as a new one (Shrivastava et al., 2017).

    Held in half precision; part of a checkpoint, because what the discriminator learns next depends on it.
    """

    def __init__(self, size: int = 60) -> None:
        self._size = size
        self._fakes: list[torch.Tensor] = []

    def exchange(self, fakes: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """As many fakes as are given: each itself, or with probability ½ an old one, whose place it takes."""
        shown = []
        for fake in fakes.detach():
            if len(self._fakes) < self._size:
                self._fakes.append(fake.half())
                shown.append(fake)
            elif float(torch.rand((), generator=generator)) < 0.5:
                place = draw(len(self._fakes), generator)
                shown.append(self._fakes[place].to(fake))
                self._fakes[place] = fake.half()
            else:
                shown.append(fake)
        return torch.stack(shown)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The fakes, if there are any."""
        return {"fakes": torch.stack(self._fakes)} if self._fakes else {}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Take over the fakes of a checkpoint."""
        self._fakes = list(state["fakes"]) if "fakes" in state else []


def real_loss(logits: torch.Tensor) -> torch.Tensor:
    """Cross entropy of patches that should be held for video."""
    return functional.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))


def fake_loss(logits: torch.Tensor) -> torch.Tensor:
    """Cross entropy of patches that should be held for fakes."""
    return functional.binary_cross_entropy_with_logits(logits, torch.zeros_like(logits))


def fooling_loss(discriminator: nn.Module, fakes: torch.Tensor) -> torch.Tensor:
    """Cross entropy of fakes that should be held for video; nothing of the discriminator is learned by it."""
    discriminator.requires_grad_(False)
    loss = real_loss(discriminator(fakes))
    discriminator.requires_grad_(True)
    return loss


def accuracy(real: torch.Tensor, fake: torch.Tensor) -> float:
    """The share of patches that the discriminator judges rightly, real and fake alike.

    A logit above ½ says real, one below says fake, as in the released code.
    """
    return (float((real > 0.5).float().mean()) + float((fake < 0.5).float().mean())) / 2


def adversarial_parts(
    discriminator: nn.Module, real: torch.Tensor, fake: torch.Tensor, pool: FakePool, generator: torch.Generator
) -> Generator[Update, None, dict[str, torch.Tensor | float]]:
    """Yields the discriminator's update and returns what the network learns, each only while its gate is open.

    `real` and `fake` are what `judged` gives. Returned are the accuracy and the adversarial loss, or nothing.
    """
    on_real, on_fake = discriminator(real), discriminator(pool.exchange(fake, generator))
    right = in_all_processes(accuracy(on_real, on_fake), on_real.device)
    judging = (real_loss(on_real) + fake_loss(on_fake)) / 2
    if right < D_STEPS_BELOW:
        yield Update("discriminator", judging, {"discriminator": judging})
    return {"accuracy": right, "adversarial": fooling_loss(discriminator, fake)} if right > G_STEPS_ABOVE else {}
