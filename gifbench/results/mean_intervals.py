"""How far a mean over clips can be trusted: the clip is the unit, because frames of one clip resemble each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
BOOTSTRAP_SEED = 2019
"""What the resamples are drawn from; results record it."""
_CHUNK_VALUES = 1 << 20


def bootstrap_means(scores: NDArray[np.float64], *, resamples: int = RESAMPLES) -> NDArray[np.float64]:
    """The means of resampled clips, shape (resamples, columns), of `scores` (clips, columns).

    Each resample draws as many clips as there are, with replacement, the same for all columns, so that columns
    (metrics, or methods on the same clips) can be compared pairwise. The seed is fixed: the same scores give
    the same numbers.
    """
    clips = len(scores)
    random = np.random.default_rng(BOOTSTRAP_SEED)
    means = np.empty((resamples, scores.shape[1]))
    step = max(1, _CHUNK_VALUES // clips)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = random.integers(clips, size=(rows, clips), dtype=np.int32)
        # How often each clip was drawn, as a matrix, makes the means of all columns one product.
        places = drawn + np.arange(rows, dtype=np.int64)[:, None] * clips
        counts = np.bincount(places.ravel(), minlength=rows * clips).reshape(rows, clips)
        means[start : start + rows] = counts.astype(np.float64) @ scores / clips
    return means


def mean_interval(scores: NDArray[np.float64]) -> list[tuple[float, float]]:
    """The 95% percentile interval of each column's mean over the clips, from `scores` (clips, columns).

    Rounded to 1e-6, far below what resampling resolves, so that no machine's order of additions shows. A single clip
    has an interval of no width, which says nothing about other clips.
    """
    low, high = np.quantile(bootstrap_means(scores), [0.025, 0.975], axis=0)
    return [(round(float(a), 6), round(float(b), 6)) for a, b in zip(low, high, strict=True)]
