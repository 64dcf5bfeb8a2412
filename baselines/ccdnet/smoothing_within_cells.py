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

from .palette_agreement import add_up

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
    """By how much every second pixel of a restored frame (3, H, W) changes, (3, ⌈H/2⌉, ⌈W/2⌉).

    `place` (H, W) is the color of the palette (K, 3) that each pixel is shown in, `borders` (K, B, 3) the ways from
    each color to those that are nearest to it.
    """
    before, shown = np.ascontiguousarray(restored[:, ::2, ::2]), np.ascontiguousarray(place[::2, ::2])
    lengths = np.square(borders).sum(axis=2, dtype=np.float32)
    edges = np.sqrt(lengths[:, 0]) * np.float32(smoothing.edge)
    across, down = np.zeros((2, *shown.shape), np.float32)
    measure(before, shown, edges, across, down)
    picture = before.copy()
    for deviation in smoothing.deviations:
        far = np.float32(deviation / 2)
        taken = [np.exp(np.float32(-np.sqrt(2)) / far * (1 + far * each)) for each in (across, down)]
        kept = [1 - each for each in taken]
        for _ in range(TURNS):
            along_rows(picture, taken[0], kept[0])
            along_columns(picture, taken[1], kept[1])
            bring_back(picture, shown, colors, borders, lengths)
    change: Floats = picture - before
    return change


@njit(cache=True, nogil=True)
def measure(picture: Floats, place: Places, edges: Floats, across: Floats, down: Floats) -> None:
    """Into `across` and `down` (H, W) the square of what changes in (3, H, W) from the pixel before, in units of the
    colors' `edges` (K), of which the smaller one counts.
    """
    for y in range(place.shape[0]):
        for x in range(place.shape[1]):
            edge = edges[place[y, x]]
            red, green, blue = picture[0, y, x], picture[1, y, x], picture[2, y, x]
            if x > 0:
                r, g, b = red - picture[0, y, x - 1], green - picture[1, y, x - 1], blue - picture[2, y, x - 1]
                across[y, x] = (r * r + g * g + b * b) / min(edge, edges[place[y, x - 1]]) ** 2
            if y > 0:
                r, g, b = red - picture[0, y - 1, x], green - picture[1, y - 1, x], blue - picture[2, y - 1, x]
                down[y, x] = (r * r + g * g + b * b) / min(edge, edges[place[y - 1, x]]) ** 2


@njit(cache=True, nogil=True, fastmath={"contract"})
def along_columns(picture: Floats, taken: Floats, kept: Floats) -> None:
    """Each pixel of (3, H, W) becomes the share `taken` (H, W) of the one above and `kept` of itself; then the same way
    back, by the same shares.
    """
    height, width = taken.shape
    for c in range(3):
        plane = picture[c]
        for y in range(1, height):
            for x in range(width):
                plane[y, x] = kept[y, x] * plane[y, x] + taken[y, x] * plane[y - 1, x]
        for y in range(height - 2, -1, -1):
            for x in range(width):
                plane[y, x] = kept[y + 1, x] * plane[y, x] + taken[y + 1, x] * plane[y + 1, x]


@njit(cache=True, nogil=True, fastmath={"contract"})
def along_rows(picture: Floats, taken: Floats, kept: Floats) -> None:
    """The same with the pixel to the left. Two rows are under way at a time, so that less waits for the last pixel."""
    height, width = taken.shape
    spare = np.zeros((3, width), np.float32)
    for y in range(0, height, 2):
        z = y + 1 if y + 1 < height else y
        first, second = picture[:, y], picture[:, z] if z > y else spare
        share, keep, share_2, keep_2 = taken[y], kept[y], taken[z], kept[z]
        r, g, b = first[0, 0], first[1, 0], first[2, 0]
        u, v, w = second[0, 0], second[1, 0], second[2, 0]
        for way in (1, -1):
            for step in range(1, width):
                x = step if way > 0 else width - 1 - step
                at = x if way > 0 else x + 1
                r, u = keep[at] * first[0, x] + share[at] * r, keep_2[at] * second[0, x] + share_2[at] * u
                g, v = keep[at] * first[1, x] + share[at] * g, keep_2[at] * second[1, x] + share_2[at] * v
                b, w = keep[at] * first[2, x] + share[at] * b, keep_2[at] * second[2, x] + share_2[at] * w
                first[0, x], first[1, x], first[2, x] = r, g, b
                second[0, x], second[1, x], second[2, x] = u, v, w


@njit(cache=True, nogil=True)
def bring_back(picture: Floats, place: Places, colors: Floats, borders: Floats, lengths: Floats) -> None:
    """Move the pixels of (3, H, W) of each color so that their mean is that color, and those that are then nearer to
    another one back to the border, one after the other.
    """
    height, width = place.shape
    sums = np.zeros((len(colors), 4))
    add_up(picture, place, sums)
    shift = np.zeros((len(colors), 3), np.float32)
    for k in range(len(colors)):
        for c in range(3):
            if sums[k, 3] > 0:
                shift[k, c] = sums[k, c] / sums[k, 3]  # what becomes 0
    half = np.float32(0.5)
    halves = half * lengths
    for y in range(height):
        for x in range(width):
            k = place[y, x]
            red, green = picture[0, y, x] - shift[k, 0], picture[1, y, x] - shift[k, 1]
            blue = picture[2, y, x] - shift[k, 2]
            # Nearer than half the way to the nearest color it is beyond no border.
            if red * red + green * green + blue * blue > half * halves[k, 0]:
                for n in range(borders.shape[1]):
                    r, g, b = borders[k, n, 0], borders[k, n, 1], borders[k, n, 2]
                    along = red * r + green * g + blue * b
                    if along > halves[k, n]:
                        beyond = along / lengths[k, n] - half
                        red, green, blue = red - beyond * r, green - beyond * g, blue - beyond * b
            picture[0, y, x], picture[1, y, x] = red + colors[k, 0], green + colors[k, 1]
            picture[2, y, x] = blue + colors[k, 2]
