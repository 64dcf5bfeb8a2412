"""The gaussian is OpenCV's to the rounding of single floats, and the definition's."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gifbench import PixelsError, UsageError, gaussian_blur

SIDE = st.one_of(st.integers(1, 6), st.integers(1, 80))


@settings(max_examples=150, deadline=None)
@given(
    height=SIDE, width=SIDE, sigma=st.floats(0.1, 8), channels=st.sampled_from([None, 1, 3]), seed=st.integers(0, 99)
)
def test_it_is_opencvs_with_mirrored_borders(height, width, sigma, channels, seed):
    shape = (height, width) if channels is None else (height, width, channels)
    frame = np.random.default_rng(seed).integers(0, 256, shape).astype(np.float32)
    size = 2 * math.ceil(4 * sigma) + 1
    expected = cv2.GaussianBlur(frame, (size, size), sigma, borderType=cv2.BORDER_REFLECT).reshape(shape)
    made = gaussian_blur(frame, sigma)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, expected, rtol=0, atol=3e-4)


def test_it_is_the_sum_that_it_is_defined_as():
    frame = np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)
    for sigma in (0.5, 1.0, 2.2):
        radius = math.ceil(4 * sigma)
        weights = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * sigma**2))
        weights /= weights.sum()
        expected = frame.astype(np.float64)
        for axis in (0, 1):
            around = [(0, 0)] * 3
            around[axis] = (radius, radius)
            padded = np.pad(expected, around, mode="symmetric")
            parts = [padded.take(range(k, k + frame.shape[axis]), axis) for k in range(2 * radius + 1)]
            expected = sum(weight * part for weight, part in zip(weights, parts, strict=True))
        np.testing.assert_allclose(gaussian_blur(frame, sigma), expected, rtol=0, atol=1e-4)


def test_other_arrays_and_sigmas_are_refused():
    with pytest.raises(UsageError, match="above 0 pixels, not 0"):
        gaussian_blur(np.zeros((4, 4)), 0)
    for wrong in (np.zeros(4), np.zeros((0, 4, 3)), np.zeros((1, 4, 4, 3))):
        with pytest.raises(PixelsError, match=r"\(H, W\) or \(H, W, C\)"):
            gaussian_blur(wrong, 1.0)
