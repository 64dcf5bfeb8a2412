"""Cartoons whose edges are smeared: what the discriminator of CartoonGAN learns to tell from cartoons (section 3.2.2).

Edges are found by Canny, widened, and the picture within them is smoothed; all else stays.
"""

from __future__ import annotations

import cv2
import numpy as np

from gifbench import Pixels

_LOW, _HIGH = 100, 200
_WIDE, _SMOOTH = 3, 5


def smeared_edges(picture: Pixels, *, low: int = _LOW, high: int = _HIGH, wide: int = _WIDE) -> Pixels:
    """A picture (H, W, 3) uint8 with its edges, those of Canny between `low` and `high`, smoothed by a gaussian.

    Edges are dilated by a square of `wide` pixels.
    """
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    edges = cv2.dilate(cv2.Canny(gray, low, high), np.ones((wide, wide), np.uint8))
    smooth = cv2.GaussianBlur(picture, (_SMOOTH, _SMOOTH), 0)
    return np.where(edges[..., None] > 0, smooth, picture).astype(np.uint8)
