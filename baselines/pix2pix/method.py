"""Pix2Pix as a method: frames of any size through a network made for 256×256."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from gifbench import UsageError, Weights

from ..pretrained import described, find_weights
from ..tiled_inference import Precision, Runner, blended
from .network import Pix2PixArchitecture, UNet256

OVERLAP = 64
"""Pixels by which tiles overlap: every pixel sees the whole of its tile, so seams are faded."""


class Pix2Pix:
    """Restores each frame by a trained Pix2Pix.

    `weights` is a file that `gifbench train` wrote, a URL with `#sha256=…`, or the name of one that comes with
    gifbench. Frames whose sides are no multiples of 256 are filled up by repeating their border and cut back; larger
    ones than `tile`, a multiple of 256, are worked on in overlapping squares.
    """

    version = "1"
    backend = "torch"

    def __init__(self, *, weights: str = "", tile: int = 1024, precision: Precision = "fp32") -> None:
        found = find_weights("pix2pix", weights, config="baselines/pix2pix/pix2pix.toml")
        if tile < UNet256.stride or tile % UNet256.stride:
            raise UsageError(f"pix2pix: tile must be a multiple of {UNet256.stride} pixels, got {tile}")
        self._network, self._tile = load_network(found), tile
        self._network.to(memory_format=torch.channels_last)
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
        gif = frames.permute(0, 3, 1, 2).contiguous().to(device)

        def restore(part: slice) -> torch.Tensor:
            return blended(self._network, gif[part].float() / 127.5 - 1, tile=self._tile, overlap=OVERLAP)

        return ((self._runner.run(restore, gif) + 1) * 127.5).clamp(0, 255).permute(0, 2, 3, 1)


def load_network(weights: Weights) -> UNet256:
    """The generator of these weights; raises `MethodError` for those of another network."""
    return described(weights, Pix2PixArchitecture, UNet256, what="Pix2Pix")
