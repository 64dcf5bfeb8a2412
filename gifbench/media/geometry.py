"""Which part of the source's picture is kept, and at what size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from gifbench.media.clip import Pixels

Filter = Literal["area", "bilinear", "four-neighbours"]


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a source frame becomes a frame of the dataset: a crop, then a resize.

    `crop` is (x, y, width, height) in source pixels, or None for the whole picture; `width` and `height` are the
    result's. `filter` is what resizes: `area` averages the source pixels that each pixel covers (OpenCV's
    INTER_AREA; bilinear, bit exact, where the picture is enlarged), `bilinear` weighs them with a triangle as wide
    as two pixels of the smaller picture, so that it does not alias (Pillow's), and `four-neighbours` interpolates
    between the four nearest alone (OpenCV's INTER_LINEAR), as the code released with GIF2Video does.
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
        size = (self.width, self.height)
        if self.filter == "bilinear":
            return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR))
        smaller = frame.shape[0] >= self.height and frame.shape[1] >= self.width
        how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR_EXACT
        if self.filter == "four-neighbours":
            how = cv2.INTER_LINEAR
        return np.asarray(cv2.resize(np.ascontiguousarray(frame), size, interpolation=how), dtype=np.uint8)


def through_jpeg(frame: Pixels, quality: int) -> Pixels:
    """The frame, RGB uint8 (H, W, 3), after JPEG at `quality` (1 to 100) with colour at half resolution."""
    bgr = np.ascontiguousarray(frame[..., ::-1])
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)[..., ::-1])
