"""The square that is cut out of every frame of a clip, from where its face was found."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import ceil

from gifbench.errors import UsageError

from .detector import Box, hull


def square(boxes: Iterable[Box | None], *, width: int, height: int, expand: float = 1.5) -> Box:
    """Give the minimal square that covers all boxes, `expand` times as large about its center, inside the picture.

    `boxes` are the face in each frame, in pixels; None, for a frame in which it was lost, is passed over. `width` and
    `height` are the picture's, in pixels. `expand` is above 0; the paper's is 1.5 (Wang et al., GIF2Video, CVPR 2019).

    In whole pixels: the side is that of the boxes' hull (the longer one) times `expand`, rounded up, but at most the
    picture's short side; the square is centered on the hull, where half a pixel goes to the left and to the top, and
    then moved by no more than it takes to lie inside the picture. So no pixel is invented or squashed, and with
    `expand` of 1 or more all boxes are covered wherever such a square fits into the picture.

    Raises `UsageError` for no box, a box that leaves the picture, or an `expand` that is not above 0.
    """
    if not 0 < expand < float("inf"):
        raise UsageError(f"expand is a factor above 0, not {expand}")
    face = _face(boxes, width=width, height=height)
    # The decimal number that was written counts: 1.1 is eleven tenths, not the float beside it.
    wanted = ceil(Fraction(str(expand)) * max(face.width, face.height))
    side = min(wanted, width, height)
    left = min(max(0, (face.left + face.right - side) // 2), width - side)
    top = min(max(0, (face.top + face.bottom - side) // 2), height - side)
    return Box(left, top, left + side, top + side)


def release_crop(boxes: Iterable[Box | None], *, width: int, height: int) -> Box:
    """Give the rectangle that the code released with the paper cuts out: usually wider than meant, not always square.

    It takes the rectangle around the face (ends included), enlarges it by 1.5 about its center, makes it a square by
    moving the right or the lower side, and enlarges that by 1.5 again, 2.25 in all. Each enlargement drops fractions of
    a pixel, and what lies left of or above the picture; because both ends are included, it adds one pixel to a side.
    What reaches beyond the right or lower border is cut off at the end, and the rest is squashed to 256×256.

    Source: `extract_face_frames.py` of the authors' repository github.com/yangwangx/gif2video_data, read for these
    facts. The rectangles themselves, and the detector that made them, were never released: here they are the hull of
    `boxes`.

    Raises `UsageError` for no box, or a box that leaves the picture.
    """
    face = _face(boxes, width=width, height=height)
    left, right = _enlarged(face.left, face.right - 1)
    top, bottom = _enlarged(face.top, face.bottom - 1)
    side = max(right - left, bottom - top) + 1
    left, right = _enlarged(left, left + side - 1)
    top, bottom = _enlarged(top, top + side - 1)
    return Box(left, top, min(right + 1, width), min(bottom + 1, height))


def _enlarged(first: int, last: int) -> tuple[int, int]:
    """Enlarge a range of pixels, ends included, by 1.5 about its center; exact, in quarters of a pixel."""
    length = last - first + 1
    return max(0, (2 * (first + last) - 3 * length) // 4), max(0, (2 * (first + last) + 3 * length) // 4)


def _face(boxes: Iterable[Box | None], *, width: int, height: int) -> Box:
    """Give the hull of the boxes, which lies inside the picture."""
    found = [box for box in boxes if box is not None]
    if not found:
        raise UsageError("a square needs at least one box to cover, and there is none")
    whole = hull(found)
    if whole.left < 0 or whole.top < 0 or whole.right > width or whole.bottom > height:
        raise UsageError(
            f"the boxes reach from {tuple(whole)[:2]} to {tuple(whole)[2:]}, outside the {width}×{height} picture"
        )
    return whole
