"""The frames of an open video in the order they are shown, from its start or a key frame; nothing damaged passes."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import chain

import av.error
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from gifbench.errors import CorruptMedia, DamagedMedia
from gifbench.media.video.codecs import FFV1, slices_intact
from gifbench.media.video.container import OpenVideo, check_size, encrypted
from gifbench.media.video.damaged_frames import suspected
from gifbench.media.video.filter_graph import PictureFilter
from gifbench.media.video.packet_reading import CannotSeek, continuous_packets, from_key_frame
from gifbench.media.video.timestamp_repair import Decoded, Timeline
from gifbench.media.video.truncation import is_fragmented, matroska_is_whole, missing_bytes

_SLACK = Fraction(1)  # seconds by which a header may be wrong
_ANOTHER_COPY = "give a whole copy, or one that ffmpeg made of it, which guesses what lacks"


@dataclass(frozen=True, slots=True)
class TimedPicture:
    """A decoded picture with its time and duration, in seconds on the container's clock."""

    time: Fraction
    duration: Fraction
    picture: VideoFrame
    pts: int | None
    """Its presentation time stamp, in ticks."""
    interlaced: bool
    """Whether it was coded as two fields."""
    damaged: bool = False
    """Whether the decoder guessed a part of it, or of a picture that it may be predicted from."""


def shown_frames(video: OpenVideo) -> Iterator[TimedPicture]:
    """All frames from the start. Raises `CorruptMedia`, or PyAV's own errors, where decoding breaks off."""
    return _timed(video, continuous_packets(video), Timeline(video.time_base, video.step))


def frames_from(video: OpenVideo, time: Fraction) -> Iterator[TimedPicture]:
    """As `shown_frames`, from a key frame on that is shown at or before `time` (container's clock), found by seeking.

    Raises `CannotSeek`, before any frame that is shown after `time`, where the outcome could differ from reading from
    the start: no index, no key frame there, or times that are not in order.
    """
    if not video.seekable:
        raise CannotSeek
    past = False
    try:
        packets = from_key_frame(video, time)
        key = next(packets)
        timeline = Timeline(video.time_base, video.step)
        # Frames that are shown before the key frame but follow it in the file need what was before it (open GOPs).
        for i, shown in enumerate(_timed(video, chain([key], packets), timeline, skip_before=key.pts)):
            # A decoder that starts in a stream without whole key frames (intra refresh) keeps the first frames back.
            if (i == 0 and shown.pts != key.pts) or (shown.time <= time and not timeline.regular):
                raise CannotSeek
            past = past or shown.time > time
            yield shown
    except (av.error.FFmpegError, CorruptMedia) as error:
        if past:
            raise
        raise CannotSeek from error


def _checked(video: OpenVideo, packets: Iterable[Packet[VideoStream]], skip_before: int | None) -> Iterator[Decoded]:
    """What the decoder gives, checked; at the end of the file also whether that is where it should end."""
    decoding = _Decoding(video)
    try:
        for packet in packets:
            for picture in decoding.pictures(packet):
                if skip_before is None or picture.pts is None or picture.pts >= skip_before:
                    yield from decoding.checked(picture)
                elif decoding.number:
                    raise CannotSeek  # it comes after the key frame: its stamp is wrong
        yield from decoding.repeats(None)
    except av.error.FFmpegError as error:
        _check_whole(video, decoding.number, error)
        if isinstance(error, OSError | MemoryError):
            raise
        raise DamagedMedia(
            f"{video.path}: decoding breaks off after {decoding.number} frames ({error.strerror}): {_ANOTHER_COPY}"
        ) from error
    _check_whole(video, decoding.number, None)


