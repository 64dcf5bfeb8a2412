"""PSNR's errors and both forms of SSIM for batches of frames on a torch device, in float32.

A window is a product with a banded matrix, along the rows and then along the columns, tile by tile: GPUs multiply
matrices far faster than they do anything else. With s = x + y − 255 and d = x − y four maps are filtered (see
`ssim.py`); that s is centered keeps float32's rounding small. Agrees with the CPU to 1e-5 in SSIM; squared errors of
8-bit frames are exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from gifbench.metrics.ssim import C1, C2, GAUSSIAN_WEIGHTS

if TYPE_CHECKING:
    import torch

_TILE = 64
_UNIFORM = np.full(7, 1 / 7)


def squared_errors(restored: torch.Tensor, truth: torch.Tensor) -> list[float]:
    """The summed squared difference of each frame: both (N, 3, H, W), uint8 or float in 0 to 255."""
    import torch

    if restored.dtype == torch.uint8:
        error = (restored.int() - truth.int()).square().flatten(1).sum(1, dtype=torch.int64)
    else:
        error = (restored - truth.to(restored.dtype)).double().square().flatten(1).sum(1)
    return [float(value) for value in error.cpu()]


def gaussian_ssims(restored: torch.Tensor, truth: torch.Tensor) -> list[float]:
    """What `gaussian_ssim` gives for each frame of two batches (N, 3, H, W) in 0 to 255."""
    ssim, _ = gaussian_parts(restored, truth)
    return [float(value) for value in ssim.mean(1).cpu()]


def uniform_ssims(restored: torch.Tensor, truth: torch.Tensor) -> list[float]:
    """What `uniform_ssim` gives for each frame of two batches (N, 3, H, W) in 0 to 255."""
    # Sample covariance divides by 48 where the mean of squares divides by 49; and on [-1, 1] means are those of s.
    ssim, _ = _parts(restored, truth, _UNIFORM, unbiased=49 / 48, center=0.0)
    return [float(value) for value in ssim.mean(1).cpu()]


def gaussian_parts(restored: torch.Tensor, truth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean SSIM, and mean contrast and structure, of each frame and channel, (N, 3) float64."""
    return _parts(restored, truth, GAUSSIAN_WEIGHTS, unbiased=1.0, center=255.0)


def _parts(
    restored: torch.Tensor, truth: torch.Tensor, weights: np.ndarray, *, unbiased: float, center: float
) -> tuple[torch.Tensor, torch.Tensor]:
    import torch

    x, y = restored.float(), truth.float()
    s, d = x + y - 255.0, x - y
    with _whole_float32():  # filtered both ways, (…, W', H'), turned round: nothing that follows minds it
        maps = _along(_along(torch.stack([s, d, s * s, d * d]), weights).transpose(-1, -2), weights)
    mean_s, mean_d, mean_s2, mean_d2 = maps.double() if maps.device.type == "cpu" else maps
    p = (mean_s2 - mean_s * mean_s) * unbiased
    q = (mean_d2 - mean_d * mean_d) * unbiased
    a, b = (mean_s + center).square(), mean_d.square()
    structure = (p - q + 2 * C2) / (p + q + 2 * C2)
    ssim = structure * ((a - b + 2 * C1) / (a + b + 2 * C1))
    return ssim.mean((-1, -2), dtype=torch.float64), structure.mean((-1, -2), dtype=torch.float64)


def _along(maps: torch.Tensor, weights: np.ndarray) -> torch.Tensor:
    """The weighted sums of all windows that lie wholly in a row: (…, L) becomes (…, L − taps + 1)."""
    from torch.nn import functional

    more = len(weights) - 1
    wanted = maps.shape[-1] - more
    tiles = -(-wanted // _TILE)
    padded = functional.pad(maps, (0, tiles * _TILE - wanted))
    # One product of all tiles: a batched one over so many small matrices is far slower.
    cut = padded.unfold(-1, _TILE + more, _TILE).reshape(-1, _TILE + more)
    summed = cut @ _band(weights).to(maps)
    return summed.reshape(*maps.shape[:-1], tiles * _TILE)[..., :wanted]


def _band(weights: np.ndarray) -> torch.Tensor:
    import torch

    band = torch.zeros(_TILE + len(weights) - 1, _TILE)
    for k, weight in enumerate(weights):
        band[k : k + _TILE] += float(weight) * torch.eye(_TILE)
    return band


@contextmanager
def _whole_float32() -> Iterator[None]:
    """Products of float32 stay float32, where a caller has allowed TF32's ten bits."""
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
