"""The packets of a span, kept as they came: from the key frame before it to the last one that it needs, in Matroska.

Nothing is encoded anew, so the file is about as large as that part of the source, and any player shows it. Pictures of
it are named by their number in the order in which they are shown, 0 being the key frame that it begins with. A picture
is decoded from the last key frame that is shown before it, alone, so that one at random costs a part of one group of
pictures, and reading all of them decodes exactly what reading one of them does.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain, groupby
from pathlib import Path
from typing import cast

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from gifbench.errors import CorruptMedia, MediaError, UsageError
from gifbench.media.clip import Pixels
from gifbench.media.video.container import OpenVideo, VideoLimits, check_size, open_own, open_video
from gifbench.media.video.libav_errors import av_errors
from gifbench.media.video.packet_reading import CannotSeek, continuous_packets, from_key_frame
from gifbench.media.video.yuv_to_rgb_and_hdr import ColorConverter

_LIMITS = VideoLimits()


class CannotKeep(Exception):
    """The packets of this video cannot be cut out and put into Matroska: no key frames, no times, an odd codec."""


def keep_packets(path: str | os.PathLike[str], first: Fraction, last: Fraction, target: Path) -> int:
    """Copy the packets that the frames from `first` to `last` need; both are `Frame.clock` of frames of the video.

    Returns the number of the picture that is shown at `first`. The bytes depend on the packets and the version of
    ffmpeg in PyAV alone. Raises `CannotKeep`, or `StorageError` for what is wrong with `target`.
    """
    with open_video(path, limits=_LIMITS) as video:
        packets = _needed(video, first, last)
        key = next(packets)
        start = cast(int, key.pts)
        before = 0
        try:
            with av_errors(target), av.open(f"file:{target}", "w", "matroska", {"fflags": "+bitexact"}) as out:
                stream = out.add_stream_from_template(video.stream, opaque=True)
                for packet in chain([key], packets):
                    before += cast(int, packet.pts) * video.time_base < first
                    packet.pts = cast(int, packet.pts) - start
                    packet.dts = None if packet.dts is None else packet.dts - start
                    packet.stream = stream
                    out.mux(packet)
        except (MediaError, ValueError) as error:
            raise CannotKeep(str(error)) from error
    return before


def _needed(video: OpenVideo, first: Fraction, last: Fraction) -> Iterator[Packet[VideoStream]]:
    """The packets from the key frame at or before `first` to the last that is shown at or before `last`.

    Those of an open group of pictures that are shown before the key frame are left out: they need what was before it.
    """
    tick = video.time_base
    key: int | None = None
    held: list[Packet[VideoStream]] = []  # what may still prove superfluous
    for packet in _packets(video, first):
        if not packet.size:
            continue
        if packet.pts is None:
            raise CannotKeep("a packet has no time")
        if packet.dts is not None and packet.dts * tick > last:
            break
        if packet.is_keyframe and packet.pts * tick <= first:
            held.clear()
            key = packet.pts
        if key is None or packet.pts < key:
            continue
        held.append(packet)
        # From what is decoded after `first` on, no key frame that is shown before it can come.
        if packet.dts is not None and first < packet.dts * tick and packet.pts * tick <= last:
            yield from held
            held.clear()
    needed = [number for number, packet in enumerate(held) if cast(int, packet.pts) * tick <= last]
    yield from held[: needed[-1] + 1 if needed else 0]
    if key is None:
        raise CannotKeep("no key frame is before the span")


def _packets(video: OpenVideo, first: Fraction) -> Iterator[Packet[VideoStream]]:
    try:
        if video.seekable:
            return from_key_frame(video, first)
    except CannotSeek:
        try:
            video.container.seek(0)
        except av.error.FFmpegError as error:
            raise CannotKeep("no key frame is in its index") from error
    return continuous_packets(video)


def read_kept(source: bytes | str | os.PathLike[str], numbers: Sequence[int]) -> Iterator[tuple[int, Pixels]]:
    """The pictures of the increasing `numbers`, with their numbers: (H, W, 3) uint8, RGB, converted as `decode` does.

    `source` is the path of a file of `keep_packets`, or its bytes. Raises `UsageError` for a number outside of it,
    `NotFound`, `CorruptMedia` or `NoVideo`.
    """
    with open_own(source, "packets") as (container, place):
        video = _KeptVideo(container, place)
        for number in numbers:
            if not 0 <= number < len(video.shown):
                raise UsageError(f"picture {number} is outside of {video.place}: it has 0 to {len(video.shown) - 1}")
        for key, group in groupby(numbers, key=video.key_before):
            yield from video.decode(key, list(group))


class _KeptVideo:
    """An open file of `keep_packets`."""

    def __init__(self, container: InputContainer, place: str) -> None:
        stream = container.streams.video[0]
        if stream.codec_context is None:
            raise CorruptMedia(f"{place}: its pictures are in a codec that PyAV cannot decode")
        self.place = place
        self._decoder: VideoCodecContext = stream.codec_context
        check_size(Path(place), self._decoder.width, self._decoder.height, limits=_LIMITS)
        self._decoder.options = {"max_pixels": str(_LIMITS.max_pixels)}
        self._decoder.thread_count = 1
        self._packets = [packet for packet in container.demux(stream) if packet.size and packet.pts is not None]
        if not self._packets or not self._packets[0].is_keyframe:
            raise CorruptMedia(f"{place}: it does not begin with a key frame")
        times = [cast(int, packet.pts) for packet in self._packets]
        self.shown = sorted(time for time in times if time >= times[0])
        # By the time at which they are shown, which is the order in which they come unless a file is damaged.
        self._keys = sorted((time, i) for i, time in enumerate(times) if self._packets[i].is_keyframe)
        self._converter = ColorConverter("rgb", place=place)

    def key_before(self, number: int) -> int:
        """Which packet is the last key frame that is shown at or before a picture."""
        return self._keys[bisect_right(self._keys, (self.shown[number], len(self._packets))) - 1][1]

    def decode(self, key: int, numbers: Sequence[int]) -> Iterator[tuple[int, Pixels]]:
        """Pictures of the group that begins with the packet `key`."""
        left = {self.shown[number]: number for number in numbers}
        self._decoder.flush_buffers()
        for packet in (*self._packets[key:], None):
            for picture in self._decoder.decode(packet):
                number = left.pop(cast(int, picture.pts), None)
                if number is None:
                    continue
                if picture.is_corrupt:
                    raise CorruptMedia(f"{self.place}: picture {number} is damaged")
                check_size(Path(self.place), picture.width, picture.height, limits=_LIMITS)
                yield number, self._converter.pixels(picture)
            if not left:
                return
        raise CorruptMedia(f"{self.place}: picture {min(left.values())} of {len(self.shown)} is missing")
