"""The lossless truth in again: all of its frames, or single ones, each checked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from gifbench.errors import CorruptMedia, UsageError
from gifbench.media.clip import Pixels
from gifbench.media.video.codecs import FFV1, PLANAR, UTVIDEO, LosslessCodec, slices_intact, utvideo_whole
from gifbench.media.video.container import VideoLimits, check_size, open_own
from gifbench.media.video.yuv_to_rgb_and_hdr import interleaved

_WHAT, _CHECKED = "lossless video", {"err_detect": "crccheck+explode"}


def read_lossless(source: bytes | str | os.PathLike[str], *, frames: Sequence[int] | None = None) -> Pixels:
    """The frames of a file of `LosslessWriter`, or those numbered `frames` in that order: (T, H, W, 3) uint8, RGB.

    `source` is a path, or the file's bytes. Only the frames asked for are decoded. Raises `UsageError` for a number
    outside the video, `NotFound`, and `CorruptMedia` where a checksum, a size or the number of frames is wrong; UtVideo
    has no checksums.
    """
    with open_own(source, _WHAT, **_CHECKED) as (container, place):
        video = _LosslessVideo(container, place)
        return gathered(video.read, frames, (video.num_frames, video.height, video.width, 3), place)


def gathered(
    read: Callable[[Sequence[int]], Iterable[tuple[int, Pixels]]],
    frames: Sequence[int] | None,
    shape: tuple[int, int, int, int],
    place: str,
) -> Pixels:
    """The frames of a video of that shape numbered `frames`, in that order and as often; all of them if it is None.

    `read` gives those of increasing numbers. Raises `UsageError` for a number outside of the video at `place`.
    """
    wanted = list(range(shape[0])) if frames is None else [int(number) for number in frames]
    for number in wanted:
        if not 0 <= number < shape[0]:
            raise UsageError(f"frame {number} is outside of {place}: it has 0 to {shape[0] - 1}")
    out = np.empty((len(wanted), *shape[1:]), np.uint8)
    places = np.array(wanted)
    for number, pixels in read(sorted(set(wanted))):
        out[places == number] = pixels
    return out


def iter_lossless(
    source: bytes | str | os.PathLike[str] | BinaryIO, *, frames: Sequence[int] | None = None
) -> Iterator[Pixels]:
    """The frames of a file of `LosslessWriter` one after the other, each (H, W, 3) uint8, RGB, in memory of its own.

    `source` is a path, the file's bytes, or an open file that can seek, which is closed at the end. `frames` are the
    numbers of those that are wanted, increasing; all if it is None.
    """
    with open_own(source, _WHAT, **_CHECKED) as (container, place):
        video = _LosslessVideo(container, place)
        for _, pixels in video.read(range(video.num_frames) if frames is None else frames):
            yield pixels.copy()


def lossless_codec(source: bytes | str | os.PathLike[str]) -> LosslessCodec:
    """The codec of a file of `LosslessWriter`, a path or the file's bytes; raises `CorruptMedia` for another file."""
    with open_own(source, _WHAT, **_CHECKED) as (container, place):
        return _LosslessVideo(container, place).codec


class _LosslessVideo:
    """An open file of `LosslessWriter`: all key frames, at a constant rate, so that a frame's time gives its number."""

    def __init__(self, container: InputContainer, place: str) -> None:
        self.place = place
        self._container = container
        self._stream = container.streams.video[0]
        context = self._stream.codec_context
        check_size(Path(place), context.width, context.height, limits=VideoLimits())
        self.width, self.height = context.width, context.height
        rate = self._stream.average_rate or Fraction(0)
        self._frames_a_tick = rate * (self._stream.time_base or Fraction(1, 1000))
        self.codec: LosslessCodec = cast(LosslessCodec, context.name)
        if self.codec not in (FFV1, UTVIDEO) or not rate or container.duration is None:
            raise CorruptMedia(f"{place} is no lossless video of this project: its codec is {context.name}")
        self.num_frames = round(Fraction(container.duration, 1_000_000) * rate)
        self._reformatter = VideoReformatter()
        context.thread_count = 1

    def read(self, numbers: Sequence[int]) -> Iterator[tuple[int, Pixels]]:
        """The frames of the increasing `numbers`, with their numbers; the pixels are only valid until the next."""
        waiting = list(reversed(numbers))
        if not waiting:
            return
        if waiting[-1]:
            self._container.seek(int(waiting[-1] / self._frames_a_tick), stream=self._stream)
        for packet in self._container.demux(self._stream):
            if packet.pts is None or not packet.size:
                continue
            number = round(packet.pts * self._frames_a_tick)
            if number > waiting[-1]:
                break
            if number < waiting[-1]:
                continue
            if self.codec == FFV1 and not slices_intact(bytes(packet)):
                raise CorruptMedia(f"{self.place}: frame {number} is damaged: its checksum differs")
            if self.codec == UTVIDEO and not utvideo_whole(bytes(packet), self._stream.codec_context.extradata):
                raise CorruptMedia(f"{self.place}: frame {number} is damaged: it has another length than it says")
            for picture in packet.decode():
                if picture.is_corrupt or (picture.height, picture.width) != (self.height, self.width):
                    raise CorruptMedia(f"{self.place}: frame {number} is damaged")
                yield number, self._rgb(picture)
                waiting.pop()
            if not waiting:
                return
        raise CorruptMedia(f"{self.place}: frame {waiting[-1]} of {self.num_frames} is missing")

    def _rgb(self, picture: VideoFrame) -> Pixels:
        if picture.format.name == PLANAR:
            return interleaved(picture)
        return cast(Pixels, self._reformatter.reformat(picture, format="rgb24", threads=1).to_ndarray())
