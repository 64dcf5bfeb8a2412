"""The truth on disk: RGB frames without loss in Matroska, every pixel as it was, the same bytes on every run.

Two codecs, both all key frames. **UtVideo** (median prediction) is what a build writes by default: it is read and
written five times as fast. **FFV1** version 3 (RFC 9043; Golomb-Rice coder, small context, a checksum a slice) takes
0.81 of its bytes, and is what gifbench 0.1 wrote and `export` writes. Chosen by `benchmarks/truth_codec.py` on real
clips, one thread, against FFV1 as ffmpeg sets it (6.71 and 5.81 bits a pixel, 257 and 104 frames/s decoded, at 256×256
and 636×360; AMD EPYC, PyAV 18.1):

    codec                           size         encode       decode       one frame at random
    FFV1 as here                  1.01  1.01   1.04  0.96   1.06  0.95      4.5   10.6 ms
    FFV1 range coder, all keys    0.99  0.98   0.72  0.63   0.68  0.60      6.2   16.2 ms
    FFV1, a key frame in 12       1.00  1.00   1.03  0.95   1.05  0.98     20.5   57.2 ms
    x264 RGB medium, one in 16    1.06  1.08   0.28  0.23   0.77  0.57     59     194 ms
    x264 RGB ultrafast, 16        1.30  1.35   2.91  2.15   2.31  1.73     18.8   57.7 ms
    x265 RGB medium, 16           1.10  1.14   0.07  0.06   0.81  0.66     45     146 ms
    VP9 RGB, 16                   1.03  1.04   0.14  0.13   0.87  0.77     40     113 ms
    UtVideo median, all keys      1.18  1.22   4.6   4.1    3.3   3.3       1.7     4.0 ms
    PNG                           1.50  1.53   0.27  0.20   3.1   2.3       2.9     9.2 ms

Between frames almost nothing can be predicted once the noise counts, so key frames alone cost 1%, and make any frame
one seek and one decode. Writing FFV1 was 45% of the time that a moment took to build. UtVideo has no checksums: the
sha256 of the whole member, which the index holds, tells its damage.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self, cast

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from gifbench.errors import CorruptMedia, NoVideo, PixelsError, UsageError, storage_errors
from gifbench.media.clip import Pixels
from gifbench.media.video.codecs import FFV1, UTVIDEO, slices_intact, utvideo_whole
from gifbench.media.video.color_conversion import interleaved
from gifbench.media.video.container import VideoLimits, check_size
from gifbench.media.video.libav_errors import av_errors

LosslessCodec = Literal["utvideo", "ffv1"]
"""What frames may be written in without loss."""

PIXEL_FORMAT = "bgr0"
"""The 8-bit RGB layout that FFV1 takes; it codes it with the reversible color transform of JPEG 2000."""
_OPTIONS = {"level": "3", "coder": "rice", "context": "0", "slicecrc": "1"}
_PLANAR = "gbrp"
"""The layout that UtVideo takes."""
_READING = {"protocol_whitelist": "file", "format_whitelist": "matroska,webm", "err_detect": "crccheck+explode"}


class LosslessWriter:
    """Writes RGB frames at a constant rate as a lossless Matroska file; one frame is held in memory at a time.

    `target` is a path, whose file is replaced, or, for `ffv1`, an open binary file that can seek. The bytes depend on
    the frames, the size, the rate, the codec and the version of ffmpeg in PyAV, and on nothing else: no dates, no
    random identifiers.

        with LosslessWriter("clip.mkv", width=256, height=256, frame_rate=Fraction(30)) as writer:
            for pixels in frames:  # (256, 256, 3) uint8
                writer.add(pixels)

    If the block raises, a file that was opened here is deleted. Raises `UsageError` for a size or rate that cannot be,
    `PixelsError` for other frames than declared, `NotWritable`, `DiskFull` or `NotFound` for the place.
    """

    def __init__(
        self,
        target: str | os.PathLike[str] | BinaryIO,
        *,
        width: int,
        height: int,
        frame_rate: Fraction,
        codec: LosslessCodec = FFV1,
    ) -> None:
        if width < 1 or height < 1 or frame_rate <= 0:
            raise UsageError(f"cannot write {width}×{height} pictures at {frame_rate} frames a second")
        if width == 1 and height > _ONE_SLICE[1]:
            raise UsageError(f"FFV1 cannot hold pictures of {width}×{height}: make them 2 pixels wide")
        self._shape = (height, width, 3)
        self._codec = codec
        self._own: Path | None = None
        if isinstance(target, str | os.PathLike):
            self._own = Path(target)
            with storage_errors(target):
                self._file: BinaryIO = self._own.open("wb")
        elif codec == UTVIDEO:
            raise UsageError("UtVideo is written to a path, not to an open file")
        else:
            self._file = target
        self._place = str(self._own or "lossless video")
        self._closed = False
        self.num_frames = 0
        self._frame_rate = frame_rate
        with av_errors(self._place):
            self._open()

    def _open(self) -> None:
        height, width, _ = self._shape
        if self._codec == UTVIDEO:
            # PyAV asks the muxer itself whether it knows a codec, and Matroska's names only those with a name of
            # their own there; by way of `tee` it is asked by ffmpeg, and writes any that AVI has a code for.
            self._file.close()
            self._container = av.open(_tee(cast(Path, self._own)), "w", format="tee")
            options = {"pred": "median"}
        else:
            self._container = av.open(self._file, "w", format="matroska", options={"fflags": "+bitexact"})
            options = _OPTIONS | {"slices": _slices(width, height)}
        self._stream = self._container.add_stream(self._codec, rate=self._frame_rate, options=options)
        self._stream.width, self._stream.height = width, height
        self._stream.pix_fmt = _PLANAR if self._codec == UTVIDEO else PIXEL_FORMAT
        self._stream.time_base = 1 / self._frame_rate
        context = self._stream.codec_context
        context.thread_count = 1
        context.gop_size = 1
        context.flags |= av.codec.context.Flags.bitexact

    def add(self, pixels: Pixels) -> None:
        """Write the next frame: RGB (H, W, 3), uint8."""
        _check_frame(pixels, self._shape)
        if self._codec == UTVIDEO:
            frame = _planar(pixels)
        else:
            frame = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        frame.pts = self.num_frames
        with storage_errors(self._place), av_errors(self._place):
            packets = self._stream.encode(frame)
            extradata = self._stream.codec_context.extradata
            if self._codec == UTVIDEO and not all(utvideo_whole(bytes(packet), extradata) for packet in packets):
                self._change_to_ffv1()
                self.add(pixels)
                return
            self._container.mux(packets)
        self.num_frames += 1

    def _change_to_ffv1(self) -> None:
        """Write what is there once more: a picture of noise is coming, which ffmpeg's UtVideo cuts off."""
        path, count = cast(Path, self._own), self.num_frames
        self._container.close()
        if not path.is_file():  # never a device that happened to be the target
            raise PixelsError(f"{path}: UtVideo cannot hold frame {count}, which is noise; write FFV1")
        before = path.with_name(f"{path.name}.{UTVIDEO}")
        path.rename(before)
        try:
            self._codec, self.num_frames = FFV1, 0
            self._file = path.open("wb")
            self._open()
            if count:
                for earlier in iter_lossless(before):
                    self.add(earlier)
        finally:
            before.unlink()

    def close(self) -> None:
        """Finish the file; a second call does nothing. `PixelsError` where no frame was added."""
        if self._closed:
            return
        if not self.num_frames:
            self._discard()
            raise PixelsError(f"{self._place}: a video needs at least one frame, and none was added")
        self._closed = True
        with storage_errors(self._place), av_errors(self._place):
            self._container.mux(self._stream.encode(None))
            self._container.close()
            if self._own is not None:
                self._file.close()

    def _discard(self) -> None:
        self._closed = True
        with suppress(Exception):  # the reason why it is given up matters, not what else fails on the way
            self._container.close()
        if self._own is not None:
            with suppress(OSError):
                self._file.close()
            if self._own.is_file():  # never a device that happened to be the target
                self._own.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._discard()
            return
        try:
            self.close()
        except BaseException:
            self._discard()
            raise


