"""SSIM of two RGB frames, with the two windows that the protocols ask for, on one core.

Both functions give the mean over the three channels of each channel's mean over every window that lies wholly inside
the frame, with K1 = 0.01 and K2 = 0.03 (Wang et al., "Image quality assessment: from error visibility to structural
similarity", IEEE TIP 2004). They equal scikit-image's `structural_similarity` on float64 data to 1e-5 (in fact to about
1e-12), and give the same bits whatever the number of threads: every sum is taken in a fixed order, without fastmath.

How they are fast: SSIM needs the means, the sum of the variances and the covariance, and with s = x + y and d = x − y
all of them follow from four filtered maps (s, d, s², d²) instead of five. One pass over the rows filters down the
columns, then along the row, in buffers of a few rows that stay in the cache. Uniform windows are running sums, and
exact integers where both frames are eight-bit.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gifbench.errors import PixelsError

Frame = NDArray[Any]
"""One RGB frame, shape (H, W, 3), uint8 or float, 0 to 255."""

GAUSSIAN_TAPS = 11
_GAUSSIAN_SIGMA = 1.5
_UNIFORM_TAPS = 7
C1 = (0.01 * 255.0) ** 2
C2 = (0.03 * 255.0) ** 2

_BELL = [math.exp(-0.5 * (k / _GAUSSIAN_SIGMA) ** 2) for k in range(-(GAUSSIAN_TAPS // 2), GAUSSIAN_TAPS // 2 + 1)]
GAUSSIAN_WEIGHTS: NDArray[np.float64] = np.array(_BELL) / math.fsum(_BELL)
"""The weights (11,) of the gaussian window along one side; they add up to 1."""


def gaussian_ssim(restored: Frame, truth: Frame) -> float:
    """SSIM as Wang et al. define it: an 11×11 gaussian window of sigma 1.5, population covariance, on [0, 255].

    Both frames have the shape (H, W, 3), each side at least 11, and hold values of 0 to 255 as uint8 or float. Equal to
    `structural_similarity(…, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=-1,
    data_range=255)`. Raises `PixelsError` for other shapes.
    """
    x, y = flat_rows(restored, truth, taps=GAUSSIAN_TAPS)
    return float(_gaussian(x, y, GAUSSIAN_WEIGHTS))


def uniform_ssim(restored: Frame, truth: Frame) -> float:
    """SSIM as the released code of GIF2Video computes it: a 7×7 uniform window, sample covariance, on [-1, 1].

    Both frames have the shape (H, W, 3), each side at least 7, and hold values of 0 to 255 as uint8 or float: the move
    to [-1, 1] is x / 127.5 − 1 and happens inside. Equal to `structural_similarity(…, channel_axis=-1, data_range=2)`
    on frames so moved (docs/protocols.md). SSIM is not shift invariant: on [0, 255] it is another number.
    Raises `PixelsError` for other shapes.
    """
    x, y = flat_rows(restored, truth, taps=_UNIFORM_TAPS)
    exact = x.dtype == np.uint8 and y.dtype == np.uint8
    # Four running column sums: 49 · 510² fits in 32 bits, and so does 49 times that, which the kernel needs.
    columns = np.zeros((4, x.shape[1]), np.int32 if exact else np.float64)
    return float(_uniform(x, y, columns))


def flat_rows(restored: Frame, truth: Frame, *, taps: int) -> tuple[Frame, Frame]:
    """Both frames as contiguous rows (H, W·3), as the kernels walk them: the next pixel is three values on."""
    if restored.shape != truth.shape or truth.ndim != 3 or truth.shape[-1] != 3:
        raise PixelsError(f"SSIM compares two frames of one shape (H, W, 3), not {restored.shape} and {truth.shape}")
    height, width, _ = truth.shape
    if min(height, width) < taps:
        raise PixelsError(f"SSIM with a window of {taps}×{taps} needs frames at least that large, not {width}×{height}")
    rows = height, width * 3
    return np.ascontiguousarray(restored).reshape(rows), np.ascontiguousarray(truth).reshape(rows)


@njit(cache=True, nogil=True, error_model="numpy")
def _gaussian(x: Frame, y: Frame, weights: NDArray[np.float64]) -> float:
    height, length = x.shape
    # The last eleven rows of the four maps, newest overwriting oldest, and one row of each filtered down the columns.
    rows = np.empty((11, 4, length), np.float64)
    down = np.empty((4, length), np.float64)
    total = np.zeros(length, np.float64)  # one sum a column, so that the additions vectorize in a fixed order
    for r in range(height):
        write_maps(x[r], y[r], rows[r % 11])
        if r >= 10:
            filter_down(rows, (r + 1) % 11, weights, down)
            _add_gaussian_row(down, weights, total)
    windows = (height - 10) * (length - 30)
    return total.sum() / windows  # type: ignore[no-any-return]


@njit(cache=True, nogil=True)
def write_maps(x: Frame, y: Frame, maps: NDArray[np.float64]) -> None:
    """Write s, d, s² and d² of one row (L,) into maps (4, L)."""
    sums, differences, sums2, differences2 = maps[0], maps[1], maps[2], maps[3]
    for i in range(x.size):
        a, b = np.float64(x[i]), np.float64(y[i])
        s, d = a + b, a - b
        sums[i] = s
        differences[i] = d
        sums2[i] = s * s
        differences2[i] = d * d


@njit(cache=True, nogil=True)
def filter_down(
    rows: NDArray[np.float64], oldest: int, weights: NDArray[np.float64], down: NDArray[np.float64]
) -> None:
    """Filter the eleven rows (11, 4, L) down the columns into down (4, L); `oldest` is the topmost row's place.

    Two loops instead of one, because a loop over all eleven rows has more pointers than LLVM will check for overlap,
    and then does not vectorize.
    """
    w0, w1, w2, w3, w4, w5 = weights[0], weights[1], weights[2], weights[3], weights[4], weights[5]
    for m in range(4):
        out = down[m]
        r3, r4, r5 = rows[(oldest + 3) % 11, m], rows[(oldest + 4) % 11, m], rows[(oldest + 5) % 11, m]
        r6, r7 = rows[(oldest + 6) % 11, m], rows[(oldest + 7) % 11, m]
        for i in range(out.size):
            out[i] = w5 * r5[i] + w4 * (r4[i] + r6[i]) + w3 * (r3[i] + r7[i])
        r0, r1, r2 = rows[oldest, m], rows[(oldest + 1) % 11, m], rows[(oldest + 2) % 11, m]
        r8, r9, r10 = rows[(oldest + 8) % 11, m], rows[(oldest + 9) % 11, m], rows[(oldest + 10) % 11, m]
        for i in range(out.size):
            out[i] += w2 * (r2[i] + r8[i]) + w1 * (r1[i] + r9[i]) + w0 * (r0[i] + r10[i])


@njit(cache=True, nogil=True)
def filter_along(row: NDArray[np.float64], i: int, w: tuple[float, ...]) -> float:
    """The window that begins at value `i` of a row (L,), filtered; `w` are the first six weights."""
    inner: float = w[5] * row[i + 15] + w[4] * (row[i + 12] + row[i + 18]) + w[3] * (row[i + 9] + row[i + 21])
    outer: float = w[2] * (row[i + 6] + row[i + 24]) + w[1] * (row[i + 3] + row[i + 27]) + w[0] * (row[i] + row[i + 30])
    return inner + outer


@njit(cache=True, nogil=True, error_model="numpy")
def _add_gaussian_row(down: NDArray[np.float64], weights: NDArray[np.float64], total: NDArray[np.float64]) -> None:
    """Filter one row (4, L) along, and add the SSIM of each of its windows to `total` (L,)."""
    w = weights[0], weights[1], weights[2], weights[3], weights[4], weights[5]
    s, d, s2, d2 = down[0], down[1], down[2], down[3]
    for i in range(s.size - 30):
        mean_s, mean_d = filter_along(s, i, w), filter_along(d, i, w)
        a, b = mean_s * mean_s, mean_d * mean_d
        p, q = filter_along(s2, i, w) - a, filter_along(d2, i, w) - b
        # 2·ux·uy = (a − b) / 2, ux² + uy² = (a + b) / 2, and the same with p and q for the (co)variances.
        numerator = (a - b + 2 * C1) * (p - q + 2 * C2)
        total[i] += numerator / ((a + b + 2 * C1) * (p + q + 2 * C2))


@njit(cache=True, nogil=True, error_model="numpy")
def _uniform(x: Frame, y: Frame, columns: NDArray[Any]) -> float:
    height, length = x.shape
    total = np.zeros(length, np.float64)
    for r in range(height):
        _add_row_to_columns(x[r], y[r], columns, 1)
        if r >= 6:
            _add_uniform_row(columns, total)
            _add_row_to_columns(x[r - 6], y[r - 6], columns, -1)
    windows = (height - 6) * (length - 18)
    return total.sum() / windows  # type: ignore[no-any-return]


@njit(cache=True, nogil=True)
def _add_row_to_columns(x: Frame, y: Frame, columns: NDArray[Any], sign: int) -> None:
    """Add a row (L,) to the column sums (4, L), or take it away where `sign` is -1."""
    sums, differences, sums2, differences2 = columns[0], columns[1], columns[2], columns[3]
    for i in range(x.size):
        s = sums.dtype.type(x[i]) + sums.dtype.type(y[i])
        d = sums.dtype.type(x[i]) - sums.dtype.type(y[i])
        sums[i] += sign * s
        differences[i] += sign * d
        sums2[i] += sign * (s * s)
        differences2[i] += sign * (d * d)


@njit(cache=True, nogil=True, error_model="numpy")
def _add_uniform_row(columns: NDArray[Any], total: NDArray[np.float64]) -> None:
    """Sum each window along one row of column sums (4, L), and add its SSIM to `total` (L,)."""
    s, d, s2, d2 = columns[0], columns[1], columns[2], columns[3]
    c1 = 2 * C1 * 2401
    c2 = 2 * C2 * 49 * 48  # sample covariance: 49 · 48 times it is 49 · Σs² − (Σs)²
    for i in range(s.size - 18):
        sum_s = s[i] + s[i + 3] + s[i + 6] + s[i + 9] + s[i + 12] + s[i + 15] + s[i + 18]
        sum_d = d[i] + d[i + 3] + d[i + 6] + d[i + 9] + d[i + 12] + d[i + 15] + d[i + 18]
        sum_s2 = s2[i] + s2[i + 3] + s2[i + 6] + s2[i + 9] + s2[i + 12] + s2[i + 15] + s2[i + 18]
        sum_d2 = d2[i] + d2[i + 3] + d2[i + 6] + d2[i + 9] + d2[i + 12] + d2[i + 15] + d2[i + 18]
        p = np.float64(49 * sum_s2 - sum_s * sum_s)
        q = np.float64(49 * sum_d2 - sum_d * sum_d)
        centered = np.float64(sum_s) - 49 * 255.0  # the means on [-1, 1]: 127.5 is taken from x and from y
        a, b = centered * centered, np.float64(sum_d) * np.float64(sum_d)
        total[i] += (a - b + c1) * (p - q + c2) / ((a + b + c1) * (p + q + c2))
