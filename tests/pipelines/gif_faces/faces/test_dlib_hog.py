"""dlib's HOG detector and the short cuts into its pyramid, held against dlib itself."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest
from gifbench_pipelines.gif_faces.faces import dlib_hog
from gifbench_pipelines.gif_faces.faces.detector import Box, TrackingDetector
from gifbench_pipelines.gif_faces.faces.dlib_hog import HogDetector
from gifbench_pipelines.gif_faces.faces.dlib_hog_pyramid import level_of, level_part, level_size
from gifbench_pipelines.gif_faces.faces.main_face_tracker import find_face
from skimage.data import astronaut

from gifbench.errors import MissingExtra, PixelsError

dlib = pytest.importorskip("dlib")


@pytest.fixture(scope="module")
def detector():
    return HogDetector()


@pytest.fixture(scope="module")
def portrait():
    """A photograph of one face, about 90 pixels wide, gray (512, 512)."""
    return cv2.cvtColor(astronaut(), cv2.COLOR_RGB2GRAY)


def test_detect_is_dlib_itself(detector, portrait):
    for upsample in (0, 1):
        boxes, scores, _ = dlib.get_frontal_face_detector().run(portrait, upsample, 0.0)
        expected = [(box.left(), box.top(), box.right() + 1, box.bottom() + 1) for box in boxes]
        found = detector.detect(portrait, upsample=upsample)
        assert [tuple(each.box) for each in found] == expected
        assert [each.score for each in found] == list(scores)


def test_the_file_is_what_dlib_itself_saves(tmp_path):
    dlib.get_frontal_face_detector().save(str(tmp_path / "saved.svm"))
    assert dlib_hog._FRONTAL_FACES.read_bytes() == (tmp_path / "saved.svm").read_bytes()


def test_a_part_is_searched_for_its_first_sizes_alone(detector, portrait):
    face = detector.detect(portrait, upsample=1)[0].box
    width, sizes = face.width, set()
    for side in (75, 90, 108, 130, 156, 180):  # the part is 192 pixels wide, of which the face fills so many
        wide = round(192 * width / side)
        left, top = (face.left + face.right - wide) // 2, (face.top + face.bottom - wide) // 2
        around = np.pad(portrait, wide, mode="edge")[top + wide : top + 2 * wide, left + wide : left + 2 * wide]
        part = np.asarray(dlib.resize_image(np.ascontiguousarray(around), 192, 192))
        whole = [(right - left + 1, score) for (left, _, right, _), score in dlib_hog._run(detector._whole, part)]
        few = [(right - left + 1, score) for (left, _, right, _), score in dlib_hog._run(detector._part, part)]
        assert few == [each for each in whole if each[0] < 73 * 1.2**2.5]
        sizes |= {round(np.log(wide / 73) / np.log(1.2)) for wide, _ in whole}
    assert {0, 1, 2} < sizes  # also such as are left out


def test_a_saved_detector_of_another_kind_is_not_taken():
    with pytest.raises(ValueError, match="does not say how many levels"):
        dlib_hog._of_sizes(b"\x01\x02", 3)


def test_rows_with_padding_give_the_same_faces(detector, portrait):
    for image in (portrait, astronaut()):
        padded = np.full((512, 520, *image.shape[2:]), 7, np.uint8)
        padded[:, :512] = image
        assert detector.detect(padded[:, :512]) == detector.detect(image)
    assert detector.detect(np.asfortranarray(portrait)) == detector.detect(portrait)


def test_boxes_end_at_the_picture(detector, portrait):
    cut = portrait[80:170, 180:262]
    found = detector.detect(cut, upsample=1)
    assert found
    assert all(each.box.left >= 0 and each.box.right <= cut.shape[1] for each in found)
    assert all(each.box.top >= 0 and each.box.bottom <= cut.shape[0] for each in found)


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (300, 7), (64, 64)])
def test_tiny_pictures_have_no_faces(detector, shape):
    blank = np.zeros(shape, np.uint8)
    assert detector.detect(blank, upsample=1) == []
    assert detector.detect_wide(blank, min_width=40) == []
    assert detector.detect_near(blank, Box(0, 0, 1, 1)) == []


@pytest.mark.parametrize("shape", [(288, 360), (101, 333), (480, 641)])
@pytest.mark.parametrize("level", [0, 1, 4, 7])
def test_a_level_is_dlibs_level_up_to_rounding(shape, level):
    gray = np.random.default_rng(3).integers(0, 256, shape, np.uint8)
    width, height = level_size(shape[1], shape[0], level)
    theirs = gray
    for step in range(level + 1):
        theirs = dlib.resize_image(np.ascontiguousarray(theirs), *level_size(shape[1], shape[0], step)[::-1])
    ours = level_part(gray, level)
    assert ours.shape == (height, width) == theirs.shape
    difference = np.abs(ours.astype(int) - theirs)
    assert difference.max() <= 6 and difference.mean() < 0.4
    part = Box(width // 3, height // 4, width // 3 + 20, height // 4 + 11)
    assert np.array_equal(level_part(gray, level, part), ours[part.top : part.bottom, part.left : part.right])


def test_the_pyramid_is_the_one_that_dlib_searches(detector, portrait):
    """Enlarging as dlib's source says gives dlib's very scores: this is what fails if a new dlib changes it."""
    wide, high = level_size(512, 512, 0)
    enlarged = dlib.resize_image(portrait, high, wide)
    _, scores, _ = dlib.get_frontal_face_detector().run(np.ascontiguousarray(enlarged), 0, 0.0)
    assert list(scores) == [each.score for each in detector.detect(portrait, upsample=1)]


def test_wide_faces_have_the_boxes_of_the_exhaustive_search(detector, portrait):
    face = detector.detect(portrait, upsample=1)[0]
    for min_width in (20, 40, 60, 0.8 * face.box.width):
        found = detector.detect_wide(portrait, min_width=min_width)
        assert face.box in [each.box for each in found]
    assert detector.detect_wide(portrait, min_width=2.5 * face.box.width) == []


@pytest.mark.parametrize("scale", [0.6, 1.0, 2.3])
@pytest.mark.parametrize("shift", [(0, 0), (9, -7), (-16, 5)])
def test_a_known_face_is_found_where_the_exhaustive_search_finds_it(detector, portrait, scale, shift):
    size = round(300 * scale)
    image = cv2.resize(portrait[20:320, 70:370], (size, size), interpolation=cv2.INTER_AREA)
    face = detector.detect(image, upsample=1)[0]
    moved = [round(scale * each) for each in shift]
    before = Box(*(at + moved[i % 2] for i, at in enumerate(face.box)))
    assert face.box in [each.box for each in detector.detect_near(image, before)]


def test_a_face_that_is_gone_is_lost(detector, portrait):
    face = detector.detect(portrait, upsample=1)[0].box
    assert detector.detect_near(np.full_like(portrait, 90), face) == []


@pytest.mark.parametrize("level", range(12))
def test_a_width_says_its_level(level):
    assert level_of(73 * 1.2**level / 2) == level


def test_it_has_the_short_cuts(detector):
    assert isinstance(detector, TrackingDetector)


def test_a_camera_that_moves_over_a_portrait(detector, portrait):
    """The exhaustive search frame by frame also finds a face in the spacesuit; only the real one counts."""
    frames = [np.ascontiguousarray(portrait[10 : 10 + 250, 60 + 4 * i : 60 + 4 * i + 300]) for i in range(12)]
    exhaustive = [detector.detect(frame, upsample=1)[0].box for frame in frames]
    track = find_face(iter(frames), detector)
    assert track.share_lost == 0
    same = [found == box for found, box in zip(track.boxes, exhaustive, strict=True)]
    assert np.mean(same) >= 0.75


def test_colors_are_searched_as_colors(detector):
    rgb = astronaut()
    _, scores, _ = dlib.get_frontal_face_detector().run(rgb, 1, 0.0)
    assert [each.score for each in detector.detect(rgb, upsample=1)] == list(scores)


@pytest.mark.parametrize("image", [np.zeros((4, 4)), np.zeros((0, 4), np.uint8), np.zeros((4, 4, 2), np.uint8), "no"])
def test_what_is_no_picture_is_refused(detector, image):
    with pytest.raises(PixelsError, match="a picture must"):
        detector.detect(image)


def test_without_dlib_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(MissingExtra, match=r'pip install "gifbench\[faces\]"'):
        HogDetector()
