"""The perceptual loss of Lai et al.: how VGG-19 sees two frames, at relu4_3. Its weights must be at hand."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from torch import nn

from gifbench import UsageError

_LAYERS: tuple[int | str, ...] = (64, 64, "half", 128, 128, "half", 256, 256, 256, 256, "half", 512, 512, 512)


class Perceptual(nn.Module):
    """The mean absolute difference of features of frames in [0, 1].

    `path` is torchvision's file of VGG-19, `vgg19-dcbb9e9d.pth`, which only tensors are read from. Raises `UsageError`
    where it is not there or holds something else.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width in _LAYERS:
            if isinstance(width, str):
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
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
    except (RuntimeError, pickle.UnpicklingError, EOFError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"[model] vgg: {path} does not hold the weights of torchvision's VGG-19") from error
