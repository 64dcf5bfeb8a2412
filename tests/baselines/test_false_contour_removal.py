"""False contours: found as a slow reference, written from the description, finds them, and only they are touched."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from gifbench_baselines.false_contour_removal import Fcdr, detect, luma

from gifbench import UsageError, load_method

OPPOSITE = [((0, 1), (0, -1)), ((1, 1), (-1, -1)), ((1, 0), (-1, 0)), ((1, -1), (-1, 1))]
STRIPS = [
    [(dy, dx) for dy, dx in itertools.product(range(-4, 5), repeat=2) if abs(across(dy, dx)) <= 1]
    for across in (lambda y, x: y, lambda y, x: x, lambda y, x: y - x, lambda y, x: y + x)
]


def slow_sums(levels, y, x):
    height, width = levels.shape

    def step(dy, dx):
        v, u = min(max(y + dy, 0), height - 1), min(max(x + dx, 0), width - 1)
        return abs(int(levels[v, u]) - int(levels[y, x]))

    return [step(*one) + step(*other) for one, other in OPPOSITE]


def slow_detect(levels, scale):
    height, width = levels.shape
    sums = {(y, x): slow_sums(levels, y, x) for y in range(height) for x in range(width)}
    found = np.zeros(levels.shape, bool)
    for (y, x), mine in sums.items():
        if not any(s >= scale for s in mine) or max(mine) >= 3 * scale or sum(mine) >= 7 * scale:
            continue
        alike = {
            p: sum(abs(a - b) for a, b in zip(mine, theirs, strict=True)) < 2 * scale for p, theirs in sums.items()
        }
        counts = [sum(alike.get((y + dy, x + dx), False) for dy, dx in strip) for strip in STRIPS]
        found[y, x] = max(counts) >= 10 and min(counts) <= 6
    return found


def bands(height=24, width=24, *, rise=1):
    """A slope drawn in levels `rise` apart, each eight pixels wide, slightly bent, with one true edge."""
    y, x = np.mgrid[:height, :width]
    levels = 100 + rise * ((x + y // 6) // 8)
    levels[:, width - 5 :] += 60
    return levels.astype(np.int32)


@pytest.mark.parametrize("scale", [1.0, 2.5])
@pytest.mark.parametrize("seed", range(3))
def test_detection_is_that_of_the_slow_reference(scale, seed):
    rng = np.random.default_rng(seed)
    levels = bands(rise=1 + seed) + (rng.random((24, 24)) < 0.03 * seed)
    found = detect(levels.astype(np.int32), scale)
    assert np.array_equal(found, slow_detect(levels, scale))
    if seed == 0 and scale == 1:
        assert 10 < found.sum() < 200


def test_the_published_thresholds_find_bands_one_level_apart_and_not_edges():
    found = detect(bands())
    assert found[12, 12:16].any()
    assert not found[:, -6:-4].any(), "a true edge is not a false contour"
    assert not detect(bands(rise=20)).any()
    assert detect(bands(rise=12), 12.0).any()


def test_only_contour_pixels_change_and_they_become_smoother():
    frame = np.repeat(bands()[..., None], 3, axis=2).astype(np.uint8)
    restored = Fcdr().restore_frames(frame[None], [])[0]
    found = detect(luma(frame))
    assert np.array_equal(restored[~found], frame[~found])
    assert not np.array_equal(restored[found], frame[found])
    assert np.abs(restored - frame).max() <= 2


def test_noise_is_seeded_and_at_most_one_level():
    frames = np.repeat(bands()[None, ..., None], 3, axis=3).astype(np.uint8)
    plain, first, again, other = (
        Fcdr(noise=noise, seed=seed).restore_frames(frames, []) for noise, seed in ((0, 0), (1, 1), (1, 1), (1, 2))
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert set(np.unique(np.rint(first - plain))) == {-1, 0, 1}


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 3), (30, 31)])
@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255), (7, 200, 90)])
def test_a_flat_picture_stays_what_it_is(shape, color):
    frames = np.full((2, *shape, 3), color, np.uint8)
    assert np.array_equal(Fcdr(scale=6.0, noise=True).restore_frames(frames, []), frames)


def test_noise_stays_in_range():
    rng = np.random.default_rng(0)
    for low in (0, 253):
        frames = rng.integers(low, low + 3, (2, 40, 40, 3), dtype=np.uint8)
        restored = Fcdr(scale=6.0, noise=True).restore_frames(frames, [])
        assert restored.min() >= 0
        assert restored.max() <= 255


def test_the_tuned_one_is_the_published_one_with_another_scale():
    published, tuned = load_method("fcdr"), load_method("fcdr-tuned")
    assert published.options["scale"] == 1.0
    assert tuned.options["scale"] > 1.0
    assert (published.name, tuned.name) == ("fcdr", "fcdr-tuned")
    assert "not the published method" in Fcdr.__doc__


@pytest.mark.parametrize("options", [{"scale": 0}, {"scale": -1}, {"scale": np.nan}, {"scale": 256}, {"seed": -1}])
def test_options_that_cannot_be_are_refused(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        Fcdr(**options)
