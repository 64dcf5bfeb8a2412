"""Dithering: a frame in the colors of a palette, by error diffusion or by a pattern.

Every error-diffusing dither here is defined in integers, so that it is the same everywhere. A pixel's channel carries
the sum of its neighbors' errors times their weights, in sixteenths. In order, for each pixel,

    v = clip(pixel + ((sum + 8) >> 4), 0, 255)        the shift rounds down, also below 0
    index = the nearest color of v: squared RGB distance, the lowest index on ties
    e = v - palette[index]                            is handed on: weight · e is added to the sum of each neighbor

and what would leave the frame is dropped.

References: R. W. Floyd, L. Steinberg, "An adaptive algorithm for spatial gray scale", Proc. SID 17/2, 1976. F. Sierra's
filters, 1989 and 1990, as in L. Crocker, "DITHER.TXT", 1991. B. E. Bayer, "An optimum method for two-level rendition of
continuous-tone pictures", ICC 1973.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from gifbench.errors import UsageError
from gifbench.media.clip import Pixels
from gifbench.media.colors.dither_kernels import (
    DAMPED_FLOYD_STEINBERG,
    FLOYD_STEINBERG,
    SIERRA_2_4A,
    ErrorShares,
    RowDiffuser,
    diffuse_serpentine,
)
from gifbench.media.colors.nearest import nearest_indices
from gifbench.media.colors.palette_validation import check_frame, check_palette

_BAYER = np.array([[0]])
for _ in range(3):
    _BAYER = np.block([[4 * _BAYER, 4 * _BAYER + 2], [4 * _BAYER + 3, 4 * _BAYER + 1]])


def floyd_steinberg(frame: Pixels, palette: Pixels, *, serpentine: bool = False) -> Pixels:
    """Indices (H, W) of `frame` (H, W, 3) dithered by Floyd-Steinberg over `palette` (K, 3), all uint8.

    Weights: right 7/16, lower left 3/16, below 5/16, lower right 1/16; rows from left to right. With `serpentine` the
    rows 1, 3, 5, … run from right to left with the weights mirrored. Raises `PixelsError` or `UsageError`.
    """
    if not serpentine:
        return _diffused(frame, palette, FLOYD_STEINBERG)
    check_frame(frame)
    check_palette(palette)
    indices = np.empty(frame.shape[:2], np.uint8)
    diffuse_serpentine(np.ascontiguousarray(frame), np.ascontiguousarray(palette), indices)
    return indices


def damped_floyd_steinberg(frame: Pixels, palette: Pixels) -> Pixels:
    """Indices (H, W) of `frame` (H, W, 3) dithered by Floyd-Steinberg that hands on 13/16 of each error. All uint8.

    Weights: right 5/16, lower left 3/16, below 4/16, lower right 1/16; rows from left to right. Small errors die away
    before they make a far color necessary: 2 to 6 dB nearer to the frame than with all of the error, and nearer also
    after a slight blur (`benchmarks/gif_quality.py`). It keeps the mean of an area only near to a color of the palette,
    so it is for palettes of the frame itself, and not among `DITHERS`. Raises `PixelsError` or `UsageError`.
    """
    return _diffused(frame, palette, DAMPED_FLOYD_STEINBERG)


def sierra_2_4a(frame: Pixels, palette: Pixels) -> Pixels:
    """Indices (H, W) of `frame` (H, W, 3) dithered by Sierra-2-4A ("Sierra lite") over `palette` (K, 3), all uint8.

    Weights: right 2/4, lower left 1/4, below 1/4; rows from left to right. Raises `PixelsError` or `UsageError`.
    """
    return _diffused(frame, palette, SIERRA_2_4A)


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


DITHERS: dict[str, Callable[[Pixels, Pixels], Pixels]] = {
    "floyd-steinberg": floyd_steinberg,
    "floyd-steinberg-serpentine": partial(floyd_steinberg, serpentine=True),
    "sierra-2-4a": sierra_2_4a,
    "bayer": bayer,
}
"""Every dither by its name: (frame (H, W, 3), palette (K, 3)) -> indices (H, W)."""


def _diffused(frame: Pixels, palette: Pixels, weights: ErrorShares) -> Pixels:
    check_frame(frame)
    check_palette(palette)
    return RowDiffuser()(np.ascontiguousarray(frame), np.ascontiguousarray(palette), weights)


def _spacing(palette: Pixels) -> int:
    colors = np.unique(palette, axis=0).astype(np.float64)  # whole numbers below 2^53: exact in any order
    if len(colors) == 1:
        return 0
    lengths = (colors**2).sum(axis=1)
    squares = lengths[:, None] + lengths - 2 * colors @ colors.T
    np.fill_diagonal(squares, np.inf)
    distances = np.sqrt(squares.min(axis=1))
    return round(math.fsum(distances.tolist()) / len(colors) / math.sqrt(3))
