"""`colorize`: colors for each frame's luminance; it wants no palettes, so it takes videos as well as GIFs."""

from __future__ import annotations

import torch
from torch.nn import functional

from gifbench import UsageError

from ..half_precision_and_winograd import Precision
from ..network_method_base import FrameNetwork
from ..weights_lookup import described, find_weights
from .chroma import luminance, to_rgb
from .colorize_network import ColorizeOptions, Colorizer

_SIDE, _SATURATION = 96, 0.4
"""The shorter side, in pixels, of the pictures that colors are painted in, and the share of the predicted chroma that
is laid over; chosen on clips kept back from training, none of them of split `test`."""
_MOST_SATURATION = 4.0


class Colorize(FrameNetwork):
    """Paints the luminance of each frame: chroma is predicted in a small picture, and laid over the frame's own light.

    What a frame has of colors is not looked at. `side` is the shorter side of that picture, in pixels: smaller ones
    show the network more of the scene at once. `saturation` is the factor that the predicted chroma is taken by: 1 for
    what the network says, less for paler colors, which are wrong by less. `weights` is a file that `gifbench train`
    wrote, a URL with `#sha256=…`, or the name of one that comes with gifbench.
    """

    version = "2"
    needs_palettes = False

    def __init__(
        self, *, weights: str = "", side: int = _SIDE, saturation: float = _SATURATION, precision: Precision = "fp32"
    ) -> None:
        if not 32 <= side <= 1024:
            raise UsageError(f"colorize: side must be 32 to 1024 pixels, got {side}")
        if not 0 <= saturation <= _MOST_SATURATION:
            raise UsageError(f"colorize: saturation must be 0 to {_MOST_SATURATION:g}, got {saturation}")
        found = find_weights("colorize", weights, config="baselines/film/colorize.toml")
        super().__init__(precision=precision)
        self._hold(described(found, ColorizeOptions, Colorizer, what="colorizer"), found)
        self._side, self._saturation = side, saturation

    def _restored(self, frames: torch.Tensor) -> torch.Tensor:
        light = luminance(frames.float() / 255)
        height, width = light.shape[2:]
        stride = self._network.stride
        scale = min(1.0, self._side / min(height, width))
        small = [max(2 * stride, round(length * scale / stride) * stride) for length in (height, width)]
        colors = self._saturation * self._network(functional.interpolate(light, small, mode="bilinear", antialias=True))
        return 255 * to_rgb(light, functional.interpolate(colors.float(), (height, width), mode="bilinear")).float()
