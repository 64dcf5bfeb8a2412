"""Undither: smoothing that the palette steers, after the idea of kornelski/undither."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gifbench import Pixels, UsageError

MOST_COLORS = 1024
"""Frames of more colors, as pictures composed of many palettes may have, are given back as they are."""


class Undither:
    """Each pixel becomes a weighted mean of those around it that dithering could have put there.

    Where two colors are next to each other although the palette has one between them, whoever made the GIF could have
    taken that one and did not: it is an edge, which is not smoothed over. Two colors that have none between them may
    stand for a shade that the palette lacks. A color is between two others if it is nearer to their middle than `ball`
    times either of them: 1 keeps more edges, 0 smooths all. Weights are a gaussian's of `sigma` pixels, out to
    `radius`. The defaults were chosen on frames of 11 clips (docs/baselines.md).

    The idea is that of https://github.com/kornelski/undither, as its page describes it; the code and the ball are ours.
    """

    version = "1"

    def __init__(self, *, radius: int = 2, sigma: float = 1.0, ball: float = 0.4) -> None:
        if not 1 <= radius <= 8:
            raise UsageError(f"undither: radius must be 1 to 8 pixels, got {radius}")
        if not 0.1 <= sigma <= 16:
            raise UsageError(f"undither: sigma must be 0.1 to 16 pixels, got {sigma}")
        if not 0 <= ball <= 1:
            raise UsageError(f"undither: ball must be 0 to 1, got {ball}")
        self._ball = ball
        distance = np.arange(-radius, radius + 1, dtype=np.float64)
        one = np.exp(-(distance**2) / (2 * sigma**2))
        self._weights = np.outer(one, one).astype(np.float32)

    def restore_frames(self, frames: Pixels, palettes: Sequence[Pixels]) -> NDArray[np.float32]:
        """Restore (N, H, W, 3) uint8 to float32 in [0, 255]."""
        out = frames.astype(np.float32)
        for frame, palette, restored in zip(frames, palettes, out, strict=True):
            colors = np.unique(np.concatenate([color_codes(palette).ravel(), color_codes(frame).ravel()]))
            if len(colors) > MOST_COLORS:
                continue
            indices = np.searchsorted(colors, color_codes(frame)).astype(np.int32)
            shades = np.stack([colors >> 16, colors >> 8 & 255, colors & 255], axis=1).astype(np.int32)
            _smooth(indices, shades, neighbors(shades, self._ball), self._weights, restored)
        return out


def color_codes(pixels: Pixels) -> NDArray[np.int64]:
    """Colors (…, 3) uint8 as one whole number each, 0xRRGGBB."""
    red, green, blue = np.moveaxis(pixels.astype(np.int64), -1, 0)
    codes: NDArray[np.int64] = red << 16 | green << 8 | blue
    return codes


@njit(cache=True)
def neighbors(colors: NDArray[np.int32], ball: float) -> NDArray[np.bool_]:
    """Which of K colors (K, 3) have no other between them, (K, K); a color is its own neighbor."""
    count = len(colors)
    out = np.ones((count, count), np.bool_)
    for i in range(count):
        for j in range(i):
            apart = 0
            for c in range(3):
                apart += (colors[i, c] - colors[j, c]) ** 2
            for k in range(count):
                if k in (i, j):
                    continue
                away = 0  # four times the squared distance from the middle
                for c in range(3):
                    away += (2 * colors[k, c] - colors[i, c] - colors[j, c]) ** 2
                if away < ball * ball * apart:
                    out[i, j] = out[j, i] = False
                    break
    return out


@njit(cache=True)
def _smooth(
    indices: NDArray[np.int32],
    colors: NDArray[np.int32],
    alike: NDArray[np.bool_],
    weights: NDArray[np.float32],
    restored: NDArray[np.float32],
) -> None:
    height, width = indices.shape
    radius = len(weights) // 2
    for y in range(height):
        for x in range(width):
            own = indices[y, x]
            total, red, green, blue = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
            for v in range(max(0, y - radius), min(height, y + radius + 1)):
                for u in range(max(0, x - radius), min(width, x + radius + 1)):
                    other = indices[v, u]
                    if alike[own, other]:
                        weight = weights[v - y + radius, u - x + radius]
                        total += weight
                        # Differences, so that where there are none the color stays what it is.
                        red += weight * (colors[other, 0] - colors[own, 0])
                        green += weight * (colors[other, 1] - colors[own, 1])
                        blue += weight * (colors[other, 2] - colors[own, 2])
            restored[y, x, 0] = min(max(colors[own, 0] + red / total, 0), 255)
            restored[y, x, 1] = min(max(colors[own, 1] + green / total, 0), 255)
            restored[y, x, 2] = min(max(colors[own, 2] + blue / total, 0), 255)
