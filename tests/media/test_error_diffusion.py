"""Dithers: to the bit their plain definitions."""

from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gifbench.errors import PixelsError, UsageError
from gifbench.media.colors.error_diffusion import damped_floyd_steinberg, floyd_steinberg, sierra_2_4a
from gifbench.media.colors.ordered_dither import bayer
from gifbench.media.colors.quantize import DITHERS, minimum_variance
from tests.media import reference


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def diffusers(frame, palette):
    """(what the kernel gives, what the definition gives) of each error-diffusing dither."""
    yield floyd_steinberg(frame, palette), reference.diffuse(frame, palette, reference.FLOYD_STEINBERG)
    yield (
        floyd_steinberg(frame, palette, serpentine=True),
        reference.diffuse(frame, palette, reference.FLOYD_STEINBERG, serpentine=True),
    )
    damped = reference.diffuse(frame, palette, reference.DAMPED_FLOYD_STEINBERG)
    yield damped_floyd_steinberg(frame, palette), damped
    yield sierra_2_4a(frame, palette), reference.diffuse(frame, palette, reference.SIERRA_2_4A)


@given(st.integers(1, 40), st.integers(1, 20), st.integers(1, 256), st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_error_diffusion_is_its_definition(height, width, num_colors, seed):
    frame, palette = noise(height, width, seed), noise(1, num_colors, seed + 1)[0]
    for fast, plain in diffusers(frame, palette):
        assert np.array_equal(fast, plain)


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (1, 200), (200, 1), (65, 191), (66, 193), (129, 70), (63, 60), (130, 20)]
)
def test_error_diffusion_is_its_definition_whatever_the_rows_that_advance_together(height, width):
    # 64 rows advance together, three pixels apart: sizes about 64 rows and 192 columns, and narrow and flat ones
    frame, palette = noise(height, width), noise(1, 16, 1)[0]
    for fast, plain in diffusers(frame, palette):
        assert np.array_equal(fast, plain)


@pytest.mark.parametrize("value", [0, 255])
def test_errors_that_pile_up_are_clipped(value):
    frame = np.full((40, 40, 3), value, np.uint8)
    palette = np.array([[128, 128, 128], [100, 130, 160]], np.uint8)  # never black nor white: errors never cancel out
    for fast, plain in diffusers(frame, palette):
        assert np.array_equal(fast, plain)


def test_real_frames_are_dithered_as_defined(clips):
    for name, colors in (("moments/opencv__box.mp4", 32), ("faces/grid__bbaf2n.mpg", 256)):
        with av.open(str(clips / name)) as video:
            frame = next(video.decode(video=0)).to_ndarray(format="rgb24", width=80, height=60)
        palette = minimum_variance(frame, colors)
        for fast, plain in diffusers(frame, palette):
            assert np.array_equal(fast, plain)
        assert np.array_equal(bayer(frame, palette, strength=20), reference.bayer(frame, palette, 20))


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 60), st.integers(0, 255), st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_bayer_is_its_definition(height, width, num_colors, strength, seed):
    frame, palette = noise(height, width, seed), noise(1, num_colors, seed + 1)[0]
    assert np.array_equal(bayer(frame, palette, strength=strength), reference.bayer(frame, palette, strength))


def test_bayers_default_strength_is_the_spacing_of_the_palette():
    gray = np.repeat(np.arange(0, 256, 17, dtype=np.uint8)[:, None], 3, axis=1)
    frame = noise(16, 16)
    assert np.array_equal(bayer(frame, gray), bayer(frame, gray, strength=17))
    assert np.array_equal(bayer(frame, gray[:1]), np.zeros((16, 16), np.uint8))


def test_dithers_keep_the_mean_of_a_flat_frame():
    frame = np.full((128, 128, 3), 100, np.uint8)
    palette = np.array([[0, 0, 0], [255, 255, 255]], np.uint8)
    for name, dither in DITHERS.items():
        mean = palette[dither(frame, palette)].mean()
        assert abs(mean - 100) < (8 if name == "bayer" else 2), name


def test_a_frame_in_its_palettes_colors_is_left_alone():
    palette = noise(1, 12)[0]
    indices = np.random.default_rng(1).integers(0, 12, (50, 60))
    for name, dither in DITHERS.items():
        if name != "bayer":  # an ordered dither moves every pixel, whatever its error
            assert np.array_equal(palette[dither(palette[indices], palette)], palette[indices]), name


@pytest.mark.parametrize("name", DITHERS)
def test_bad_frames_and_palettes_are_refused(name):
    dither = DITHERS[name]
    palette = np.zeros((2, 3), np.uint8)
    with pytest.raises(PixelsError, match="drop the alpha"):
        dither(np.zeros((4, 4, 4), np.uint8), palette)
    with pytest.raises(PixelsError, match="floats in"):
        dither(np.zeros((4, 4, 3)), palette)
    with pytest.raises(PixelsError, match="empty"):
        dither(np.zeros((0, 4, 3), np.uint8), palette)
    with pytest.raises(PixelsError, match="1 to 256"):
        dither(noise(4, 4), np.zeros((257, 3), np.uint8))


@pytest.mark.parametrize("strength", [-1, 256, 1.5, True])
def test_a_strength_that_cannot_be_is_refused(strength):
    with pytest.raises(UsageError, match="from 0 to 255"):
        bayer(noise(4, 4), np.zeros((2, 3), np.uint8), strength=strength)
