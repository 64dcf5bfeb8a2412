"""PSNR from squared errors, which add up over pixels, frames and segments in a fixed order."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gifbench.errors import PixelsError

PSNR_CAP = 100.0
"""dB: what an identical (infinite) or nearly identical frame counts for in a mean."""


def squared_error(restored: NDArray[Any], truth: NDArray[Any]) -> float:
    """The sum of squared differences of two frames of one shape, uint8 or float on the scale of 0 to 255.

    Exact where both are uint8. Raises `PixelsError` for different shapes.
    """
    if restored.shape != truth.shape:
        raise PixelsError(f"PSNR compares two frames of one shape, not {restored.shape} and {truth.shape}")
    x, y = np.ascontiguousarray(restored).reshape(-1), np.ascontiguousarray(truth).reshape(-1)
    if x.dtype == np.uint8 and y.dtype == np.uint8:
        return float(_exact_squared_error(x, y))
    return float(_float_squared_error(x, y))


def psnr(error: float, num_values: int) -> float:
    """PSNR in dB of a summed squared `error` over `num_values` values on the scale of 0 to 255; infinite for no error.

    The same number as 20·log10(2 / RMSE) on [-1, 1], the form in the code of GIF2Video: both scale alike.
    """
    return 10.0 * math.log10(255.0**2 * num_values / error) if error > 0 else math.inf


@njit(cache=True, nogil=True)
def _exact_squared_error(x: NDArray[np.uint8], y: NDArray[np.uint8]) -> np.int64:
    total = np.int64(0)
    for i in range(x.size):
        difference = np.int32(x[i]) - np.int32(y[i])
        total += difference * difference
    return total


@njit(cache=True, nogil=True)
def _float_squared_error(x: NDArray[Any], y: NDArray[Any]) -> float:
    # Sixteen sums side by side: they vectorize, and their order is fixed, which fastmath would not promise.
    lanes = np.zeros(16, np.float64)
    whole = x.size - x.size % 16
    for i in range(0, whole, 16):
        for k in range(16):
            difference = np.float64(x[i + k]) - np.float64(y[i + k])
            lanes[k] += difference * difference
    for i in range(whole, x.size):
        difference = np.float64(x[i]) - np.float64(y[i])
        lanes[0] += difference * difference
    return lanes.sum()  # type: ignore[no-any-return]
