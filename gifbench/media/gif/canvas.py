"""The screen on which the images of a GIF are laid over each other, and what it shows as indices and a palette.

The screen holds color numbers (`ColorNumbers`), of which every RGB color that the file uses has one. So nothing is
lost, and a frame keeps the palette of its own image as long as what it shows fits into it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gifbench.media.clip import Pixels
from gifbench.media.gif.block_parser import ImageBlock

Numbers = NDArray[np.int32]
"""Numbers of colors, or indices; -1 where there is none."""

SEE_THROUGH = 0
"""The number that no color gets."""


class ColorNumbers:
    """Colors by number and numbers by color, for as many colors as there may be."""

    def __init__(self, see_through: tuple[int, int, int]) -> None:
        self.count = 1
        self.rgb = np.zeros((1024, 3), np.uint8)
        """(N, 3), the color of every number; those from `count` on are not yet given. It grows by doubling."""
        self.rgb[SEE_THROUGH] = see_through
        self._known, self._slots = np.zeros(1024, np.int32), np.full(4096, -1, np.int32)
        self._last: tuple[bytes, Numbers] = (b"", np.zeros(0, np.int32))

    def of(self, palette: Pixels) -> Numbers:
        """The numbers of the entries of `palette` (K, 3)."""
        key = palette.tobytes()
        if key == self._last[0]:
            return self._last[1]
        while self.count + len(palette) >= len(self.rgb):
            self.rgb, self._known = (np.concatenate([held, np.zeros_like(held)]) for held in (self.rgb, self._known))
            self._slots = np.full(4 * len(self.rgb), -1, np.int32)
            self._number(self._known[1 : self.count], 1)
        numbers = self._number(packed(palette), self.count)
        self.rgb[numbers] = palette
        self._last = key, numbers
        return numbers

    def _number(self, colors: Numbers, count: int) -> Numbers:
        numbers: Numbers = np.empty(len(colors), np.int32)
        self.count = int(number_colors(colors[np.newaxis], self._slots, self._known, count, numbers[np.newaxis]))
        return numbers


def packed(palette: Pixels) -> Numbers:
    """The colors of `palette` (K, 3) as numbers of 24 bits (K,), red the highest."""
    rgb = palette.astype(np.int32)
    return rgb[:, 0] << 16 | rgb[:, 1] << 8 | rgb[:, 2]


@njit(cache=True, nogil=True)
def number_colors(colors: Numbers, slots: Numbers, known: Numbers, count: int, numbers: Numbers | Pixels) -> int:
    """Write into `numbers` the place in `known` of each of `colors` (h, w), and enter those that are missing.

    `known` has `count` colors and room for all but one of its size; how many there are then, its size standing for
    more, where the rest is left undone. `slots` is a hash table of places, -1 where there is none, of a power of two.
    """
    for y in range(colors.shape[0]):
        for x in range(colors.shape[1]):
            color = colors[y, x]
            at = (np.int64(color) * 0x9E3779B1 >> 16) & (slots.size - 1)
            while slots[at] >= 0 and known[slots[at]] != color:
                at = (at + 1) & (slots.size - 1)
            if slots[at] < 0:
                if count == known.size - 1:
                    return known.size
                slots[at] = count
                known[count] = color
                count += 1
            numbers[y, x] = slots[at]
    return count


Indices = NDArray[np.uint8 | np.uint16 | np.uint32]
"""uint8 wherever 256 colors are enough; the wider ones only for composited frames of GIFs from elsewhere."""

_Part = tuple[slice, slice]
_WHOLE: _Part = (slice(None), slice(None))


@dataclass(slots=True)
class _View:
    """How color numbers were last turned into indices, which goes on as long as `key` stays the same."""

    key: tuple[object, ...]
    index_of: Numbers
    """By color number, -1 for those without an index."""
    order: Numbers
    """By index, the color number."""
    count: int
    palette: Pixels
    """As it was shown last: frames share it, which are many, until a color comes."""
    indices: Pixels


class Canvas:
    """A screen of `height` × `width` pixels; images are drawn on it in the order of the file.

    Where no image has been yet, and where one was cleared away, it is see-through, as in browsers and ImageMagick; the
    background color that a file may declare is used by none of them. `background` stands for see-through in palettes.
    """

    def __init__(self, height: int, width: int, *, background: tuple[int, int, int]) -> None:
        self._colors = ColorNumbers(background)
        self._screen = np.full((height, width), SEE_THROUGH, np.int32)
        self._num_see_through = self._screen.size
        self._last: tuple[ImageBlock, Numbers | None] | None = None
        self._changed: list[_Part] = []
        self._view: _View | None = None

    def draw(self, image: ImageBlock, pixels: Pixels | NDArray[np.int16], palette: Pixels, *, over: bool) -> None:
        """Dispose of the image before, then lay `pixels` (height, width) of `image` on the screen, cut to its sides.

        Negative pixels are not drawn. Where it is not drawn `over` what is there, the screen is emptied before.
        """
        if not over:
            self._screen[:] = SEE_THROUGH
            self._num_see_through = self._screen.size
            self._changed.append(_WHOLE)
        elif self._last is not None:
            self._dispose(*self._last)
        part = self._screen[self._touch(image)]
        kept = part.copy() if image.restores else None
        transparent = -1 if image.transparent is None else image.transparent
        self._num_see_through -= int(_lay(part, pixels, self._colors.of(palette), transparent))
        self._last = image, kept

    def _dispose(self, image: ImageBlock, kept: Numbers | None) -> None:
        if image.disposal != 2 and kept is None:
            return
        part = self._screen[self._touch(image)]
        before = np.count_nonzero(part)
        part[:] = SEE_THROUGH if kept is None else kept
        self._num_see_through += int(before - np.count_nonzero(part))

    def _touch(self, image: ImageBlock) -> _Part:
        rows = slice(image.top, image.top + image.height)
        part = rows, slice(image.left, image.left + image.width)
        self._changed.append(part)
        return part

    def show(self, palette: Pixels, transparent: int | None) -> tuple[Indices, Pixels, int | None]:
        """What the screen shows: indices (H, W), the palette (K, 3), and the see-through index or None.

        `palette` and `transparent`, those of the image just drawn, stay as they are where the colors fit in: missing
        ones are added behind it, and where that makes more than 256 only the colors that are seen remain. The indices
        are wider than uint8 where these are still more than 256. Neither may be written to.
        """
        see_through = self._num_see_through > 0
        key = palette.tobytes(), transparent, see_through, len(self._colors.rgb)
        view = self._view
        if view is None or view.key != key:
            view = self._new_view(key, palette, transparent if see_through else None)
            self._changed = [_WHOLE]
        else:
            view.indices = view.indices.copy()
        count = view.count
        for part in self._changed:
            count = int(_index(self._screen[part], view.index_of, view.order, count, view.indices[part]))
            if count > 256:
                self._view = None
                return self._show_compact()
        if count > len(view.palette):
            view.palette = self._colors.rgb[view.order[:count]]
        view.count = count
        self._changed = []
        self._view = view
        return view.indices, view.palette, int(view.index_of[SEE_THROUGH]) if see_through else None

    def _new_view(self, key: tuple[object, ...], palette: Pixels, transparent: int | None) -> _View:
        order = np.empty(256, np.int32)
        order[: len(palette)] = self._colors.of(palette)
        if transparent is not None and transparent < len(palette):
            order[transparent] = SEE_THROUGH
        index_of = np.full(len(self._colors.rgb), -1, np.int32)
        index_of[order[: len(palette)][::-1]] = np.arange(len(palette) - 1, -1, -1)  # the first of equal entries
        return _View(key, index_of, order, len(palette), palette[:0], np.empty(self._screen.shape, np.uint8))

    def _show_compact(self) -> tuple[Indices, Pixels, int | None]:
        seen = np.zeros(self._colors.count, np.bool_)
        _mark(self._screen, seen)
        order = np.flatnonzero(seen)
        index_of = np.zeros(self._colors.count, np.min_scalar_type(len(order) - 1))
        index_of[order] = np.arange(len(order))
        return index_of[self._screen], self._colors.rgb[order], 0 if seen[SEE_THROUGH] else None


@njit(cache=True, nogil=True)
def _lay(part: Numbers, pixels: Pixels | NDArray[np.int16], numbers: Numbers, transparent: int) -> int:
    """Write the color numbers of `pixels` into `part`; how many pixels were see-through and are no longer."""
    covered = 0
    for y in range(part.shape[0]):
        for x in range(part.shape[1]):
            index = pixels[y, x]
            if index != transparent and index >= 0:
                covered += part[y, x] == SEE_THROUGH
                part[y, x] = numbers[index]
    return covered


@njit(cache=True, nogil=True)
def _index(part: Numbers, index_of: Numbers, order: Numbers, count: int, out: Pixels) -> int:
    """Write each pixel's index; colors without one get the next. How many indices there are; 257 stands for more."""
    for y in range(part.shape[0]):
        for x in range(part.shape[1]):
            number = part[y, x]
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
def _mark(screen: Numbers, seen: NDArray[np.bool_]) -> None:
    for y in range(screen.shape[0]):
        for x in range(screen.shape[1]):
            seen[screen[y, x]] = True
