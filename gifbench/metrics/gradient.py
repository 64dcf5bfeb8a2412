"""Gradient error: how far the picture's slopes are from the truth's, which colors that are near may well be.

Wang et al., "GIF2Video: Color Dequantization and Temporal Interpolation of GIF images" (CVPR 2019), argue by it: GIFs
keep the color and lose the gradient. Their equation 8, signed differences, is measured here, in levels of 255.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gifbench.metrics.metric import FrameBatch, FramePair


class GradientError:
    """Mean absolute difference of the horizontal gradients, plus that of the vertical ones."""

    better = "lower"
    unit = "levels"
    spec = (
        "mean absolute difference of the horizontal differences to the next pixel, plus that of the vertical ones, "
        "signed (GIF2Video, equation 8), on 8-bit RGB, in levels of 255"
    )

    def measure(self, pair: FramePair) -> float:
        """The gradient error of one frame in levels, 0 to 1020; a side of one pixel has no gradient along it."""
        height, width, _ = pair.truth.shape
        rows = height, width * 3
        across, down = _summed(
            np.ascontiguousarray(pair.restored).reshape(rows), np.ascontiguousarray(pair.truth).reshape(rows)
        )
        return float(across / max(1, height * (width - 1) * 3) + down / max(1, (height - 1) * width * 3))

    def measure_batch(self, batch: FrameBatch) -> list[float]:
        """The same, exactly."""
        import torch

        difference = batch.restored.short() - batch.truth.short()
        total: Any = torch.zeros(len(difference), dtype=torch.float64, device=difference.device)
        for axis in (-1, -2):
            slopes = difference.diff(dim=axis).abs()
            if slopes.numel():
                total += slopes.flatten(1).sum(1, dtype=torch.int64).double() / slopes[0].numel()
        return [float(value) for value in total.cpu()]


@njit(cache=True, nogil=True)
def _summed(x: NDArray[np.uint8], y: NDArray[np.uint8]) -> tuple[np.int64, np.int64]:
    """Summed absolute slopes of x − y (H, W·3), across and down: the slopes of a difference differ like the slopes."""
    height, length = x.shape
    before = np.zeros(length, np.int32)
    now = np.zeros(length, np.int32)
    across = np.int64(0)
    down = np.int64(0)
    for r in range(height):
        for i in range(length):
            now[i] = np.int32(x[r, i]) - np.int32(y[r, i])
        row = np.int32(0)
        for i in range(length - 3):
            row += abs(now[i + 3] - now[i])
        across += row
        if r:
            row = np.int32(0)
            for i in range(length):
                row += abs(now[i] - before[i])
            down += row
        before[:] = now
    return across, down
