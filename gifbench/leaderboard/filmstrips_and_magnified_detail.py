"""Pictures of one clip for a page: film strips that a browser plays in step, and the same detail of each, enlarged.

A film strip is a WebP with the frames of a lane one below the other, so that a page draws frame i of every lane at the
same moment; three animations that a browser runs by itself drift apart. GIF frames and details are lossless, down to
the pixel; whole frames of video are WebP at quality 90.

Strips of GIF frames are cut so that no file has more than 256 colors in all: libwebp then writes a palette, in a tenth
of the time and half the bytes.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gifbench.media.blur import gaussian_blur
from gifbench.media.clip import Pixels
from gifbench.media.crop_and_resize import resize

MAX_SECONDS = Fraction(3)
MAX_FRAMES = 33
MAX_SIDE = 640
DETAIL_WIDTH, DETAIL_HEIGHT = 72, 54
QUALITY, ERROR_QUALITY, _EFFORT = 90, 75, 20
ERROR_TOP = 32
"""The error, in levels of 255, that the brightest color of an error map stands for."""

_INFERNO: NDArray[np.uint8] = np.frombuffer(
    bytes.fromhex(
        "000004 0b0724 210c4a 3d0965 57106e 71196e 8a226a a32c61 bc3754 "
        "d04545 e35933 f1711f f98c0a fcaa0f f9c932 f2e865 fcffa4"
    ),
    np.uint8,
).reshape(-1, 3)
"""Colors at even steps from no error to the most; between them they are mixed."""

_WEBP_MAX_SIDE = 16383
_ALL_STEPS = 8
"""Every task keeps each 1st, 2nd, 4th or 8th frame: a multiple of 8 is a GIF frame of all of them."""


def excerpt(times: Sequence[Fraction], duration: Fraction, *, every: int) -> range:
    """The middle of a clip, short enough for a page: at most 3 s and 33 frames, as numbers in the clip.

    Every `every`-th of them from the first is a GIF frame: it begins at one, and where the clip has one it ends at one
    too. Unless the clip is very short it is the same for every task, so that pages of several tasks share the pictures
    of the truth.
    """
    seconds = float(duration)
    in_time = int(len(times) * min(1.0, float(MAX_SECONDS) / seconds)) if seconds > 0 else len(times)
    wanted = max(1, min(MAX_FRAMES, in_time, len(times)))
    step = _ALL_STEPS if wanted > _ALL_STEPS and _ALL_STEPS % every == 0 else every
    if wanted > step:
        wanted = (wanted - 1) // step * step + 1
    first = (len(times) - wanted) // 2 // step * step
    return range(first, first + wanted)


def shown_size(height: int, width: int) -> tuple[int, int]:
    """Height and width on the page: the clip's own, unless its longer side is over 640 pixels."""
    scale = min(1.0, MAX_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def frames_per_file(height: int, width: int, *, palette_colors: int | None = None) -> int:
    """How many frames of this size one file of a film holds: all that fit, or as many palettes as 256 colors make."""
    shown_height, _ = size = shown_size(height, width)
    fit = _WEBP_MAX_SIDE // shown_height
    return min(fit, max(1, 256 // palette_colors)) if palette_colors and size == (height, width) else fit


def film(
    frames: Pixels, *, palette_colors: int | None = None, quality: int = QUALITY, lossless: bool = False
) -> list[bytes]:
    """The frames (T, H, W, 3) uint8 as WebP files of `frames_per_file` frames each, one below the other.

    Frames larger than `shown_size` are scaled down to it (area filter). `palette_colors`, for the frames of a GIF, is
    the most colors that one has: if they keep their size they are stored to the pixel; others are at `quality`, unless
    `lossless`.
    """
    _, height, width, _ = frames.shape
    size = shown_size(height, width)
    lossless = lossless or (palette_colors is not None and size == (height, width))
    if size != (height, width):
        frames = np.stack([resize(frame, height=size[0], width=size[1], filter="area") for frame in frames])
    step = frames_per_file(height, width, palette_colors=palette_colors)
    chosen = _EFFORT if lossless else quality
    return [webp(frames[i : i + step], quality=chosen, lossless=lossless) for i in range(0, len(frames), step)]


def detail(frames: Pixels, box: tuple[int, int, int, int]) -> bytes:
    """A lossless film strip of the part `box` (left, top, right, bottom; half-open) of `frames` (T, H, W, 3)."""
    left, top, right, bottom = box
    return webp(frames[:, top:bottom, left:right], quality=_EFFORT, lossless=True)


def error_map(frames: Pixels, truth: Pixels) -> Pixels:
    """How wrong each pixel is, as a picture: black where it is right, pale yellow at `ERROR_TOP` levels and above.

    Both (T, H, W, 3) uint8, and so is the map. The error is the mean over red, green and blue of the absolute
    differences; the colors are near those of matplotlib's "inferno", whose lightness rises evenly.
    """
    levels = np.linspace(0, 255, len(_INFERNO))
    colors = np.stack([np.interp(np.arange(256), levels, part) for part in _INFERNO.T], axis=-1)
    error = [np.abs(a.astype(np.int16) - b).mean(axis=-1) for a, b in zip(frames, truth, strict=True)]
    shown = np.minimum(np.rint(np.stack(error) * 255 / ERROR_TOP), 255).astype(np.uint8)
    return np.asarray(np.rint(colors).astype(np.uint8)[shown])


def webp(frames: Pixels, *, quality: int, lossless: bool = False) -> bytes:
    """Frames (T, H, W, 3) uint8 as one WebP, one below the other; of a lossless one `quality` is the effort."""
    strip = np.ascontiguousarray(frames).reshape(-1, frames.shape[2], 3)
    file = io.BytesIO()
    Image.fromarray(strip).save(file, "WEBP", quality=quality, lossless=lossless, method=2)
    return file.getvalue()


def telling_box(
    gif_frame: Pixels, truth_frame: Pixels, restored_frame: Pixels | None = None
) -> tuple[int, int, int, int]:
    """Where a difference is seen best: the detail-sized part with most of it in smooth surroundings.

    All are (H, W, 3) uint8. Without `restored_frame` it is the difference of the GIF to the truth, with it that of the
    GIF to what a method made of it. What counts is how far the differences between neighboring pixels are apart, most
    of all where the truth is smooth: an eye sees a false contour on a cheek and not one in gravel. Gives (left, top,
    right, bottom), half-open; of equals the first from the top left.
    """
    height, width, _ = truth_frame.shape
    truth = truth_frame.astype(np.float32).mean(axis=-1)
    shown = gif_frame.astype(np.float32).mean(axis=-1)
    against = truth if restored_frame is None else restored_frame.astype(np.float32).mean(axis=-1)
    gray = np.pad(gaussian_blur(truth, 2.0), 1, mode="edge")
    smooth = gray[:-2] + 2 * gray[1:-1] + gray[2:], gray[:, :-2] + 2 * gray[:, 1:-1] + gray[:, 2:]  # Sobel's
    steep = np.abs(smooth[0][:, 2:] - smooth[0][:, :-2]) + np.abs(smooth[1][2:] - smooth[1][:-2])
    wrong = np.zeros_like(truth)
    wrong[:, 1:] += np.abs(np.diff(shown - against, axis=1))
    wrong[1:] += np.abs(np.diff(shown - against, axis=0))
    # In whole numbers, so that sums over boxes are exact and the choice is the same on every machine.
    worth: NDArray[np.int64] = np.round(100 * np.minimum(wrong, 24.0) / (6.0 + steep)).astype(np.int64)
    box_height, box_width = min(DETAIL_HEIGHT, height), min(DETAIL_WIDTH, width)
    total = np.pad(worth.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    sums = (
        total[box_height:, box_width:]
        - total[:-box_height, box_width:]
        - total[box_height:, :-box_width]
        + total[:-box_height, :-box_width]
    )
    top, left = (int(i) for i in np.unravel_index(int(sums.argmax()), sums.shape))
    return left, top, left + box_width, top + box_height
