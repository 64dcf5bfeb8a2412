"""The frames of an open video in the order they are shown, from its start or a key frame; nothing damaged passes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from math import floor

import av.error
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from gifbench.errors import CorruptMedia
from gifbench.media.video.container import OpenVideo, check_size
from gifbench.media.video.ffv1 import CODEC, Checksums
from gifbench.media.video.times import Timeline
from gifbench.media.video.truncation import missing_bytes

SEEKABLE = frozenset({"mov", "matroska"})
"""Demuxers whose index knows the key frames. The others are read from the start: MPEG program streams, AVI and raw
streams have no index or no presentation times, and a seek ends up near the frame, not on it."""

_USUAL_RATE = Fraction(25)
_SLACK = Fraction(1)  # seconds by which a header may be wrong


@dataclass(frozen=True, slots=True)
class Shown:
    """A decoded picture with its time and duration, in seconds on the container's clock."""

    time: Fraction
    duration: Fraction
    picture: VideoFrame


class CannotSeek(Exception):
    """Seeking would not be exact in this video; read it from the start."""


def frame_rate(video: OpenVideo) -> Fraction:
    """Frames a second on average, or what ffmpeg guesses; 25 for a stream without any times."""
    stream = video.stream
    return next((r for r in (stream.average_rate, stream.guessed_rate, stream.base_rate) if r and r > 0), _USUAL_RATE)


def step(video: OpenVideo) -> Fraction:
    """Seconds from one frame to the next where nothing else says it."""
    return 1 / (video.stream.guessed_rate or frame_rate(video))


def time_base(video: OpenVideo) -> Fraction:
    """Seconds of one tick of the stream's clock."""
    return video.stream.time_base or step(video)


def shown_frames(video: OpenVideo) -> Iterator[Shown]:
    """All frames from the start. Raises `CorruptMedia`, or PyAV's own errors, where decoding breaks off."""
    packets = video.container.demux(video.stream)
    return _timed(video, _pictures(video, packets), Timeline(time_base(video), step(video)))


def frames_from(video: OpenVideo, time: Fraction) -> Iterator[Shown]:
    """The frames from a key frame on that is shown at or before `time` (container's clock), found by seeking.

    Raises `CannotSeek`, before any frame that is shown after `time`, where the outcome could differ from reading from
    the start: no index, no key frame there, or times that are not in order.
    """
    if not SEEKABLE.intersection(video.container.format.name.split(",")):
        raise CannotSeek
    past = False
    try:
        packets = from_key_frame(video, time)
        key = next(packets)
        # Frames that are shown before the key frame but follow it in the file need what was before it (open GOPs).
        later = (p for p in _pictures(video, chain([key], packets), skip_before=key.pts))
        timeline = Timeline(time_base(video), step(video))
        for i, shown in enumerate(_timed(video, later, timeline)):
            # A decoder that starts in a stream without whole key frames (intra refresh) keeps the first frames back.
            if (i == 0 and shown.picture.pts != key.pts) or (shown.time <= time and not timeline.regular):
                raise CannotSeek
            past = past or shown.time > time
            yield shown
    except (av.error.FFmpegError, CorruptMedia) as error:
        if past:
            raise
        raise CannotSeek from error


def from_key_frame(video: OpenVideo, time: Fraction) -> Iterator[Packet[VideoStream]]:
    """The packets from the last key frame on that is shown at or before `time`; raises `CannotSeek` for none."""
    ticks = floor(time / time_base(video))
    for _ in range(4):
        try:
            video.container.seek(ticks, stream=video.stream)
            packets = video.container.demux(video.stream)
            key = next(packets)
        except (av.error.FFmpegError, StopIteration) as error:
            raise CannotSeek from error
        if key.pts is None or not key.is_keyframe:
            break
        if key.pts * time_base(video) <= time:
            return chain([key], packets)
        # The index goes by decoding times: this one is decoded before `time` but shown after it. Take the one before.
        ticks = min(key.pts if key.dts is None else key.dts, ticks) - 1
    raise CannotSeek


