"""Bayer's ordered dither: a frame in the colors of a palette, by a pattern.

Reference: B. E. Bayer, "An optimum method for two-level rendition of continuous-tone pictures", ICC 1973.
"""

from __future__ import annotations

import math

import numpy as np

from gifbench.errors import UsageError
from gifbench.media.clip import Pixels
from gifbench.media.colors.nearest import nearest_indices
from gifbench.media.colors.palette_validation import check_frame, check_palette

_BAYER = np.array([[0]])
for _ in range(3):
    _BAYER = np.block([[4 * _BAYER, 4 * _BAYER + 2], [4 * _BAYER + 3, 4 * _BAYER + 1]])


def bayer(frame: Pixels, palette: Pixels, *, strength: int | None = None) -> Pixels:
    """Indices (H, W) of `frame` (H, W, 3) with Bayer's ordered dither of 8×8 over `palette` (K, 3), all uint8.

    With M Bayer's matrix of 0..63, pixel (y, x) becomes the nearest color of

        clip(pixel + ((2·M[y mod 8, x mod 8] - 63) · strength >> 7), 0, 255),

    the same offset, from -strength/2 to strength/2, for the three channels. `strength` is 0 to 255; by default the
    palette's spacing: the mean over its colors of the distance to the nearest other color, over √3 (a step along
    the gray axis), rounded. Raises `PixelsError` or `UsageError`.
    """
    check_frame(frame)
    check_palette(palette)
    if strength is None:
        strength = _spacing(palette)
    elif type(strength) is not int or not 0 <= strength <= 255:
        raise UsageError(f"strength is a whole number from 0 to 255, not {strength!r}")
    height, width, _ = frame.shape
    offsets = ((2 * _BAYER - 63) * strength >> 7).astype(np.int16)
    tiled = np.tile(offsets, (-(-height // 8), -(-width // 8)))[:height, :width, None]
    return nearest_indices(np.clip(frame.astype(np.int16) + tiled, 0, 255).astype(np.uint8), palette)


def _spacing(palette: Pixels) -> int:
    colors = np.unique(palette, axis=0).astype(np.float64)  # whole numbers below 2^53: exact in any order
    if len(colors) == 1:
        return 0
    lengths = (colors**2).sum(axis=1)
    squares = lengths[:, None] + lengths - 2 * colors @ colors.T
    np.fill_diagonal(squares, np.inf)
    distances = np.sqrt(squares.min(axis=1))
    return round(math.fsum(distances.tolist()) / len(colors) / math.sqrt(3))
