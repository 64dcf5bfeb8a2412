"""The square: covers, is square, stays inside; the released code's rectangle."""

from __future__ import annotations

import pytest
from gifbench_pipelines.gif_faces.faces.crop import release_crop, square
from gifbench_pipelines.gif_faces.faces.detector import Box, hull
from hypothesis import given, settings
from hypothesis import strategies as st

from gifbench.errors import UsageError


@st.composite
def scenes(draw):
    """Give a picture's size and boxes inside it."""
    width, height = draw(st.integers(8, 400)), draw(st.integers(8, 400))
    boxes = []
    for _ in range(draw(st.integers(1, 5))):
        left, top = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
        boxes.append(Box(left, top, draw(st.integers(left + 1, width)), draw(st.integers(top + 1, height))))
    return width, height, boxes


def covers(outer, inner):
    sides = outer.left <= inner.left and outer.right >= inner.right
    return sides and outer.top <= inner.top and outer.bottom >= inner.bottom


expansions = st.sampled_from([0.5, 1, 1.1, 1.5, 2.25, 3.7])


@given(scenes(), expansions)
@settings(max_examples=50, deadline=None)
def test_it_is_a_square_inside_the_picture(scene, expand):
    width, height, boxes = scene
    found = square(boxes, width=width, height=height, expand=expand)
    assert found.width == found.height
    assert covers(Box(0, 0, width, height), found)


@given(scenes(), st.sampled_from([1, 1.1, 1.5, 2.25]))
@settings(max_examples=50, deadline=None)
def test_it_covers_every_box_that_a_square_of_the_picture_can_cover(scene, expand):
    width, height, boxes = scene
    found = square(boxes, width=width, height=height, expand=expand)
    left, top, right, bottom = hull(boxes)
    if max(right - left, bottom - top) <= min(width, height):
        assert all(covers(found, box) for box in boxes)


@given(scenes(), st.sampled_from([1, 1.1, 1.5, 2.25]))
@settings(max_examples=50, deadline=None)
def test_it_is_as_small_as_the_factor_allows_and_keeps_the_center_where_it_fits(scene, expand):
    width, height, boxes = scene
    found = square(boxes, width=width, height=height, expand=expand)
    left, top, right, bottom = hull(boxes)
    wanted = expand * max(right - left, bottom - top)
    assert found.width == min(width, height) or wanted - 1e-9 <= found.width < wanted + 1
    # Twice the center is a whole number; half a pixel may be lost to the left and to the top.
    if left + right >= found.width and 2 * width - (left + right) >= found.width:
        assert 0 <= left + right - (found.left + found.right) <= 1
    if top + bottom >= found.height and 2 * height - (top + bottom) >= found.height:
        assert 0 <= top + bottom - (found.top + found.bottom) <= 1


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (Box(100, 100, 200, 200), Box(75, 75, 225, 225)),  # 150 about the center
        (Box(100, 100, 201, 200), Box(74, 74, 226, 226)),  # 151.5 is rounded up, the half pixel goes left
        (Box(0, 0, 100, 100), Box(0, 0, 150, 150)),  # moved inside, not cut
        (Box(540, 380, 640, 480), Box(490, 330, 640, 480)),
        (Box(100, 50, 500, 450), Box(60, 0, 540, 480)),  # shrunk to the short side
    ],
)
def test_worked_examples(box, expected):
    assert square([None, box, None], width=640, height=480) == expected


def test_a_decimal_factor_means_the_decimal():
    assert square([Box(0, 0, 10, 10)], width=100, height=100, expand=1.1).width == 11
    assert square([Box(0, 0, 100, 100)], width=400, height=400, expand=1.1).width == 110


@pytest.mark.parametrize("crop", [square, release_crop])
def test_no_box_and_a_box_outside_are_refused(crop):
    with pytest.raises(UsageError, match="at least one box"):
        crop([None], width=10, height=10)
    with pytest.raises(UsageError, match="outside the 10×10 picture"):
        crop([Box(0, 0, 11, 5)], width=10, height=10)


@pytest.mark.parametrize("expand", [0, -1.5, float("nan"), float("inf")])
def test_a_factor_that_is_no_size_is_refused(expand):
    with pytest.raises(UsageError, match="above 0"):
        square([Box(0, 0, 5, 5)], width=10, height=10, expand=expand)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        # 100..199 (ends included) → 74..224 → side 151 → 35..262, by hand: 149 - 113.25, 149 + 113.25 = 262.25
        (Box(100, 100, 200, 200), Box(35, 35, 263, 263)),
        # A wider face: x 74..224, y 112..187; the square grows downwards from (74, 112): x 35..262, y 73..300.
        (Box(100, 125, 200, 175), Box(35, 73, 263, 301)),
        # Left of and above the picture is dropped before the square is made, so it shrinks.
        (Box(0, 0, 100, 100), Box(0, 0, 156, 156)),
        # Right of and below the picture is cut: no square any more.
        (Box(500, 300, 600, 400), Box(435, 235, 640, 463)),
    ],
)
def test_the_release_crop_by_hand(box, expected):
    assert release_crop([box], width=640, height=480) == expected


def release_by_the_text(box, width, height):
    """Follow the description step by step, in floats that are cut towards zero as the released code cuts them."""
    first_x, first_y, last_x, last_y = box.left, box.top, box.right - 1, box.bottom - 1

    def enlarge(first, last):
        middle, reach = (first + last) / 2, 0.75 * (last - first + 1)
        return max(0, int(middle - reach)), max(0, int(middle + reach))

    (first_x, last_x), (first_y, last_y) = enlarge(first_x, last_x), enlarge(first_y, last_y)
    side = max(last_x - first_x + 1, last_y - first_y + 1)
    (first_x, last_x), (first_y, last_y) = enlarge(first_x, first_x + side - 1), enlarge(first_y, first_y + side - 1)
    return first_x, first_y, min(width - 1, last_x) + 1, min(height - 1, last_y) + 1


@given(scenes())
@settings(max_examples=50, deadline=None)
def test_the_release_crop_is_exact_where_floats_are_cut(scene):
    width, height, boxes = scene
    assert tuple(release_crop(boxes, width=width, height=height)) == release_by_the_text(hull(boxes), width, height)
