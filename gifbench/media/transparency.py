"""See-through pixels of any source, found by what shows through: the same frame over white and over black."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gifbench.media.clip import Pixels


class CutOut(NamedTuple):
    """A frame (H, W, 3) uint8, and where it is see-through, (H, W), or None; there it has a color of the rest."""

    pixels: Pixels
    hidden: NDArray[np.bool_] | None = None


def cut_out(over_white: Pixels, over_black: Pixels) -> CutOut:
    """A frame with see-through pixels of any source, found by what it shows over both, (H, W, 3) uint8 each.

    Over white a pixel of color c and opacity a shows a·c + (1 - a)·255, over black a·c: the difference is the opacity,
    the rest the color. A GIF's pixel is see-through or is not: it is where less than half of it is seen.
    """
    shines = over_white.astype(np.int32).sum(-1) - over_black.astype(np.int32).sum(-1)
    opacity = 255 - (shines + 1) // 3
    if not np.any(opacity < 255):
        return CutOut(over_black)
    hidden = opacity < 128
    weight = np.clip(opacity, 128, 255)[..., None]
    pixels = np.minimum((over_black.astype(np.int32) * 255 + weight // 2) // weight, 255).astype(np.uint8)
    seen = pixels[~hidden]
    pixels[hidden] = seen[len(seen) // 2] if len(seen) else 0
    return CutOut(pixels, hidden)
