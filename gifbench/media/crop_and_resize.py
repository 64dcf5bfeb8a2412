"""Pictures at another size, by OpenCV and, with a triangle filter, by Pillow; which part of a source's is kept."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from gifbench.argument_types import check_types
from gifbench.errors import PixelsError
from gifbench.media.clip import Pixels

Filter = Literal["area", "bilinear", "four-neighbours"]


@check_types
def resize(frame: Pixels, *, width: int, height: int, filter: Filter) -> Pixels:
    """A picture, uint8 (H, W) or (H, W, 3), at `width` × `height` pixels; always in memory of its own.

    `area` averages the source pixels that each pixel covers (INTER_AREA), and where a side is enlarged interpolates
    between the four nearest (INTER_LINEAR_EXACT); `four-neighbours` always does that (INTER_LINEAR), and aliases;
    `bilinear` weighs with a triangle as wide as two pixels of the smaller picture (Pillow's). A picture that has the
    size already is copied. Raises `PixelsError` for other arrays and for sizes below 1.
    """
    if frame.dtype != np.uint8 or frame.ndim not in (2, 3) or frame.shape[2:] not in ((), (3,)) or frame.size == 0:
        raise PixelsError(f"a picture to resize is uint8 (H, W) or (H, W, 3), not {frame.dtype} {frame.shape}")
    if min(width, height) < 1:
        raise PixelsError(f"a picture cannot be resized to {width}×{height} pixels; both must be at least 1")
    if frame.shape[:2] == (height, width):
        return np.array(frame, order="C")
    if filter == "bilinear":
        return np.array(Image.fromarray(frame).resize((width, height), Image.Resampling.BILINEAR))
    import cv2  # here, because looking for a recipe must not load it

    smaller = frame.shape[0] >= height and frame.shape[1] >= width
    how = cv2.INTER_LINEAR
    if filter == "area":
        how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR_EXACT
    resized = cv2.resize(np.ascontiguousarray(frame), (width, height), interpolation=how)
    return np.asarray(resized, np.uint8).reshape(height, width, *frame.shape[2:])


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a source frame becomes a frame of the dataset: a crop, then a resize.

    `crop` is (x, y, width, height) in source pixels, or None for the whole picture; `width` and `height` are the
    result's. `filter` is what resizes (`gifbench.resize`): `area` averages, `bilinear` does not alias either, and
    `four-neighbours` interpolates between the four nearest alone, as the code released with GIF2Video does.
    """

    crop: tuple[int, int, int, int] | None
    width: int
    height: int
    filter: Filter

    def apply(self, frame: Pixels) -> Pixels:
        """The frame of the dataset, RGB uint8 (height, width, 3), that is made of a source frame (H, W, 3)."""
        if self.crop is not None:
            x, y, width, height = self.crop
            frame = frame[y : y + height, x : x + width]
        if frame.shape[:2] == (self.height, self.width):
            return np.ascontiguousarray(frame)
        return resize(frame, width=self.width, height=self.height, filter=self.filter)


def through_jpeg(frame: Pixels, quality: int) -> Pixels:
    """The frame, RGB uint8 (H, W, 3), after JPEG at `quality` (1 to 100) with color at half resolution."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(frame)).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    with Image.open(file) as decoded:
        return np.array(decoded)
