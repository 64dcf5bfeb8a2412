"""Gaussian smoothing, the paper's simplest baseline (Table 1, rows 12 and 13)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gifbench import Pixels, UsageError, gaussian_blur


class Gaussian:
    """Blurs each channel of each frame with a gaussian of `sigma` pixels, cut off at four sigma, borders mirrored.

    The result is float and not rounded.
    """

    version = "1"
    needs_palettes = False

    def __init__(self, *, sigma: float = 0.5) -> None:
        if not 0 < sigma <= 100:
            raise UsageError(f"gaussian: sigma must be above 0 and at most 100 pixels, got {sigma}")
        self._sigma = sigma

    def restore_frames(self, frames: Pixels, palettes: Sequence[Pixels]) -> NDArray[np.float32]:
        """Blur (N, H, W, 3) uint8 to float32 in [0, 255]."""
        return np.stack([gaussian_blur(frame, self._sigma) for frame in frames])
