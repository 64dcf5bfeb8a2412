"""Numbers for the colors of a file: each RGB color that occurs in a palette gets the next one when first seen."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gifbench.media.clip import Pixels

SEE_THROUGH = 0
"""The number that no color gets."""


class ColorNumbers:
    """Colors by number and numbers by color, for as many colors as there may be."""

    def __init__(self, see_through: tuple[int, int, int]) -> None:
        self.count = 1
        self.rgb = np.zeros((1024, 3), np.uint8)
        """(N, 3), the color of every number; those from `count` on are not yet given. It grows by doubling."""
        self.rgb[SEE_THROUGH] = see_through
        self._slots = np.zeros(4096, np.int64)
        self._last: tuple[bytes, NDArray[np.int32]] = (b"", np.zeros(0, np.int32))

    def of(self, palette: Pixels) -> NDArray[np.int32]:
        """The numbers of the entries of `palette` (K, 3)."""
        key = palette.tobytes()
        if key == self._last[0]:
            return self._last[1]
        while self.count + len(palette) > len(self.rgb):
            self.rgb = np.concatenate([self.rgb, np.zeros_like(self.rgb)])
            self._slots = np.zeros(4 * len(self.rgb), np.int64)
            _number(self.rgb[1 : self.count], self._slots, self.rgb, 1, np.empty(self.count, np.int32))
        numbers = np.empty(len(palette), np.int32)
        self.count = int(_number(palette, self._slots, self.rgb, self.count, numbers))
        self._last = key, numbers
        return numbers


@njit(cache=True, nogil=True)
def _number(colors: Pixels, slots: NDArray[np.int64], rgb: Pixels, count: int, numbers: NDArray[np.int32]) -> int:
    """Look up `colors` in the hash table `slots` and enter those that are missing; how many numbers are given then.

    A slot holds a number, not 0, above the 24 bits of its color; the number of slots is a power of two.
    """
    for i in range(len(colors)):
        color = np.int64(colors[i, 0]) << 16 | np.int64(colors[i, 1]) << 8 | np.int64(colors[i, 2])
        at = (color * 0x9E3779B1 >> 16) & (slots.size - 1)
        while slots[at] != 0 and slots[at] & 0xFFFFFF != color:
            at = (at + 1) & (slots.size - 1)
        if slots[at] == 0:
            slots[at] = count << 24 | color
            for channel in range(3):
                rgb[count, channel] = colors[i, channel]
            count += 1
        numbers[i] = slots[at] >> 24
    return count
