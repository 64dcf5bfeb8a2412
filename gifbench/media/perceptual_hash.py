"""What a clip looks like in a few hundred bits, which another encoding or another size of it changes in few.

Of three frames, at a sixth, a half and five sixths of the clip, the picture is made gray and 17×16 pixels small, and a
bit says of each pixel whether the one to its right is brighter: the difference hash of N. Krawetz ("Kind of Like That",
2013), as imagehash and videohash have it. Gray and small are Pillow's `convert("L").resize((17, 16), BOX)`, to the bit
and in a fraction of its time, but for pictures nearly twice as high as wide, where Pillow 13 rounds in another order.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gifbench.media.clip import Pixels

_SIDE, _FRAMES = 16, 3
BITS = _SIDE * _SIDE * _FRAMES
"""How many bits a hash has."""

MOST_DIFFERENT = 77
"""In how many bits two clips that look alike may differ, a tenth; docs/robustness.md has how that was measured."""


class PerceptualHash:
    """Takes the frames of a clip as they come, and keeps 32 bytes of each."""

    def __init__(self) -> None:
        self._frames: list[bytes] = []

    def add(self, pixels: Pixels) -> None:
        """Take the next frame, (H, W, 3) uint8."""
        self._frames.append(frame_hash(pixels))

    def text(self) -> str:
        """The hash of the clip in hexadecimal; "" for one without frames, or whose frames are of one color."""
        count = len(self._frames)
        if not count:
            return ""
        chosen = b"".join(self._frames[min(count - 1, count * (2 * i + 1) // (2 * _FRAMES))] for i in range(_FRAMES))
        return chosen.hex() if any(chosen) else ""


def frame_hash(pixels: Pixels) -> bytes:
    """256 bits of a frame, (H, W, 3) uint8."""
    height, width, _ = pixels.shape
    gray = np.empty((_SIDE, _SIDE + 1), np.int16)
    across = np.empty((height, _SIDE + 1), np.int64)
    flat = np.ascontiguousarray(pixels).reshape(height, 3 * width)
    _shrink()(flat, _boxes(width, _SIDE + 1), _boxes(height, _SIDE), across, gray)
    return np.packbits(gray[:, 1:] > gray[:, :-1] + 1).tobytes()


_Boxes = NDArray[np.int64]

_ONE = 1 << 22
"""Pillow's weights are whole numbers of 1/2²²."""


@lru_cache(maxsize=16)
def _boxes(side: int, boxes: int) -> _Boxes:
    """First pixel, end and weight (boxes, 3) of the boxes into which Pillow divides a side."""
    scale = side / boxes
    wide = max(scale, 1.0)
    found = np.empty((boxes, 3), np.int64)
    for box in range(boxes):
        center = (box + 0.5) * scale
        begin, end = max(int(center - wide / 2 + 0.5), 0), min(int(center + wide / 2 + 0.5), side)
        inside = [at for at in range(begin, end) if -0.5 < (at - center + 0.5) * (1 / wide) <= 0.5]
        found[box] = inside[0], inside[-1] + 1, int(0.5 + 1 / len(inside) * _ONE)
    return found


def _shrink_gray(pixels: Pixels, columns: _Boxes, rows: _Boxes, across: _Boxes, gray: NDArray[np.int16]) -> None:
    """Fill `gray` from `pixels` (H, 3·W), rows first and rounded in between, as Pillow does."""
    line = np.empty(pixels.shape[1] // 3, np.uint32)
    for y in range(pixels.shape[0]):
        source = pixels[y]
        for x in range(line.shape[0]):
            r, g, b = np.uint32(source[3 * x]), np.uint32(source[3 * x + 1]), np.uint32(source[3 * x + 2])
            line[x] = (19595 * r + 38470 * g + 7471 * b + 32768) >> 16
        for box in range(columns.shape[0]):
            total = np.uint32(0)
            for x in range(columns[box, 0], columns[box, 1]):
                total += line[x]
            across[y, box] = (np.int64(total) * columns[box, 2] + _ONE // 2) // _ONE
    for row in range(rows.shape[0]):
        for box in range(columns.shape[0]):
            sum_ = np.int64(0)
            for y in range(rows[row, 0], rows[row, 1]):
                sum_ += across[y, box]
            gray[row, box] = (sum_ * rows[row, 2] + _ONE // 2) // _ONE


@lru_cache(maxsize=1)
def _shrink() -> Any:  # noqa: ANN401  # numba's dispatcher
    from numba import njit  # here, because importing this module must not load numba

    return njit(cache=True, nogil=True)(_shrink_gray)


def parse_hash(text: str) -> NDArray[np.uint64] | None:
    """The words of a hash that `text` gave; None for anything else."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        return None
    return np.frombuffer(data, np.uint64) if len(data) * 8 == BITS else None
