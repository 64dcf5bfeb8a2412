"""A picture at another size is what OpenCV makes of it, to the bit, and what the definitions say."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from gifbench import PixelsError, resize

SIZES = [((1, 1), (1, 1)), ((1, 1), (7, 5)), ((9, 1), (2, 9)), ((1, 17), (9, 2)), ((2, 2), (1, 1)), ((2, 3), (3, 2)),
         ((3, 2), (2, 2)), ((5, 4), (5, 9)), ((33, 21), (31, 7)), ((64, 48), (32, 24)), ((60, 45), (20, 15)),
         ((41, 30), (82, 60)), ((360, 480), (270, 360)), ((121, 333), (256, 256)),
         ((720, 1280), (360, 636))]  # fmt: skip


def opencvs(frame, height, width, name):
    smaller = frame.shape[0] >= height and frame.shape[1] >= width
    how = cv2.INTER_LINEAR
    if name == "area":
        how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR_EXACT
    return cv2.resize(frame, (width, height), interpolation=how).reshape(height, width, *frame.shape[2:])


def picture(height, width, *, gray=False, seed=0):
    """Hard for rounding: noise, in every third place black or white."""
    random = np.random.default_rng(seed)
    shape = (height, width) if gray else (height, width, 3)
    noise = random.integers(0, 256, shape)
    return np.where(random.random(shape) < 1 / 3, noise // 128 * 255, noise).astype(np.uint8)


@pytest.mark.parametrize("name", ["area", "four-neighbours"])
@pytest.mark.parametrize(("source", "target"), SIZES)
def test_it_is_opencvs(source, target, name):
    for gray in (False, True):
        frame = picture(*source, gray=gray)
        made = resize(frame, height=target[0], width=target[1], filter=name)
        np.testing.assert_array_equal(made, opencvs(frame, *target, name))


SIDE = st.one_of(st.integers(1, 6), st.integers(1, 90))


@settings(max_examples=300, deadline=None)
@given(
    source=st.tuples(SIDE, SIDE),
    target=st.tuples(SIDE, SIDE),
    factors=st.none() | st.tuples(st.integers(1, 4), st.integers(1, 4)),
    name=st.sampled_from(["area", "four-neighbours"]),
    gray=st.booleans(),
    seed=st.integers(0, 999),
)
def test_it_is_opencvs_at_any_size(source, target, factors, name, gray, seed):
    if factors is not None:  # sides that shrink by whole numbers go ways of their own
        source = target[0] * factors[0], target[1] * factors[1]
    frame = picture(*source, gray=gray, seed=seed)
    made = resize(frame, height=target[0], width=target[1], filter=name)
    np.testing.assert_array_equal(made, opencvs(frame, *target, name))


def test_a_photograph_is_opencvs():
    photograph = data.astronaut()
    for height, width in ((256, 256), (360, 636), (300, 512), (700, 700)):
        for name in ("area", "four-neighbours"):
            made = resize(photograph, height=height, width=width, filter=name)
            np.testing.assert_array_equal(made, opencvs(photograph, height, width, name))


def places(source, target):
    return (np.arange(target) + 0.5) * source / target - 0.5


@pytest.mark.parametrize("name", ["area", "four-neighbours"])
@pytest.mark.parametrize(("source", "target"), SIZES)
def test_it_is_near_the_definition(source, target, name):
    """The same in numpy and real numbers: the mean of what a pixel covers, or the line between neighbors."""
    frame = picture(*source).astype(np.float64)
    smaller = source[0] >= target[0] and source[1] >= target[1]
    for axis in (0, 1):
        n, m = source[axis], target[axis]
        if name == "area" and smaller:
            edges = np.arange(m + 1) * n / m
            sums = np.concatenate([np.zeros_like(frame.take([0], axis)), frame.cumsum(axis)], axis)
            whole = np.minimum(edges.astype(int), n - 1)
            part = np.expand_dims(edges - whole, tuple({0, 1, 2} - {axis}))
            totals = sums.take(whole, axis) + part * frame.take(whole, axis)
            frame = np.diff(totals, axis=axis) * m / n
        else:
            at = places(n, m).clip(0, n - 1)
            first = np.floor(at).astype(int)
            share = np.expand_dims(at - first, tuple({0, 1, 2} - {axis}))
            frame = (1 - share) * frame.take(first, axis) + share * frame.take(np.minimum(first + 1, n - 1), axis)
    made = resize(picture(*source), height=target[0], width=target[1], filter=name)
    # Half a level of rounding; the weights of 8 and 11 bits, and the cut sums, cost the rest. At exactly half the size
    # four neighbors are the area.
    most = {"area": 0.5 + 1e-4 if smaller else 1.6, "four-neighbours": 1.3}[name]
    assert np.abs(made - frame).max() <= most


def test_bilinear_is_pillows_and_an_equal_size_a_copy():
    frame = picture(40, 50)
    expected = np.asarray(Image.fromarray(frame).resize((20, 10), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(resize(frame, width=20, height=10, filter="bilinear"), expected)
    for name in ("area", "bilinear", "four-neighbours"):
        same = resize(frame, width=50, height=40, filter=name)
        np.testing.assert_array_equal(same, frame)
        assert not np.shares_memory(same, frame)


def test_a_part_of_a_picture_is_read_no_further_than_it_goes():
    frame = picture(60, 80)
    part = frame[5:45, 7:37]
    for name in ("area", "four-neighbours"):
        made = resize(part, width=17, height=50, filter=name)
        np.testing.assert_array_equal(made, resize(part.copy(), width=17, height=50, filter=name))


def test_other_arrays_and_sizes_are_refused():
    frame = picture(4, 4)
    for wrong in (frame.astype(np.float32), frame[..., :2], frame[None], frame[:0], frame[0, 0]):
        with pytest.raises(PixelsError, match=r"uint8 \(H, W\) or \(H, W, 3\), not"):
            resize(wrong, width=2, height=2, filter="area")
    with pytest.raises(PixelsError, match="0×2 pixels"):
        resize(frame, width=0, height=2, filter="area")


@pytest.mark.parametrize(
    ("name", "width", "height", "known"),
    [
        ("area", 64, 48, "dedde08d85eef75f"),
        ("area", 200, 120, "a2a22aa78ffc065d"),
        ("four-neighbours", 64, 48, "8191f24e1a8b5250"),
        ("four-neighbours", 200, 120, "ac11b6ddbb70e619"),
    ],
)
def test_its_bytes_are_known(name, width, height, known):
    """On any processor, with any OpenCV: the fingerprints of datasets hang on them."""
    values = np.arange(97 * 131 * 3, dtype=np.int64)
    frame = (values * values // 7 % 256).astype(np.uint8).reshape(97, 131, 3)
    made = resize(frame, width=width, height=height, filter=name)
    np.testing.assert_array_equal(made, opencvs(frame, height, width, name))
    assert hashlib.sha256(made.tobytes()).hexdigest()[:16] == known
