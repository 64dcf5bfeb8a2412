"""A GIF from any video, streaming, for people who want one GIF and no dataset."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import islice, repeat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gifbench.argument_types import check_types
from gifbench.errors import UsageError
from gifbench.media.animation_writer import check_other_file
from gifbench.media.clip import Pixels
from gifbench.media.colors.error_diffusion import damped_floyd_steinberg
from gifbench.media.colors.palette_validation import check_colors
from gifbench.media.colors.quantize import DITHERS, QUANTIZERS, global_palette, minimum_variance, nearest, quantize
from gifbench.media.crop_and_resize import Geometry
from gifbench.media.frames_from_anything import frame_input
from gifbench.media.gif import GifWriter, frame_delays
from gifbench.media.png import ApngWriter
from gifbench.media.transparency import CutOut, cut_out
from gifbench.media.video import Frame, Span
from gifbench.media.webp import WebpWriter
from gifbench.progress import Progress, ProgressCallback
from gifbench.storage import atomic_write

Size = tuple[int | None, int | None]
"""Width and height in pixels; a None follows from the other, both None keep the video's."""


ENDINGS = (".gif", ".webp", ".apng")
"""What `make_gif` writes, by the name of the file: a GIF, or the frames in all their colors."""

DITHER = "floyd-steinberg-damped"
"""What dithers where nothing else is asked for."""

_DITHERS = {DITHER: damped_floyd_steinberg, **DITHERS}

_MOST_FPS = {".gif": 50, ".webp": 1000, ".apng": 1000}
"""Frames a second: browsers show a frame of a GIF for two hundredths of a second at least."""

_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Made:
    """What `make_gif` made: frames, width and height, seconds, bytes, and the PSNR of its colors in dB.

    `seconds` is how long the GIF plays. `psnr` compares its frames with the (resized) video's, frame by frame, and is
    the mean over frames; infinite if every frame is exact, NaN where it is not known (WebP). `dropped` frames came too
    fast for a GIF or for the rate that was asked for. `notes` say what of the video was converted or left as it is.
    """

    frames: int
    width: int
    height: int
    seconds: float
    bytes: int
    psnr: float
    dropped: int = 0
    notes: tuple[str, ...] = ()