_ONE_SLICE = (352, 288)
"""The largest pictures that ffmpeg lets FFV1 code in one slice, which is 2% smaller than four."""


def _slices(width: int, height: int) -> str:
    return "1" if height == 1 or (width <= _ONE_SLICE[0] and height <= _ONE_SLICE[1]) else "4"


def _tee(path: Path) -> str:
    """What ffmpeg's muxer `tee` is to open for one Matroska file."""
    quoted = str(path.absolute()).replace("'", "'\\''")
    return f"[f=matroska:fflags=+bitexact]'file:{quoted}'"


def _planar(pixels: Pixels) -> VideoFrame:
    height, width, _ = pixels.shape
    frame = VideoFrame(width, height, _PLANAR)
    for plane, channel in zip(frame.planes, (1, 2, 0), strict=True):
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        rows[:height, :width] = pixels[..., channel]
    return frame


def _check_frame(pixels: object, shape: tuple[int, int, int]) -> None:
    if not isinstance(pixels, np.ndarray):
        raise PixelsError(f"a frame of this video is a uint8 array {shape}, not {type(pixels).__name__}")
    if pixels.dtype != np.uint8 or pixels.shape != shape:
        raise PixelsError(f"a frame of this video is uint8 {shape}, not {pixels.dtype} {pixels.shape}")


def read_lossless(
    source: bytes | str | os.PathLike[str], *, frames: Sequence[int] | None = None, threads: int = 1
) -> Pixels:
    """The frames of a file of `LosslessWriter`, or those numbered `frames` in that order: (T, H, W, 3) uint8, RGB.

    `source` is a path, or the file's bytes. Only the frames asked for are decoded. Raises `UsageError` for a number
    outside the video, `NotFound`, and `CorruptMedia` where a checksum, a size or the number of frames is wrong; UtVideo
    has no checksums.
    """
    with _open(source, threads) as video:
        wanted = list(range(video.num_frames)) if frames is None else [int(i) for i in frames]
        for number in wanted:
            if not 0 <= number < video.num_frames:
                raise UsageError(f"frame {number} is outside of {video.place}: it has 0 to {video.num_frames - 1}")
        out = np.empty((len(wanted), video.height, video.width, 3), np.uint8)
        places: dict[int, list[int]] = {}
        for at, number in enumerate(wanted):
            places.setdefault(number, []).append(at)
        for number, pixels in video.read(sorted(places)):
            out[places[number]] = pixels
        return out


