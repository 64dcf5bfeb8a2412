"""From the blocks of a GIF to its frames, one after the other.

An image that covers the screen and hides nothing, as in the files that gifbench writes, goes straight from LZW into the
result. Every other image is drawn on a `Canvas`, which then says what is seen; over which frame, Chromium decides.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np

from gifbench.errors import CorruptMedia
from gifbench.media.clip import Pixels
from gifbench.media.gif import lzw_decoder
from gifbench.media.gif.block_parser import Blocks, ImageBlock
from gifbench.media.gif.canvas import Canvas, Indices
from gifbench.media.gif.limits import GifFile


class ShownFrame(NamedTuple):
    """What the screen shows: indices (H, W), the palette (K, 3), and the see-through index or None.

    The indices are uint8 wherever 256 colors are enough. None of it may be written to.
    """

    indices: Indices
    palette: Pixels
    transparent: int | None


class FrameDecoder:
    """Decodes the frames of one file, forward; holds the screen and the bytes of one image.

    An image that lacks data is shown in part, and told by `damage`, a line each.
    """

    def __init__(self, file: GifFile, blocks: Blocks, background: tuple[int, int, int]) -> None:
        self._file, self._blocks, self._background = file, blocks, background
        self._canvas: Canvas | None = None
        self._not_drawn: tuple[ImageBlock, Pixels, Pixels] | None = None  # the last image, if it never met the canvas
        self._linear = np.empty(0, np.uint8)
        self._incomplete: set[int] = set()
        self.damage: dict[int, str] = {}

    @property
    def composed(self) -> bool:
        """Whether an image did not cover all that was below it."""
        return self._canvas is not None

    def check(self, number: int) -> None:
        """Look over the data of image `number` without its pixels, for `damage`; raises `CorruptMedia` as `frame`."""
        image = self._blocks.images[number]
        size, code_size = self._join(image)
        self._note(number, image, *lzw_decoder.measure(self._linear, size, code_size, image.width * image.height))
        self._check_needed(number)

    def restart(self) -> None:
        """Forget the screen: the next frame is one that needs nothing of those before it."""
        self._canvas, self._not_drawn = None, None

    def frame(self, number: int, out: Pixels | None = None) -> ShownFrame:
        """Decode image `number`, which follows the one before, and say what the screen shows with it.

        `out` (H, W) uint8 is taken for the indices where the image covers the screen. Raises `CorruptMedia` where the
        image is laid over one that lacks data: a browser shows nothing from there on.
        """
        image, blocks = self._blocks.images[number], self._blocks
        if image.data < 0:
            self._note(number, image, lzw_decoder.SHORT, 0)
            image = image._replace(width=0, height=0)
        full = (image.left, image.top, image.width, image.height) == (0, 0, blocks.width, blocks.height)
        target = out if full and out is not None else np.empty((image.height, image.width), np.uint8)
        filled = self._decode(number, image, target) if image.data >= 0 else 0
        self._check_needed(number)
        palette = _covering_palette(image, target)
        hides = image.transparent is not None and bool((target == image.transparent).any())
        if full and filled == target.size and not hides and not image.restores:
            self._not_drawn = image, target, palette
            return ShownFrame(target, palette, None)
        if self._canvas is None:
            self._canvas = Canvas(blocks.height, blocks.width, background=self._background)
        if self._not_drawn is not None:
            self._canvas.draw(*self._not_drawn, over=True)
            self._not_drawn = None
        over = number not in self._incomplete or self._required[number] is not None
        self._canvas.draw(image, _undrawn(image, target, filled), palette, over=over)
        return ShownFrame(*self._canvas.show(palette, image.transparent))

    def _join(self, image: ImageBlock) -> tuple[int, int]:
        """Put the image's LZW data into `_linear`; their number of bytes, and the code size (0: there are none)."""
        if image.data < 0:
            return 0, 0
        data = self._file.read(image.data, image.end - image.data)
        needed = lzw_decoder.linear_bound(image.width * image.height, data.size)
        if self._linear.size < needed:
            self._linear = np.empty(needed, np.uint8)
        return lzw_decoder.join_blocks(data, 1, self._linear), int(data[0])

    def _decode(self, number: int, image: ImageBlock, target: Pixels) -> int:
        """Decompress into `target` (h, w), top to bottom even if interlaced; the number of pixels there were."""
        size, code_size = self._join(image)
        flat = np.empty(target.size, np.uint8) if image.interlaced else target.reshape(-1)
        status, filled = lzw_decoder.decode(self._linear, size, code_size, flat)
        self._note(number, image, status, filled)
        flat[filled:] = 0
        if image.interlaced:
            target[_interlaced_rows(image.height)] = flat.reshape(target.shape)
        return int(filled)

    def _note(self, number: int, image: ImageBlock, status: int, filled: int) -> None:
        total = image.width * image.height
        if filled == total:
            return
        self._incomplete.add(number)
        what = lzw_decoder.IN_WORDS[status] if image.data >= 0 else "are not there"
        line = f"image {number}: its data {what} after {filled} of {total} pixels"
        if status != lzw_decoder.ENDED or not filled:
            if len(self._blocks.images) == 1:
                raise CorruptMedia(line)
            self.damage[number] = line

    @cached_property
    def _required(self) -> list[int | None]:
        return required_frames(self._blocks.images, self._blocks.width, self._blocks.height)

    def _check_needed(self, number: int) -> None:
        needed = self._required[number] if self._incomplete else None
        if needed in self._incomplete:
            what = self.damage.get(needed, f"image {needed}: its data say that they end before its last pixel")
            raise CorruptMedia(f"{what}, and image {number} is laid over it")


