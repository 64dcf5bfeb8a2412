"""MS-SSIM: SSIM's structure at five scales, its luminance at the coarsest, multiplied.

Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality assessment" (Asilomar 2003), as
`pytorch-msssim` computes it, equal to 1e-12 if that is given its window in float64: the gaussian window of
`gaussian_ssim`, 2×2 averages between scales, an odd side padded by a zero on either end first, negative means taken as
0, each channel's product, then their mean.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gifbench.errors import PixelsError
from gifbench.metrics.metric import FrameBatch, FramePair
from gifbench.metrics.ssim import (
    C1,
    C2,
    GAUSSIAN_TAPS,
    GAUSSIAN_WEIGHTS,
    Frame,
    filter_along,
    filter_down,
    flat_rows,
    write_maps,
)
from gifbench.metrics.ssim_torch import gaussian_parts

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
SMALLEST = (GAUSSIAN_TAPS - 1) * 2 ** (len(SCALE_WEIGHTS) - 1) + 1
"""The shortest side that leaves a window at the coarsest scale."""


class MsSsim:
    """MS-SSIM, the mean of the channels."""

    better = "higher"
    unit = ""
    spec = (
        "Wang et al. 2003, five scales of weights 0.0448 0.2856 0.3001 0.2363 0.1333, on 8-bit RGB in [0, 255]: "
        "11x11 gaussian window of sigma 1.5, population covariance, K1 0.01, K2 0.03, 2x2 averages between scales, "
        "per channel then mean"
    )

    def measure(self, pair: FramePair) -> float:
        """MS-SSIM of one frame; `PixelsError` where a side has fewer than 161 pixels."""
        _check_size(*pair.truth.shape[:2])
        return float(_product(pair.restored, pair.truth, _parts_of_frames, _halved).mean())

    def measure_batch(self, batch: FrameBatch) -> list[float]:
        """The same to 1e-5."""
        from torch.nn import functional

        def halved(frames: Any) -> Any:  # noqa: ANN401
            return functional.avg_pool2d(frames, 2, padding=[side % 2 for side in frames.shape[-2:]])

        _check_size(*batch.truth.shape[-2:])
        product = _product(batch.restored.float(), batch.truth.float(), gaussian_parts, halved)
        return [float(value) for value in product.mean(1)]


def _product(x: Any, y: Any, parts: Callable[[Any, Any], Any], halved: Callable[[Any], Any]) -> Any:  # noqa: ANN401
    """Each channel's MS-SSIM of two arrays or tensors; `parts` gives SSIM and structure, `halved` the next scale."""
    product: Any = 1.0
    for scale, weight in enumerate(SCALE_WEIGHTS):
        ssim, structure = parts(x, y)
        last = scale == len(SCALE_WEIGHTS) - 1
        product = product * (ssim if last else structure).clip(0) ** weight
        if not last:
            x, y = halved(x), halved(y)
    return product


def _check_size(height: int, width: int) -> None:
    if min(height, width) < SMALLEST:
        raise PixelsError(
            f"MS-SSIM has five scales and needs frames of {SMALLEST}×{SMALLEST} at least, not {width}×{height}; "
            "leave ms-ssim out for this dataset"
        )


def _halved(frame: Frame) -> NDArray[np.float64]:
    height, width, _ = frame.shape
    padded = np.pad(frame.astype(np.float64), ((height % 2,) * 2, (width % 2,) * 2, (0, 0)))
    padded = padded[: len(padded) // 2 * 2, : padded.shape[1] // 2 * 2]
    return (padded[::2, ::2] + padded[1::2, ::2] + padded[::2, 1::2] + padded[1::2, 1::2]) / 4


def _parts_of_frames(x: Frame, y: Frame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    ssim, structure = _parts(*flat_rows(x, y, taps=GAUSSIAN_TAPS), GAUSSIAN_WEIGHTS)
    return ssim, structure


@njit(cache=True, nogil=True, error_model="numpy")
def _parts(x: Frame, y: Frame, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The means over all windows of SSIM and of its contrast and structure, for each channel (3,)."""
    height, length = x.shape
    rows = np.empty((11, 4, length), np.float64)
    down = np.empty((4, length), np.float64)
    totals = np.zeros((2, length), np.float64)
    for r in range(height):
        write_maps(x[r], y[r], rows[r % 11])
        if r >= 10:
            filter_down(rows, (r + 1) % 11, weights, down)
            _add_row(down, weights, totals)
    windows = (height - 10) * (length // 3 - 10)
    means = np.empty((2, 3), np.float64)
    for k in range(2):
        for c in range(3):
            means[k, c] = totals[k, c : length - 30 : 3].sum() / windows
    return means[0], means[1]


@njit(cache=True, nogil=True, error_model="numpy")
def _add_row(down: NDArray[np.float64], weights: NDArray[np.float64], totals: NDArray[np.float64]) -> None:
    """Filter one row (4, L) along, and add what each of its windows has to `totals` (2, L)."""
    w = weights[0], weights[1], weights[2], weights[3], weights[4], weights[5]
    s, d, s2, d2 = down[0], down[1], down[2], down[3]
    ssims, structures = totals[0], totals[1]
    for i in range(s.size - 30):
        mean_s, mean_d = filter_along(s, i, w), filter_along(d, i, w)
        a, b = mean_s * mean_s, mean_d * mean_d
        p, q = filter_along(s2, i, w) - a, filter_along(d2, i, w) - b
        structure = (p - q + 2 * C2) / (p + q + 2 * C2)
        structures[i] += structure
        ssims[i] += structure * (a - b + 2 * C1) / (a + b + 2 * C1)
