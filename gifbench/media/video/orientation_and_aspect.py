"""How a picture is mirrored and turned before it is shown, by its display matrix, and its size in square pixels."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import cast

import numpy as np
from av.sidedata.sidedata import SideData, Type
from av.video.frame import VideoFrame

from gifbench.media.clip import Pixels
from gifbench.media.video.filter_graph import PictureFilter

Orientation = tuple[bool, int]
"""Mirror left to right first?, then quarter turns clockwise."""

UPRIGHT: Orientation = (False, 0)

# The signs of the display matrix (a b; c d), which takes a stored point (x, y) to (ax + cy, bx + dy).
_ORIENTATIONS: dict[tuple[int, ...], Orientation] = {
    (1, 0, 0, 1): (False, 0),
    (0, 1, -1, 0): (False, 1),
    (-1, 0, 0, -1): (False, 2),
    (0, -1, 1, 0): (False, 3),
    (-1, 0, 0, 1): (True, 0),
    (0, 1, 1, 0): (True, 3),
    (1, 0, 0, -1): (True, 2),
    (0, -1, -1, 0): (True, 1),
}


def orientation(frame: VideoFrame) -> Orientation:
    """How the frame's display matrix wants it shown; upright where there is none or it turns by an odd angle."""
    matrix = next((item for item in _side_data(frame) if item.type is Type.DISPLAYMATRIX), None)
    if matrix is None:
        return UPRIGHT
    a, b, _, c, d, *_ = np.frombuffer(bytes(matrix), "<i4").tolist()
    largest = max(abs(v) for v in (a, b, c, d)) or 1
    # Within a degree of a quarter turn, as ffmpeg takes it.
    signs = tuple(0 if abs(v) < largest / 57 else (1 if v > 0 else -1) for v in (a, b, c, d))
    return _ORIENTATIONS.get(signs, UPRIGHT)


def _side_data(frame: VideoFrame) -> list[SideData]:
    """The side data of a frame; those that PyAV has no name for (EXIF) make it fail, and are taken away by a filter."""
    for _ in range(len(Type) + 64):
        try:
            return cast("list[SideData]", list(frame.side_data))  # PyAV's stubs say keys, and it iterates values
        except ValueError as error:
            unnamed = re.match(r"\d+", str(error))
            if unnamed is None:
                raise
            frame = PictureFilter([("sidedata", f"mode=delete:type={unnamed.group()}")]).one(frame)
    return []


def turn(pixels: Pixels, how: Orientation) -> Pixels:
    """`pixels` (H, W, …) mirrored and turned; a view where that is possible."""
    mirror, quarters = how
    return np.rot90(pixels[:, ::-1] if mirror else pixels, -quarters)


def square_size(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """The size at which pixels `aspect` times as wide as high are square: one side grows, none shrinks."""
    if aspect >= 1:
        return max(1, round(width * aspect)), height
    return width, max(1, round(height / aspect))
