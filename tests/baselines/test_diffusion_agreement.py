"""What error diffusion says of a restored frame: it would be dithered as the GIF is."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from gifbench_baselines.ccdnet.diffusion_agreement import (
    DAMPED,
    FLOYD_STEINBERG,
    agree_with_diffusion,
    diffuse,
    hand_back,
)

from gifbench.media.colors.error_diffusion import damped_floyd_steinberg, floyd_steinberg, sierra_2_4a
from gifbench.media.colors.ordered_dither import bayer
from gifbench.media.colors.quantize import minimum_variance

FILTERS = {"full": FLOYD_STEINBERG, "damped": DAMPED}


def picture(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width] / 150
    waves = [np.sin(9 * x + 4 * y), np.cos(7 * y - 3 * x), np.sin(5 * (x + y) + 1)]
    grain = np.random.default_rng(1).normal(0, 3, (height, width, 3))
    return np.clip(128 + 60 * np.stack(waves, axis=-1) + grain, 0, 255).astype(np.uint8)


def restored_of(truth: np.ndarray, off: float = 4.0) -> np.ndarray:
    """What a network might make of it: off by what is smooth."""
    noise = np.random.default_rng(2).normal(0, 1, truth.shape).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return np.clip(truth + off / smooth.std() * smooth, 0, 255).astype(np.float32)


def parts(frame: np.ndarray, indices: np.ndarray, palette: np.ndarray, dtype: type = np.float32):
    """What the kernels take: frame, places, colors, borders."""
    colors = palette.astype(dtype)
    apart = np.square(colors[:, None] - colors).sum(axis=2)
    order = np.argsort(apart, axis=1, kind="stable")[:, 1:5]
    planes = np.ascontiguousarray(frame.transpose(2, 0, 1)).astype(dtype)
    return planes, indices.astype(np.int64), colors, colors[order] - colors[:, None]


def agreed(restored: np.ndarray, indices: np.ndarray, palette: np.ndarray) -> np.ndarray:
    planes, *others = parts(restored, indices, palette)
    agree_with_diffusion(planes, *others)
    return planes.transpose(1, 2, 0)


def gif_of(truth: np.ndarray, dither) -> tuple[np.ndarray, np.ndarray]:
    palette = minimum_variance(truth, 16)
    return dither(truth, palette), palette


@pytest.mark.parametrize("shares", FILTERS.values(), ids=FILTERS)
def test_diffusion_is_what_a_plain_program_computes(shares):
    truth = picture(12, 17)
    indices, palette = gif_of(truth, floyd_steinberg)
    frame, place, colors, borders = parts(restored_of(truth), indices, palette)
    out = np.empty_like(frame)
    count = diffuse(frame, place, colors, borders, np.square(borders).sum(axis=2), shares, out)
    handed, wanted = np.zeros((13, 19, 3)), np.zeros_like(out)
    for y, x in np.ndindex(12, 17):
        own = colors[place[y, x]]
        ahead = np.clip(frame[:, y, x] + handed[y, x + 1], 0, 255) - own
        kept = ahead.astype(float)
        for way in borders[place[y, x]].astype(float):
            kept = kept - max(0, kept @ way / (way @ way) - 0.5) * way
        wanted[:, y, x] = ahead - kept
        for share, down, right in zip(shares, (0, 1, 1, 1), (1, -1, 0, 1), strict=True):
            handed[y + down, x + 1 + right] += share * kept
    assert np.abs(out - wanted).max() < 1e-2
    assert count == pytest.approx((np.abs(wanted).max(axis=0) > 0).sum(), abs=2) and count > 20


def test_what_is_handed_back_is_the_gradient():
    truth = picture(20, 24) // 2 + 64  # nothing is cut off at 0 or 255
    indices, palette = gif_of(truth, floyd_steinberg)
    # One border a color: where there are more, what is along all of them is only nearly so.
    frame, place, colors, borders = parts(restored_of(truth), indices, palette, np.float64)
    borders = np.ascontiguousarray(borders[:, :1])
    lengths, shares = np.square(borders).sum(axis=2), FLOYD_STEINBERG.astype(np.float64)

    def beyond(frame: np.ndarray) -> np.ndarray:
        out = np.empty_like(frame)
        diffuse(frame, place, colors, borders, lengths, shares, out)
        return out

    gradient = beyond(frame)
    hand_back(gradient, shares, np.float32(1))
    rng = np.random.default_rng(0)
    for _ in range(3):
        way = rng.normal(0, 1, frame.shape)
        step = 1e-5 * way
        slope = (np.square(beyond(frame + step)).sum() - np.square(beyond(frame - step)).sum()) / 4e-5
        assert slope == pytest.approx((gradient * way).sum(), rel=1e-2)


@pytest.mark.parametrize(
    ("dither", "most"), [(floyd_steinberg, 0.75), (damped_floyd_steinberg, 0.85), (sierra_2_4a, 0.9)]
)
def test_a_frame_comes_nearer_to_the_truth(dither, most):
    truth = picture(80, 100)
    indices, palette = gif_of(truth, dither)
    restored = restored_of(truth)
    before, after = (np.square(each - truth).mean() for each in (restored, agreed(restored, indices, palette)))
    assert after < most * before


def test_the_truth_hardly_moves():
    truth = picture(80, 100)
    indices, palette = gif_of(truth, floyd_steinberg)
    assert np.abs(agreed(truth.astype(np.float32), indices, palette) - truth).mean() < 0.3


def test_a_pattern_says_nothing():
    truth = picture(80, 100)
    indices, palette = gif_of(truth, bayer)
    restored = restored_of(truth)
    assert np.array_equal(agreed(restored, indices, palette), restored)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 3)])
def test_small_frames_and_two_colors(size):
    palette = np.array([[10, 20, 30], [200, 180, 90]], np.uint8)
    truth = np.full((*size, 3), 90, np.uint8)
    indices = floyd_steinberg(truth, palette)
    made = agreed(truth.astype(np.float32), indices, palette)
    assert made.shape == truth.shape and np.isfinite(made).all() and np.abs(made - truth).max() < 90
