"""The part of a video that is wanted, and the way to exactly its frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

from gifbench.errors import CorruptMedia, DamagedMedia, SpanOutside, UsageError
from gifbench.media.video.container import OpenVideo, VideoLimits, open_video
from gifbench.media.video.damaged_frames import DamagedFrames
from gifbench.media.video.deinterlace import deinterlaced
from gifbench.media.video.frames import TimedPicture, frames_from, shown_frames
from gifbench.media.video.packet_reading import CannotSeek
from gifbench.media.video.unreliable_seek_detection import stamps_are_regular

_HEAD = 12  # frames that are looked at before a seek: B-frames muxed with wrong times show within a few
_SECOND = Fraction(1)


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a video, half open: by time in seconds or by frame number, from the first frame; empty = all of it.

    A frame belongs to a span of time if it starts in it. Ends are compared to within one tick of the container's clock,
    so that `start=Fraction(1, 30)` finds the frame that Matroska puts at 33 ms.
    """

    start: Fraction | None = None
    end: Fraction | None = None
    start_frame: int | None = None
    end_frame: int | None = None

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            if (seconds := getattr(self, name)) is None:
                continue
            try:
                object.__setattr__(self, name, Fraction(seconds))  # a float is taken for the number it is, to the bit
            except (ValueError, OverflowError, TypeError) as error:
                raise UsageError(f"a span starts and ends at a number of seconds, not at {seconds!r}") from error
        by_time = self.start is not None or self.end is not None
        by_frame = self.start_frame is not None or self.end_frame is not None
        if by_time and by_frame:
            raise UsageError(f"a span is given by time or by frame numbers, not by both: {self}")
        for begin, end, unit in ((self.start, self.end, " s"), (self.start_frame, self.end_frame, "")):
            if (begin or 0) < 0:
                raise UsageError(f"a span must not start before the video, at {begin}{unit}")
            if end is not None and end <= (begin or 0):
                raise UsageError(f"a span must end after it starts, and {end}{unit} is not after {begin or 0}{unit}")

    def __str__(self) -> str:
        if self.start_frame is not None or self.end_frame is not None:
            return f"frames {self.start_frame or 0} to {'the end' if self.end_frame is None else self.end_frame}"
        if self.start is None and self.end is None:
            return "the whole video"
        end = "the end" if self.end is None else f"{float(self.end):.6g} s"
        return f"{float(self.start or 0):.6g} s to {end}"


@dataclass(frozen=True, slots=True)
class FirstFrame:
    """What holds for all of a video, whichever part of it is read."""

    time: Fraction
    """When it is shown, on the container's clock."""
    width: int
    """Pixels as stored, before turning; pictures of another size later in the video are scaled to it."""
    height: int
    pixel_aspect: Fraction
    """How wide a pixel is shown for its height; 1 where nothing says it."""


Spanned = tuple[TimedPicture, FirstFrame]
"""A frame, and what the first frame of its video says."""


def spanned(
    path: Path,
    span: Span,
    limits: VideoLimits,
    threads: int,
    *,
    deinterlace: bool = False,
    damaged: DamagedFrames | None = None,
) -> Iterator[Spanned]:
    """The frames of `span` of the video at `path`, each with what the first frame of the video says.

    Where `damaged` allows some, those are left out and noted in it. Raises what `gifbench.media.video.decoding.decode`
    raises.
    """
    damaged = damaged or DamagedFrames(0)
    whole, left_out = 0, list[Fraction]()
    for shown, first in _spanned(path, span, limits, threads, deinterlace=deinterlace, keep_damaged=damaged.most > 0):
        if not shown.damaged:
            whole += 1
            yield shown, first
            continue
        left_out.append(shown.time - first.time)
        if len(left_out) > damaged.most:
            raise DamagedMedia(
                f"{path}: more than {damaged.most} frames are damaged, or predicted from one that is, from "
                f"{float(min(left_out)):.3f} s on: give a whole copy, or allow more by max_damaged"
            )
        damaged.times.add(shown.time - first.time)
    if not whole:
        raise DamagedMedia(f"{path}: all frames of {span} are damaged: give a whole copy")


