"""Views of a frame stay within their options, are drawn by the seed, and give training samples of their own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from gifbench.errors import UsageError  # noqa: E402
from gifbench.training.augmentation import view  # noqa: E402
from gifbench.training.config import DataOptions, TrainingConfig, ViewOptions, checked  # noqa: E402
from gifbench.training.frame_sampler import check_options  # noqa: E402


@settings(max_examples=50, deadline=None)
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    seed=st.integers(0, 2**32),
    least=st.sampled_from([1, 24, 64]),
)
def test_no_side_is_smaller_than_the_crop_and_none_larger_than_asked(height, width, seed, least):
    frame = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    options = ViewOptions(side=(16, 48))
    seen = view(frame, options, np.random.default_rng(seed), least=least)
    assert seen.dtype == np.uint8
    assert seen.flags.c_contiguous
    assert least <= min(seen.shape[:2]) <= max(48, least)
    assert np.array_equal(seen, view(frame, options, np.random.default_rng(seed), least=least))


def test_without_scaling_and_recoloring_a_view_is_a_part_of_the_frame():
    frame = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    options = ViewOptions(scale=(1, 1), side=(1, 4096), recolored=0, lit=0)
    for seed in range(20):
        seen = view(frame, options, np.random.default_rng(seed), least=1)
        height, width = seen.shape[:2]
        parts = np.lib.stride_tricks.sliding_window_view(frame, (height, width, 3))[:, :, 0]
        assert (parts == seen).all(axis=(2, 3, 4)).any()


def test_scaling_keeps_the_mean_and_recoloring_changes_it():
    frame = np.full((100, 100, 3), (200, 100, 50), np.uint8)
    plain = ViewOptions(recolored=0, lit=0)
    assert (view(frame, plain, np.random.default_rng(1), least=1) == (200, 100, 50)).all()
    tinted = ViewOptions(recolored=1, lit=0)
    other = {tuple(view(frame, tinted, np.random.default_rng(seed), least=1)[0, 0]) for seed in range(8)}
    assert len(other) == 8


def test_an_uneven_light_changes_slowly_over_the_frame():
    frame = np.full((120, 160, 3), 128, np.uint8)
    still = ViewOptions(window=(1, 1), side=(120, 120), recolored=0, lit=1)
    seen = view(frame, still, np.random.default_rng(2), least=1).astype(int)
    assert np.ptp(seen) > 20
    assert max(np.abs(np.diff(seen, axis=axis)).max() for axis in (0, 1)) <= 3
    assert seen.min() > 128 * 0.4
    assert seen.max() < 128 * 1.6


def test_what_is_smoothed_keeps_its_color_and_loses_its_detail_all_of_it_or_a_part():
    draw = np.random.default_rng(0)
    frame = np.repeat(np.repeat(draw.integers(60, 196, (60, 60, 3), dtype=np.uint8), 2, axis=0), 2, axis=1)
    still = ViewOptions(window=(1, 1), side=(120, 120), recolored=0, lit=0, smoothed=1)
    parts = set()
    for seed in range(12):
        seen = view(frame, still, np.random.default_rng(seed), least=1)
        assert seen.shape == frame.shape
        assert np.abs(seen.mean(axis=(0, 1)) - frame.mean(axis=(0, 1))).max() < 12
        kept = (seen == frame).all(axis=2).mean()
        parts.add("all" if kept < 0.02 else "some" if kept < 0.9 else "none")
        smooth = (seen != frame).all(axis=2)
        steps = np.abs(np.diff(seen.astype(int), axis=1))[smooth[:, 1:] & smooth[:, :-1]]
        assert np.median(steps) <= 4 < np.median(np.abs(np.diff(frame.astype(int), axis=1)[:, 1::2]))
    assert parts == {"all", "some"}


def test_views_need_gifs_that_are_made_on_the_fly():
    with pytest.raises(UsageError, match=r"data\.colors"):
        check_options(DataOptions(views=ViewOptions()))


@pytest.mark.parametrize(
    ("views", "said"),
    [({"scale": [2, 1]}, "data.views.scale is 2.0 to 1.0"), ({"windw": 1}, 'no option "data.views.windw"')],
)
def test_wrong_options_are_named(views, said):
    values = {"trainer": "x", "name": "x", "data": {"views": views}, "training": {"steps": 1}}
    with pytest.raises(UsageError, match=said.replace(".", r"\.")):
        checked(TrainingConfig, values, what="test")
