"""The bootstrap's intervals are those of a plain one, the same at every run, and fast enough for the official lists."""

from __future__ import annotations

import time

import numpy as np
import pytest

from gifbench.results.mean_intervals import bootstrap_means, mean_interval


def test_the_interval_is_that_of_the_normal_distribution_for_many_clips():
    values = np.random.default_rng(0).normal(30, 2, (400, 1))
    ((low, high),) = mean_interval(values)
    error = values.std() / np.sqrt(400)
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.05 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.05 * error)


def test_resamples_draw_whole_clips_for_all_columns_at_once():
    values = np.random.default_rng(1).random((7, 1))
    means = bootstrap_means(np.hstack([values, values * 2 + 1]), resamples=500)
    assert means.shape == (500, 2)
    assert means[:, 1] == pytest.approx(means[:, 0] * 2 + 1)
    counts = bootstrap_means(np.eye(7), resamples=500) * 7
    assert counts == pytest.approx(np.rint(counts)) and counts.sum(axis=1) == pytest.approx(7)


def test_the_same_scores_have_the_same_interval():
    values = np.random.default_rng(2).random((50, 2))
    assert mean_interval(values) == mean_interval(values.copy())


def test_one_clip_has_an_interval_of_no_width():
    assert mean_interval(np.array([[31.5, 0.9]])) == [(31.5, 31.5), (0.9, 0.9)]


def test_the_whole_test_split_of_moments_takes_seconds():
    start = time.process_time()
    mean_interval(np.random.default_rng(3).random((7159, 2)))
    assert time.process_time() - start < 20  # a second or two
