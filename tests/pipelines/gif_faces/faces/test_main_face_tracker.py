"""Following a face: which one counts, what is rejected, how much is held and searched."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
from gifbench_pipelines.gif_faces.faces.crop import square
from gifbench_pipelines.gif_faces.faces.detector import Box
from gifbench_pipelines.gif_faces.faces.main_face_tracker import find_face, same_face

from gifbench.errors import PixelsError, Rejected, UsageError
from tests.pipelines.gif_faces.faces.synthetic_faces import BrightSquares, frame_with, moving


def near(found, expected, tolerance=2):
    """Compare boxes up to the pixel or two that resizing costs."""
    return all(abs(a - b) <= tolerance for a, b in zip(found, expected, strict=True))


def test_a_moving_face_is_followed_in_every_frame():
    boxes = moving(40, step=(3, 1))
    track = find_face((frame_with(box) for box in boxes), BrightSquares())
    assert len(track.boxes) == 40 and track.share_lost == 0
    assert all(near(found, box) for found, box in zip(track.boxes, boxes, strict=True))


def test_rgb_and_gray_frames_give_the_same_track():
    gray = [frame_with(box) for box in moving(5)]
    rgb = [np.repeat(frame[..., None], 3, axis=2) for frame in gray]
    assert find_face(gray, BrightSquares()) == find_face(rgb, BrightSquares())


def test_the_largest_face_counts_and_the_others_do_not_widen_the_square():
    small, large = moving(30, start=(20, 150), side=40), moving(30, start=(150, 20), side=80)
    frames = [frame_with(a, b) for a, b in zip(small, large, strict=True)]
    track = find_face(frames, BrightSquares())
    assert all(near(found, box) for found, box in zip(track.boxes, large, strict=True))


def test_one_spurious_detection_does_not_widen_the_square():
    boxes = moving(30, start=(60, 60), side=50)
    ghost = Box(250, 150, 310, 210)
    with_ghost = [frame_with(box, ghost) if i == 0 else frame_with(box) for i, box in enumerate(boxes)]
    clean = find_face([frame_with(box) for box in boxes], BrightSquares())
    haunted = find_face(with_ghost, BrightSquares())
    assert square(haunted.boxes, width=320, height=240) == square(clean.boxes, width=320, height=240)


def test_a_wider_face_that_comes_later_is_found_and_may_win():
    small = moving(120, start=(10, 10), step=(0, 0), side=40)
    large = Box(150, 100, 250, 200)
    frames = [frame_with(box, large) if i >= 40 else frame_with(box) for i, box in enumerate(small)]
    track = find_face(frames, BrightSquares(), max_share_lost=0.6)
    assert near(track.found[-1], large)
    assert track.boxes[0] is None


def test_a_cut_to_another_place_starts_another_face():
    first, second = Box(10, 10, 60, 60), Box(200, 150, 260, 210)
    frames = [frame_with(first if i < 10 else second) for i in range(40)]
    track = find_face(frames, BrightSquares(), max_share_lost=0.5)
    assert track.boxes[:10] == (None,) * 10
    assert track.share_lost == 0.25


def test_a_face_that_is_hidden_for_a_while_is_the_same_afterwards():
    box = Box(100, 80, 160, 140)
    frames = [frame_with() if 10 <= i < 15 else frame_with(box) for i in range(60)]
    track = find_face(frames, BrightSquares())
    assert [i for i, found in enumerate(track.boxes) if found is None] == [10, 11, 12, 13, 14]


def test_no_face_is_rejected_with_its_rule():
    with pytest.raises(Rejected, match="no face in any of 7 frames") as rejected:
        find_face([frame_with()] * 7, BrightSquares())
    assert rejected.value.rule == "no_face"


def test_a_face_lost_too_often_is_rejected_with_value_and_limit():
    frames = [frame_with(Box(100, 80, 160, 140)) if i % 2 else frame_with() for i in range(40)]
    with pytest.raises(Rejected) as rejected:
        find_face(frames, BrightSquares())
    assert rejected.value.rule == "face_lost"
    assert "of 40 frames" in rejected.value.value and rejected.value.limit == "at most 25%"
    share = find_face(frames, BrightSquares(), max_share_lost=1).share_lost
    assert share >= 0.5
    assert find_face(frames, BrightSquares(), max_share_lost=share).share_lost == share


def test_frames_are_let_go_one_by_one():
    alive = weakref.WeakSet()
    most = 0

    class Frame(np.ndarray):
        """An array that a weak set can hold."""

        __hash__ = object.__hash__

    def frames():
        nonlocal most
        for box in moving(30):
            frame = frame_with(box).view(Frame)
            alive.add(frame)
            yield frame
            most = max(most, len(alive))
            del frame

    find_face(frames(), BrightSquares())
    assert most <= 2


def test_a_followed_face_costs_a_small_part_of_the_exhaustive_search():
    detector = BrightSquares()
    side, num_frames = 720, 60
    box = Box(300, 300, 500, 500)
    find_face([frame_with(box, width=side, height=side)] * num_frames, detector)
    assert detector.pixels_searched < 0.05 * num_frames * 4 * side * side


def test_a_long_search_in_vain_is_rarer_and_rarer():
    detector = BrightSquares()
    with pytest.raises(Rejected):
        find_face([frame_with()] * 100, detector)
    assert detector.pixels_searched < 100 * 4 * 320 * 240 / 6


def test_the_same_clip_gives_the_same_track():
    frames = [frame_with(a, b) for a, b in zip(moving(20), moving(20, start=(200, 100)), strict=True)]
    assert find_face(frames, BrightSquares()) == find_face(frames, BrightSquares())


def test_of_equal_faces_the_one_that_is_listed_first_stays():
    frames = [frame_with(Box(10, 10, 60, 60), Box(200, 100, 250, 150))] * 10
    assert len({find_face(frames, BrightSquares()).boxes for _ in range(3)}) == 1


@pytest.mark.parametrize(
    ("now", "same"),
    [
        (Box(100, 100, 200, 200), True),
        (Box(150, 100, 250, 200), True),
        (Box(151, 100, 251, 200), False),
        (Box(100, 49, 200, 149), False),
        (Box(75, 75, 225, 225), True),
        (Box(74, 74, 226, 226), False),
    ],
)
def test_the_link_is_what_the_rule_says(now, same):
    before = Box(100, 100, 200, 200)
    assert same_face(before, now) is same
    assert same_face(now, before) is same


def test_wrong_frames_are_refused():
    with pytest.raises(PixelsError, match="at least one frame"):
        find_face([], BrightSquares())
    with pytest.raises(PixelsError, match="frame 1 has the shape"):
        find_face([frame_with(Box(0, 0, 30, 30)), frame_with(width=100)], BrightSquares())
    with pytest.raises(PixelsError, match="uint8"):
        find_face([np.zeros((10, 10))], BrightSquares())
    with pytest.raises(PixelsError, match="shape"):
        find_face([np.zeros((10, 10, 4), np.uint8)], BrightSquares())
    with pytest.raises(UsageError, match="0 to 1"):
        find_face([], BrightSquares(), max_share_lost=25)
