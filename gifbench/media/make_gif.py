"""A GIF from any video, streaming, for people who want one GIF and no dataset."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np

from gifbench.errors import UsageError
from gifbench.media.clip import Pixels
from gifbench.media.colors.dither import DITHERS
from gifbench.media.colors.quantize import (
    QUANTIZERS,
    check_colors,
    global_palette,
    minimum_variance,
    nearest,
    quantize,
)
from gifbench.media.geometry import Geometry
from gifbench.media.gif import GifWriter
from gifbench.media.video import Frame, Span, decode, probe
from gifbench.storage import atomic_write

Size = tuple[int | None, int | None]
"""Width and height in pixels; a None follows from the other, both None keep the video's."""


@dataclass(frozen=True, slots=True)
class Made:
    """What `make_gif` made: frames, width and height, seconds, bytes, and the PSNR of its colors in dB.

    `psnr` compares the GIF's frames with the (resized) video's, frame by frame, and is the mean over frames; infinite
    if every frame is exact.
    """

    frames: int
    width: int
    height: int
    seconds: float
    bytes: int
    psnr: float


def make_gif(
    video: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    colors: int = 32,
    dither: str | None = "floyd-steinberg",
    quantizer: str = "minimum-variance",
    kmeans_steps: int = 0,
    one_palette: bool = False,
    every: int = 1,
    span: Span | None = None,
    size: Size = (None, None),
    optimize: bool = False,
    overwrite: bool = False,
    progress: Callable[[int], None] = lambda frames: None,
) -> Made:
    """Make a GIF of a span of a video: a palette of `colors` for each frame, dithered by a name of `DITHERS` or plain.

    `kmeans_steps` refine a minimum-variance palette. `one_palette` makes one for the whole clip, which then is decoded
    twice. `every=k` keeps each k-th frame. `optimize` writes only what changes, which is smaller and shows the same
    pixels. Holds one frame at a time; `out` appears when it is whole. Raises what `decode` raises, `UsageError` for a
    parameter that cannot be, `AlreadyExists` unless `overwrite`.
    """
    check_colors(colors)
    if every < 1:
        raise UsageError(f"every {every}-th frame cannot be kept: the step is 1 or more")
    if dither is not None and dither not in DITHERS:
        raise UsageError(f"there is no dither {dither!r}: {', '.join(DITHERS)}, or none")
    if quantizer not in QUANTIZERS:
        raise UsageError(f"there is no quantizer {quantizer!r}: {', '.join(QUANTIZERS)}")
    if quantizer != "minimum-variance" and (kmeans_steps or one_palette):
        raise UsageError(f"k-means steps and one palette for the clip go with minimum-variance, not with {quantizer}")
    info = probe(video)
    width, height = _size(size, info.width, info.height)
    geometry = Geometry(crop=None, width=width, height=height, filter="area")

    def kept() -> Iterator[tuple[Fraction, Fraction, Pixels]]:
        for frame, end in _kept(decode(video, span), every):
            yield frame.time, end, geometry.apply(frame.pixels)

    palette = None
    psnrs: list[float] = []
    with atomic_write(out, overwrite=overwrite) as file:
        if one_palette:
            palette = global_palette((pixels for _, _, pixels in kept()), colors, kmeans_steps=kmeans_steps)
        writer = GifWriter(file, width=width, height=height, optimize=optimize)
        end = Fraction(0)
        for start, end, pixels in kept():  # noqa: B007 - the last end closes the GIF
            indices, own = _quantized(pixels, palette, colors, quantizer, kmeans_steps)
            if dither is not None:
                indices = DITHERS[dither](pixels, own)
            writer.add(indices, own, start)
            psnrs.append(_psnr(own[indices], pixels))
            progress(len(psnrs))
        writer.close(end)
    return Made(len(psnrs), width, height, float(end), Path(out).stat().st_size, sum(psnrs) / len(psnrs))


def _quantized(
    pixels: Pixels, palette: Pixels | None, colors: int, quantizer: str, kmeans_steps: int
) -> tuple[Pixels, Pixels]:
    """Indices and palette of a frame, whose palette may be given."""
    if palette is None and quantizer == "minimum-variance":
        palette = minimum_variance(pixels, colors, kmeans_steps=kmeans_steps)
    if palette is None:
        return quantize(pixels, colors=colors, quantizer=quantizer)
    return nearest(pixels, palette), palette


def _kept(frames: Iterator[Frame], every: int) -> Iterator[tuple[Frame, Fraction]]:
    """Each k-th frame, with the end of all frames up to the next that is kept."""
    while batch := list(islice(frames, every)):
        yield batch[0], batch[-1].time + batch[-1].duration


def _size(size: Size, width: int, height: int) -> tuple[int, int]:
    wanted_width, wanted_height = size
    if wanted_width is None and wanted_height is None:
        return width, height
    if wanted_width is None:
        wanted_width = max(1, round(width * (wanted_height or 1) / height))
    if wanted_height is None:
        wanted_height = max(1, round(height * wanted_width / width))
    return wanted_width, wanted_height


def _psnr(frame: Pixels, truth: Pixels) -> float:
    difference = frame.astype(np.int32) - truth
    error = float(np.mean(difference * difference))
    return 10 * math.log10(255**2 / error) if error else math.inf
