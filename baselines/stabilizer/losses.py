"""What steadiness and fidelity mean to the stabilizer in training (Lai et al., section 3.2), on frames in [0, 1].

The perceptual loss looks through VGG-19, whose weights the user gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from gifbench import UsageError

from ..superslomo.network import dis_flow, warp_by_pixels

_SHARPNESS = 50.0
"""How fast the weight of a pixel falls with the squared difference of what should be the same thing."""


class Way:
    """How to draw one frame with the pixels of an earlier one: along the truth's motion, and where that holds.

    `flow` (N, 2, H, W) leads, in pixels, from the later frame to the earlier; `weight` (N, 1, H, W) in [0, 1].
    """

    def __init__(self, later: torch.Tensor, earlier: torch.Tensor) -> None:
        self.flow = dis_flow(255 * later, 255 * earlier)
        self.weight = torch.exp(-_SHARPNESS * (later - self.moved(earlier)).square().sum(dim=1, keepdim=True))

    def moved(self, earlier: torch.Tensor) -> torch.Tensor:
        """An earlier frame, drawn along the way."""
        return warp_by_pixels(earlier, self.flow)

    def loss(self, later: torch.Tensor, earlier: torch.Tensor) -> torch.Tensor:
        """How far a frame is from the earlier one drawn along the way, where the way holds."""
        return (self.weight * (later - self.moved(earlier)).abs()).mean()


def ways(truth: torch.Tensor) -> tuple[list[Way], list[Way]]:
    """Of a window of truth (N, T, 3, H, W) the ways from each frame but the first to the one before, and from each but
    the first two to the first.
    """
    frames: Sequence[torch.Tensor] = truth.unbind(dim=1)
    short = [Way(frames[t], frames[t - 1]) for t in range(1, len(frames))]
    return short, [Way(frames[t], frames[0]) for t in range(2, len(frames))]


_LAYERS: tuple[int | str, ...] = (64, 64, "half", 128, 128, "half", 256, 256, 256, 256, "half", 512, 512, 512)
Layer = Literal["relu4_3", "conv4_4"]


class Perceptual(nn.Module):
    """The mean absolute difference of features of frames in [0, 1]: at `relu4_3`, or at `conv4_4`, before its ReLU.

    `path` is torchvision's file of VGG-19, `vgg19-dcbb9e9d.pth`, which only tensors are read from. Raises `UsageError`
    where it is not there or holds something else.
    """

    def __init__(self, path: str, *, layer: Layer = "relu4_3") -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width in _LAYERS:
            if isinstance(width, str):
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
        if layer == "conv4_4":
            layers.append(nn.Conv2d(channels, channels, 3, padding=1))
        self.features = nn.Sequential(*layers)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("spread", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1), persistent=False)
        self.load_state_dict(_read(path, self.state_dict()))
        self.eval()
        self.requires_grad_(False)

    def forward(self, one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        """Frames (N, 3, H, W) each."""
        first, second = (self.features((frames - self.mean) / self.spread) for frames in (one, other))
        return (first - second).abs().mean()


def _read(path: str, own: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    if not Path(path).is_file():
        raise UsageError(
            f'[model] vgg: there is no file "{path}": fetch vgg19-dcbb9e9d.pth of torchvision and name it, or leave '
            "perceptual at 0"
        )
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
        return {name: found[name].reshape(own[name].shape) for name in own}
    except Exception as error:  # torch's reader answers damage with whatever its own code stumbles over
        raise UsageError(f"[model] vgg: {path} does not hold the weights of torchvision's VGG-19") from error
