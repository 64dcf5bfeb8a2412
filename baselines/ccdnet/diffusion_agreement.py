"""What error diffusion says of the frame that was dithered, and a restored frame has to agree with.

Whoever dithers by Floyd and Steinberg's filter adds to each pixel what the pixels before it were off by, and shows the
nearest color of the palette. What was shown is known, so the same can be done with a restored frame in place of the
true one: wherever its pixel, with what was handed on to it, is not nearest to the color that is shown, the restored
frame is wrong there or in what was handed on. The sum of the squares of how far such pixels are beyond their colors'
Voronoi cells is taken down by gradient descent: the gradient goes back the way on which the errors came.

A GIF that was dithered by a pattern does not come to agree by such steps, and is left alone.

R. W. Floyd, L. Steinberg, "An adaptive algorithm for spatial gray scale", Proc. SID 17/2, 1976; going back is ours.
"""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

_STEPS = 8
"""Steps down the gradient; chosen on training clips, as are the next three."""
_RATE = 0.25
"""How much of the gradient a step takes."""
_HANDED_BACK = np.float32(0.9)
"""The share of it that a pixel hands back to those before it: far back nothing is sure."""
_SMOOTH = 1.0
"""Pixels: the standard deviation of the Gaussian that smooths it. What a network is off by is smooth, too."""
_ASKED_AFTER, _LEFT_AT_MOST = 4, 0.7
"""After so many steps a GIF that was dithered by diffusion has less than this share of the pixels beyond their cells
that it had at first (about 0.4; of a GIF dithered by a pattern, or lossily packed, more than 0.9)."""

FLOYD_STEINBERG = np.array([7, 3, 5, 1], np.float32) / 16
"""What of the error goes right, lower left, below and lower right. Sierra's filter of ffmpeg differs too little to be
told apart, and needs not be."""
DAMPED = np.array([5, 3, 4, 1], np.float32) / 16
"""That of `gifbench make`, which hands on 13/16."""
_DAMPED_AT_MOST = 0.62
"""By the damped filter such a GIF's pixels are less than this times as far beyond their cells as by the other one."""

Floats = NDArray[np.float32]
Places = NDArray[np.int64]


def agree_with_diffusion(restored: Floats, place: Places, colors: Floats, borders: Floats) -> None:
    """Move a restored frame (3, H, W) of 0 to 255, in place, to where it would be dithered as it is shown.

    `place` (H, W) is the color of the palette (K, 3) that each pixel is shown in, `borders` (K, B, 3) the ways from
    each color to those that are nearest to it.
    """
    lengths = np.square(borders).sum(axis=2, dtype=np.float32)
    pull, moved = np.empty_like(restored), restored.copy()
    far, at_first = [], 0
    for shares in (DAMPED, FLOYD_STEINBERG):
        at_first = diffuse(moved, place, colors, borders, lengths, shares, pull)
        far.append(float(np.square(pull).sum(dtype=np.float64)))
    if far[0] < _DAMPED_AT_MOST**2 * far[1]:
        shares = DAMPED
        at_first = diffuse(moved, place, colors, borders, lengths, shares, pull)
    for step in range(_STEPS):
        if step:
            left = diffuse(moved, place, colors, borders, lengths, shares, pull)
            if step == _ASKED_AFTER and left > _LEFT_AT_MOST * at_first:
                return
        hand_back(pull, shares, _HANDED_BACK)
        for plane, pulled in zip(moved, pull, strict=True):
            cv2.scaleAdd(cv2.GaussianBlur(pulled, (0, 0), _SMOOTH), -_RATE, plane, dst=plane)
    restored[:] = moved


