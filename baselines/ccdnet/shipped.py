"""The two networks of the router `ccdnet`, each by its own name: for GIFs that are known to be plain, or dithered.

They work frame by frame, so what learns on top of restored frames can name them, too.
"""

from __future__ import annotations

from typing import ClassVar

from gifbench import UsageError

from ..inference import Precision
from ..pretrained import find_weights
from .method import TILE, ByRestorer, Restorer
from .network import CCDNet


class CCDNetPlain(ByRestorer):
    """Restores each frame by the small network for GIFs without dithering.

    `weights` is a file that `gifbench train` wrote, or a URL with `#sha256=…`; without it, what comes with gifbench.
    """

    version = "1"
    description = "the small network for plain GIFs that the router ccdnet takes"
    parameters: int = 2_474_780
    row: ClassVar[str] = "ccdnet-plain"

    def __init__(self, *, weights: str = "", tile: int = TILE, precision: Precision = "fp32") -> None:
        found = find_weights(self.row, weights, config=f"baselines/ccdnet/{self.row}.toml")
        self._restorer = Restorer(found, tile=tile, precision=precision)
        if isinstance(self._restorer.network, CCDNet):
            raise UsageError(f"{self.row}: {found.path} are weights of a CCDNet, for a method such as ccdnet-2")
        self.weights = str(found.path)
        self.licence, self.parameters = self._restorer.licence, self._restorer.parameters


class CCDNetDithered(CCDNetPlain):
    """Restores each frame by the small network for dithered GIFs."""

    description = "the small network for dithered GIFs that the router ccdnet takes"
    row = "ccdnet-dithered"
