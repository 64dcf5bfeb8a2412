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
from gifbench.media.colors.dither import floyd_steinberg
from gifbench.media.colors.quantize import check_colors, quantize
from gifbench.media.geometry import Geometry
from gifbench.media.gif import GifWriter, replacing
from gifbench.media.video import Frame, Span, decode, probe

Size = tuple[int | None, int | None]
"""Width and height in pixels; a None follows from the other, both None keep the video's."""


@dataclass(frozen=True, slots=True)
class Made:
    """What `make_gif` made: frames, width and height, seconds, bytes, and the PSNR of its colours in dB.

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
    dither: bool = True,
    quantizer: str = "minimum-variance",
    every: int = 1,
    span: Span | None = None,
    size: Size = (None, None),
    optimize: bool = False,
    overwrite: bool = False,
    progress: Callable[[int], None] = lambda frames: None,
) -> Made:
    """Make a GIF of a span of a video: a palette of `colors` for each frame, Floyd-Steinberg dithered or plain.

    `every=k` keeps each k-th frame. `optimize` writes only what changes, which is smaller and shows the same pixels.
    Holds one frame at a time; `out` appears when it is whole. Raises what `decode` raises, `UsageError` for a
    parameter that cannot be, `AlreadyExists` unless `overwrite`.
    """
    check_colors(colors)
    if every < 1:
        raise UsageError(f"every {every}-th frame cannot be kept: the step is 1 or more")
    info = probe(video)
    width, height = _size(size, info.width, info.height)
    geometry = Geometry(crop=None, width=width, height=height, filter="area")
    psnrs: list[float] = []
    with replacing(out, overwrite=overwrite) as file:
        writer = GifWriter(file, width=width, height=height, optimize=optimize)
        end = Fraction(0)
        for frame, end in _kept(decode(video, span), every):  # noqa: B007 - the last end closes the GIF
            pixels = geometry.apply(frame.pixels)
            indices, palette = quantize(pixels, colors=colors, quantizer=quantizer)
            if dither:
                indices = floyd_steinberg(pixels, palette)
            writer.add(indices, palette, frame.time)
            psnrs.append(_psnr(palette[indices], pixels))
            progress(len(psnrs))
        writer.close(end)
    return Made(len(psnrs), width, height, float(end), Path(out).stat().st_size, sum(psnrs) / len(psnrs))


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
