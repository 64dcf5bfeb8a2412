"""What a clip looks like in a few hundred bits, which another encoding or another size of it changes in few.

Of three frames, at a sixth, a half and five sixths of the clip, the picture is made gray and 17×16 pixels small, and a
bit says of each pixel whether the one to its right is brighter: the difference hash of N. Krawetz ("Kind of Like That",
2013), as imagehash and videohash have it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

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
    small = Image.fromarray(pixels).convert("L").resize((_SIDE + 1, _SIDE), Image.Resampling.BOX)
    gray = np.asarray(small, np.int16)
    return np.packbits(gray[:, 1:] > gray[:, :-1] + 1).tobytes()


def parse_hash(text: str) -> NDArray[np.uint64] | None:
    """The words of a hash that `text` gave; None for anything else."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        return None
    return np.frombuffer(data, np.uint64) if len(data) * 8 == BITS else None
