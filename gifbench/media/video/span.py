"""The part of a video that is wanted, and the way to exactly its frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

from gifbench.errors import CorruptMedia, SpanOutside, UsageError
from gifbench.media.video.container import OpenVideo, VideoLimits, open_video
from gifbench.media.video.frames import CannotSeek, Shown, frames_from, shown_frames, step, time_base

_HEAD = 12  # frames that are looked at before a seek: B-frames muxed with wrong times show within a few


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
            if (seconds := getattr(self, name)) is not None:
                object.__setattr__(self, name, _exact(seconds))  # a float is taken for the number it is, to the bit
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


def _exact(seconds: Fraction | float) -> Fraction:
    try:
        return Fraction(seconds)
    except (ValueError, OverflowError, TypeError) as error:
        raise UsageError(f"a span starts and ends at a number of seconds, not at {seconds!r}") from error


def spanned(path: Path, span: Span, limits: VideoLimits, threads: int) -> Iterator[Shown]:
    """The frames of `span` of the video at `path`; raises what `gifbench.media.video.decoding.decode` raises."""
    if span.start:
        try:
            with open_video(path, limits=limits, threads=threads) as video:
                yield from _by_seeking(video, span)
            return
        except CannotSeek:
            pass
    with open_video(path, limits=limits, threads=threads) as video:
        frames = shown_frames(video)
        first = next(frames, None)
        if first is None:
            raise CorruptMedia(f"{path}: not one frame can be decoded: fetch it again")
        yield from _select(video, span, chain([first], frames), origin=first.time)


def _by_seeking(video: OpenVideo, span: Span) -> Iterator[Shown]:
    """As `spanned`, from the key frame before the span; raises `CannotSeek` only before it gives a frame."""
    head = list(islice(shown_frames(video), _HEAD))
    if not head or any(
        frame.picture.pts is None or frame.picture.pts * time_base(video) != frame.time for frame in head
    ):
        raise CannotSeek
    origin = head[0].time
    begin = origin + (span.start or 0) - _tolerance(video)
    if begin <= head[-1].time:
        raise CannotSeek  # it is near: from the start is as fast
    yield from _select(video, span, frames_from(video, begin), origin=origin)


def _tolerance(video: OpenVideo) -> Fraction:
    """One tick, where a tick is the rounding of a clock; none where ticks count frames, as in AVI."""
    tick = time_base(video)
    return tick if tick * 8 < step(video) else Fraction(0)


def _select(video: OpenVideo, span: Span, frames: Iterator[Shown], *, origin: Fraction) -> Iterator[Shown]:
    if span.start_frame is not None or span.end_frame is not None:
        return _select_numbers(video, span, frames)
    return _select_times(video, span, frames, origin)


def _select_numbers(video: OpenVideo, span: Span, frames: Iterator[Shown]) -> Iterator[Shown]:
    count = 0
    for shown in frames:
        if count >= (span.start_frame or 0):
            yield shown
        count += 1
        if count == span.end_frame:
            return
    if count <= (span.start_frame or 0) or (span.end_frame or 0) > count:
        raise SpanOutside(f"{video.path}: {span} reach beyond the video, which has {count} frames")


def _select_times(video: OpenVideo, span: Span, frames: Iterator[Shown], origin: Fraction) -> Iterator[Shown]:
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
