"""From the bytes of any GIF to indices, palettes and times: all at once, or decoded as they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate

import numpy as np

from gifbench.errors import CorruptMedia, TooLarge
from gifbench.media.clip import Pixels
from gifbench.media.gif.block_parser import Blocks, parse
from gifbench.media.gif.canvas import Indices
from gifbench.media.gif.frame_compositing import FrameDecoder, stands_alone
from gifbench.media.gif.gif import Gif
from gifbench.media.gif.lazy_frames import FrameSequence, OfFrames, SequenceIndices
from gifbench.media.gif.limits import GifFile, GifLimits, GifSource

MOST_HELD = 360_000_000
"""Bytes that `Gif.read` takes at most; what needs more decodes as it goes. The largest clip of the official lists, 1558
frames of 636×360, just fits."""

_SHORTEST_DELAY, _DELAY_INSTEAD = 2, 10
"""Hundredths of a second: browsers show a frame whose delay is 0 or 1 for 100 ms."""

_CANVAS_IN_FRAMES = 11
"""The memory of a `Canvas`, of what a disposal brings back and of one image on its way, in frames of bytes."""

_CHECK_FIRST = 1 << 28
"""Pixels of all frames; a larger file is looked over before that memory is taken."""


def read_gif(
    source: GifSource, *, limits: GifLimits, background: tuple[int, int, int], salvage: bool, held: bool = True
) -> Gif:
    """What `Gif.read` gives, or `Gif.open` where nothing is to be `held`."""
    file = GifFile.open(source, limits)
    blocks = parse(file, limits=limits)
    if not blocks.images:
        raise CorruptMedia(f"{file.name}: {blocks.broken or 'it holds no image'}")
    _check_total(file.name, blocks, len(blocks.images), "frames", limits.max_total_pixels)
    pixels, count = blocks.height * blocks.width, len(blocks.images)
    composed = not all(stands_alone(image, blocks) for image in blocks.images)
    if not held or (count + composed * _CANVAS_IN_FRAMES) * pixels > MOST_HELD:
        return _as_sequence(file, blocks, background, salvage=salvage)
    decoder = FrameDecoder(file, blocks, background)
    if count * pixels > _CHECK_FIRST:
        blocks = _showable(file, blocks, decoder, salvage=salvage)
    frames = _HeldFrames(file.name, blocks, limits)
    for number in range(len(blocks.images)):
        try:
            frames.add(decoder, number)
        except CorruptMedia as error:
            blocks = _cut(file.name, blocks, error, number, salvage=salvage)
            break
        except _TooMuch:
            return _as_sequence(file, blocks, background, salvage=salvage)
    return frames.finish(blocks, _times(blocks), _damage(blocks, decoder))


def read_alone(data: bytes, numbers: Sequence[int], *, limits: GifLimits) -> Gif | None:
    """Frames of a GIF by increasing numbers, no other one decoded: what `Gif.select` takes from the whole.

    None where that cannot be: a number is not there, the file is broken, or a frame shows what is below its image.
    Raises `TooLarge` over a limit.
    """
    file = GifFile.open(data, limits)
    blocks = parse(file, limits=limits)
    if blocks.broken is not None or not all(0 <= number < len(blocks.images) for number in numbers):
        return None
    chosen = blocks._replace(images=[blocks.images[number] for number in numbers])
    if not all(stands_alone(image, blocks) for image in chosen.images):
        return None
    decoder = FrameDecoder(file, chosen, (255, 255, 255))
    try:
        held = _HeldFrames(file.name, chosen, limits)
        for number in range(len(numbers)):
            held.add(decoder, number)
    except (CorruptMedia, _TooMuch):
        return None
    if decoder.composed:
        return None
    times = _times(blocks)
    start = times[numbers[0]]
    return held.finish(chosen, [times[number] - start for number in (*numbers, numbers[-1] + 1)], ())


def _as_sequence(file: GifFile, blocks: Blocks, background: tuple[int, int, int], *, salvage: bool) -> Gif:
    decoder = FrameDecoder(file, blocks, background)
    blocks = _showable(file, blocks, decoder, salvage=salvage)
    frames, numbers = FrameSequence(FrameDecoder(file, blocks, background), blocks), range(len(blocks.images))
    # Copies are given, because what is kept is nobody's to write to.
    indices = SequenceIndices(frames, numbers, lambda number: frames.frame(number).indices.copy())
    palettes = OfFrames(frames, numbers, lambda number: frames.colors(number)[0].copy())
    transparent = OfFrames(frames, numbers, lambda number: frames.colors(number)[1])
    *times, duration = _times(blocks)
    return Gif(indices, palettes, tuple(times), duration, None, transparent, blocks.plays, _damage(blocks, decoder))


def _showable(file: GifFile, blocks: Blocks, decoder: FrameDecoder, *, salvage: bool) -> Blocks:
    """The blocks whose images can all be shown, without decoding them."""
    for number in range(len(blocks.images)):
        try:
            decoder.check(number)
        except CorruptMedia as error:
            return _cut(file.name, blocks, error, number, salvage=salvage)
    return blocks


def _cut(name: str, blocks: Blocks, error: CorruptMedia, number: int, *, salvage: bool) -> Blocks:
    """The blocks without those from where a browser shows nothing; raises `CorruptMedia` unless it may `salvage`."""
    if not salvage or not number:
        advice = f"; salvage=True reads the {number} frames before that" if number else ""
        raise CorruptMedia(f"{name}: {error}{advice}") from None
    return blocks._replace(images=blocks.images[:number], broken=blocks.broken or f"{error}; it ends there")


def _damage(blocks: Blocks, decoder: FrameDecoder) -> tuple[str, ...]:
    lines = [line for number, line in decoder.damage.items() if number < len(blocks.images)]
    return (*lines, *([blocks.broken] if blocks.broken else []))


def _check_total(name: str, blocks: Blocks, num_frames: int, what: str, limit: int) -> None:
    if num_frames * blocks.height * blocks.width > limit:
        raise TooLarge(
            f"{name}: {num_frames} {what}, of {blocks.width}×{blocks.height} each, are over the limit of {limit} "
            "pixels in all; if the file is to be trusted, raise GifLimits.max_total_pixels"
        )


class _TooMuch(Exception):
    """The frames need more memory than may be held."""


class _HeldFrames:
    """Collects the frames of one file, in the memory that its header asked for."""

    def __init__(self, name: str, blocks: Blocks, limits: GifLimits) -> None:
        self._name, self._blocks, self._limits = name, blocks, limits
        self._check(len(blocks.images), "frames")
        self._indices: Indices = np.empty((len(blocks.images), blocks.height, blocks.width), np.uint8)
        self._palettes: list[Pixels] = []
        self._transparent: list[int | None] = []

    def add(self, decoder: FrameDecoder, number: int) -> None:
        """Append what the screen shows with image `number`. Raises what `decoder` raises, `TooLarge`, `_TooMuch`."""
        place = self._indices[number]
        shown = decoder.frame(number, place if place.dtype == np.uint8 else None)
        if decoder.composed:
            self._check(len(self._indices) + _CANVAS_IN_FRAMES, "frames and the screen to compose them")
        if shown.indices.itemsize > self._indices.itemsize:
            copies = (shown.indices.itemsize + self._indices.itemsize) * len(self._indices) + _CANVAS_IN_FRAMES
            self._check(copies, f"bytes a pixel for the {len(shown.palette)} colors of frame {number}")
            self._indices = self._indices.astype(shown.indices.dtype)
        if shown.indices is not place:
            self._indices[number] = shown.indices
        self._palettes.append(shown.palette)
        self._transparent.append(shown.transparent)

    def _check(self, num_frames: int, what: str) -> None:
        _check_total(self._name, self._blocks, num_frames, what, self._limits.max_total_pixels)
        if num_frames * self._blocks.height * self._blocks.width > MOST_HELD:
            raise _TooMuch

    def finish(self, blocks: Blocks, times: Sequence[Fraction], damage: tuple[str, ...]) -> Gif:
        """All frames that were added, shown at `times`, the last of which is the end."""
        indices, palettes = self._indices[: len(self._palettes)], tuple(self._palettes)
        see_through = any(index is not None for index in self._transparent)
        transparent = tuple(self._transparent) if see_through else None
        return Gif(indices, palettes, tuple(times[:-1]), times[-1], None, transparent, blocks.plays, damage)


def _times(blocks: Blocks) -> list[Fraction]:
    """When each image is shown, in seconds since the first, and when the last one ends."""
    delays = (image.delay if image.delay >= _SHORTEST_DELAY else _DELAY_INSTEAD for image in blocks.images)
    return [Fraction(hundredths, 100) for hundredths in accumulate(delays, initial=0)]
