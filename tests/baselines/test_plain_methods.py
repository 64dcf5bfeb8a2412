"""The methods without weights: what they do to a GIF is what they say."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from gifbench_baselines.gaussian import Gaussian
from gifbench_baselines.unrestored_gif import IdentityGif
from scipy.ndimage import gaussian_filter

from gifbench.errors import UsageError
from gifbench.media.gif import Gif


@pytest.fixture
def gif() -> Gif:
    rng = np.random.default_rng(0)
    palettes = tuple(rng.integers(0, 256, (32, 3), dtype=np.uint8) for _ in range(3))
    indices = rng.integers(0, 32, (3, 20, 30), dtype=np.uint8)
    return Gif(indices, palettes, (Fraction(0), Fraction(2, 25), Fraction(4, 25)), Fraction(6, 25))


@pytest.mark.parametrize(("show", "chosen"), [("hold", [0, 0, 1, 1, 2]), ("nearest", [0, 0, 1, 1, 2])])
def test_gif_shows_what_a_player_shows(gif, show, chosen):
    times = [Fraction(i, 25) for i in range(5)]
    frames = np.concatenate(list(IdentityGif(show=show).restore(gif, times)))
    assert np.array_equal(frames, gif.frames[chosen])


def test_nearest_looks_ahead_where_hold_does_not(gif):
    late = [Fraction(3, 50)]
    assert np.array_equal(next(IdentityGif(show="nearest").restore(gif, late))[0], gif.frame(1))
    assert np.array_equal(next(IdentityGif().restore(gif, late))[0], gif.frame(0))


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.3])
def test_gaussian_is_scipys_cut_off_at_four_sigma(gif, sigma):
    frames = gif.frames
    blurred = Gaussian(sigma=sigma).restore_frames(frames, gif.palettes)
    radius = int(np.ceil(4 * sigma))
    expected = [gaussian_filter(f.astype(np.float64), (sigma, sigma, 0), radius=radius, mode="reflect") for f in frames]
    assert blurred.dtype == np.float32
    assert np.abs(blurred - expected).max() < 1e-3


def test_gaussian_keeps_flat_frames_and_any_size():
    flat = np.full((2, 1, 3, 3), 77, np.uint8)
    assert np.abs(Gaussian(sigma=1.0).restore_frames(flat, []) - 77.0).max() < 1e-3


@pytest.mark.parametrize("sigma", [0, -1, float("nan"), float("inf"), 1e9])
def test_gaussian_refuses_a_sigma_that_cannot_be(sigma):
    with pytest.raises(UsageError, match="sigma"):
        Gaussian(sigma=sigma)
