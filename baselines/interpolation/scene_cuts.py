"""Whether the scene changes between two GIF frames: then no frame between them can be made of both."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gifbench import Pixels, gaussian_blur, inconsistent, optical_flow, resize, warp

_SIDE = 128
"""Pixels of the longer side of the pictures that are compared: fast, and nothing of a dither is left in them."""

_DIFFERS, _INCONSISTENT, _ALIKE, _SURELY = 16.0, 0.5, 0.85, 48.0
"""At a cut the pictures differ, even after motion is taken out, by more than 16 of 255 on average, light and dark
correlate by less than 0.85 (which a fade or a flash keeps), and more than half of the pixels do not find back or the
difference is above 48. Chosen on real clips at eight frames' distance: their cuts lie far beyond (above 60, below
0.35, above 95%), all other pairs but fast fades from black lie below."""


def is_cut(first: Pixels, second: Pixels) -> bool:
    """Whether two frames (H, W, 3) uint8 of a video show different scenes."""
    small = _small(first), _small(second)
    forward = optical_flow(*small)
    there = warp(small[1], forward)
    differs = float(np.abs(small[0] - there).mean())
    if differs <= _DIFFERS:  # most pairs: no need to look back
        return False
    backward = optical_flow(*small[::-1])
    back = warp(small[0], backward)
    differs = min(differs, float(np.abs(small[1] - back).mean()))
    if differs <= _DIFFERS or _alike(small[0], there) >= _ALIKE:
        return False
    lost = max(inconsistent(forward, backward).mean(), inconsistent(backward, forward).mean())
    return bool(lost > _INCONSISTENT or differs > _SURELY)


def _small(frame: Pixels) -> Pixels:
    height, width = frame.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    shrunk = resize(frame, width=size[0], height=size[1], filter="area")
    return np.rint(gaussian_blur(shrunk, 1.0)).astype(np.uint8)


def _alike(first: Pixels, second: NDArray[np.float32]) -> float:
    """The correlation of brightness; 0 where one of the two is flat, which the other then is not."""
    a, b = (frame.astype(np.float64).mean(-1) for frame in (first, second))
    a, b = a - a.mean(), b - b.mean()
    spread = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / spread) if spread > 1e-6 * a.size else 0.0
