"""E_warp and tOF: equal to a plain reference, zero where nothing flickers, in the order that is known."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from skimage import data

from gifbench.errors import PixelsError
from gifbench.media.colors.error_diffusion import floyd_steinberg
from gifbench.media.colors.quantize import minimum_variance, nearest
from gifbench.media.flow import inconsistent, motion_edges, optical_flow, warp
from gifbench.metrics.warping_error_tof import TruthMotion, flow_difference, measure_steadiness, warp_error


def sliding(num_frames: int, *, dx=2.0, dy=1.0, height=120, width=150):
    """A window that slides over a photograph."""
    out, photograph = [], data.astronaut()
    for t in range(num_frames):
        matrix = np.float32([[1, 0, -120 - t * dx], [0, 1, -60 - t * dy]])
        out.append(cv2.warpAffine(photograph, matrix, (width, height), flags=cv2.INTER_CUBIC))
    return out


def plain_occlusion(f, b):
    """The issue's rule, pixel by pixel."""
    height, width, _ = f.shape
    hidden = np.zeros((height, width), bool)
    for y, x in itertools.product(range(height), range(width)):
        u, v = f[y, x]
        there = bilinear(b, x + u, y + v)
        hidden[y, x] = np.sum((f[y, x] + there) ** 2) > 0.01 * (u * u + v * v + np.sum(there**2)) + 0.5
        hidden[y, x] |= not (-0.5 <= x + u <= width - 0.5 and -0.5 <= y + v <= height - 0.5)
        across = f[y, min(x + 1, width - 1)] - f[y, x]
        down = f[min(y + 1, height - 1), x] - f[y, x]
        hidden[y, x] |= np.sum(across**2) + np.sum(down**2) > 0.01 * (u * u + v * v) + 0.002
    return hidden


def bilinear(picture, x, y):
    height, width = picture.shape[:2]
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    x0, y0 = min(int(x), width - 2), min(int(y), height - 2)
    a, b = x - x0, y - y0
    top = (1 - a) * picture[y0, x0] + a * picture[y0, x0 + 1]
    bottom = (1 - a) * picture[y0 + 1, x0] + a * picture[y0 + 1, x0 + 1]
    return (1 - b) * top + b * bottom


def test_the_mask_is_the_rule_of_lai_et_al():
    first, second = sliding(2, dx=3, dy=-2, height=40, width=50)
    second = second.copy()
    second[10:25, 15:30] = np.random.default_rng(0).integers(0, 256, (15, 15, 3))
    forward, backward = optical_flow(first, second), optical_flow(second, first)
    hidden = inconsistent(forward, backward) | motion_edges(forward)
    assert 0.05 < hidden.mean() < 0.95
    assert (hidden != plain_occlusion(forward.astype(float), backward.astype(float))).mean() < 0.002
    assert np.array_equal(TruthMotion.between(first, second).seen, ~hidden)


def test_e_warp_is_the_mean_square_over_what_is_seen():
    first, second = sliding(2, height=40, width=50)
    motion = TruthMotion.between(first, second)
    total, count = 0.0, 0
    for y, x in np.argwhere(motion.seen):
        moved = bilinear(second.astype(float), x + motion.forward[y, x, 0], y + motion.forward[y, x, 1])
        total += (((moved - first[y, x]) / 255) ** 2).sum()
        count += 3
    # OpenCV's bilinear weights are multiples of 1/32.
    assert warp_error(first, second, motion) == pytest.approx(total / count, rel=0.05, abs=1e-6)


def test_a_warp_goes_where_the_flow_leads():
    picture = data.astronaut()[:60, :80].astype(np.float32)
    flow = np.zeros((60, 80, 2), np.float32)
    flow[...] = 3, -2
    assert np.array_equal(warp(picture, flow)[2:, :-3], picture[:-2, 3:])
    found = optical_flow(*sliding(2, dx=4, dy=-3))
    assert np.abs(np.median(found, (0, 1)) - [-4, 3]).max() < 0.1, "things go left where the window goes right"


def test_a_pure_translation_is_nearly_as_steady_as_can_be():
    frames = sliding(5)
    lighter = [np.clip(frame.astype(np.float32) + 10, 0, 255) for frame in frames]
    measured = measure_steadiness(zip(frames, frames, lighter, strict=True))
    assert (measured.frames, measured.pairs) == (5, 4)
    assert measured.seen > 0.8
    assert measured.truth_warp_error < 3e-4
    assert measured.others[0].warp_error == measured.truth_warp_error
    assert measured.others[0].tof == 0
    assert measured.others[1].warp_error == pytest.approx(measured.truth_warp_error, rel=0.2), "a constant is steady"
    assert measured.others[1].tof < 0.2


def test_flicker_costs_its_square():
    frames = [data.astronaut()[:80, :100]] * 4
    flicker = [frame.astype(np.float32) * 0.5 + 20 * (t % 2) for t, frame in enumerate(frames)]
    measured = measure_steadiness(zip(frames, flicker, strict=True))
    assert measured.truth_warp_error == 0
    assert measured.others[0].warp_error == pytest.approx((20 / 255) ** 2, rel=1e-4)
    assert measured.seen == 1


def test_dither_flickers_more_than_flat_colors_and_blur_hardly_at_all():
    def shown(frame, indices_of):
        palette = minimum_variance(frame, 32)
        return palette[indices_of(frame, palette)]

    frames = sliding(4)
    measured = measure_steadiness(
        (f, shown(f, nearest), shown(f, floyd_steinberg), cv2.GaussianBlur(f, (0, 0), 2)) for f in frames
    )
    plain, dithered, blurred = (other.warp_error for other in measured.others)
    assert measured.truth_warp_error < plain < dithered
    assert blurred < plain / 4


def test_motion_that_differs_is_counted_in_pixels():
    still, moving = sliding(2, dx=0, dy=0), sliding(2, dx=3, dy=4)
    assert flow_difference(*moving, TruthMotion.between(*still)) == pytest.approx(5, abs=0.3)


def test_a_cut_has_no_pixels_that_are_seen_twice():
    first, second = np.zeros((60, 60, 3), np.uint8), np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
    measured = measure_steadiness([(first, first), (second, second)])
    assert measured.truth_warp_error is None or np.isfinite(measured.truth_warp_error)
    assert np.isfinite(measured.others[0].tof)


def test_frames_come_two_at_a_time():
    held = []

    def frames():
        for t in range(6):
            frame = np.full((50, 50, 3), 10 * t, np.uint8)
            held.append(frame)
            yield frame, frame

    measure_steadiness(frames())
    assert len(held) == 6
    with pytest.raises(PixelsError, match="there is one"):
        measure_steadiness(itertools.islice(frames(), 1))
    with pytest.raises(PixelsError, match="are none"):
        measure_steadiness([])
    with pytest.raises(PixelsError, match="of one size"):
        measure_steadiness([(np.zeros((9, 9, 3), np.uint8), np.zeros((9, 8, 3), np.uint8))])


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (13, 17), (97, 131)])
def test_any_size_can_be_measured(size):
    rng = np.random.default_rng(0)
    pairs = [[rng.integers(0, 256, (*size, 3), np.uint8) for _ in range(2)] for _ in range(3)]
    measured = measure_steadiness(pairs)
    assert all(value is None or np.isfinite(value) for value in (measured.truth_warp_error, measured.others[0].tof))