@njit(cache=True, nogil=True)
def diffuse(  # noqa: PLR0917 - a kernel: numba takes no keyword-only arguments
    frame: Floats, place: Places, colors: Floats, borders: Floats, lengths: Floats, shares: Floats, out: Floats
) -> int:
    """Into `out` (3, H, W) how far each pixel, with what is handed on to it, is beyond the cell of its color.

    What is handed on is from the border of the cell where a pixel is beyond it. Returns how many are.
    """
    height, width = place.shape
    half, zero, full = np.float32(0.5), np.float32(0), np.float32(255)
    to_right, to_lower_left, to_below, to_lower_right = shares
    here, there = np.zeros((width + 2, 3), frame.dtype), np.zeros((width + 2, 3), frame.dtype)
    count = 0
    for y in range(height):
        next_red, next_green, next_blue = zero, zero, zero
        for x in range(width):
            k, at = place[y, x], x + 1
            own_red, own_green, own_blue = colors[k, 0], colors[k, 1], colors[k, 2]
            red = min(max(frame[0, y, x] + here[at, 0] + next_red, zero), full) - own_red
            green = min(max(frame[1, y, x] + here[at, 1] + next_green, zero), full) - own_green
            blue = min(max(frame[2, y, x] + here[at, 2] + next_blue, zero), full) - own_blue
            to_red, to_green, to_blue, moved = red, green, blue, False
            for n in range(borders.shape[1]):
                r, g, b = borders[k, n, 0], borders[k, n, 1], borders[k, n, 2]
                beyond = to_red * r + to_green * g + to_blue * b - half * lengths[k, n]
                if beyond > 0:
                    beyond /= lengths[k, n]
                    to_red, to_green, to_blue, moved = (
                        to_red - beyond * r,
                        to_green - beyond * g,
                        to_blue - beyond * b,
                        True,
                    )
            count += moved
            out[0, y, x], out[1, y, x], out[2, y, x] = red - to_red, green - to_green, blue - to_blue
            next_red, next_green, next_blue = to_right * to_red, to_right * to_green, to_right * to_blue
            for c, error in enumerate((to_red, to_green, to_blue)):
                there[at - 1, c] += to_lower_left * error
                there[at, c] += to_below * error
                there[at + 1, c] += to_lower_right * error
        here, there = there, here
        there[:] = 0
    return count


@njit(cache=True, nogil=True)
def hand_back(pull: Floats, shares: Floats, part: np.float32) -> None:
    """To how far each pixel (3, H, W) is beyond its cell is added, last row first, what those after it hand back.

    Each hands back as it was handed on (`shares`), times `part`, and where it is beyond its cell itself, only what goes
    along the border: across it, it handed on the same whatever it was given.
    """
    height, width = pull.shape[1:]
    zero = np.float32(0)
    to_right, to_lower_left, to_below, to_lower_right = shares
    for y in range(height - 1, -1, -1):
        right_red, right_green, right_blue = zero, zero, zero
        for x in range(width - 1, -1, -1):
            red, green, blue = to_right * right_red, to_right * right_green, to_right * right_blue
            if y + 1 < height:
                red += to_below * pull[0, y + 1, x]
                green += to_below * pull[1, y + 1, x]
                blue += to_below * pull[2, y + 1, x]
                if x > 0:
                    red += to_lower_left * pull[0, y + 1, x - 1]
                    green += to_lower_left * pull[1, y + 1, x - 1]
                    blue += to_lower_left * pull[2, y + 1, x - 1]
                if x + 1 < width:
                    red += to_lower_right * pull[0, y + 1, x + 1]
                    green += to_lower_right * pull[1, y + 1, x + 1]
                    blue += to_lower_right * pull[2, y + 1, x + 1]
            r, g, b = pull[0, y, x], pull[1, y, x], pull[2, y, x]
            length = r * r + g * g + b * b
            across = (red * r + green * g + blue * b) / length if length > 0 else zero
            right_red = r + part * (red - across * r)
            right_green = g + part * (green - across * g)
            right_blue = b + part * (blue - across * b)
            pull[0, y, x], pull[1, y, x], pull[2, y, x] = right_red, right_green, right_blue
