"""The packets of an open video: all of them on one clock, or from a key frame on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain
from math import floor
from typing import Any

import av.error
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from gifbench.media.video.container import OpenVideo

_JUMPY = frozenset({"mpegts", "mpeg", "ogg"})
"""Containers whose clock may be set anew in the middle: recordings that were joined."""
_LONGEST_PAUSE = Fraction(10)
"""Seconds: a longer one is a clock that was set anew, as ffmpeg takes it (`-dts_delta_threshold`)."""
_SMALL_STEP_BACK = Fraction(1, 2)
"""Seconds by which packets of sound may lie out of order."""


class CannotSeek(Exception):
    """Seeking would not be exact in this video; read it from the start."""


def continuous_packets(video: OpenVideo) -> Iterator[Packet[VideoStream]]:
    """All packets from where the container stands, on one clock.

    Where the clock of a transport or program stream goes back, jumps by more than `_LONGEST_PAUSE`, or is said to jump,
    the packets after that follow one step after those before it.
    """
    packets = video.container.demux(video.stream)
    return _continuous(video, packets, []) if is_jumpy(video) else packets


def packets_beside(video: OpenVideo, streams: Sequence[Stream], offsets: list[Fraction]) -> Iterator[Packet[Any]]:
    """The packets of other streams as they come, and how the pictures' clock was set anew on the way.

    `offsets` grows, with each time that `continuous_packets` would set the clock anew, by the seconds that it adds from
    there on.
    """
    packets = video.container.demux([video.stream, *streams])
    if is_jumpy(video):
        packets = _continuous(video, packets, offsets)
    return (packet for packet in packets if packet.stream.index != video.stream.index)


def is_jumpy(video: OpenVideo) -> bool:
    """Whether the container is of those whose clock may be set anew."""
    return bool(_JUMPY & video.formats)


def is_jump(seconds: Fraction) -> bool:
    """Whether a clock that moved on by so much from one packet to the next was set anew."""
    return seconds < -_SMALL_STEP_BACK or seconds > _LONGEST_PAUSE


def _continuous(video: OpenVideo, packets: Iterator[Packet[Any]], offsets: list[Fraction]) -> Iterator[Packet[Any]]:
    tick, apart = video.time_base, video.step
    said: deque[int] | None = None
    theora = video.decoder.name == "theora"
    offset, last, last_duration = 0, None, 0
    for packet in packets:
        if packet.stream.index != video.stream.index:
            yield packet
            continue
        if theora and bytes(packet)[1:7] == b"theora":
            continue  # a header between streams that were joined, which is no frame
        dts = packet.dts
        if dts is not None and last is not None:
            jump = (dts - last) * tick
            if jump < 0 or jump > 2 * apart:
                if said is None:
                    stream = video.transport_stream()
                    said = deque(() if stream is None else stream.jumps)
                announced = packet.pos is not None and bool(said) and said[0] <= packet.pos
                if jump < 0 or jump > _LONGEST_PAUSE or announced:
                    offset += last + (last_duration or round(apart / tick)) - dts
                    offsets.append(offset * tick)
            while said and packet.pos is not None and said[0] <= packet.pos:
                said.popleft()
        if dts is not None:
            last, last_duration = dts, packet.duration or 0
        if offset:
            packet.pts = None if packet.pts is None else packet.pts + offset
            packet.dts = None if dts is None else dts + offset
        yield packet


def from_key_frame(video: OpenVideo, time: Fraction) -> Iterator[Packet[VideoStream]]:
    """The packets from the last key frame on that is shown at or before `time`; raises `CannotSeek` for none."""
    ticks = floor(time / video.time_base)
    for _ in range(4):
        try:
            video.container.seek(ticks, stream=video.stream)
            packets = video.container.demux(video.stream)
            key = next(packets)
        except (av.error.FFmpegError, StopIteration) as error:
            raise CannotSeek from error
        if key.pts is None or not key.is_keyframe:
            break
        if key.pts * video.time_base <= time:
            return chain([key], packets)
        # The index goes by decoding times: this one is decoded before `time` but shown after it. Take the one before.
        ticks = min(key.pts if key.dts is None else key.dts, ticks) - 1
    raise CannotSeek
