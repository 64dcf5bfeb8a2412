"""Boxes, and finding a detector by its name."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from gifbench_pipelines.gif_faces.faces.detector import Box, check_image, find_detector
from gifbench_pipelines.gif_faces.faces.dlib_hog import HogDetector

from gifbench.errors import MissingExtra, UsageError


def test_hog_is_found_by_its_name():
    try:
        detector = find_detector("hog")
    except MissingExtra:
        pytest.skip("dlib is not installed")
    assert isinstance(detector, HogDetector)
    assert detector.name == "hog"


def test_a_detector_is_made_once_a_thread(monkeypatch):
    made = []

    class Point:
        name = "counting"

        def load(self):
            return make

    def make():
        made.append(object())
        return made[-1]

    monkeypatch.setattr("gifbench_pipelines.gif_faces.faces.detector.entry_points", lambda group: [Point()])
    assert find_detector("counting") is find_detector("counting") is made[0]
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(find_detector, "counting").result() is made[1]
    assert len(made) == 2


def test_a_wrong_name_gets_a_hint():
    with pytest.raises(UsageError, match=r'"hgo"; did you mean "hog"\?'):
        find_detector("hgo")
    with pytest.raises(UsageError, match="There are: face-recognition, face-recognition-cnn, hog"):
        find_detector("retina")


def test_importing_the_wing_loads_no_detector():
    heavy, wing = ("dlib", "numba", "torch"), "gifbench_pipelines.gif_faces.faces.main_face_tracker"
    code = f"import sys, {wing}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_box_knows_its_size_and_is_never_empty():
    box = Box(1, 2, 4, 8)
    assert (box.width, box.height, box.area, tuple(box)) == (3, 6, 18, (1, 2, 4, 8))
    for sides in [(1, 2, 1, 8), (1, 2, 4, 2), (4, 2, 1, 8)]:
        with pytest.raises(UsageError, match="left < right and top < bottom"):
            Box(*sides)


def test_gray_is_bt601_and_rgb_repeats_gray():
    colors = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [10, 20, 30]]], np.uint8)
    assert check_image(colors, pixels="gray").tolist() == [[76, 150, 29, 255, 18]]
    gray = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert np.array_equal(check_image(gray, pixels="rgb"), np.stack([gray] * 3, axis=-1))
