"""Videos in: what a file holds, and the exact frames of a span, streaming.

    for frame in decode("talk.mp4", Span(start=Fraction(3), end=Fraction(5))):
        frame.pixels  # (H, W, 3) uint8, RGB

Time 0 and frame 0 of a video are its first shown frame, whatever the container's clock says there. The frames and
their order are those of `ffmpeg -i FILE -fps_mode passthrough`: edit lists are obeyed, B-frames come in the order they
are shown, the picture is cut as the container says, turned as the display matrix says, and widened (or heightened)
where its pixels are not square. An empty packet shows the frame before it once more. A picture whose size changes in
mid-stream is scaled to that of the first. Output is the same to the bit on every run, for any number of threads, and
whether a span was reached by seeking or from the start.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

from gifbench.argument_types import check_types
from gifbench.errors import UsageError
from gifbench.media.clip import Pixels
from gifbench.media.video.container import VideoLimits, open_video
from gifbench.media.video.damaged_frames import DamagedFrames
from gifbench.media.video.exact_span import FirstFrame, Span, Spanned, spanned, with_first
from gifbench.media.video.frames import TimedPicture, shown_frames
from gifbench.media.video.libav_errors import av_errors
from gifbench.media.video.orientation_and_aspect import orientation, square_size
from gifbench.media.video.yuv_to_rgb_and_hdr import (
    COLOR_RANGES,
    COLOR_SPACES,
    HDR,
    WHITE,
    Color,
    ColorConverter,
    PixelKind,
)


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video file says of its pictures."""

    codec: str
    """ffmpeg's name of the codec, `h264`."""
    pixel_format: str
    """ffmpeg's name of the pixel format, `yuv420p`."""
    width: int
    """Pixels, as shown: cut, square and after `rotation`."""
    height: int
    """Pixels, as shown: cut, square and after `rotation`."""
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
    pixel_aspect: Fraction = Fraction(1)
    """How wide a stored pixel is shown for its height. `decode` makes pixels square."""
    interlaced: bool = False
    """Whether the first frame was coded as two fields. `decode` leaves it so unless `deinterlace` is set."""
    hdr: str = ""
    """`PQ` or `HLG` for high dynamic range, else empty. `decode` leaves it so unless `tonemap` is set."""


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
    video_time: Fraction = Fraction(0)
    """Seconds since the first frame of the video."""
    notes: tuple[str, ...] = ()
    """What was converted in the picture, or left as it is, that a viewer would notice: interlacing, HDR, size, pixels
    that are not square."""

    def __repr__(self) -> str:
        return f"Frame({self.index} at {float(self.time):.3f} s, pixels {self.pixels.shape})"


class HeldPictures:
    """The decoded pictures of one span of one video, kept for a second reading where they are few enough.

    `most_bytes` bounds what is kept; of a longer span nothing is. `whole` says whether all of it is here.
    """

    def __init__(self, most_bytes: int = 256 << 20) -> None:
        self._most_bytes = most_bytes
        self._pictures: list[Spanned] = []
        self.whole = False

    def read(self, frames: Callable[[], Iterator[Spanned]]) -> Iterator[Spanned]:
        """The pictures that are here, or those of `frames()`, which are then kept."""
        if self.whole:
            yield from self._pictures
            return
        kept: list[Spanned] = []
        num_bytes = 0
        for shown, first in frames():
            num_bytes += sum(plane.buffer_size for plane in shown.picture.planes)
            if num_bytes <= self._most_bytes:
                kept.append((shown, first))
            else:
                kept.clear()
            yield shown, first
        if num_bytes <= self._most_bytes:
            self._pictures, self.whole = kept, True


@check_types
def probe(
    path: str | os.PathLike[str],
    *,
    limits: VideoLimits | None = None,
    square_pixels: bool = True,
    allow_damaged: bool = False,
) -> VideoInfo:
    """What the video file at `path` holds; reads its headers and decodes its first frame.

    With `square_pixels` off, width and height are those of the stored pixels. With `allow_damaged` the first frame may
    be damaged: its size tells enough. Raises `NotFound`, `NoVideo`, `CorruptMedia` or `TooLarge`.
    """
    with open_video(path, limits=limits or VideoLimits(), keep_damaged=allow_damaged) as video:
        first, known = with_first(video, shown_frames(video))
        stream, picture = video.stream, first.picture
        _, quarters = orientation(picture)
        width, height = _size(known, square_pixels=square_pixels)
        duration = None if video.container.duration is None else Fraction(video.container.duration, 1_000_000)
        if stream.duration is not None:
            duration = stream.duration * video.time_base
        return VideoInfo(
            codec=video.decoder.codec.canonical_name,
            pixel_format=picture.format.name,
            width=height if quarters % 2 else width,
            height=width if quarters % 2 else height,
            rotation=90 * quarters,
            frame_rate=video.frame_rate,
            time_base=video.time_base,
            duration=duration,
            num_frames=stream.frames or None,
            color_space=COLOR_SPACES.get(int(picture.colorspace), "unknown"),
            color_range=COLOR_RANGES.get(int(picture.color_range), "unknown"),
            pixel_aspect=known.pixel_aspect,
            interlaced=picture.interlaced_frame,
            hdr=HDR.get(int(picture.color_trc), ""),
        )


