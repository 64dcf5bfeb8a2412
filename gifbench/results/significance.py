"""Which method is better, and whether that can be known: methods compared on the same clips.

The clip is the unit, because frames of one clip resemble each other. Everything is paired: each resample, and each flip
of signs, is the same for all methods, so that what makes a clip hard for all of them cancels out. 50 methods on 7,159
clips take 3 s (two cores of an AMD EPYC; `benchmarks/significance_speed.py`).

References: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 13 and 16 for intervals; Good,
Permutation Tests (2000), for the flips of signs; Phipson and Smyth, "Permutation P-values Should Never Be Zero" (2010),
for the 1 that is added; Holm, "A Simple Sequentially Rejective Multiple Test Procedure" (1979).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from gifbench.errors import UsageError
from gifbench.results.mean_intervals import RESAMPLES, bootstrap_means

FLIPS = 9_999
"""Random flips of signs; with the scores as they are that makes 10,000, so that no p-value is below 0.0001."""

_SEED = 1901
_LEVEL = 0.05
_CHUNK_VALUES = 1 << 21

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What can be said of M methods on the same clips; higher scores are better. Methods are numbered as given.

    `differences` (M, M): the mean of row minus column; `low` and `high` (M, M) its 95% interval. `p_values` (M, M): of
    the hypothesis that a pair differs by chance alone, corrected for all pairs (Holm). `win_rates` (M, M): the share of
    clips on which the row is better, ties half. `ranks` (M,) from 1 by the mean, equal means equal; `rank_low` and
    `rank_high` (M,) the 95% interval of the rank. `groups` (M,): a group's number from 1, see `rank_groups`.
    """

    clips: int
    means: Matrix
    differences: Matrix
    low: Matrix
    high: Matrix
    p_values: Matrix
    win_rates: Matrix
    ranks: NDArray[np.int64]
    rank_low: NDArray[np.int64]
    rank_high: NDArray[np.int64]
    groups: NDArray[np.int64]


def compare(scores: Matrix, *, resamples: int = RESAMPLES, flips: int = FLIPS) -> Comparison:
    """Compare the columns of `scores` (clips, methods), finite, higher is better.

    The seeds are fixed: the same scores give the same numbers. Raises `UsageError` for other shapes or values. With
    fewer than 6 clips no pair can reach p < 0.05, and all methods are in one group: so few clips cannot tell.
    """
    scores = np.ascontiguousarray(scores, dtype=np.float64)
    if scores.ndim != 2 or 0 in scores.shape or not np.isfinite(scores).all():
        raise UsageError(f"to compare, finite scores (clips, methods) are wanted, not an array {scores.shape}")
    means = scores.mean(axis=0)
    boot = bootstrap_means(scores - means, resamples=resamples) + means
    low, high = _difference_intervals(boot)
    p_values = _permutation_p_values(scores, flips)
    boot_ranks = _ranks(boot)
    rank_low, rank_high = np.quantile(boot_ranks, [0.025, 0.975], axis=0, method="nearest").astype(np.int64)
    ranks = _ranks(means[None])[0]
    return Comparison(
        clips=len(scores),
        means=means,
        differences=means[:, None] - means[None, :],
        low=low,
        high=high,
        p_values=p_values,
        win_rates=_win_rates(scores),
        ranks=ranks,
        rank_low=np.minimum(rank_low, ranks),
        rank_high=np.maximum(rank_high, ranks),
        groups=rank_groups(means, p_values),
    )


def rank_groups(means: Matrix, p_values: Matrix) -> NDArray[np.int64]:
    """The group of each method, from 1 for the best: methods that cannot be told from the best of a group share it.

    The best method opens the first group; the next ones, in the order of their means, belong to it until one differs
    from it with p < 0.05, which opens the second group, and so on. So every group is a row of neighbors, and a
    method is never behind one that it was shown to be no worse than the head of.
    """
    order = np.argsort(-means, kind="stable")
    groups = np.empty(len(means), np.int64)
    head, number = order[0], 1
    for method in order:
        if p_values[head, method] < _LEVEL:
            head, number = method, number + 1
        groups[method] = number
    return groups


def holm_corrected(p_values: Matrix) -> Matrix:
    """Holm's correction of the p-values (N,) of N tests, in the order given."""
    order = np.argsort(p_values, kind="stable")
    stepped = np.minimum(1, p_values[order] * np.arange(len(order), 0, -1))
    corrected = np.empty_like(p_values)
    corrected[order] = np.maximum.accumulate(stepped)
    return corrected


def _difference_intervals(boot: Matrix) -> tuple[Matrix, Matrix]:
    """The 95% percentile intervals of all pairs' differences, from resampled means (resamples, M); two (M, M)."""
    count = boot.shape[1]
    low, high = np.zeros((count, count)), np.zeros((count, count))
    columns = np.ascontiguousarray(boot.T)
    for i in range(count - 1):
        bounds = np.quantile(columns[i] - columns[i + 1 :], [0.025, 0.975], axis=1)
        low[i, i + 1 :], high[i, i + 1 :] = bounds
        low[i + 1 :, i], high[i + 1 :, i] = -bounds[1], -bounds[0]
    return np.round(low, 6), np.round(high, 6)


def _permutation_p_values(scores: Matrix, flips: int) -> Matrix:
    """Two-sided p-values (M, M): how often flipped signs make as large a mean difference as was seen, after Holm.

    A flip changes the sign of a clip's difference; the sum of a pair's flipped differences is then the difference of
    two columns of one product, signs times scores, so that all pairs cost no more than all methods.
    """
    clips, count = scores.shape
    centered = scores - scores.mean(axis=1, keepdims=True)  # no difference changes; sums of large numbers stay exact
    seen = centered.sum(axis=0)
    rows, columns = np.triu_indices(count, 1)
    bound = np.abs(seen[rows] - seen[columns])
    bound = bound - 1e-9 * np.maximum(bound, np.abs(centered).sum(axis=0).max())  # equal sums may differ in last digits
    reached = np.zeros(len(rows), np.int64)
    random = np.random.default_rng(_SEED)
    step = max(1, _CHUNK_VALUES // max(clips, len(rows), 1))
    for start in range(0, flips, step):
        taken = min(step, flips - start)
        bits = np.unpackbits(random.integers(256, size=(taken, (clips + 7) // 8), dtype=np.uint8), axis=1)[:, :clips]
        # signs @ scores, signs 1 or -1 being 1 - 2 bits
        sums = seen - 2 * (bits.astype(np.float64) @ centered)
        reached += (np.abs(sums[:, rows] - sums[:, columns]) >= bound).sum(axis=0)
    out = np.ones((count, count))
    out[rows, columns] = out[columns, rows] = holm_corrected((reached + 1) / (flips + 1))
    return out


def _win_rates(scores: Matrix) -> Matrix:
    count = scores.shape[1]
    out = np.full((count, count), 0.5)
    columns = np.ascontiguousarray(scores.T)
    for i, j in combinations(range(count), 2):
        out[i, j] = ((columns[i] > columns[j]).mean() + (columns[i] >= columns[j]).mean()) / 2
        out[j, i] = 1 - out[i, j]
    return out


def _ranks(means: Matrix) -> NDArray[np.int64]:
    """The rank in each row, 1 for the highest; equal values share the better rank."""
    ordered = np.sort(-means, axis=1)
    return np.stack([1 + np.searchsorted(row, -mean, side="left") for row, mean in zip(ordered, means, strict=True)])