def _pictures(
    video: OpenVideo, packets: Iterable[Packet[VideoStream]], *, skip_before: int | None = None
) -> Iterator[VideoFrame]:
    """What the decoder gives, checked; at the end of the file also whether that is where it should end."""
    number, size, key_seen = 0, None, False
    checksums = Checksums() if video.stream.codec_context.name == CODEC else None
    try:
        for packet in packets:
            key_seen = key_seen or packet.is_keyframe
            try:
                pictures = packet.decode()
            except av.error.FFmpegError:
                if key_seen:
                    raise
                continue  # a recording that was joined in the middle: nothing can be decoded before its first key frame
            if packet.size and key_seen and (packet.is_corrupt or (checksums and checksums.damaged(bytes(packet)))):
                raise CorruptMedia(f"{video.path}: its data break off or are damaged at frame {number}: fetch it again")
            for picture in pictures:
                if skip_before is not None and picture.pts is not None and picture.pts < skip_before:
                    continue
                if picture.is_corrupt:
                    if not key_seen:
                        continue
                    raise CorruptMedia(f"{video.path}: frame {number} is damaged: fetch it again")
                if size is None:
                    size = (picture.width, picture.height)
                    check_size(video.path, *size, limits=video.limits)
                elif size != (picture.width, picture.height):
                    raise CorruptMedia(
                        f"{video.path}: its pictures change from {size[0]}×{size[1]} to {picture.width}×"
                        f"{picture.height} at frame {number}, and a clip has one size: cut it there with ffmpeg"
                    )
                yield picture
                number += 1
    except av.error.FFmpegError as error:
        _check_whole(video, number, error)
        if isinstance(error, OSError | MemoryError):
            raise
        raise CorruptMedia(
            f"{video.path}: decoding breaks off after {number} frames ({error.strerror}): fetch it again"
        ) from error
    _check_whole(video, number, None)


def _check_whole(video: OpenVideo, number: int, error: Exception | None) -> None:
    missing = missing_bytes(video.path)
    if missing:
        raise CorruptMedia(
            f"{video.path} is cut off: it lacks {missing} bytes of what its header declares, "
            f"and ends after {number} frames: fetch it again"
        ) from error


def _timed(video: OpenVideo, pictures: Iterator[VideoFrame], timeline: Timeline) -> Iterator[Shown]:
    """Each picture with its time, and the time until the next as its duration."""
    before: VideoFrame | None = None
    begin = Fraction(0)
    failure: Exception | None = None
    while failure is None:
        try:
            picture = next(pictures, None)
        except (CorruptMedia, av.error.FFmpegError) as error:  # what came before it is whole, and is given first
            picture, failure = None, error
        if picture is None:
            break
        time = timeline.place(picture)
        if before is not None:
            yield Shown(begin, time - begin, before)
        before, begin = picture, time
    if before is not None:
        duration = before.duration * time_base(video) or step(video)
        yield Shown(begin, duration, before)
        if failure is None:
            _check_end(video, begin + duration)
    if failure is not None:
        raise failure


def _check_end(video: OpenVideo, end: Fraction) -> None:
    """Raise `CorruptMedia` if the header has the stream go on for more than `_SLACK` after `end` (container's clock).

    Demuxers take some damage in the middle of a file for its end.
    """
    declared = _declared_end(video)
    if declared is not None and declared - end > _SLACK:
        raise CorruptMedia(
            f"{video.path}: its pictures end at {float(end):.3f} s, and its header declares {float(declared):.3f} s: "
            "fetch it again"
        )


def _declared_end(video: OpenVideo) -> Fraction | None:
    stream = video.stream
    if not SEEKABLE.intersection(video.container.format.name.split(",")):
        return None  # others only estimate it
    if stream.duration is not None:
        return ((stream.start_time or 0) + stream.duration) * time_base(video)
    if match := re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.metadata.get("DURATION", "")):
        hours, minutes, seconds = match.groups()
        return 3600 * int(hours) + 60 * int(minutes) + Fraction(seconds)
    if len(video.container.streams) == 1 and video.container.duration is not None:
        return Fraction(video.container.duration, 1_000_000)
    return None
