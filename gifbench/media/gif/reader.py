"""From the bytes of any GIF to indices, palettes and times.

An image that covers the screen and hides nothing, as in the files that gifbench writes, goes straight from LZW into the
result. Every other image is drawn on a `Canvas`, which then says what is seen.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from gifbench.errors import CorruptMedia, TooLarge, storage_errors
from gifbench.media.clip import Pixels
from gifbench.media.gif import lzw_decoder
from gifbench.media.gif.blocks import Blocks, GifLimits, ImageBlock, parse
from gifbench.media.gif.canvas import Canvas, Indices

Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO

_SHORTEST_DELAY, _DELAY_INSTEAD = 2, 10
"""Hundredths of a second: browsers show a frame whose delay is 0 or 1 for 100 ms."""

_CANVAS_IN_FRAMES = 11
"""The memory of a `Canvas`, of what a disposal brings back and of one image on its way, in frames of bytes."""

_CHECK_FIRST = 1 << 28
"""Pixels of all frames; a larger file is decoded twice, so that a broken one is found before that memory is taken."""

_GRAYS = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
"""Stands in where a file has no palette at all, which the specification leaves to the reader; Pillow's choice too."""


class Decoded(NamedTuple):
    """What a file shows: the fields of a `Gif`, which see."""

    indices: Indices
    palettes: tuple[Pixels, ...]
    times: tuple[Fraction, ...]
    duration: Fraction
    transparent: tuple[int | None, ...] | None
    loop: int


def read_gif(source: Source, *, limits: GifLimits, background: tuple[int, int, int], salvage: bool) -> Decoded:
    """Read a GIF from a path, from bytes or from a binary file; `Gif.read` says the rest."""
    data, name = _load(source, limits)
    blocks = parse(data, limits=limits, name=name)
    broken = blocks.broken
    if broken is None and not blocks.images:
        broken = "it holds no image"
    if broken is not None and not (salvage and blocks.images):
        raise _corrupt(name, broken, len(blocks.images))
    frames = _Frames(data, blocks, limits, name, background)
    images = blocks.images
    large = len(images) * blocks.height * blocks.width > _CHECK_FIRST
    for step in (frames.check, frames.add) if large else (frames.add,):
        for number, image in enumerate(images):
            try:
                step(image)
            except CorruptMedia as error:
                if not (salvage and number):
                    raise _corrupt(name, f"image {number}: {error}", number) from None
                images = images[:number]
                break
    return frames.finish()


def read_alone(data: bytes, numbers: Sequence[int], *, limits: GifLimits) -> Decoded | None:
    """Frames of a GIF by increasing numbers, no other one decoded: what `Gif.select` takes from the whole.

    None where that cannot be: a number is not there, the file is broken, or a frame shows what is below its image.
    Raises `CorruptMedia` for bad data of these images, `TooLarge` over a limit.
    """
    name = "the GIF"
    array = np.frombuffer(data, np.uint8)
    blocks = parse(array, limits=limits, name=name)
    if blocks.broken is not None or not all(0 <= number < len(blocks.images) for number in numbers):
        return None
    chosen = blocks._replace(images=[blocks.images[number] for number in numbers])
    if not all(_stands_alone(image, blocks) for image in chosen.images):
        return None
    frames = _Frames(array, chosen, limits, name, (255, 255, 255))
    for number, image in zip(numbers, chosen.images, strict=True):
        try:
            frames.add(image)
        except CorruptMedia as error:
            raise _corrupt(name, f"image {number}: {error}", 0) from None
    if frames.composed:
        return None
    times = _times(blocks.images)
    start = times[numbers[0]]
    shown = tuple(times[number] - start for number in numbers)
    return frames.finish()._replace(times=shown, duration=times[numbers[-1] + 1] - start)


def _stands_alone(image: ImageBlock, blocks: Blocks) -> bool:
    """Whether an image covers the screen, unless its data end too early."""
    whole = (image.left, image.top, image.width, image.height) == (0, 0, blocks.width, blocks.height)
    return whole and image.transparent is None and image.disposal != 3


def _load(source: Source, limits: GifLimits) -> tuple[Pixels, str]:
    if isinstance(source, (bytes, bytearray, memoryview)):
        data, name = bytes(source), "the GIF"
    elif isinstance(source, (str, os.PathLike)):
        path = Path(source)
        name = str(path)
        with storage_errors(path), path.open("rb") as file:
            data = file.read(limits.max_bytes + 1)
    else:
        name = str(getattr(source, "name", "the GIF"))
        with storage_errors(name):
            data = source.read(limits.max_bytes + 1)
    if len(data) > limits.max_bytes:
        raise TooLarge(f"{name}: longer than the limit of {limits.max_bytes} bytes (GifLimits.max_bytes)")
    return np.frombuffer(data, np.uint8), name


def _corrupt(name: str, what: str, whole: int) -> CorruptMedia:
    advice = f"; salvage=True reads the {whole} whole frames before that" if whole else ""
    return CorruptMedia(f"{name}: {what}{advice}")


