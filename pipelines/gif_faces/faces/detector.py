"""What a face detector is, and the detectors that are installed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from gifbench import Pixels
from gifbench.errors import PixelsError, UsageError

ENTRY_POINTS = "gifbench.detectors"
"""The entry-point group in which a package offers its own detector: a class that is called without arguments."""


_DETECTORS = threading.local()
"""Those of each thread: dlib's takes a quarter of a second to load, and cannot serve two threads at once."""


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
    """A detector that knows shortcuts of its own; others are wrapped by `nearby_face_search.Resizing`.

    Pictures are those of `FaceDetector.detect`, boxes and widths are in their pixels. Both give what
    `detect(image, upsample=1)` would give, as far as they look.
    """

    def detect_near(self, image: Pixels, box: Box) -> list[Detection]:
        """Find the face that was at `box` one frame ago: its box, the surest first where several are likely."""

    def detect_wide(self, image: Pixels, *, min_width: float) -> list[Detection]:
        """Find the faces that are at least `min_width` pixels wide."""


def detector_names() -> list[str]:
    """Name the detectors that installed packages offer, in alphabetical order."""
    return sorted({point.name for point in entry_points(group=ENTRY_POINTS)})


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
