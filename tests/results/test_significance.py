"""What is said of methods on the same clips: against exact references, and never more than the clips can tell."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gifbench.errors import UsageError
from gifbench.results.mean_intervals import bootstrap_means
from gifbench.results.significance import compare, holm_corrected, rank_groups


def hard_clips(clips: int, *advantages: float, noise: float = 0.2, seed: int = 0) -> np.ndarray:
    """Scores around 30 dB whose clips differ far more than the methods do."""
    rng = np.random.default_rng(seed)
    base = rng.normal(30, 5, (clips, 1))
    return base + np.array(advantages) + rng.normal(0, noise, (clips, len(advantages)))


def test_pairing_sees_what_single_intervals_do_not() -> None:
    scores = hard_clips(200, 0.0, 0.1)
    found = compare(scores)
    low, high = np.quantile(bootstrap_means(scores), [0.025, 0.975], axis=0)
    assert low[1] < high[0]  # each for itself, the two overlap by far
    assert found.low[1, 0] > 0
    assert found.p_values[1, 0] < 0.01
    assert list(found.groups) == [2, 1]
    assert list(found.ranks) == [2, 1]


def test_what_cannot_be_told_apart_shares_a_group() -> None:
    found = compare(hard_clips(60, 0.0, 0.001, 3.0, 0.002))
    assert found.groups[2] == 1
    assert found.groups[0] == found.groups[1] == found.groups[3] == 2
    assert found.rank_low[2] == found.rank_high[2] == 1
    assert found.rank_low[0] == 2
    assert found.rank_high[0] == 4


def test_p_values_equal_all_flips_of_signs() -> None:
    scores = hard_clips(9, 0.0, 0.12, 0.3, seed=3)
    pairs, exact = ((0, 1), (0, 2), (1, 2)), []
    for i, j in pairs:
        difference = scores[:, i] - scores[:, j]
        sums = [abs(np.dot(signs, difference)) for signs in product((-1, 1), repeat=9)]
        exact.append(np.mean(np.array(sums) >= abs(difference.sum()) - 1e-9))
    found = compare(scores, flips=40_000).p_values
    np.testing.assert_allclose([found[pair] for pair in pairs], holm_corrected(np.array(exact)), atol=0.015)
    assert (found == found.T).all()
    assert (np.diag(found) == 1).all()


def test_intervals_are_those_of_the_differences_themselves() -> None:
    scores = hard_clips(40, 0.0, 0.3, -0.2)
    found = compare(scores)
    for i, j in ((0, 1), (1, 2), (2, 0)):
        direct = np.quantile(bootstrap_means(scores[:, [i]] - scores[:, [j]]), [0.025, 0.975])
        np.testing.assert_allclose([found.low[i, j], found.high[i, j]], direct, atol=2e-6)


def test_holm_equals_the_worked_example() -> None:
    values = np.array([0.01, 0.04, 0.03, 0.005, 0.2, 0.5])
    # sorted: .005·6, .01·5, .03·4, .04·3, .2·2, .5·1, never falling
    np.testing.assert_allclose(holm_corrected(values), [0.05, 0.12, 0.12, 0.03, 0.4, 0.5])


def test_groups_follow_the_head_of_the_group() -> None:
    means = np.array([3.0, 2.9, 2.5, 1.0])
    p_values = np.ones((4, 4))
    for i, j in ((0, 2), (0, 3), (1, 3), (2, 3)):
        p_values[i, j] = p_values[j, i] = 0.01
    assert list(rank_groups(means, p_values)) == [1, 1, 2, 3]


def test_win_rates_count_ties_half() -> None:
    scores = np.array([[1.0, 1.0], [2.0, 1.0], [0.0, 1.0], [5.0, 1.0]])
    assert compare(scores).win_rates.tolist() == [[0.5, 0.625], [0.375, 0.5]]


def test_equal_methods_are_equal_in_everything() -> None:
    scores = np.repeat(hard_clips(30, 0.0), 3, axis=1)
    found = compare(scores)
    assert (found.p_values == 1).all()
    assert (found.groups == 1).all()
    assert (found.ranks == 1).all()
    assert (found.low == 0).all()
    assert (found.high == 0).all()


@pytest.mark.parametrize("clips", [1, 2, 5])
def test_few_clips_cannot_tell(clips: int) -> None:
    found = compare(hard_clips(clips, 0.0, 10.0))
    assert (found.p_values > 0.05).all()
    assert list(found.groups) == [1, 1]


def test_chance_alone_rarely_separates() -> None:
    found = sum(
        compare(hard_clips(25, *([0.0] * 4), seed=seed), resamples=50, flips=499).groups.max() > 1 for seed in range(40)
    )
    assert found <= 6  # 5% of 40 are 2; more than 6 has a probability below 0.3%


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 12),
    st.integers(1, 5),
    st.randoms(use_true_random=False),
)
def test_order_of_methods_changes_nothing(clips: int, methods: int, random) -> None:
    scores = np.array([[random.choice([20.0, 25.5, 30.25, 100.0]) for _ in range(methods)] for _ in range(clips)])
    order = list(range(methods))
    random.shuffle(order)
    one, other = compare(scores, resamples=50, flips=49), compare(scores[:, order], resamples=50, flips=49)
    np.testing.assert_allclose(one.p_values[np.ix_(order, order)], other.p_values)
    np.testing.assert_allclose(one.win_rates[np.ix_(order, order)], other.win_rates)
    np.testing.assert_array_equal(one.ranks[order], other.ranks)
    np.testing.assert_allclose(one.low, -one.high.T)
    assert (one.rank_low <= one.ranks).all()
    assert (one.ranks <= one.rank_high).all()


@pytest.mark.parametrize("scores", [np.zeros(3), np.zeros((0, 2)), np.zeros((2, 0)), np.array([[np.nan]])])
def test_what_cannot_be_compared_is_said(scores: np.ndarray) -> None:
    with pytest.raises(UsageError, match="finite scores"):
        compare(scores)