class _Frames:
    """Collects the frames of one file, in the memory that its header asked for."""

    def __init__(
        self, data: Pixels, blocks: Blocks, limits: GifLimits, name: str, background: tuple[int, int, int]
    ) -> None:
        self._data, self._blocks, self._limits, self._name, self._background = data, blocks, limits, name, background
        self._check_pixels(len(blocks.images), "frames")
        self._indices: Indices = np.empty((len(blocks.images), blocks.height, blocks.width), np.uint8)
        self._palettes: list[Pixels] = []
        self._transparent: list[int | None] = []
        self._canvas: Canvas | None = None
        self._not_drawn: tuple[ImageBlock, Pixels, Pixels] | None = None  # the last image, if it never met the canvas
        self._linear = np.empty(0, np.uint8)

    def check(self, image: ImageBlock) -> None:
        """Raise `CorruptMedia` if the data of `image` are bad; keeps nothing."""
        self._decode(image, np.empty((image.height, image.width), np.uint8))

    def add(self, image: ImageBlock) -> None:
        """Decode `image` and append what the screen shows with it. Raises `CorruptMedia` for bad image data."""
        number = len(self._palettes)
        frame = self._indices[number]
        full = not (image.left or image.top) and (image.height, image.width) == frame.shape
        target = frame if full and frame.dtype == np.uint8 else np.empty((image.height, image.width), np.uint8)
        filled = self._decode(image, target)
        palette = _covering_palette(image, target, self._data[image.data])
        hides = image.transparent is not None and bool((target == image.transparent).any())
        if target is frame and filled == target.size and not hides and image.disposal != 3:
            self._palettes.append(palette)
            self._transparent.append(None)
            self._not_drawn = image, target, palette
            return
        self._compose(number, image, _undrawn(image, target, filled), palette)

    def _check_pixels(self, num_frames: int, what: str) -> None:
        size, limit = self._blocks.height * self._blocks.width, self._limits.max_total_pixels
        if num_frames * size > limit:
            raise TooLarge(
                f"{self._name}: {num_frames} {what}, of {self._blocks.width}×{self._blocks.height} each, are over the "
                f"limit of {limit} pixels in all; if the file is to be trusted, raise GifLimits.max_total_pixels"
            )

    def _decode(self, image: ImageBlock, target: Pixels) -> int:
        """Decompress into `target` (h, w), top to bottom even if interlaced; the number of pixels there were."""
        needed = lzw_decoder.linear_bound(target.size, self._data.size - image.data)
        if self._linear.size < needed:
            self._linear = np.empty(needed, np.uint8)
        size = lzw_decoder.join_blocks(self._data, image.data + 1, self._linear)
        flat = np.empty(target.size, np.uint8) if image.interlaced else target.reshape(-1)
        status, filled = lzw_decoder.decode(self._linear, size, int(self._data[image.data]), flat)
        if status not in (lzw_decoder.FULL, lzw_decoder.ENDED):
            raise CorruptMedia(f"its data {lzw_decoder.describe(status)} after {filled} of {target.size} pixels")
        flat[filled:] = 0
        if image.interlaced:
            target[_interlaced_rows(image.height)] = flat.reshape(target.shape)
        return int(filled)

    def _compose(self, number: int, image: ImageBlock, pixels: Pixels, palette: Pixels) -> None:
        if self._canvas is None:
            self._check_pixels(len(self._indices) + _CANVAS_IN_FRAMES, "frames and the screen to compose them")
            first, backdrop = self._blocks.images[0], self._blocks.backdrop
            self._canvas = Canvas(*self._indices.shape[1:], first=first, backdrop=backdrop, background=self._background)
        if self._not_drawn is not None:
            self._canvas.draw(*self._not_drawn)
            self._not_drawn = None
        self._canvas.draw(image, pixels, palette)
        indices, shown_palette, transparent = self._canvas.show(palette, image.transparent)
        if indices.itemsize > self._indices.itemsize:
            copies = (indices.itemsize + self._indices.itemsize) * len(self._indices) + _CANVAS_IN_FRAMES
            self._check_pixels(copies, f"bytes a pixel for the {len(shown_palette)} colors of frame {number}")
            self._indices = self._indices.astype(indices.dtype)
        self._indices[number] = indices
        self._palettes.append(shown_palette)
        self._transparent.append(transparent)

    @property
    def composed(self) -> bool:
        """Whether an image did not cover all that was below it."""
        return self._canvas is not None

    def finish(self) -> Decoded:
        """All frames that were added, with their times."""
        count = len(self._palettes)
        times = _times(self._blocks.images[:count])
        see_through = any(index is not None for index in self._transparent)
        return Decoded(
            self._indices[:count],
            tuple(self._palettes),
            tuple(times[:-1]),
            times[-1],
            tuple(self._transparent) if see_through else None,
            self._blocks.plays,
        )


def _times(images: Sequence[ImageBlock]) -> list[Fraction]:
    """When each image is shown, in seconds since the first, and when the last one ends."""
    hundredths = [0]
    for image in images:
        hundredths.append(hundredths[-1] + (image.delay if image.delay >= _SHORTEST_DELAY else _DELAY_INSTEAD))
    return [Fraction(hundredth, 100) for hundredth in hundredths]


def _covering_palette(image: ImageBlock, pixels: Pixels, code_size: int) -> Pixels:
    """The image's palette, made longer by black where pixels point behind its end; grays where the file has none."""
    palette = _GRAYS if image.palette is None else image.palette
    if len(palette) >= 1 << int(code_size):
        return palette
    missing = int(pixels.max()) + 1 - len(palette)
    return np.concatenate([palette, np.zeros((missing, 3), np.uint8)]) if missing > 0 else palette


def _undrawn(image: ImageBlock, pixels: Pixels, filled: int) -> Pixels:
    """`pixels`, with -1 (as int16) for those behind an end code that came too early."""
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
