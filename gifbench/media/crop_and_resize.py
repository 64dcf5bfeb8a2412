"""Which part of the source's picture is kept, and at what size."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from gifbench.media.clip import Pixels
from gifbench.media.resize import Filter, resize

__all__ = ["Filter", "Geometry", "through_jpeg"]


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
