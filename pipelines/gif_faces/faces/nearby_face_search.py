"""Looking for a known face at little cost, with any detector: cut out its surroundings and resize them."""

from __future__ import annotations

from gifbench import Pixels, resize

from .detector import Box, Detection, FaceDetector, check_image

_FACE_WIDTH = 100
"""Pixels that a face is wide when it is looked for."""


class Resizing:
    """Gives a detector the two shortcuts of `TrackingDetector`, by searching a resized part of the picture.

    The boxes are the detector's at another scale, thus near those of `detect(image, upsample=1)` and not equal to them.
    """

    def __init__(self, detector: FaceDetector) -> None:
        self._detector = detector

    def detect_near(self, image: Pixels, box: Box) -> list[Detection]:
        """Find the face that was at `box` one frame ago, in the square of twice its size around it."""
        height, width = image.shape[:2]
        margin_x, margin_y = box.width // 2, box.height // 2
        part = Box(
            max(0, box.left - margin_x),
            max(0, box.top - margin_y),
            min(width, box.right + margin_x),
            min(height, box.bottom + margin_y),
        )
        return self._search(image, part, _FACE_WIDTH / box.width)

    def detect_wide(self, image: Pixels, *, min_width: float) -> list[Detection]:
        """Find the faces that are at least `min_width` pixels wide, at a size where those are 100 pixels wide."""
        height, width = image.shape[:2]
        return self._search(image, Box(0, 0, width, height), min(2.0, _FACE_WIDTH / min_width))

    def _search(self, image: Pixels, part: Box, scale: float) -> list[Detection]:
        image = check_image(image, pixels=self._detector.pixels)
        size = max(1, round(part.width * scale)), max(1, round(part.height * scale))
        cut = image[part.top : part.bottom, part.left : part.right]
        resized = resize(cut, width=size[0], height=size[1], filter="area")
        scale_x, scale_y = part.width / size[0], part.height / size[1]
        found = []
        for each in self._detector.detect(resized, upsample=0):
            left, right = part.left + round(each.box.left * scale_x), part.left + round(each.box.right * scale_x)
            top, bottom = part.top + round(each.box.top * scale_y), part.top + round(each.box.bottom * scale_y)
            found.append(Detection(Box(left, top, max(right, left + 1), max(bottom, top + 1)), each.score))
        return found
