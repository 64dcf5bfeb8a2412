"""Pix2Pix as a method: frames of any size through a network made for 256×256."""

from __future__ import annotations

import torch

from gifbench import UsageError

from ..ccdnet.network import scaled, to_levels
from ..half_precision_and_winograd import Precision
from ..network_method_base import FrameNetwork
from ..tiled_inference import blended
from ..weights_lookup import described, find_weights
from .network import Pix2PixArchitecture, UNet256

OVERLAP = 64
"""Pixels by which tiles overlap: every pixel sees the whole of its tile, so seams are faded."""


class Pix2Pix(FrameNetwork):
    """Restores each frame by a trained Pix2Pix.

    `weights` is a file that `gifbench train` wrote, a URL with `#sha256=…`, or the name of one that comes with
    gifbench. Frames whose sides are no multiples of 256 are filled up by repeating their border and cut back; larger
    ones than `tile`, a multiple of 256, are worked on in overlapping squares.
    """

    version = "1"

    def __init__(self, *, weights: str = "", tile: int = 1024, precision: Precision = "fp32") -> None:
        found = find_weights("pix2pix", weights, config="baselines/pix2pix/pix2pix.toml")
        if tile < UNet256.stride or tile % UNet256.stride:
            raise UsageError(f"pix2pix: tile must be a multiple of {UNet256.stride} pixels, got {tile}")
        super().__init__(precision=precision)
        self._hold(described(found, Pix2PixArchitecture, UNet256, what="Pix2Pix"), found)
        self._tile = tile

    def _restored(self, frames: torch.Tensor) -> torch.Tensor:
        drawn = blended(self._network, scaled(frames.contiguous()), tile=self._tile, overlap=OVERLAP)
        return to_levels(drawn)