@check_types
def make_gif(
    frames: Any,  # noqa: ANN401  # what `frame_input` takes
    out: str | os.PathLike[str],
    *,
    colors: int = 256,
    dither: str | None = DITHER,
    quantizer: str = "minimum-variance",
    kmeans_steps: int = 0,
    one_palette: bool = False,
    every: int = 1,
    fps: Fraction | float | None = None,
    span: Span | None = None,
    size: Size = (None, None),
    background: tuple[int, int, int] | None = (255, 255, 255),
    deinterlace: bool = False,
    tonemap: bool = False,
    optimize: bool = False,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
) -> Made:
    """Make a GIF of a video or of frames: a palette of `colors` for each frame, dithered by `dither` or plain.

        gifbench.make_gif("talk.mp4", "talk.gif", colors=64)
        gifbench.make_gif(video.frames, "cat.gif", fps=12.5)

    `frames` is the path of a video or GIF; a `Clip` or `Gif`, with their times; an array (T, H, W, 3) or, gray,
    (T, H, W), uint8; or a list of pictures: arrays (H, W, 3), Pillow images, paths. Of those without times `fps` are
    shown a second, 25 unless given.

    `kmeans_steps` refine a minimum-variance palette. `one_palette` makes one for the whole clip, which then is decoded
    twice. `every=k` keeps each k-th frame. `fps` is the most frames a second, 50 unless given, which is what browsers
    show: of more, frames are dropped, so that the GIF plays as fast as the video. See-through pixels show `background`;
    where it is None they stay so, in a GIF, at the cost of a color. `deinterlace` and `tonemap` are those of `decode`.
    `optimize` writes only what changes, which is smaller and shows the same pixels. `out` may also end in `.webp` or
    `.apng`, which hold all colors.

    Holds two frames of a video at a time; `out` appears when it is whole. Raises what `decode` raises, `UsageError` for
    a parameter that cannot be and where `out` is the video itself, `PixelsError` for arrays that are no pictures,
    `AlreadyExists` unless `overwrite`.
    """
    ending = Path(out).suffix.lower()
    rate = None if fps is None else _rate(fps)
    if ending not in ENDINGS:
        raise UsageError(f"{out} must end in .gif (or .webp or .apng, for all colors), got {ending or 'no ending'}")
    _check(ending, colors, dither, quantizer, every=every, fps=rate, refined=bool(kmeans_steps or one_palette))
    if background is None and ending != ".gif":
        raise UsageError(f"background must be a color for {ending}, got none: only a .gif keeps what is see-through")
    if background is None and colors < 3:
        raise UsageError(f"colors must be 3 or more where what is see-through is kept, got {colors}")
    if overwrite and isinstance(frames, str | os.PathLike):
        check_other_file(frames, out)
    if isinstance(frames, Iterator):
        frames = list(frames)  # which may be asked for more than once
    colors -= background is None
    how: dict[str, Any] = {"fps": rate, "span": span, "deinterlace": deinterlace, "tonemap": tonemap}
    source = frame_input(frames, background=background or _WHITE, **how)
    under = frame_input(frames, background=_BLACK, **how) if background is None else None
    width, height = _size(size, source.width, source.height)
    geometry = Geometry(crop=None, width=width, height=height, filter="area")
    paced, beside = (
        _Paced(rate or Fraction(_MOST_FPS[ending]), least_hundredths=2 if ending == ".gif" else 0) for _ in range(2)
    )
    notes: dict[str, None] = {}

    def kept() -> Iterator[tuple[Fraction, CutOut]]:
        over_black = repeat(None) if under is None else beside(_every_kth(under.frames(), every))
        for (start, frame), other in zip(paced(_every_kth(source.frames(), every)), over_black, strict=False):
            notes.update(dict.fromkeys(frame.notes))
            pixels = geometry.apply(frame.pixels)
            yield start, CutOut(pixels) if other is None else cut_out(pixels, geometry.apply(other[1].pixels))

    psnrs: list[float] = []
    times: list[Fraction] = []
    with atomic_write(out, overwrite=overwrite) as file:
        if ending == ".gif":
            palette = None
            if one_palette:
                palette = global_palette((frame.pixels for _, frame in kept()), colors, kmeans_steps=kmeans_steps)
            draw = partial(
                _drawn, palette, colors=colors, quantizer=quantizer, kmeans_steps=kmeans_steps, dither=dither
            )
            written = _as_gif(GifWriter(file, width=width, height=height, optimize=optimize), draw, kept(), paced)
        else:
            kind = WebpWriter if ending == ".webp" else ApngWriter
            written = _in_all_colors(kind(file, width=width, height=height), kept(), paced)
        for start, psnr in written:
            psnrs.append(psnr)
            times.append(start)
            if progress is not None:
                progress(Progress(len(psnrs), what="frames"))
    seconds = Fraction(sum(frame_delays(times, paced.end)), 100) if ending == ".gif" else paced.end
    mean = sum(psnrs) / len(psnrs)
    size_bytes = Path(out).stat().st_size
    return Made(len(psnrs), width, height, float(seconds), size_bytes, mean, paced.dropped, tuple(notes))


def dithered_frame(pixels: Pixels, colors: int = 256) -> Pixels:
    """The frame (H, W, 3) uint8 as `make_gif` shows it by default."""
    indices, palette = _drawn(None, pixels, colors=colors, quantizer="minimum-variance", kmeans_steps=0, dither=DITHER)
    return palette[indices]


def _check(
    ending: str, colors: int, dither: str | None, quantizer: str, *, every: int, fps: Fraction | None, refined: bool
) -> None:
    check_colors(colors)
    if every < 1:
        raise UsageError(f"every {every}-th frame cannot be kept: the step is 1 or more")
    if fps is not None and not 0 < fps <= _MOST_FPS[ending]:
        raise UsageError(f"fps must be above 0 and at most {_MOST_FPS[ending]}, got {float(fps):g}")
    if dither is not None and dither not in _DITHERS:
        raise UsageError(f"there is no dither {dither!r}: {', '.join(_DITHERS)}, or None")
    if quantizer not in QUANTIZERS:
        raise UsageError(f"there is no quantizer {quantizer!r}: {', '.join(QUANTIZERS)}")
    if quantizer != "minimum-variance" and refined:
        raise UsageError(f"k-means steps and one palette for the clip go with minimum-variance, not with {quantizer}")


