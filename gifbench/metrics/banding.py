"""False flatness: how much of the picture is of one color where the truth is not, as in the bands of a sky.

Few colors make areas without any slope, whose rims the eye sees as contours. A pixel is flat where it, the next one
and the one below are of exactly one color; what is flat in the truth as well is no fault. Dithering trades flatness
for noise: read it beside the gradient error.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gifbench.media.clip import Pixels
from gifbench.metrics.metric import FrameBatch, FramePair


class FlatShare:
    """The share of the pixels that are flat in the restored frame and not in the truth."""

    better = "lower"
    unit = "share"
    spec = (
        "share of the pixels that are equal in all channels to the next pixel and to the one below in the restored "
        "8-bit frame and not so in the truth, 0 to 1; the last row and column are left out"
    )

    def measure(self, pair: FramePair) -> float | None:
        """0 to 1; None for frames of a single row or column."""
        height, width, _ = pair.truth.shape
        if min(height, width) < 2:
            return None
        return float(_false(pair.restored, pair.truth) / ((height - 1) * (width - 1)))

    def measure_batch(self, batch: FrameBatch) -> list[float | None]:
        """The same, exactly."""
        if min(batch.truth.shape[-2:]) < 2:
            return [None] * len(batch.truth)
        flat, really = (
            ((frames[..., :-1, :-1] == frames[..., :-1, 1:]) & (frames[..., :-1, :-1] == frames[..., 1:, :-1])).all(1)
            for frames in (batch.restored, batch.truth)
        )
        return [float(value) for value in (flat & ~really).double().mean((-1, -2)).cpu()]


@njit(cache=True, nogil=True)
def _flat(frame: Pixels, r: int, c: int) -> bool:
    red, green, blue = frame[r, c, 0], frame[r, c, 1], frame[r, c, 2]
    beside, below = frame[r, c + 1], frame[r + 1, c]
    across = red == beside[0] and green == beside[1] and blue == beside[2]
    return bool(across and red == below[0] and green == below[1] and blue == below[2])


@njit(cache=True, nogil=True)
def _false(restored: Pixels, truth: Pixels) -> np.int64:
    count = np.int64(0)
    for r in range(restored.shape[0] - 1):
        for c in range(restored.shape[1] - 1):
            if _flat(restored, r, c) and not _flat(truth, r, c):
                count += 1
    return count
