"""Images that hold only what changes from one frame to the next, for GIFs that are meant to be small.

What stays is see-through in the image, and the image is cut to what changes. A pixel that becomes see-through cannot be
drawn, only cleared: then the image before is cut so that it covers the pixel, and is cleared away when its time is
over.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gifbench.errors import PixelsError
from gifbench.media.clip import Pixels
from gifbench.media.gif import lzw_encoder
from gifbench.media.gif.canvas import Indices, number_colors, packed

_SEE_THROUGH = -1
KEEP, CLEAR = 1, 2
"""What becomes of an image when its time is over, as in the file."""


class Image(NamedTuple):
    """Indices (h, w) into `palette` (K, 3), and the index that is see-through, if any, to stand at `left`, `top`.

    A frame that is to be seen is one of the whole screen. What is written has indices of uint8.
    """

    indices: Indices
    palette: Pixels
    transparent: int | None
    compressed: bytes | None = None
    """The image data, where they are known already."""
    left: int = 0
    top: int = 0
    disposal: int = KEEP


class Delta:
    """Gives the images of the frames one after the other; knows what the screen shows before each."""

    def __init__(self, height: int, width: int) -> None:
        self._screen = np.full((height, width), _SEE_THROUGH, np.int32)  # RGB in 24 bits
        self._number = 0

    def image(self, frame: Image, following: Image | None) -> Image:
        """The image that turns the screen into `frame`, and leaves it so that `following` can be drawn.

        Raises `PixelsError` where more than 256 colors change at once.
        """
        wanted = _colors(frame)
        changed = wanted != self._screen
        cleared = np.zeros_like(changed)
        if following is not None and following.transparent is not None:
            cleared = (_colors(following) == _SEE_THROUGH) & (wanted != _SEE_THROUGH)
        clears = bool(cleared.any())
        part = _bounding_box(changed | cleared)
        # Outside browsers, what is cleared or never covered is see-through only with an image that has such an index.
        marked = clears or (not self._number and frame.transparent is not None)
        image = self._cheapest(wanted[part], changed[part], marked=marked)
        if clears:
            wanted[part] = _SEE_THROUGH
        self._screen = wanted
        self._number += 1
        return image._replace(left=part[1].start, top=part[0].start, disposal=CLEAR if clears else KEEP)

    def _cheapest(self, wanted: NDArray[np.int32], changed: NDArray[np.bool_], *, marked: bool) -> Image:
        """Draw everything, or what stays see-through: whichever is possible and takes fewer bytes.

        Where it is to be `marked`, there is a see-through index wherever that leaves room for the colors.
        """
        drawn = np.where(changed, wanted, _SEE_THROUGH)
        by_size: dict[int, Image] = {}
        for mark in dict.fromkeys((marked, False)):
            for pixels in (wanted, drawn):
                colors, indices = _compact(pixels, mark)
                if len(colors) <= 256:
                    bits = max(2, (len(colors) - 1).bit_length())
                    data = lzw_encoder.compress(indices, bits)
                    rgb = np.stack([colors >> 16 & 255, colors >> 8 & 255, colors & 255], axis=1).astype(np.uint8)
                    image = Image(indices, rgb, 0 if colors[0] == _SEE_THROUGH else None, data)
                    by_size.setdefault((3 << bits) + len(data), image)
            if by_size:
                break
        if not by_size:
            raise PixelsError(
                f"frame {self._number} changes {len(np.unique(drawn))} colors at once, and an image of a GIF has 256 "
                "at most: quantize it first"
            )
        return by_size[min(by_size)]


def _compact(pixels: NDArray[np.int32], marked: bool) -> tuple[NDArray[np.int32], Pixels]:
    """The sorted colors of `pixels`, with the see-through one if `marked`, and indices of the same shape into them.

    Where there are more than 256 the indices mean nothing.
    """
    found, slots = np.empty(257, np.int32), np.full(1024, -1, np.int32)
    indices = np.empty(pixels.shape, np.uint8)
    count = int(number_colors(pixels, slots, found, 0, indices))
    if marked and count < len(found) and _SEE_THROUGH not in found[:count]:
        found[count] = _SEE_THROUGH
        count += 1
    order = np.argsort(found[:count])
    rank = np.zeros(256, np.uint8)
    if count <= 256:
        rank[order] = np.arange(count)
    return found[order], rank[indices]


def _colors(frame: Image) -> NDArray[np.int32]:
    colors = packed(frame.palette)
    if frame.transparent is not None:
        colors[frame.transparent] = _SEE_THROUGH
    return colors[frame.indices]


def _bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The smallest rectangle around what is set; one pixel where nothing is, because an image cannot be empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return slice(0, 1), slice(0, 1)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
