"""The nearest color: exact, the lowest index on ties, for every palette and every number of pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gifbench.errors import PixelsError
from gifbench.media.colors.quantize import nearest
from tests.media import reference


@given(st.integers(1, 256), st.integers(0, 1200), st.integers(0, 10**6), st.sampled_from([2, 5, 256]))
@settings(max_examples=50, deadline=None)
def test_nearest_is_the_least_of_all_distances(num_colors, num_pixels, seed, levels):
    rng = np.random.default_rng(seed)
    step = 255 // (levels - 1)
    palette = (rng.integers(0, levels, (num_colors, 3)) * step).astype(np.uint8)  # few levels: ties and duplicates
    pixels = rng.integers(0, 256, (num_pixels, 3), dtype=np.uint8)
    indices = nearest(pixels, palette)
    assert indices.dtype == np.uint8
    assert np.array_equal(indices, reference.nearest(pixels, palette))


def test_the_corners_of_the_cube_are_exact():
    corners = np.array([[r, g, b] for r in (0, 255) for g in (0, 255) for b in (0, 255)], np.uint8)
    for size in (8, 64, 65, 128, 256):
        palette = np.resize(corners[::-1], (size, 3))
        assert np.array_equal(nearest(corners, palette), reference.nearest(corners, palette))


def test_each_of_256_colors_is_found():
    palette = np.random.default_rng(0).permutation(2**24)[:256].astype(np.uint32)
    palette = np.stack([palette >> 16, palette >> 8 & 255, palette & 255], -1).astype(np.uint8)
    assert np.array_equal(nearest(palette, palette), np.arange(256))


def test_the_lowest_index_wins_a_tie():
    palette = np.array([[9, 9, 9], [5, 5, 5], [7, 7, 7], [5, 5, 5]], np.uint8)
    assert nearest(np.array([[5, 5, 5], [6, 6, 6], [8, 8, 8]], np.uint8), palette).tolist() == [1, 1, 0]
    same = np.full((256, 3), 77, np.uint8)
    assert nearest(np.random.default_rng(0).integers(0, 256, (600, 3), dtype=np.uint8), same).max() == 0


@pytest.mark.parametrize("shape", [(3,), (5, 3), (7, 9, 3), (2, 30, 40, 3), (0, 3)])
def test_the_leading_shape_is_kept(shape):
    pixels = np.zeros(shape, np.uint8)
    if len(shape) == 1:
        with pytest.raises(PixelsError):
            nearest(pixels, np.zeros((1, 3), np.uint8))
    else:
        assert nearest(pixels, np.zeros((1, 3), np.uint8)).shape == shape[:-1]


@pytest.mark.parametrize(
    "palette",
    [
        np.zeros((0, 3), np.uint8),
        np.zeros((257, 3), np.uint8),
        np.zeros((8, 4), np.uint8),
        np.zeros(24, np.uint8),
        np.zeros((8, 3)),
        [[0, 0, 0]],
    ],
)
def test_what_is_not_a_palette_is_refused(palette):
    with pytest.raises(PixelsError, match="palette"):
        nearest(np.zeros((4, 3), np.uint8), palette)
