"""The conditional discriminator: a 70×70 PatchGAN (Isola et al., CVPR 2017) on a frame, its gradients and its GIF."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from ..network_trainer_base import draw
from .losses import gradients


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
