"""Palette-constrained smoothing keeps what the palette says, and helps."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
from gifbench_baselines.palette_smooth import DITHERED_FROM, PaletteSmooth, unrest
from hypothesis import given, settings
from hypothesis import strategies as st

from gifbench import Gif, PixelsError, UsageError
from gifbench.media.colors.quantize import DITHERS, quantize
from tests.baselines.conftest import psnr


def picture(height=96, width=120, *, seed=0):
    """A soft scene with an edge: RGB uint8."""
    y, x = np.mgrid[:height, :width]
    sky = np.stack([60 + x, 40 + y * 1.5, 200 - (x + y) / 2], -1)
    ball = (x - 40) ** 2 + (y - 50) ** 2 < 20**2
    noise = np.random.default_rng(seed).normal(0, 2, sky.shape)
    return np.clip(np.rint(np.where(ball[..., None], [230, 60, 30], sky) + noise), 0, 255).astype(np.uint8)


def as_gif(frame, *, dither=None, colors=32):
    indices, palette = quantize(frame, colors=colors)
    if dither is not None:
        indices = DITHERS[dither](frame, palette)
    return Gif(indices[None], (palette,), (Fraction(0),), Fraction(1, 25))


def nearest(values, palette):
    """The nearest colors' numbers, by the definition: all squared distances in float64."""
    distances = ((values[..., None, :].astype(np.float64) - palette.astype(np.float64)) ** 2).sum(-1)
    return distances.argmin(-1)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 256), st.integers(1, 24), st.integers(1, 24))
def test_drawn_again_a_plain_frame_is_the_gif(seed, num_colors, height, width):
    rng = np.random.default_rng(seed)
    palette = rng.integers(0, 256, (num_colors, 3), dtype=np.uint8)
    frame = palette[rng.integers(0, num_colors, (height, width))]
    restored = PaletteSmooth(mode="plain", anchor=0).restore_frames(frame[None], [palette])[0]
    assert np.array_equal(palette[nearest(restored, palette)], frame), "|f_C(I) - G| is not 0"
    assert restored.min() >= 0
    assert restored.max() <= 255


def test_drawn_again_a_real_palettes_frame_is_the_gif_to_the_index():
    gif = as_gif(picture())
    restored = PaletteSmooth().restore_frames(gif.frames, gif.palettes)[0]
    assert np.array_equal(nearest(restored, gif.palettes[0]), gif.indices[0])
    assert np.abs(restored - gif.frame(0)).max() > 2, "nothing was smoothed"


@pytest.mark.parametrize("dither", [None, "floyd-steinberg"])
def test_it_comes_nearer_to_the_truth_than_the_gif_and_any_gaussian(dither):
    truth = picture()
    gif = as_gif(truth, dither=dither)
    restored = PaletteSmooth().restore_frames(gif.frames, gif.palettes)[0]
    blurred = [cv2.GaussianBlur(gif.frame(0), (0, 0), sigma) for sigma in np.arange(0.3, 2.0, 0.1)]
    assert psnr(restored, truth) > max(psnr(each, truth) for each in [gif.frame(0), *blurred])


@pytest.mark.parametrize("dither", ["floyd-steinberg", "floyd-steinberg-serpentine", "bayer", "sierra-2-4a"])
def test_dithered_frames_are_told_from_plain_ones(dither):
    truth = picture()
    assert unrest(as_gif(truth).frame(0)) < DITHERED_FROM < unrest(as_gif(truth, dither=dither).frame(0))


def test_a_dithered_frame_keeps_its_local_mean():
    gif = as_gif(picture(), dither="floyd-steinberg")
    restored = PaletteSmooth(mode="dithered").restore_frames(gif.frames, gif.palettes)[0]
    far = [cv2.GaussianBlur(each.astype(np.float32), (0, 0), 3) for each in (restored, gif.frame(0))]
    assert np.abs(far[0] - far[1]).mean() < 0.5


@pytest.mark.parametrize("mode", ["auto", "plain", "dithered"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (2, 2), (20, 31)])
def test_a_flat_picture_stays_what_it_is(mode, shape):
    palette = np.array([[7, 200, 90], [8, 200, 90], [255, 255, 255]], np.uint8)
    frames = np.full((2, *shape, 3), palette[0])
    restored = PaletteSmooth(mode=mode).restore_frames(frames, [palette, palette[:1]])
    assert restored.shape == frames.shape
    assert np.abs(restored - frames).max() < 1e-3


@pytest.mark.parametrize("mode", ["plain", "dithered"])
def test_every_value_stays_in_range(mode):
    rng = np.random.default_rng(0)
    palette = np.array(np.meshgrid([0, 255], [0, 255], [0, 255])).reshape(3, -1).T.astype(np.uint8)
    frames = palette[rng.integers(0, 8, (2, 40, 50))]
    restored = PaletteSmooth(mode=mode).restore_frames(frames, [palette] * 2)
    assert restored.dtype == np.float32
    assert restored.min() >= 0
    assert restored.max() <= 255


def test_256_colors_repeated_colors_and_a_see_through_one_are_fine():
    rng = np.random.default_rng(1)
    palette = rng.integers(0, 4, (256, 3), dtype=np.uint8) * 85
    indices = rng.integers(0, 256, (1, 30, 40), dtype=np.uint8)
    gif = Gif(indices, (palette,), (Fraction(0),), Fraction(1), transparent=(int(indices[0, 0, 0]),))
    restored = PaletteSmooth(mode="plain").restore_frames(gif.frames, gif.palettes)[0]
    assert np.array_equal(palette[nearest(restored, palette)], gif.frame(0))


def test_a_very_large_frame_is_restored():
    rng = np.random.default_rng(2)
    palette = rng.integers(0, 256, (4, 3), dtype=np.uint8)
    frame = np.repeat(np.repeat(palette[rng.integers(0, 4, (30, 40))], 50, axis=0), 50, axis=1)
    restored = PaletteSmooth(mode="plain").restore_frames(frame[None], [palette])[0]
    assert restored.shape == (1500, 2000, 3)
    assert np.array_equal(nearest(restored[::37, ::41], palette), nearest(frame[::37, ::41], palette))


def test_a_frame_that_is_not_of_its_palette_is_one_clear_error():
    palette = np.zeros((1, 3), np.uint8)
    with pytest.raises(PixelsError, match="not in its palette, such as #0102ff"):
        PaletteSmooth(mode="plain").restore_frames(np.array([[[[1, 2, 255]]]], np.uint8), [palette])


@pytest.mark.parametrize(
    "options", [{"mode": "soft"}, {"calm_step": 0}, {"restless_step": float("nan")}, {"anchor": -1}]
)
def test_options_that_cannot_be_are_refused(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        PaletteSmooth(**options)