class _Decoding:
    """A decoder at work, and what must be known of the packets and pictures so far."""

    def __init__(self, video: OpenVideo) -> None:
        self._video = video
        self.number = 0
        """Frames that were given."""
        self._key_seen = False
        self._last: Decoded | None = None
        self._empty: deque[Packet[VideoStream]] = deque()
        self._has_slices = video.decoder.name == FFV1
        self._intact: set[bool] = set()
        self._crop: PictureFilter | None = None
        if (crop := video.crop) is not None:  # with ffmpeg's own filter, as ffmpeg does
            size = f"w=iw-{crop.left + crop.right}:h=ih-{crop.top + crop.bottom}"
            self._crop = PictureFilter([("crop", f"{size}:x={crop.left}:y={crop.top}")])

    def pictures(self, packet: Packet[VideoStream]) -> list[VideoFrame]:
        """What the decoder gives for a packet; raises `CorruptMedia` for a damaged or encrypted one."""
        video = self._video
        self._key_seen = self._key_seen or packet.is_keyframe
        if not packet.size and packet.pts is not None:
            self._empty.append(packet)
            return []
        if packet.has_sidedata("encryption_info"):
            raise encrypted(video.path)
        try:
            pictures = packet.decode()
        except av.error.FFmpegError:
            if self._key_seen:
                raise
            return []  # a recording that was joined in the middle: nothing can be decoded before its first key frame
        damaged = packet.is_corrupt and not self._joined
        if packet.size and self._key_seen and (damaged or self._slices_differ(packet)):
            raise DamagedMedia(
                f"{video.path}: its data break off or are damaged at frame {self.number}: {_ANOTHER_COPY}"
            )
        return pictures

    @cached_property
    def _joined(self) -> bool:
        """Whether what libav takes for damage in a transport stream is where files were joined."""
        stream = self._video.transport_stream()
        if stream is not None and stream.scrambled:
            raise encrypted(self._video.path)
        return stream is not None and stream.whole

    def _slices_differ(self, packet: Packet[VideoStream]) -> bool:
        """Whether slices of FFV1 so far have checksums that fit and some do not: all of a stream have them or none."""
        if self._has_slices:
            self._intact.add(slices_intact(bytes(packet)))
        return len(self._intact) > 1

    def checked(self, picture: VideoFrame) -> Iterator[Decoded]:
        """A picture, after those that empty packets before it show once more; nothing for a bad one before a key."""
        if picture.is_corrupt:
            if not self._key_seen:
                return
            if not self._video.keep_damaged:
                raise DamagedMedia(f"{self._video.path}: frame {self.number} is damaged: {_ANOTHER_COPY}")
        yield from self.repeats(picture.pts or 0)
        check_size(self._video.path, picture.width, picture.height, limits=self._video.limits)
        shown = self._crop.one(picture) if self._crop else picture
        self._last = Decoded(picture.pts, picture.dts, picture.duration, shown, picture.is_corrupt)
        yield self._last
        self.number += 1

    def repeats(self, before: int | None) -> Iterator[Decoded]:
        """The last picture again for each empty packet before a time stamp, or for all that are left."""
        while self._empty and self._last is not None and (before is None or (self._empty[0].pts or 0) < before):
            packet = self._empty.popleft()
            yield replace(self._last, pts=packet.pts, dts=packet.dts, duration=packet.duration or 0)
            self.number += 1


def _check_whole(video: OpenVideo, number: int, error: Exception | None) -> None:
    entries = video.stream.index_entries
    missing = missing_bytes(video.path, lambda: max((entry.pos + entry.size for entry in entries), default=None))
    if missing:
        raise DamagedMedia(
            f"{video.path} is cut off: it lacks {missing} bytes of what its header declares, "
            f"and ends after {number} frames: give a whole copy"
        ) from error


def _timed(
    video: OpenVideo, packets: Iterable[Packet[VideoStream]], timeline: Timeline, *, skip_before: int | None = None
) -> Iterator[TimedPicture]:
    """Each picture with its time, and the time until the next as its duration."""
    failures: list[Exception] = []
    decoded = _before_failure(_checked(video, packets, skip_before), failures)
    if video.keep_damaged:
        decoded = suspected(decoded, video.decoder.codec.canonical_name)
    before: Decoded | None = None
    begin = Fraction(0)
    for time, item in timeline.place(decoded):
        if before is not None:
            yield _timed_picture(before, begin, time - begin)
        before, begin = item, time
    failure = failures[0] if failures else None
    if before is not None and (failure is None or isinstance(failure, CorruptMedia | av.error.FFmpegError)):
        duration = before.duration * video.time_base or video.step
        if failure is None:
            duration = max(duration, _declared_end(video, begin + duration) - begin)
        yield _timed_picture(before, begin, duration)
    if failure is not None:
        raise failure


def _before_failure(pictures: Iterator[Decoded], failures: list[Exception]) -> Iterator[Decoded]:
    """The pictures up to an error, which goes to `failures`: what came before it is whole, and is given first."""
    try:
        yield from pictures
    except Exception as error:
        failures.append(error)


def _timed_picture(decoded: Decoded, time: Fraction, duration: Fraction) -> TimedPicture:
    interlaced = decoded.picture.interlaced_frame
    return TimedPicture(time, duration, decoded.picture, decoded.pts, interlaced, decoded.damaged)


def _declared_end(video: OpenVideo, end: Fraction) -> Fraction:
    """When the last picture ends, which by its own account is at `end` (container's clock).

    Where the header has the stream go on for more than `_SLACK`, the last picture stays until then, as in the recording
    of a screen. Raises `CorruptMedia` if that is because demuxers take some damage in the middle of a file for its end.
    """
    declared = _end_in_header(video)
    if declared is None or declared - end <= _SLACK:
        return end
    matroska = "matroska" in video.formats
    whole = matroska_is_whole(video.path) if matroska else not is_fragmented(video.path)
    if not whole:
        raise DamagedMedia(
            f"{video.path}: its pictures end at {float(end):.3f} s, and its header declares {float(declared):.3f} s: "
            "give a whole copy"
        )
    return declared


def _end_in_header(video: OpenVideo) -> Fraction | None:
    stream = video.stream
    if not video.seekable:
        return None  # others only estimate it
    if stream.duration is not None:
        return ((stream.start_time or 0) + stream.duration) * video.time_base
    if match := re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.metadata.get("DURATION", "")):
        hours, minutes, seconds = match.groups()
        return 3600 * int(hours) + 60 * int(minutes) + Fraction(seconds)
    if len(video.container.streams) == 1 and video.container.duration is not None:
        return Fraction(video.container.duration, 1_000_000)
    return None
