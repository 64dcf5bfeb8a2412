"""Frames from anything that holds some: a video or GIF file, a clip, an array, a list of pictures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from gifbench.errors import CorruptMedia, PixelsError, UsageError, storage_errors
from gifbench.media.clip import Clip, Pixels
from gifbench.media.gif import Gif
from gifbench.media.video import Frame, Span, decode, probe

DEFAULT_FPS = Fraction(25)
"""How many frames a second are shown of pictures that bring no times."""


@dataclass(frozen=True, slots=True)
class FrameInput:
    """The frames of a source, as often as they are asked for, and their width and height in pixels."""

    width: int
    height: int
    frames: Callable[[], Iterator[Frame]]


def frame_input(
    given: Any,  # noqa: ANN401  # any of the kinds below
    *,
    fps: Fraction | None,
    span: Span | None,
    background: tuple[int, int, int],
    deinterlace: bool = False,
    tonemap: bool = False,
) -> FrameInput:
    """The frames of a span of what is given.

    A path of a video or GIF; a `Clip` or a `Gif`, with their own times; an array (T, H, W, 3) or (T, H, W) uint8; or a
    list, or anything that is iterated once, of pictures: arrays (H, W, 3), (H, W, 4) or (H, W), Pillow images, tensors
    on the CPU, paths of picture files. Those without times are shown `fps` a second, 25 unless given. What is
    see-through shows `background`. Raises `UsageError` for anything else, `PixelsError` for arrays that are no pictures
    or differ in size, and what `decode` raises.
    """
    if isinstance(given, str | os.PathLike):
        how: dict[str, Any] = {"background": background, "deinterlace": deinterlace, "tonemap": tonemap}
        info = probe(given)
        return FrameInput(info.width, info.height, lambda: decode(given, span, **how))
    if isinstance(given, Clip | Gif):
        held: Clip | Gif = given
        picture: Callable[[int], Pixels] = held.frame if isinstance(held, Gif) else held.frames.__getitem__
        height, width, _ = picture(0).shape
        return FrameInput(width, height, lambda: _timed(picture, (*held.times, held.duration), span))
    return _from_pictures(given, fps or DEFAULT_FPS, span, background)


def _from_pictures(given: Any, fps: Fraction, span: Span | None, background: tuple[int, int, int]) -> FrameInput:  # noqa: ANN401
    if isinstance(given, Image.Image):
        given = [given]
    elif isinstance(given, np.ndarray) or hasattr(given, "__array__"):
        given = _as_array(given)
        given = given[None] if given.ndim == 2 or (given.ndim == 3 and given.shape[-1] in (3, 4)) else given
        if given.ndim not in (3, 4):
            raise PixelsError(f"frames must have the shape (T, H, W, 3) or (T, H, W), got {given.shape}")
    elif not isinstance(given, Iterable) or isinstance(given, bytes | dict | set | frozenset):
        raise UsageError(
            "frames must be a path, a Clip, a Gif, an array (T, H, W, 3) or a list of pictures, got a value of the "
            f"type {type(given).__name__}"
        )
    pictures = given if isinstance(given, Sequence | np.ndarray) else list(given)
    if len(pictures) == 0:
        raise UsageError("frames must hold at least one picture, got none")
    height, width, _ = _rgb(pictures[0], 0, background).shape

    def one(number: int) -> Pixels:
        pixels = _rgb(pictures[number], number, background)
        if pixels.shape != (height, width, 3):
            raise PixelsError(
                f"frames must be of one size, and frame {number} is {pixels.shape[1]}×{pixels.shape[0]}, the first "
                f"{width}×{height}"
            )
        return pixels

    return FrameInput(width, height, lambda: _timed(one, [i / fps for i in range(len(pictures) + 1)], span))


def _timed(picture: Callable[[int], Pixels], times: Sequence[Fraction], span: Span | None) -> Iterator[Frame]:
    """The frames of a span, from time 0, of pictures that are shown at `times`, the last of which is the end."""
    span = span or Span()
    chosen = [
        number
        for number, start in enumerate(times[:-1])
        if (span.start_frame or 0) <= number
        and (span.end_frame is None or number < span.end_frame)
        and (span.start or 0) <= start
        and (span.end is None or start < span.end)
    ]
    if not chosen:
        raise UsageError(f"span must hold a frame, got {span}, which is outside of what is given")
    for index, number in enumerate(chosen):
        start, end = times[number], times[number + 1]
        yield Frame(index, start - times[chosen[0]], end - start, picture(number), start, start)


def _rgb(picture: Any, number: int, background: tuple[int, int, int]) -> Pixels:  # noqa: ANN401
    """A picture in any of the kinds as RGB (H, W, 3) uint8."""
    if isinstance(picture, str | os.PathLike):
        with storage_errors(picture), Path(picture).open("rb") as file:
            try:
                return _of_image(Image.open(file), background)
            except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
                raise CorruptMedia(f"{os.fspath(picture)}: not a picture that Pillow reads ({error})") from error
    if isinstance(picture, Image.Image):
        return _of_image(picture, background)
    if not (isinstance(picture, np.ndarray) or hasattr(picture, "__array__")):
        raise UsageError(
            f"a picture must be an array, a Pillow image or a path, got a value of the type {type(picture).__name__} "
            f"(frame {number})"
        )
    pixels = _as_array(picture)
    if pixels.ndim == 2:
        return np.repeat(pixels[:, :, None], 3, axis=2)
    if pixels.ndim != 3 or pixels.shape[-1] not in (3, 4) or 0 in pixels.shape:
        raise PixelsError(f"frame {number} must have the shape (H, W, 3), (H, W, 4) or (H, W), got {pixels.shape}")
    return pixels if pixels.shape[-1] == 3 else _of_image(Image.fromarray(np.ascontiguousarray(pixels)), background)


def _as_array(given: Any) -> Pixels:  # noqa: ANN401  # an array, or something that becomes one
    try:
        pixels = np.asarray(given)
    except Exception as error:
        raise PixelsError(f"frames of the type {type(given).__name__} cannot be made an array: {error}") from error
    if pixels.dtype != np.uint8:
        raise PixelsError(
            f"frames must be uint8 in 0..255, got {pixels.dtype}: floats in [0, 1] become that by "
            "(255 * x).round().astype('uint8')"
        )
    return pixels


def _of_image(image: Image.Image, background: tuple[int, int, int]) -> Pixels:
    if image.has_transparency_data:
        under = Image.new("RGBA", image.size, (*background, 255))
        return np.asarray(Image.alpha_composite(under, image.convert("RGBA")).convert("RGB"))
    return np.asarray(image.convert("RGB"))
