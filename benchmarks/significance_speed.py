"""How long a board's statistics take: 50 methods on the 7,159 test clips of GIF-Moments, everything paired.

    python benchmarks/significance_speed.py

Prints the seconds of `compare`, beside those of scipy's `bootstrap` and `permutation_test` for one pair of methods,
times the number of pairs: what a loop over pairs with ready-made functions would take.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from scipy import stats

from gifbench.results.mean_intervals import RESAMPLES
from gifbench.results.significance import FLIPS, compare


def seconds(function) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", type=int, default=50)
    parser.add_argument("--clips", type=int, default=7159)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    scores = rng.normal(30, 5, (args.clips, 1)) + rng.normal(0, 0.5, (args.clips, args.methods))
    scores += np.linspace(0, 0.2, args.methods)
    ours = seconds(lambda: compare(scores))
    difference = scores[:, 0] - scores[:, 1]

    def theirs() -> None:
        stats.bootstrap((difference,), np.mean, n_resamples=RESAMPLES, method="percentile", batch=100, rng=0)
        stats.permutation_test(
            (difference,), np.mean, permutation_type="samples", n_resamples=FLIPS, vectorized=True, batch=100, rng=0
        )

    pair = seconds(theirs)
    pairs = args.methods * (args.methods - 1) // 2
    print(f"{args.methods} methods, {args.clips} clips, {pairs} pairs, {RESAMPLES} resamples, {FLIPS + 1} flips")
    print(f"compare, all pairs             {ours:8.1f} s")
    print(
        f"scipy, one pair                {pair:8.1f} s   all pairs: {pair * pairs:,.0f} s, {pair * pairs / ours:,.0f}×"
    )


if __name__ == "__main__":
    main()