def _as_gif(
    writer: GifWriter,
    draw: Callable[[Pixels], tuple[Pixels, Pixels]],
    frames: Iterable[tuple[Fraction, CutOut]],
    paced: _Paced,
) -> Iterator[tuple[Fraction, float]]:
    """Write the frames; for each when it is shown, and the PSNR of what is shown."""
    for start, frame in frames:
        indices, palette = draw(frame.pixels)
        psnr = _psnr(palette[indices], frame.pixels, frame.hidden)
        transparent = None
        if frame.hidden is not None:
            transparent = len(palette)
            indices[frame.hidden] = transparent
            palette = np.concatenate([palette, np.array([_WHITE], np.uint8)])
        writer.add(indices, palette, start, transparent=transparent)
        yield start, psnr
    writer.close(paced.end)


def _in_all_colors(
    writer: WebpWriter | ApngWriter, frames: Iterable[tuple[Fraction, CutOut]], paced: _Paced
) -> Iterator[tuple[Fraction, float]]:
    waiting: Pixels | None = None  # until it is known when it ends
    for start, frame in frames:
        if waiting is not None:
            writer.add(waiting, start)
        waiting = frame.pixels
        yield start, math.inf if isinstance(writer, ApngWriter) else math.nan
    if waiting is not None:
        writer.add(waiting, paced.end)
    writer.close()


def _drawn(
    palette: Pixels | None, pixels: Pixels, *, colors: int, quantizer: str, kmeans_steps: int, dither: str | None
) -> tuple[Pixels, Pixels]:
    """Indices and palette of a frame, whose palette may be given."""
    if palette is None and quantizer == "minimum-variance":
        # The other dithers, and none, show a dataset's palettes.
        palette = minimum_variance(pixels, colors, kmeans_steps=kmeans_steps, fine=dither == DITHER)
    indices: Pixels | None = None
    if palette is None:
        indices, palette = quantize(pixels, colors=colors, quantizer=quantizer)
    if dither is not None:
        return _DITHERS[dither](pixels, palette), palette
    return (nearest(pixels, palette) if indices is None else indices), palette


class _Paced:
    """Frames no faster than `rate` a second: each is shown when a place for it is free, unless it is over by then.

    So the animation is as long as the video. `end` is when the last one ends, `dropped` how many were left out.
    """

    def __init__(self, rate: Fraction, *, least_hundredths: int) -> None:
        self._step, self._least = 1 / rate, least_hundredths
        self.end, self.dropped = Fraction(0), 0

    def __call__(self, frames: Iterator[tuple[Frame, Fraction]]) -> Iterator[tuple[Fraction, Frame]]:
        """The frames that are shown, of frames with their ends, each with the time at which it is shown."""
        self.end, self.dropped = Fraction(0), 0
        waiting: tuple[Fraction, Frame] | None = None
        free = Fraction(0)
        for frame, end in frames:
            self.end = end
            start = max(frame.time, free)
            if waiting is not None and start >= end:
                self.dropped += 1
                continue
            if waiting is not None:
                yield waiting
            waiting, free = (start, frame), start + self._step
        if waiting is None:
            return
        if waiting[0] and round(100 * self.end) - round(100 * waiting[0]) < self._least:
            self.dropped += 1  # to show it would make the animation longer
        else:
            yield waiting


def _every_kth(frames: Iterator[Frame], every: int) -> Iterator[tuple[Frame, Fraction]]:
    """Each k-th frame, with the end of all frames up to the next that is kept."""
    while batch := list(islice(frames, every)):
        yield batch[0], batch[-1].time + batch[-1].duration


def _rate(fps: Fraction | float) -> Fraction:
    """Frames a second as a fraction: a float for the decimal that it is written as, so that 29.97 is 2997/100."""
    try:
        return Fraction(str(fps)) if isinstance(fps, float) else Fraction(fps)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"fps must be a number above 0, got {fps}") from error


def _size(size: Size, width: int, height: int) -> tuple[int, int]:
    wanted_width, wanted_height = size
    if wanted_width is None:
        wanted_width = width if wanted_height is None else max(1, round(width * wanted_height / height))
    if wanted_height is None:
        wanted_height = max(1, round(height * wanted_width / width))
    return wanted_width, wanted_height


def _psnr(frame: Pixels, truth: Pixels, hidden: NDArray[np.bool_] | None) -> float:
    difference = frame.astype(np.int32) - truth
    if hidden is not None:
        difference = difference[~hidden]
    error = float(np.mean(difference * difference)) if difference.size else 0.0
    return 10 * math.log10(255**2 / error) if error else math.inf