def iter_lossless(
    source: bytes | str | os.PathLike[str] | BinaryIO, *, frames: Sequence[int] | None = None, threads: int = 1
) -> Iterator[Pixels]:
    """The frames of a file of `LosslessWriter` one after the other, each (H, W, 3) uint8, RGB, in memory of its own.

    `source` is a path, the file's bytes, or an open file that can seek, which is closed at the end. `frames` are the
    numbers of those that are wanted, increasing; all if it is None.
    """
    with _open(source, threads) as video:
        for _, pixels in video.read(range(video.num_frames) if frames is None else frames):
            yield pixels.copy()


def lossless_codec(source: bytes | str | os.PathLike[str]) -> LosslessCodec:
    """The codec of a file of `LosslessWriter`, a path or the file's bytes; raises `CorruptMedia` for another file."""
    with _open(source, 1) as video:
        return video.codec


class _LosslessVideo:
    """An open file of `LosslessWriter`: all key frames, at a constant rate, so that a frame's time gives its number."""

    def __init__(self, container: InputContainer, place: str) -> None:
        if not container.streams.video:
            raise NoVideo(f"{place} holds no pictures")
        self.place = place
        self._container = container
        self._stream = container.streams.video[0]
        context = self._stream.codec_context
        check_size(Path(place), context.width, context.height, limits=VideoLimits())
        self.width, self.height = context.width, context.height
        self._rate = self._stream.average_rate or Fraction(0)
        self.codec: LosslessCodec = cast(LosslessCodec, context.name)
        if self.codec not in (FFV1, UTVIDEO) or not self._rate or container.duration is None:
            raise CorruptMedia(f"{place} is no lossless video of this project: its codec is {context.name}")
        self.num_frames = round(Fraction(container.duration, 1_000_000) * self._rate)
        self._reformatter = VideoReformatter()

    def read(self, numbers: Sequence[int]) -> Iterator[tuple[int, Pixels]]:
        """The frames of the increasing `numbers`, with their numbers; the pixels are only valid until the next."""
        waiting = list(reversed(numbers))
        packets = self._from(waiting[-1]) if waiting else iter(())
        for packet in packets:
            if packet.pts is None or not packet.size:
                continue
            number = self._number(packet.pts)
            if number > waiting[-1]:
                break
            if number < waiting[-1]:
                continue
            if self.codec == FFV1 and not slices_intact(bytes(packet)):
                raise CorruptMedia(f"{self.place}: frame {number} is damaged: its checksum differs")
            if self.codec == UTVIDEO and not utvideo_whole(bytes(packet), self._stream.codec_context.extradata):
                raise CorruptMedia(f"{self.place}: frame {number} is damaged: it has another length than it says")
            for picture in packet.decode():
                yield number, self._rgb(picture, number)
                waiting.pop()
            if not waiting:
                return
        if waiting:
            raise CorruptMedia(f"{self.place}: frame {waiting[-1]} of {self.num_frames} is missing")

    def _from(self, number: int) -> Iterator[Packet[VideoStream]]:
        if number:
            self._container.seek(int(number / self._rate / self._time_base()), stream=self._stream)
        return self._container.demux(self._stream)

    def _time_base(self) -> Fraction:
        return self._stream.time_base or Fraction(1, 1000)

    def _number(self, pts: int) -> int:
        return round(pts * self._time_base() * self._rate)

    def _rgb(self, picture: VideoFrame, number: int) -> Pixels:
        if picture.is_corrupt or (picture.height, picture.width) != (self.height, self.width):
            raise CorruptMedia(f"{self.place}: frame {number} is damaged")
        if picture.format.name == _PLANAR:
            return interleaved(picture)
        return cast(Pixels, self._reformatter.reformat(picture, format="rgb24", threads=1).to_ndarray())


@contextmanager
def _open(source: bytes | str | os.PathLike[str] | BinaryIO, threads: int) -> Iterator[_LosslessVideo]:
    if isinstance(source, bytes | bytearray | memoryview):
        place = f"the lossless video in memory ({len(source)} bytes)"
        opened: BinaryIO = io.BytesIO(source)
    elif not isinstance(source, str | os.PathLike):
        place, opened = "the lossless video in an open file", source
    else:
        place = str(source)
        with storage_errors(place):
            opened = Path(source).open("rb")  # noqa: SIM115  (closed by the `with` below)
    with opened as file, av_errors(place), av.open(file, "r", options=_READING) as container:
        video = _LosslessVideo(container, place)
        context = video._stream.codec_context
        context.thread_count = threads
        yield video
