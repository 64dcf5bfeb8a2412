"""Videos in: what a file holds, and the exact frames of a span, streaming.

    for frame in decode("talk.mp4", Span(start=Fraction(3), end=Fraction(5))):
        frame.pixels  # (H, W, 3) uint8, RGB

Time 0 and frame 0 of a video are its first shown frame, whatever the container's clock says there. The frames and
their order are those of `ffmpeg -i FILE -fps_mode passthrough`: edit lists are obeyed, B-frames come in the order they
are shown, the picture is turned as the display matrix says. Pixels that are not square stay as stored. Output is the
same to the bit on every run, for any number of threads, and whether a span was reached by seeking or from the start.

"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av.video.frame import VideoFrame

from gifbench.errors import CorruptMedia, UsageError
from gifbench.media.clip import Pixels
from gifbench.media.video.container import OpenVideo, VideoLimits, open_video
from gifbench.media.video.frames import frame_rate, shown_frames, time_base
from gifbench.media.video.pixels import COLOR_RANGES, COLOR_SPACES, Converter, PixelKind, orientation
from gifbench.media.video.span import Span, spanned


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video file says of its pictures."""

    codec: str
    """ffmpeg's name of the codec, `h264`."""
    pixel_format: str
    """ffmpeg's name of the pixel format, `yuv420p`."""
    width: int
    """Pixels, as shown: after `rotation`."""
    height: int
    """Pixels, as shown: after `rotation`."""
    rotation: int
    """Degrees clockwise by which the stored picture is turned to be shown: 0, 90, 180 or 270. `decode` does it."""
    frame_rate: Fraction
    """Frames a second, on average."""
    time_base: Fraction
    """Seconds of one tick of the container's clock."""
    duration: Fraction | None
    """Seconds, as the container declares; None where it does not."""
    num_frames: int | None
    """Frames, as the container declares; None where it does not. `count_frames` counts."""
    color_space: str
    """ffmpeg's name of the matrix, `bt709`; `unknown` is read as BT.601, as ffmpeg does."""
    color_range: str
    """`tv` (limited, 16 to 235), `pc` (full) or `unknown`, which is read as limited."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded frame of a span."""

    index: int
    """Its number in the span, from 0."""
    time: Fraction
    """Seconds since the first frame of the span."""
    duration: Fraction
    """Seconds until the next frame of the video; for its last frame, what the container says or one frame's share."""
    pixels: Pixels
    """RGB (H, W, 3) or gray (H, W), uint8, in memory of its own."""
    clock: Fraction
    """Seconds on the container's own clock, by which `keep_packets` finds it again."""

    def __repr__(self) -> str:
        return f"Frame({self.index} at {float(self.time):.3f} s, pixels {self.pixels.shape})"


def probe(path: str | os.PathLike[str], *, limits: VideoLimits | None = None) -> VideoInfo:
    """What the video file at `path` holds; reads its headers and decodes its first frame.

    Raises `NotFound`, `NoVideo`, `CorruptMedia` or `TooLarge`.
    """
    with open_video(path, limits=limits or VideoLimits()) as video:
        first = next(shown_frames(video), None)
        if first is None:
            raise CorruptMedia(f"{video.path}: not one frame can be decoded: fetch it again")
        return _info(video, first.picture)


def _info(video: OpenVideo, picture: VideoFrame) -> VideoInfo:
    stream = video.stream
    _, quarters = orientation(picture)
    width, height = picture.width, picture.height
    if stream.duration is not None:
        duration: Fraction | None = stream.duration * time_base(video)
    else:
        duration = None if video.container.duration is None else Fraction(video.container.duration, 1_000_000)
    return VideoInfo(
        codec=video.decoder.codec.canonical_name,
        pixel_format=picture.format.name,
        width=height if quarters % 2 else width,
        height=width if quarters % 2 else height,
        rotation=90 * quarters,
        frame_rate=frame_rate(video),
        time_base=time_base(video),
        duration=duration,
        num_frames=stream.frames or None,
        color_space=COLOR_SPACES.get(int(picture.colorspace), "unknown"),
        color_range=COLOR_RANGES.get(int(picture.color_range), "unknown"),
    )


def decode(
    path: str | os.PathLike[str],
    span: Span | None = None,
    *,
    pixels: PixelKind = "rgb",
    limits: VideoLimits | None = None,
    threads: int = 1,
) -> Iterator[Frame]:
    """The frames of a span of the video at `path`, one after the other; memory does not grow with the video.

    `span` is all of the video by default. `pixels` is `"rgb"`, or `"gray"` for (H, W): the luma as it is stored where
    the format has an 8-bit luma plane (limited range is not stretched; costs one copy), else ffmpeg's conversion to
    `gray`. `threads` of the decoder change nothing but the speed.

    Raises, while it is iterated: `NotFound`, `NoVideo`, `TooLarge`; `SpanOutside` if the span reaches beyond the video
    (by time: more than half a frame), which may show only at the end; `CorruptMedia` if decoding breaks off before the
    end of the span, a frame is damaged, or the size of the pictures changes on the way.
    """
    if pixels not in ("rgb", "gray"):
        raise UsageError(f'pixels must be "rgb" or "gray", not {pixels!r}')
    return _decode(Path(path), span or Span(), pixels, limits or VideoLimits(), threads)


def _decode(path: Path, span: Span, kind: PixelKind, limits: VideoLimits, threads: int) -> Iterator[Frame]:
    converter = Converter(kind)
    begin: Fraction | None = None
    for index, shown in enumerate(spanned(path, span, limits, threads)):
        begin = shown.time if begin is None else begin
        yield Frame(index, shown.time - begin, shown.duration, converter.pixels(shown.picture), shown.time)


def count_frames(path: str | os.PathLike[str], span: Span | None = None, *, limits: VideoLimits | None = None) -> int:
    """How many frames `decode` gives for that span: decodes them, converts none. Raises what `decode` raises."""
    return sum(1 for _ in spanned(Path(path), span or Span(), limits or VideoLimits(), 1))
