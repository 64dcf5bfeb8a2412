"""A restored frame, smoothed as far as its plain GIF allows: wide gradients come back without their bands.

A band ends where the true color was half way to the palette's next one, and the colors of the palette are means of what
they stand for. So a smooth picture that keeps both is close to the truth wherever that is smooth, however wide the
bands are. It is found by turns: the frame is smoothed along its rows and columns, from far to near, and brought back to
means and cells. What is smoothed does not go over edges: a step costs as much as the restored frame changes there, in
units of the cells' size.

Rows and columns are smoothed by the recursive filter of E. S. L. Gastal and M. M. Oliveira, "Domain transform for
edge-aware image and video processing", SIGGRAPH 2011, here with the square of what changes. Every second pixel of every
second row is enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Smoothing:
    """How far and across what is smoothed."""

    edge: float
    """What changes by this much of a cell from one pixel to the next is as far as one standard deviation."""
    deviations: tuple[float, ...]
    """One after the other, in pixels of the whole frame."""


GENTLE = Smoothing(0.4, (16, 8, 4, 2))
STRONG = Smoothing(1.0, (32, 16, 8, 4, 2))
TURNS = 8
"""Turns for each deviation; more gained little."""


def smoothed(restored: Floats, place: Places, colors: Floats, borders: Floats, smoothing: Smoothing) -> Floats:
    """By how much every second pixel of a restored frame (3, H, W) changes, (⌈H/2⌉, ⌈W/2⌉, 4); the fourth number is 0.

    `place` (H, W) is the color of the palette (K, 3) that each pixel is shown in, `borders` (K, B, 3) the ways from
    each color to those that are nearest to it.
    """
    height, width = ((side + 1) // 2 for side in place.shape)
    before = np.zeros((height, width, 4), np.float32)
    before[..., :3] = restored[:, ::2, ::2].transpose(1, 2, 0)
    shown = np.ascontiguousarray(place[::2, ::2])
    lengths = np.square(borders).sum(axis=2, dtype=np.float32)
    sizes = np.sqrt(lengths[:, 0])
    across, down = np.zeros((2, height, width), np.float32)
    measure(before, shown, (sizes * np.float32(smoothing.edge)).astype(np.float32), across, down)
    picture = before.copy()
    for deviation in smoothing.deviations:
        far = np.float32(deviation / 2)
        kept = [np.exp(np.float32(-np.sqrt(2)) / far * (1 + far * each)) for each in (across, down)]
        for _ in range(TURNS):
            smooth(picture, *kept)
            bring_back(picture, shown, colors, borders, lengths)
    return picture - before


@njit(cache=True, nogil=True)
def measure(picture: Floats, place: Places, edges: Floats, across: Floats, down: Floats) -> None:
    """Into `across` and `down` (H, W) the square of what changes from the pixel before, in units of the colors' `edges`
    (K), of which the smaller one counts.
    """
    for y in range(place.shape[0]):
        for x in range(place.shape[1]):
            edge = edges[place[y, x]]
            if x > 0:
                across[y, x] = _apart(picture[y, x], picture[y, x - 1]) / min(edge, edges[place[y, x - 1]]) ** 2
            if y > 0:
                down[y, x] = _apart(picture[y, x], picture[y - 1, x]) / min(edge, edges[place[y - 1, x]]) ** 2


@njit(cache=True, nogil=True)
def _apart(one: Floats, other: Floats) -> np.float32:
    red, green, blue = one[0] - other[0], one[1] - other[1], one[2] - other[2]
    squared: np.float32 = red * red + green * green + blue * blue
    return squared


@njit(cache=True, nogil=True)
def smooth(picture: Floats, across: Floats, down: Floats) -> None:
    """Each pixel of (H, W, 4) takes the share `across`, then `down` (H, W) of the one before; the same way back."""
    height, width = across.shape
    for y in range(height):
        row, shares = picture[y], across[y]
        for x in range(1, width):
            for c in range(4):
                row[x, c] += shares[x] * (row[x - 1, c] - row[x, c])
        for x in range(width - 2, -1, -1):
            for c in range(4):
                row[x, c] += shares[x + 1] * (row[x + 1, c] - row[x, c])
    for y in range(1, height):
        _take(picture[y], picture[y - 1], down[y])
    for y in range(height - 2, -1, -1):
        _take(picture[y], picture[y + 1], down[y + 1])


@njit(cache=True, nogil=True)
def _take(row: Floats, before: Floats, shares: Floats) -> None:
    for x in range(len(row)):
        for c in range(4):
            row[x, c] += shares[x] * (before[x, c] - row[x, c])


@njit(cache=True, nogil=True)
def bring_back(picture: Floats, place: Places, colors: Floats, borders: Floats, lengths: Floats) -> None:
    """Move the pixels of (H, W, 4) of each color so that their mean is that color, and those that are then nearer to
    another one back to the border, one after the other.
    """
    height, width = place.shape
    sums = np.zeros((len(colors), 4))
    for y in range(height):
        for x in range(width):
            row = sums[place[y, x]]
            for c in range(3):
                row[c] += picture[y, x, c]
            row[3] += 1
    shift = np.zeros((len(colors), 3), np.float32)
    for k in range(len(colors)):
        for c in range(3):
            if sums[k, 3] > 0:
                shift[k, c] = sums[k, c] / sums[k, 3]  # what becomes 0
    half = np.float32(0.5)
    for y in range(height):
        for x in range(width):
            k, pixel = place[y, x], picture[y, x]
            red, green, blue = pixel[0] - shift[k, 0], pixel[1] - shift[k, 1], pixel[2] - shift[k, 2]
            for n in range(borders.shape[1]):
                r, g, b = borders[k, n, 0], borders[k, n, 1], borders[k, n, 2]
                beyond = (red * r + green * g + blue * b) / lengths[k, n] - half
                if beyond > 0:
                    red, green, blue = red - beyond * r, green - beyond * g, blue - beyond * b
            pixel[0], pixel[1], pixel[2] = red + colors[k, 0], green + colors[k, 1], blue + colors[k, 2]
