"""`cartoon`: each frame as a drawing; it wants no palettes, so it takes videos as well as GIFs."""

from __future__ import annotations

import torch

from gifbench import MethodError, UsageError

from ..ccdnet.network import scaled, to_levels
from ..half_precision_and_winograd import Precision
from ..network_method_base import FrameNetwork
from ..tiled_inference import blended
from ..weights_lookup import described, find_weights, packaged
from .cartoon_network import Cartoonist, CartoonOptions

_OVERLAP = 64


class Cartoon(FrameNetwork):
    """Draws each frame as CartoonGAN's generator does (Chen, Lai, Liu, CVPR 2018).

    No weights come with gifbench: `weights` is a file that `gifbench train` or `gifbench convert-weights` wrote. Frames
    with a side above `tile` are drawn in squares that fade into each other, because instance normalization sees all of
    a picture at once.
    """

    version = "1"
    needs_palettes = False

    def __init__(self, *, weights: str = "", tile: int = 1024, precision: Precision = "fp32") -> None:
        if tile < 128:
            raise UsageError(f"cartoon: tile must be 128 pixels or more, got {tile}")
        if not weights and packaged("cartoon") is None:
            raise MethodError(
                "method cartoon has no weights here, and none come with gifbench: train them on your own pictures, "
                "`gifbench train baselines/film/cartoon.toml --data DATASET --out runs/cartoon --set "
                "model.pictures=FOLDER_OF_CARTOONS --set model.vgg=vgg19-dcbb9e9d.pth`, or convert public ones, "
                "`gifbench convert-weights FILE.pth cartoon.safetensors`, and name them, "
                "cartoon:weights=runs/cartoon/cartoon.safetensors"
            )
        found = find_weights("cartoon", weights, config="baselines/film/cartoon.toml")
        super().__init__(precision=precision)
        self._hold(described(found, CartoonOptions, Cartoonist, what="cartoon generator"), found)
        self._tile = tile

    def _restored(self, frames: torch.Tensor) -> torch.Tensor:
        drawn = blended(self._network, scaled(frames), tile=self._tile, overlap=_OVERLAP)
        return to_levels(drawn)
