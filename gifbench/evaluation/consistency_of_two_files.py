"""The steadiness of a processed video or GIF beside the one that it was made from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path

from gifbench.errors import MediaError, UsageError, storage_errors
from gifbench.media.clip import Pixels
from gifbench.media.flow import FlowMethod, optical_flow
from gifbench.media.gif import Gif, GifLimits
from gifbench.media.video import decode, probe
from gifbench.methods.method_interface import last_shown
from gifbench.metrics.warping_error_tof import MeasuredSteadiness, measure_steadiness


def measure_consistency(
    processed: Path,
    source: Path,
    *,
    frames: int | None = None,
    flow: FlowMethod = optical_flow,
    limits: GifLimits | None = None,
    salvage: bool = False,
) -> MeasuredSteadiness:
    """Measure the video or GIF `processed` with the motion of `source`, frame by frame.

    A processed GIF is taken as a player shows it at the times of the source's frames; otherwise both must have as many
    frames. `frames` measures the first ones only; `flow` is how motion is found; `limits` and `salvage` are those of
    `Gif.open`. Two frames of each are held at a time. Of a source whose pixels are not square the frames are taken as
    they are shown where the processed ones are of that size, else as they are stored; where a side of the source is
    odd, the pixel that H.264 and VP9 add to it is cut off again.

    Raises `MediaError` where the two differ in size or number of frames or have fewer than two, and what decoding does.
    """
    if frames is not None and frames < 2:
        raise UsageError(f"steadiness is measured between frames: {frames} are too few, give 2 or more")
    read_gif = partial(Gif.open, limits=limits or GifLimits(), salvage=salvage)
    pairs = _pairs(processed, source, read_gif, whole=frames is None)
    return measure_steadiness(_of_one_size(islice(pairs, frames), processed, source), flow=flow)


def _of_one_size(
    pairs: Iterator[tuple[Pixels, Pixels]], processed: Path, source: Path
) -> Iterator[tuple[Pixels, Pixels]]:
    number = 0
    for number, (truth, made) in enumerate(pairs, start=1):  # noqa: B007  # how many there were is asked below
        height, width = truth.shape[:2]
        if made.shape[:2] == (height + height % 2, width + width % 2):
            made = made[:height, :width]  # noqa: PLW2901
        if truth.shape != made.shape:
            sizes = [f"{frame.shape[1]}×{frame.shape[0]}" for frame in (made, truth)]
            raise MediaError(f"{processed}: its frames are {sizes[0]}, those of {source} {sizes[1]}; make them alike")
        yield truth, made
    if number < 2:
        raise MediaError(f"{source}: steadiness is measured between frames, and it has only {number}")


_ReadGif = Callable[[Path], Gif]


def _pairs(processed: Path, source: Path, read_gif: _ReadGif, *, whole: bool) -> Iterator[tuple[Pixels, Pixels]]:
    truth = _frames(source, read_gif, square_pixels=_made_square(processed, source))
    if _is_gif(processed):
        gif = read_gif(processed)
        for time, pixels in truth:
            yield pixels, gif.frame(*last_shown(gif.times, [time]))
        return
    made = _frames(processed, read_gif)
    count = 0
    for count, (_, pixels) in enumerate(truth, start=1):
        other = next(made, None)
        if other is None:
            raise MediaError(_unequal(processed, f"{count - 1} frames", source, f"{count} or more"))
        yield pixels, other[1]
    if whole and next(made, None) is not None:
        raise MediaError(_unequal(processed, f"{count + 1} frames or more", source, str(count)))


def _unequal(processed: Path, its: str, source: Path, others: str) -> str:
    return f"{processed}: it has {its}, and {source} {others}; --frames N measures the first N of both"


def _made_square(processed: Path, source: Path) -> bool:
    """Whether the processed frames are as large as the source's once its pixels are made square."""
    if _is_gif(source):
        return False
    shown = probe(source)
    if shown.pixel_aspect == 1:
        return False
    first = next((frame for _, frame in _frames(processed, Gif.open)), None)
    made = (0, 0) if first is None else first.shape[:2]
    return all(side in (own, own + own % 2) for side, own in zip(made, (shown.height, shown.width), strict=True))


def _frames(path: Path, read_gif: _ReadGif, *, square_pixels: bool = False) -> Iterator[tuple[Fraction, Pixels]]:
    """The frames of a video or a GIF, (H, W, 3) uint8, with their times since the first."""
    if _is_gif(path):
        gif = read_gif(path)
        yield from ((time, gif.frame(i)) for i, time in enumerate(gif.times))
        return
    first: Fraction | None = None
    for frame in decode(path, square_pixels=square_pixels):
        first = frame.time if first is None else first
        yield frame.time - first, frame.pixels


def _is_gif(path: Path) -> bool:
    with storage_errors(path), path.open("rb") as file:
        return file.read(4) == b"GIF8"