def _spanned(
    path: Path, span: Span, limits: VideoLimits, threads: int, *, deinterlace: bool, keep_damaged: bool
) -> Iterator[Spanned]:
    given = 0
    if span.start:
        try:
            with open_video(path, limits=limits, threads=threads, keep_damaged=keep_damaged) as video:
                for found in _by_seeking(video, span, deinterlace=deinterlace):
                    yield found
                    given += 1
            return
        except CannotSeek:
            pass
    with open_video(path, limits=limits, threads=threads, keep_damaged=keep_damaged) as video:
        frames = shown_frames(video)
        first, known = with_first(video, frames)
        frames = chain([first], frames)
        if deinterlace:
            frames = deinterlaced(frames)
        if span.start_frame is None and span.end_frame is None:
            wanted = _select_times(video, span, frames, first.time)
        else:
            wanted = _select_numbers(video, span, frames)
        for shown in islice(wanted, given, None):
            yield shown, known


def with_first(video: OpenVideo, frames: Iterator[TimedPicture]) -> Spanned:
    """The first of the frames of a video, and what it says; raises `CorruptMedia` for a video without any."""
    shown = next(frames, None)
    if shown is None:
        raise CorruptMedia(f"{video.path}: not one frame can be decoded: see what `ffmpeg -i` says of it")
    aspect = video.stream.sample_aspect_ratio or Fraction(1)
    # No browser minds what a GIF says of its pixels, and `Gif.read` shows what browsers do.
    if not Fraction(1, 16) <= aspect <= 16 or "gif" in video.formats:
        aspect = Fraction(1)
    return shown, FirstFrame(shown.time, shown.picture.width, shown.picture.height, aspect)


def _by_seeking(video: OpenVideo, span: Span, *, deinterlace: bool) -> Iterator[Spanned]:
    """As `spanned`, from the key frame before the span; raises `CannotSeek` only before it gives a frame."""
    if not video.seekable:
        raise CannotSeek
    head = list(islice(shown_frames(video), _HEAD))
    if not head or any(frame.pts is None or frame.pts * video.time_base != frame.time for frame in head):
        raise CannotSeek
    _, known = with_first(video, iter(head))
    begin = known.time + (span.start or 0) - _tolerance(video)
    if begin <= head[-1].time or not stamps_are_regular(video):
        raise CannotSeek  # it is near: from the start is as fast
    if deinterlace:
        # The frame before the span is needed too: a key frame that is shown earlier has it behind it.
        frames = deinterlaced(frames_from(video, max(known.time, begin - _SECOND)))
    else:
        frames = frames_from(video, begin)
    for shown in _select_times(video, span, frames, known.time):
        yield shown, known


def _tolerance(video: OpenVideo) -> Fraction:
    """One tick, where a tick is the rounding of a clock; none where ticks count frames, as in AVI."""
    tick = video.time_base
    return tick if tick * 8 < video.step else Fraction(0)


def _select_numbers(video: OpenVideo, span: Span, frames: Iterator[TimedPicture]) -> Iterator[TimedPicture]:
    count = 0
    for shown in frames:
        if count >= (span.start_frame or 0):
            yield shown
        count += 1
        if count == span.end_frame:
            return
    if count <= (span.start_frame or 0) or (span.end_frame or 0) > count:
        raise SpanOutside(f"{video.path}: {span} reach beyond the video, which has {count} frames")


def _select_times(
    video: OpenVideo, span: Span, frames: Iterator[TimedPicture], origin: Fraction
) -> Iterator[TimedPicture]:
    tolerance = _tolerance(video)

    def reached(time: Fraction, edge: Fraction) -> bool:
        return time >= edge or time > edge - tolerance

    given, last = 0, None
    for last in frames:
        if span.end is not None and reached(last.time - origin, span.end):
            break
        if reached(last.time - origin, span.start or Fraction(0)):
            yield last
            given += 1
    else:
        if last is None:
            raise CannotSeek
        end = last.time + last.duration - origin
        if not given or (span.end is not None and span.end > end + last.duration / 2 + tolerance):
            raise SpanOutside(f"{video.path}: {span} reaches beyond the video, which ends at {float(end):.6g} s")
    if not given:
        raise SpanOutside(f"{video.path}: no frame starts within {span}: make it longer than a frame")
