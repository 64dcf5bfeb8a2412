"""What a face detector is, the detectors that are installed, and what makes any of them quick to find a face again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from gifbench import Pixels, resize
from gifbench.errors import PixelsError, UsageError

ENTRY_POINTS = "gifbench.detectors"
"""The entry-point group in which a package offers its own detector: a class that is called without arguments."""

_DETECTORS = threading.local()
"""Those of each thread: dlib's takes a quarter of a second to load, and cannot serve two threads at once."""

_FACE_WIDTH = 100
"""Pixels that a face is wide when it is looked for."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of whole pixels: columns `left` to `right`, rows `top` to `bottom`, the ends not included."""

    left: int
    top: int
    right: int
    bottom: int

    def __post_init__(self) -> None:
        if self.right <= self.left or self.bottom <= self.top:
            raise UsageError(f"a box needs left < right and top < bottom, and this one is {tuple(self)}")

    def __iter__(self) -> Iterator[int]:
        """Give left, top, right and bottom, in this order."""
        return iter((self.left, self.top, self.right, self.bottom))

    @property
    def width(self) -> int:
        """The number of columns."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """The number of rows."""
        return self.bottom - self.top

    @property
    def area(self) -> int:
        """The number of pixels."""
        return self.width * self.height


def hull(boxes: Iterable[Box]) -> Box:
    """Give the smallest box that covers all boxes, of which there is one at least."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return Box(min(lefts), min(tops), max(rights), max(bottoms))


@dataclass(frozen=True, slots=True)
class Detection:
    """A face: where it is, and how sure the detector was.

    `score` is the detector's own measure, higher is surer; a detector that tells none gives 0.
    """

    box: Box
    score: float = 0.0


class FaceDetector(Protocol):
    """Finds the faces of one picture. That is all a detector has to do.

    `name` is its name among the entry points. `pixels` says what it looks at: "gray" pictures (H, W) or "rgb" ones
    (H, W, 3), both uint8. `detect` enlarges the picture `upsample` times by two before it searches, and gives boxes in
    the pixels of the picture as it came, cut off at its borders, the surest first. The same picture gives the same
    boxes, whatever was looked at before: one object serves many clips.
    """

    name: str
    pixels: Literal["gray", "rgb"]

    def detect(self, image: Pixels, *, upsample: int = 0) -> list[Detection]:
        """Find the faces of `image`, (H, W) or (H, W, 3) uint8 as `pixels` says."""


@runtime_checkable
class TrackingDetector(Protocol):
    """A detector that knows shortcuts of its own; `Resizing` gives them to any other.

    Pictures are those of `FaceDetector.detect`, boxes and widths are in their pixels. Both give what
    `detect(image, upsample=1)` would give, as far as they look.
    """

    def detect_near(self, image: Pixels, box: Box) -> list[Detection]:
        """Find the face that was at `box` one frame ago: its box, the surest first where several are likely."""

    def detect_wide(self, image: Pixels, *, min_width: float) -> list[Detection]:
        """Find the faces that are at least `min_width` pixels wide."""


def find_detector(name: str) -> FaceDetector:
    """Give the detector that an installed package offers as `name`; it is made once a thread, since that takes long.

    Errors: `UsageError` for a name that nobody offers, `MissingExtra` where the package that it stands on is absent.
    """
    points = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if name not in points:
        close = get_close_matches(name, points, n=1)
        hint = f'; did you mean "{close[0]}"?' if close else ""
        raise UsageError(f'no face detector is called "{name}"{hint} There are: {", ".join(sorted(points)) or "none"}')
    kind: Callable[[], FaceDetector] = points[name].load()
    made: dict[Callable[[], FaceDetector], FaceDetector] = vars(_DETECTORS).setdefault("made", {})
    if kind not in made:
        made[kind] = kind()
    return made[kind]


def check_image(image: object, *, pixels: Literal["gray", "rgb"]) -> Pixels:
    """Give `image`, uint8 (H, W) gray or (H, W, 3) RGB, as rows without gaps in the colors that a detector looks at.

    PyAV pads the rows of the pictures it gives, and dlib takes the padding for pixels: it then finds other faces, or
    none, and no error says so. Gray is made from RGB by the weights of BT.601, as integers. Raises `PixelsError` for
    another shape or dtype, or an empty side.
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or 0 in image.shape:
        what = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise PixelsError(f"a picture must be a uint8 array (H, W) or (H, W, 3) with no side empty, not {what}")
    if image.ndim != 2 and (image.ndim != 3 or image.shape[2] != 3):
        raise PixelsError(f"a picture must have the shape (H, W), gray, or (H, W, 3), RGB, not {image.shape}")
    if pixels == "gray" and image.ndim == 3:
        red, green, blue = (image[..., channel].astype(np.uint32) for channel in range(3))
        image = ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16).astype(np.uint8)
    elif pixels == "rgb" and image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    return np.ascontiguousarray(image)


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
