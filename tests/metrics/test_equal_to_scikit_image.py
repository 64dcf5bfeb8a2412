"""PSNR and SSIM are scikit-image's, for both protocols: SSIM to 1e-5, PSNR to 1e-6 dB (asserted far tighter)."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import metrics as theirs  # which imports half of scipy when it is asked for one

from gifbench.errors import PixelsError
from gifbench.metrics.psnr import psnr, squared_error
from gifbench.metrics.ssim import gaussian_ssim, uniform_ssim


def wang(restored, truth):
    return theirs.structural_similarity(
        restored.astype(np.float64),
        truth.astype(np.float64),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=-1,
        data_range=255,
    )


def signed(frame):
    return frame.astype(np.float64) / 127.5 - 1


def released_ssim(restored, truth):
    return theirs.structural_similarity(signed(restored), signed(truth), channel_axis=-1, data_range=2)


def assert_equal_scores(restored, truth):
    assert gaussian_ssim(restored, truth) == pytest.approx(wang(restored, truth), abs=1e-9)
    assert uniform_ssim(restored, truth) == pytest.approx(released_ssim(restored, truth), abs=1e-9)
    ours = psnr(squared_error(restored, truth), truth.size)
    if not np.array_equal(restored, truth):
        reference = theirs.peak_signal_noise_ratio(
            truth.astype(np.float64), restored.astype(np.float64), data_range=255
        )
        assert ours == pytest.approx(reference, abs=1e-9)
        assert ours == pytest.approx(
            theirs.peak_signal_noise_ratio(signed(truth), signed(restored), data_range=2), abs=1e-9
        )


def textured(height, width, seed):
    rng = np.random.default_rng(seed)
    smooth = np.cumsum(rng.normal(0, 3, (height, width, 3)), axis=1) + 128
    return np.clip(smooth, 0, 255).astype(np.uint8), rng


@pytest.mark.parametrize(("height", "width"), [(11, 11), (12, 11), (11, 40), (37, 53), (64, 48)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_every_size_and_type(height, width, dtype):
    truth, rng = textured(height, width, seed=height * width)
    restored = np.clip(truth + rng.normal(0, 9, truth.shape), 0, 255).astype(dtype)
    assert_equal_scores(restored, truth)


@given(st.integers(11, 24), st.integers(11, 24), st.integers(0, 255), st.integers(0, 60), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_flat_dark_and_bright_frames_keep_their_precision(height, width, level, noise, seed):
    """Flat areas are where a variance by E[x²] − E[x]² loses its digits."""
    rng = np.random.default_rng(seed)
    truth = np.full((height, width, 3), level, np.uint8)
    restored = np.clip(truth.astype(int) + rng.integers(-noise, noise + 1, truth.shape), 0, 255).astype(np.uint8)
    assert_equal_scores(restored, truth)
    assert_equal_scores(np.clip(restored + rng.random(truth.shape), 0, 255).astype(np.float32), truth)


def test_real_frames(clips: Path):
    for name in ("faces/intel_asl__book.mkv", "faces/grid__bbaf2n.mpg"):
        with av.open(clips / name) as file:
            truth = next(file.decode(video=0)).to_ndarray(format="rgb24")
        assert_equal_scores((truth // 32) * 32 + 16, truth)
        assert_equal_scores(truth.astype(np.float32) * np.float32(0.97) + 2, truth)


def test_the_extremes_do_not_overflow():
    black, white = np.zeros((40, 40, 3), np.uint8), np.full((40, 40, 3), 255, np.uint8)
    checker = (np.indices((40, 40, 3)).sum(0) % 2 * 255).astype(np.uint8)
    for restored in (black, white, checker):
        for truth in (black, white, checker):
            assert_equal_scores(restored, truth)
    large = np.full((2200, 4000, 3), 255, np.uint8)  # 1.7e12: beyond 32 bits
    assert squared_error(large, np.zeros_like(large)) == large.size * 255.0**2


def test_identical_frames_are_infinite_and_one():
    truth, _ = textured(20, 20, seed=1)
    assert psnr(squared_error(truth, truth), truth.size) == math.inf
    assert gaussian_ssim(truth, truth) == uniform_ssim(truth, truth) == 1.0


def test_the_two_protocols_differ_on_the_same_frames():
    truth, _ = textured(64, 64, seed=5)
    posterized = (truth // 32) * 32 + 16
    assert abs(gaussian_ssim(posterized, truth) - uniform_ssim(posterized, truth)) > 1e-3


def test_views_that_are_not_contiguous_count_the_same():
    truth, rng = textured(60, 60, seed=2)
    restored = rng.integers(0, 256, truth.shape, dtype=np.uint8)
    x, y = restored[::2, ::-2], truth[::2, ::-2]
    assert gaussian_ssim(x, y) == gaussian_ssim(x.copy(), y.copy())
    assert squared_error(x, y) == squared_error(x.copy(), y.copy())


def test_the_same_bits_on_any_number_of_threads():
    truth, rng = textured(80, 90, seed=3)
    restored = np.clip(truth + rng.normal(0, 5, truth.shape), 0, 255).astype(np.float32)

    def scores(_):
        return gaussian_ssim(restored, truth), uniform_ssim(restored, truth), squared_error(restored, truth)

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(scores, range(32))) == {scores(None)}


@pytest.mark.parametrize("metric", [gaussian_ssim, uniform_ssim])
def test_frames_that_cannot_be_compared_are_said(metric):
    truth, _ = textured(20, 30, seed=4)
    with pytest.raises(PixelsError, match=r"\(20, 29, 3\) and \(20, 30, 3\)"):
        metric(truth[:, 1:], truth)
    with pytest.raises(PixelsError, match="at least that large, not 5×20"):
        metric(truth[:, :5], truth[:, :5])
    with pytest.raises(PixelsError, match="one shape"):
        squared_error(truth[:, 1:], truth)