def _size(first: FirstFrame, *, square_pixels: bool) -> tuple[int, int]:
    """Width and height of all frames of a video, before they are turned."""
    return square_size(first.width, first.height, first.pixel_aspect if square_pixels else Fraction(1))


def decode(
    path: str | os.PathLike[str],
    span: Span | None = None,
    *,
    pixels: PixelKind = "rgb",
    deinterlace: bool = False,
    tonemap: bool = False,
    square_pixels: bool = True,
    background: Color = WHITE,
    limits: VideoLimits | None = None,
    threads: int = 1,
    held: HeldPictures | None = None,
    damaged: DamagedFrames | None = None,
) -> Iterator[Frame]:
    """The frames of a span of the video at `path`, one after the other; memory does not grow with the video.

    `span` is all of the video by default. `pixels` is `"rgb"`, or `"gray"` for (H, W): the luma as it is stored where
    the format has an 8-bit luma plane (limited range is not stretched; costs one copy), else ffmpeg's conversion to
    `gray`.

    - `deinterlace` makes interlaced frames whole with ffmpeg's `bwdif`, one frame for each; others stay as they are.
    - `tonemap` brings HDR (PQ or HLG) to BT.709 with ffmpeg's scaler; otherwise its values are shown as they are.
    - `square_pixels` scales pictures whose pixels are not square, so that one side grows; off, they stay as stored.
    - `background`, red, green and blue, is what see-through pixels show.

    `threads` of the decoder change nothing but the speed. `held` keeps the decoded pictures for another call with the
    same video, span and `deinterlace`, which then decodes nothing. `damaged` allows to leave out so many damaged frames
    of the span, with those that may be predicted from one, and notes when they were shown; the others keep their times,
    which count from the first that is whole. What was done or left is in `Frame.notes`.

    Raises, while it is iterated: `NotFound`, `NoVideo`, `TooLarge`; `SpanOutside` if the span reaches beyond the video
    (by time: more than half a frame), which may show only at the end; `CorruptMedia` if decoding breaks off before the
    end of the span, a frame is damaged, the video is encrypted, or ffmpeg cannot convert its colors.
    """
    if pixels not in ("rgb", "gray"):
        raise UsageError(f'pixels must be "rgb" or "gray", not {pixels!r}')
    if len([value for value in background if 0 <= value <= 255]) != 3:
        raise UsageError(f"background must be red, green and blue of 0 to 255 each, got {background!r}")
    path, limits = Path(path), limits or VideoLimits()
    read = partial(spanned, path, span or Span(), limits, threads, deinterlace=deinterlace, damaged=damaged)
    pictures = read() if held is None else held.read(read)

    def notes(shown: TimedPicture, first: FirstFrame) -> Iterator[str]:
        picture = shown.picture
        if shown.interlaced:
            yield "interlaced: deinterlaced" if deinterlace else "interlaced: kept as stored"
        if hdr := HDR.get(int(picture.color_trc)):
            yield f"HDR ({hdr}): {'tone-mapped to BT.709' if tonemap else 'not tone-mapped'}"
        if (picture.width, picture.height) != (first.width, first.height):
            sizes = f"from {first.width}×{first.height} to {picture.width}×{picture.height}"
            yield f"the size changes {sizes}: scaled to the first"
        if first.pixel_aspect != 1:
            aspect = f"pixels are {first.pixel_aspect.numerator}:{first.pixel_aspect.denominator}"
            width, height = _size(first, square_pixels=True)
            yield f"{aspect}: {f'made square, {width}×{height}' if square_pixels else 'kept as stored'}"

    def frames() -> Iterator[Frame]:
        for index, (shown, first) in enumerate(pictures):
            if index == 0:
                size, begin = _size(first, square_pixels=square_pixels), shown.time
                converter = ColorConverter(pixels, place=path, size=size, tonemap=tonemap, background=background)
            with av_errors(path, reading=True):
                converted = converter.pixels(shown.picture)
            since_first = shown.time - first.time
            about = tuple(notes(shown, first))
            yield Frame(index, shown.time - begin, shown.duration, converted, shown.time, since_first, about)

    return frames()


@check_types
def count_frames(path: str | os.PathLike[str], span: Span | None = None, *, limits: VideoLimits | None = None) -> int:
    """How many frames `decode` gives for that span: decodes them, converts none. Raises what `decode` raises."""
    return sum(1 for _ in spanned(Path(path), span or Span(), limits or VideoLimits(), 1))