def stands_alone(image: ImageBlock, blocks: Blocks) -> bool:
    """Whether an image covers the screen, and neither shows nor brings back what is below it."""
    whole = (image.left, image.top, image.width, image.height) == (0, 0, blocks.width, blocks.height)
    return whole and image.transparent is None and not image.restores


def _covering_palette(image: ImageBlock, pixels: Pixels) -> Pixels:
    """The image's palette, made longer by black where pixels point behind its end; black where the file has none."""
    palette = np.zeros((1, 3), np.uint8) if image.palette is None else image.palette
    if len(palette) == 256 or not pixels.size:
        return palette
    missing = int(pixels.max()) + 1 - len(palette)
    return np.concatenate([palette, np.zeros((missing, 3), np.uint8)]) if missing > 0 else palette


def _undrawn(image: ImageBlock, pixels: Pixels, filled: int) -> Pixels:
    """`pixels`, with -1 (as int16) for those that the data do not reach."""
    if filled == pixels.size:
        return pixels
    there = np.arange(pixels.size).reshape(pixels.shape) < filled
    if image.interlaced:
        order = _interlaced_rows(image.height)
        there[order] = there.copy()
    return np.where(there, pixels.astype(np.int16), -1)


def _interlaced_rows(height: int) -> np.ndarray:
    """The row of the picture that each row of an interlaced image's data is (GIF89a, appendix E)."""
    rows = np.arange(height)
    return np.concatenate([rows[0::8], rows[4::8], rows[2::4], rows[1::2]])


def required_frames(images: list[ImageBlock], width: int, height: int) -> list[int | None]:
    """For each image the number of the frame that it is drawn over, None where it is drawn over an empty screen.

    So Chromium has it (Skia, `SkFrameHolder::setAlphaAndRequiredFrame`). It makes a difference only where an image
    lacks data: what it leaves undrawn is then see-through or shows that frame, and what needs it cannot be shown.
    """
    screen = (0, 0, width, height)
    places = [_on_screen(image, width, height) for image in images]
    required: list[int | None] = []
    for number, image in enumerate(images):
        covers = image.transparent is None and places[number] == screen
        stays = (earlier for earlier in range(number - 1, -1, -1) if not images[earlier].restores)
        before = None if covers else next(stays, None)
        if before is not None and images[before].disposal == 2:
            before = None if places[before] == screen or required[before] is None else before
        if image.transparent is None:
            while before is not None and _contains(places[number], places[before]):
                before = required[before]
        required.append(before)
    return required


_Place = tuple[int, int, int, int]
"""Left, top, right and bottom."""


def _on_screen(image: ImageBlock, width: int, height: int) -> _Place:
    place = image.left, image.top, min(image.left + image.width, width), min(image.top + image.height, height)
    return place if place[0] < place[2] and place[1] < place[3] else (0, 0, 0, 0)


def _contains(outer: _Place, inner: _Place) -> bool:
    return outer[0] <= inner[0] < inner[2] <= outer[2] and outer[1] <= inner[1] < inner[3] <= outer[3]
