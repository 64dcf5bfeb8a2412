"""dlib's HOG face detector, the one that `face-recognition` uses by default.

Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005, in the form of King, "Max-Margin
Object Detection", arXiv:1502.00046. The wheel `dlib-bin` brings dlib without a compiler and without the models that
cropping does not need.

`frontal_faces.svm` is what `dlib.get_frontal_face_detector()` gives, as its `save` writes it. Unpacking it from dlib
takes 0.3 s, reading the file 1 ms.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gifbench import Pixels
from gifbench.errors import MissingExtra

from .detector import Box, Detection, check_image
from .dlib_hog_pyramid import ALIGNMENT, Corners, level_of, level_part, level_size, to_picture

_PART = 4 * 48
"""Side of the part of a level that is searched around a known face, which is 73 to 105 pixels wide in it.

It leaves a quarter of the face's width on every side for its movement between two frames. With 3·48 a face can come
so near to the part's border that its score changes.
"""
_PART_SIZES = 3
"""How many sizes of faces a part is searched for: the others that it has room for are far from the known face's."""

_FRONTAL_FACES = Path(__file__).with_name("frontal_faces.svm")
_WINDOW = b"\x01\x50\x01\x50"
"""Width and height of the detector's window, 80 each, as dlib writes numbers: how many bytes, and these."""
_ALL_SIZES = b"\x02\xe8\x03"
"""The number of sizes, 1000, that follows them."""


class HogDetector:
    """The HOG detector, called directly. It finds upright faces from about 37 pixels width on, seen from the front."""

    name = "hog"
    pixels: Literal["gray", "rgb"] = "gray"

    def __init__(self) -> None:
        try:
            import dlib
        except ImportError as error:
            raise MissingExtra("dlib-bin", extra="faces", wanted_for="the face detector hog") from error
        self._whole = dlib.fhog_object_detector(str(_FRONTAL_FACES))
        with tempfile.TemporaryDirectory() as folder:
            few = Path(folder, _FRONTAL_FACES.name)
            few.write_bytes(_of_sizes(_FRONTAL_FACES.read_bytes(), _PART_SIZES))
            self._part = dlib.fhog_object_detector(str(few))

    def detect(self, image: Pixels, *, upsample: int = 0) -> list[Detection]:
        """Find the faces of `image`, (H, W) gray or (H, W, 3) RGB uint8, in boxes cut off at its borders, surest first.

        With `upsample=1` this is the exhaustive search of `face_recognition.face_locations(image)`. RGB is searched as
        RGB (the strongest gradient of the three channels counts), which is not the same as its gray picture.
        """
        image = check_image(image, pixels="gray" if np.ndim(image) == 2 else "rgb")
        return _inside(_run(self._whole, image, upsample), image)

    def detect_wide(self, image: Pixels, *, min_width: float) -> list[Detection]:
        """Find the faces of `detect(gray, upsample=1)` that are at least `min_width` pixels wide (or one step less).

        The cost falls with the square of `min_width`: the levels of the pyramid that hold smaller faces are not made.
        """
        image = check_image(image, pixels="gray")
        level = level_of(min_width)
        found = _run(self._whole, level_part(image, level))
        return _inside([(to_picture(corners, level=level), score) for corners, score in found], image)

    def detect_near(self, image: Pixels, box: Box) -> list[Detection]:
        """Find the face that was at `box` one frame ago, as `detect(gray, upsample=1)` would; empty if it is lost.

        Looks at four neighboring sizes. A part of the picture shows two sizes with the cells of the exhaustive search,
        and a third with others; so two parts are searched, which share the middle size. Where they give different boxes
        of the one face, both are given, the surer first.
        """
        image = check_image(image, pixels="gray")
        level = max(0, _level(box) - 1)
        first = self._search_part(image, box, level)
        if first is None:
            return []
        found = _level(first.box)
        other = level - 1 if found == level else level + 1
        second = self._search_part(image, first.box, other) if other >= 0 else None
        if second is None or second.box == first.box:
            return [first]
        # A box of a part's third size does not lie on the exhaustive search's cells.
        if found > level + 1:
            return [second]
        if _level(second.box) > other + 1:
            return [first]
        return sorted([first, second], key=lambda each: -each.score)

    def _search_part(self, gray: Pixels, box: Box, level: int) -> Detection | None:
        """Search the part of a level around `box`, and give the surest face that overlaps it."""
        height, width = gray.shape
        level_width, level_height = level_size(width, height, level)
        center_x = (box.left + box.right) / 2 * (level_width / width)
        center_y = (box.top + box.bottom) / 2 * (level_height / height)
        left = round((center_x - _PART / 2) / ALIGNMENT) * ALIGNMENT
        top = round((center_y - _PART / 2) / ALIGNMENT) * ALIGNMENT
        right, bottom = min(left + _PART, level_width), min(top + _PART, level_height)
        left, top = max(left, 0), max(top, 0)
        if right <= left or bottom <= top:
            return None
        found = _run(self._part, level_part(gray, level, Box(left, top, right, bottom)))
        mapped = [(to_picture(corners, level=level, left=left, top=top), score) for corners, score in found]
        near = [each for each in _inside(mapped, gray) if _overlap(each.box, box)]
        return near[0] if near else None


def _of_sizes(saved: bytes, sizes: int) -> bytes:
    """The saved detector, made to search only so many levels of a picture's pyramid, the first ones, up to 255."""
    before, found, after = saved.partition(_WINDOW + _ALL_SIZES)
    if not found:
        raise ValueError(f"{_FRONTAL_FACES.name} does not say how many levels are searched")
    return before + _WINDOW + bytes([1, sizes]) + after


def _run(detector: Any, image: Pixels, upsample: int = 0) -> list[tuple[Corners, float]]:  # noqa: ANN401  dlib has no types
    boxes, scores, _ = detector.run(image, upsample, 0.0)
    corners = [(box.left(), box.top(), box.right(), box.bottom()) for box in boxes]
    return list(zip(corners, scores, strict=True))


def _inside(found: list[tuple[Corners, float]], image: Pixels) -> list[Detection]:
    """Turn corners that are included into boxes that lie inside the picture; one that lies outside is left out."""
    height, width = image.shape[:2]
    detections = []
    for (left, top, right, bottom), score in found:
        cut = max(left, 0), max(top, 0), min(right + 1, width), min(bottom + 1, height)
        if cut[0] < cut[2] and cut[1] < cut[3]:
            detections.append(Detection(Box(*cut), float(score)))
    return sorted(detections, key=lambda each: (-each.score, tuple(each.box)))


def _level(box: Box) -> int:
    """Say at which level a box was found; it was a square there, of which the picture's border may have cut a part."""
    return level_of(max(box.width, box.height))


def _overlap(one: Box, other: Box) -> bool:
    across = one.left < other.right and other.left < one.right
    return across and one.top < other.bottom and other.top < one.bottom
