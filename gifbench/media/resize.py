"""Pictures at another size, to the bit what OpenCV makes of them: whole numbers, or single floats in a fixed order.

A dataset's bytes hang on this, so it is our own: the same on every processor and whatever OpenCV comes to be. Three
filters, named by what OpenCV calls them:

- INTER_AREA: each pixel is the mean of the source's pixels that it covers. Sums are of float32, along rows first; where
  both sides shrink by whole numbers they are of integers, and halves by 2×2 round up.
- INTER_LINEAR: between the four nearest pixels, with weights of 11 bits. The upper 15 bits of what a row gives go into
  the mean of the two rows, each share of which is cut to 16 bits before they are added. A picture of exactly half the
  width and height is INTER_AREA's. Beyond the upper and lower border the last row counts twice, and cut twice.
- INTER_LINEAR_EXACT: between the four nearest pixels, with weights of 8 bits and nothing lost before the last rounding.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gifbench.errors import PixelsError
from gifbench.media.clip import Pixels

Filter = Literal["area", "bilinear", "four-neighbours"]

_FINE, _COARSE = 11, 8
"""Bits of weights."""
_NEARLY_WHOLE = 1e-3
"""The part of a source pixel that INTER_AREA leaves out."""


def resize(frame: Pixels, *, width: int, height: int, filter: Filter) -> Pixels:
    """A picture, uint8 (H, W) or (H, W, 3), at `width` × `height` pixels; always in memory of its own.

    `area` averages the source pixels that each pixel covers (INTER_AREA), and where a side is enlarged interpolates
    between the four nearest (INTER_LINEAR_EXACT); `four-neighbours` always does that (INTER_LINEAR), and aliases;
    `bilinear` weighs with a triangle as wide as two pixels of the smaller picture (Pillow's). A picture that has the
    size already is copied. Raises `PixelsError` for other arrays and for sizes below 1.
    """
    if frame.dtype != np.uint8 or frame.ndim not in (2, 3) or frame.shape[2:] not in ((), (3,)) or frame.size == 0:
        raise PixelsError(f"a picture to resize is uint8 (H, W) or (H, W, 3), not {frame.dtype} {frame.shape}")
    if min(width, height) < 1:
        raise PixelsError(f"a picture cannot be resized to {width}×{height} pixels; both must be at least 1")
    if frame.shape[:2] == (height, width):
        return np.array(frame, order="C")
    if filter == "bilinear":
        return np.array(Image.fromarray(frame).resize((width, height), Image.Resampling.BILINEAR))
    from gifbench.media import resize_rows as rows  # here, because looking for a recipe must not load numba

    source = np.ascontiguousarray(frame).reshape(frame.shape[0], -1)
    channels = source.shape[1] // frame.shape[1]
    out = np.empty((height, width * channels), np.uint8)
    steps = _step(frame.shape[1], width), _step(frame.shape[0], height)
    smaller = frame.shape[0] >= height and frame.shape[1] >= width
    if steps == (2.0, 2.0):
        rows.interpolate(source, _pairs(width), _pairs(height), channels, 1, out)
    elif filter == "four-neighbours":
        across, down = _neighbors(frame.shape[1], width), _neighbors(frame.shape[0], height, across=False)
        rows.interpolate(source, across, down, channels, _FINE, out)
    elif not smaller:
        across, down = _exact_neighbors(frame.shape[1], width), _exact_neighbors(frame.shape[0], height)
        rows.interpolate(source, across, down, channels, _COARSE, out)
    elif steps[0].is_integer() and steps[1].is_integer():
        rows.average_boxes(source, int(steps[0]), int(steps[1]), channels, out)
    else:
        rows.average(source, _covered(frame.shape[1], width), _covered(frame.shape[0], height), channels, out)
    return out.reshape(height, width, *frame.shape[2:])


class Neighbors(NamedTuple):
    """For each place of the result the two source pixels around it, and what they weigh, as whole numbers."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    first_weight: NDArray[np.int32]
    second_weight: NDArray[np.int32]


class Covered(NamedTuple):
    """The source pixels that each place covers, `first[i]` on, with `weights[start[i] : start[i + 1]]` in order."""

    first: NDArray[np.int64]
    start: NDArray[np.int64]
    weights: NDArray[np.float32]


def _step(source: int, target: int) -> float:
    """Source pixels a pixel, as OpenCV rounds it."""
    return 1.0 / (target / source)


@lru_cache(maxsize=64)
def _neighbors(source: int, target: int, *, across: bool = True) -> Neighbors:
    """Those of INTER_LINEAR: places are float32, and only along rows does the border itself count once."""
    place = ((np.arange(target) + 0.5) * _step(source, target) - 0.5).astype(np.float32)
    first = np.floor(place).astype(np.int64)
    share = place - first.astype(np.float32)
    if across:
        share[(first < 0) | (first >= source - 1)] = 0
    weights = (np.rint(part * np.float32(1 << _FINE)).astype(np.int32) for part in (np.float32(1) - share, share))
    return _between(source, first, *weights)


@lru_cache(maxsize=64)
def _exact_neighbors(source: int, target: int) -> Neighbors:
    place = _step(source, target) * (np.arange(target) + 0.5) - 0.5
    first = np.floor(place).astype(np.int64)
    second_weight = np.rint((place - first) * (1 << _COARSE)).astype(np.int32)
    second_weight[(first < 0) | (first >= source - 1)] = 0
    return _between(source, first, (1 << _COARSE) - second_weight, second_weight)


@lru_cache(maxsize=64)
def _pairs(target: int) -> Neighbors:
    ones = np.ones(target, np.int32)
    return _between(2 * target, 2 * np.arange(target), ones, ones)


def _between(
    source: int, first: NDArray[np.int64], first_weight: NDArray[np.int32], second_weight: NDArray[np.int32]
) -> Neighbors:
    last = source - 1
    return Neighbors(first.clip(0, last), (first + 1).clip(0, last), first_weight, second_weight)


@lru_cache(maxsize=64)
def _covered(source: int, target: int) -> Covered:
    """Those of INTER_AREA: the first and the last by the part that is covered."""
    step = _step(source, target)
    first, start, weights = [], [0], list[float]()
    for i in range(target):
        begin, end = i * step, i * step + step
        width = min(step, source - begin)
        whole_end = min(math.floor(end), source - 1)
        whole_begin = min(math.ceil(begin), whole_end)
        before = whole_begin - begin > _NEARLY_WHOLE
        first.append(whole_begin - before)
        if before:
            weights.append((whole_begin - begin) / width)
        weights += [1.0 / width] * (whole_end - whole_begin)
        if end - whole_end > _NEARLY_WHOLE:
            weights.append(min(end - whole_end, 1.0, width) / width)
        start.append(len(weights))
    return Covered(np.array(first, np.int64), np.array(start, np.int64), np.array(weights, np.float32))
