"""The gaussian, along columns and then along rows, in single precision."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gifbench.argument_types import check_type
from gifbench.errors import PixelsError, UsageError

Values = NDArray[np.float32]


def gaussian_blur(values: NDArray[Any], sigma: float) -> Values:
    """`values`, (H, W) or (H, W, C) of any numbers, blurred by a gaussian of `sigma` pixels, as float32 of that shape.

    It is cut off at four sigma and sums to 1; the picture goes on beyond its borders as in a mirror that stands there
    (OpenCV's BORDER_REFLECT). Raises `UsageError` for a sigma that is not above 0, `PixelsError` for other arrays.
    """
    check_type("values", values, np.ndarray)
    check_type("sigma", sigma, float)
    if not 0 < sigma < math.inf:
        raise UsageError(f"a gaussian has a sigma above 0 pixels, not {sigma}")
    if values.ndim not in (2, 3) or values.size == 0:
        raise PixelsError(f"a picture to blur is (H, W) or (H, W, C), not {values.shape}")
    radius = math.ceil(4 * sigma)
    weights = np.exp(-np.square(np.arange(radius + 1) / sigma) / 2)
    weights /= 2 * weights.sum() - weights[0]
    height, width = values.shape[:2]
    rows = np.ascontiguousarray(values, np.float32).reshape(height, -1)
    out = np.empty_like(rows)
    _blur(rows, weights.astype(np.float32), _mirrored(height, radius), _mirrored(width, radius), out)
    return out.reshape(values.shape)


def _mirrored(length: int, radius: int) -> NDArray[np.int64]:
    """Which place stands for each of -radius to length + radius - 1."""
    place = np.arange(-radius, length + radius) % (2 * length)
    return np.minimum(place, 2 * length - 1 - place)


@njit(cache=True, nogil=True)
def _blur(rows: Values, weights: Values, down: NDArray[np.int64], across: NDArray[np.int64], out: Values) -> None:
    radius = weights.shape[0] - 1
    width = across.shape[0] - 2 * radius
    channels = rows.shape[1] // width
    middle = radius * channels
    row = np.empty(across.shape[0] * channels, np.float32)
    for y in range(rows.shape[0]):
        inside = row[middle : middle + rows.shape[1]]
        for i in range(rows.shape[1]):
            inside[i] = rows[y, i] * weights[0]
        for k in range(1, radius + 1):
            _add(rows[down[y + radius - k]], rows[down[y + radius + k]], weights[k], inside)
        for x in range(radius):
            for c in range(channels):
                row[x * channels + c] = inside[across[x] * channels + c]
                end = radius + width + x
                row[end * channels + c] = inside[across[end] * channels + c]
        for i in range(rows.shape[1]):
            out[y, i] = inside[i] * weights[0]
        for k in range(1, radius + 1):
            before = row[middle - k * channels : middle - k * channels + rows.shape[1]]
            after = row[middle + k * channels : middle + k * channels + rows.shape[1]]
            _add(before, after, weights[k], out[y])


@njit(cache=True, nogil=True)
def _add(first: Values, second: Values, weight: np.float32, out: Values) -> None:
    for i in range(out.shape[0]):
        out[i] += (first[i] + second[i]) * weight
