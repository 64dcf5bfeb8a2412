"""The screen on which the images of a GIF are laid over each other, and what it shows as indices and a palette.

The screen holds colour numbers: every RGB colour that the file uses has one, and number 0 is see-through. So nothing is
lost, and a frame keeps the palette of its own image as long as what it shows fits into it.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gifbench.media.clip import Pixels
from gifbench.media.gif_blocks import ImageBlock

Indices = NDArray[np.uint8 | np.uint16 | np.uint32]
"""uint8 wherever 256 colours are enough; the wider ones only for composited frames of GIFs from elsewhere."""

_SEE_THROUGH = 0


class Canvas:
    """A screen of `height` × `width` pixels; images are drawn on it in the order of the file.

    `backdrop` is the background colour that the file declares. It stands where no image has been yet and where one was
    cleared away, unless that image (at the beginning: the first one) has a see-through index; then that is see-through.
    So have it the specification, Pillow, ffmpeg and gifsicle; browsers and ImageMagick make both see-through always.
    `background` is the colour that stands for see-through in palettes.
    """

    def __init__(
        self,
        height: int,
        width: int,
        *,
        first: ImageBlock,
        backdrop: tuple[int, int, int],
        background: tuple[int, int, int],
    ) -> None:
        self._number_of: dict[bytes, int] = {}
        self._colors = np.zeros((1024, 3), np.uint8)  # by number; row 0 is the see-through one
        self._colors[_SEE_THROUGH] = background
        self._num_colors = 1
        self._last: tuple[ImageBlock, NDArray[np.int32] | None] | None = None
        self._numbers: tuple[bytes, NDArray[np.int32]] = (b"", np.zeros(0, np.int32))
        self._backdrop = int(self._numbers_of(np.array([backdrop], np.uint8))[0])
        self._screen = np.full((height, width), self._bare(first), np.int32)

    def draw(self, image: ImageBlock, pixels: Pixels | NDArray[np.int16], palette: Pixels) -> None:
        """Dispose of the image before, then lay `pixels` (height, width) of `image` on the screen, cut to its sides.

        Negative pixels are not drawn.
        """
        self._dispose()
        view = self._part(image)
        kept = view.copy() if image.disposal == 3 else None
        numbers = self._numbers_of(palette)
        _lay(view, pixels, numbers, -1 if image.transparent is None else image.transparent)
        self._last = image, kept

    def _dispose(self) -> None:
        if self._last is None:
            return
        image, kept = self._last
        if image.disposal == 2:
            self._part(image)[:] = self._bare(image)
        elif kept is not None:
            self._part(image)[:] = kept

    def _bare(self, image: ImageBlock) -> int:
        return self._backdrop if image.transparent is None else _SEE_THROUGH

    def _part(self, image: ImageBlock) -> NDArray[np.int32]:
        return self._screen[image.top : image.top + image.height, image.left : image.left + image.width]

    def _numbers_of(self, palette: Pixels) -> NDArray[np.int32]:
        """The colour numbers of a palette's entries; new colours get the next ones."""
        key = palette.tobytes()
        if key == self._numbers[0]:
            return self._numbers[1]
        numbers = np.empty(len(palette), np.int32)
        for i in range(len(palette)):
            color = key[3 * i : 3 * i + 3]
            number = self._number_of.get(color)
            if number is None:
                number = self._num_colors
                if number == len(self._colors):
                    self._colors = np.concatenate([self._colors, np.zeros_like(self._colors)])
                self._colors[number] = palette[i]
                self._number_of[color] = number
                self._num_colors += 1
            numbers[i] = number
        self._numbers = key, numbers
        return numbers

    def show(self, palette: Pixels, transparent: int | None) -> tuple[Indices, Pixels, int | None]:
        """What the screen shows: indices (H, W), the palette (K, 3), and the see-through index or None.

        `palette` and `transparent`, those of the image just drawn, stay as they are where the colours fit in: missing
        ones are added behind it, and where that makes more than 256 only the colours that are seen remain. The indices
        are wider than uint8 where these are still more than 256.
        """
        index_of = np.full(self._num_colors, -1, np.int32)
        numbers = self._numbers_of(palette)
        index_of[numbers[::-1]] = np.arange(len(palette) - 1, -1, -1)  # the first of equal entries
        order = np.empty(512, np.int32)
        order[: len(palette)] = numbers
        see_through = _any_see_through(self._screen)
        if see_through and transparent is not None and transparent < len(palette):
            index_of[numbers[transparent]] = _first_other(numbers, transparent)
            index_of[_SEE_THROUGH] = transparent
            order[transparent] = _SEE_THROUGH
        indices = np.empty(self._screen.shape, np.uint8)
        count = int(_index_pixels(self._screen, index_of, order, len(palette), indices))
        if count > 256:
            return self._show_compact()
        return indices, self._colors[order[:count]], int(index_of[_SEE_THROUGH]) if see_through else None

    def _show_compact(self) -> tuple[Indices, Pixels, int | None]:
        seen = np.zeros(self._num_colors, np.bool_)
        _mark(self._screen, seen)
        order = np.flatnonzero(seen)
        index_of = np.zeros(self._num_colors, np.min_scalar_type(len(order) - 1))
        index_of[order] = np.arange(len(order))
        return index_of[self._screen], self._colors[order], 0 if seen[_SEE_THROUGH] else None


def _first_other(numbers: NDArray[np.int32], index: int) -> int:
    """The first entry other than `index` with the same colour, -1 where there is none."""
    same = np.flatnonzero(numbers == numbers[index])
    others = same[same != index]
    return int(others[0]) if others.size else -1


@njit(cache=True, nogil=True)
def _lay(
    view: NDArray[np.int32], pixels: Pixels | NDArray[np.int16], numbers: NDArray[np.int32], transparent: int
) -> None:
    for y in range(view.shape[0]):
        for x in range(view.shape[1]):
            index = pixels[y, x]
            if index != transparent and index >= 0:
                view[y, x] = numbers[index]


@njit(cache=True, nogil=True)
def _index_pixels(
    screen: NDArray[np.int32], index_of: NDArray[np.int32], order: NDArray[np.int32], count: int, out: Pixels
) -> int:
    """Write each pixel's index; colours without one get the next. How many indices there are; 257 stands for more."""
    for y in range(screen.shape[0]):
        for x in range(screen.shape[1]):
            number = screen[y, x]
            index = index_of[number]
            if index < 0:
                if count == 256:
                    return 257
                index = count
                index_of[number] = index
                order[index] = number
                count += 1
            out[y, x] = index
    return count


@njit(cache=True, nogil=True)
def _any_see_through(screen: NDArray[np.int32]) -> bool:
    for y in range(screen.shape[0]):
        for x in range(screen.shape[1]):
            if screen[y, x] == 0:
                return True
    return False


@njit(cache=True, nogil=True)
def _mark(screen: NDArray[np.int32], seen: NDArray[np.bool_]) -> None:
    for y in range(screen.shape[0]):
        for x in range(screen.shape[1]):
            seen[screen[y, x]] = True
