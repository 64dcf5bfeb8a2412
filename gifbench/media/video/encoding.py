"""Video that people open: H.264 in MP4 or MOV, VP9 in WebM, or FFV1 in Matroska where nothing may be lost.

A GIF shows each frame as long as it likes, so every frame here carries its own time and duration.
"""

from __future__ import annotations

import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import av
import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from gifbench.errors import PixelsError, UsageError, storage_errors
from gifbench.media.clip import Pixels
from gifbench.media.video.libav_errors import av_errors

_MATROSKA_TICK = Fraction(1, 1000)
_FINEST_TICK = Fraction(1, 1_000_000)
_BT709 = 1
_LIMITED = 1
_H264 = {"preset": "medium", "crf": "16", "bf": "0"}
"""Without B-frames, because with them MP4 has no place for how long the last frame stays."""
_FFV1 = {"level": "3", "slicecrc": "1"}
_VP9 = {"crf": "18", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"}
_KINDS = {".mkv": ("matroska", "ffv1", _FFV1), ".webm": ("webm", "libvpx-vp9", _VP9), ".mov": ("mov", "libx264", _H264)}


class VideoWriter:
    """Writes RGB frames with their own times; `.mkv` is lossless, `.webm` VP9, `.mov` and `.mp4` H.264.

    All but the first are 8-bit 4:2:0 in BT.709, which loses a little and wants even sides: an odd one is made a pixel
    longer by repeating the last column or row. `tick` is what all times are multiples of, in seconds; Matroska and WebM
    know milliseconds only, and times are rounded to them. `frame_rate` is the average, for the header. A few dozen
    frames are held at most. `path` is replaced; if the `with` block raises, it is deleted.

        with VideoWriter("out.mp4", width=320, height=240, frame_rate=Fraction(10), tick=Fraction(1, 100)) as writer:
            writer.add(pixels, Fraction(0), Fraction(7, 100))  # (240, 320, 3) uint8, shown for 70 ms

    Raises `UsageError` for a size or tick that cannot be, `PixelsError` for other frames than declared or times that do
    not increase, and the `StorageError` of the place.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, width: int, height: int, frame_rate: Fraction, tick: Fraction
    ) -> None:
        if width < 1 or height < 1 or frame_rate <= 0 or not _FINEST_TICK <= tick <= 1:
            raise UsageError(f"cannot write {width}×{height} pictures at {frame_rate} frames a second, tick {tick} s")
        self._path = Path(path)
        self._kind = _KINDS.get(self._path.suffix.lower(), ("mp4", "libx264", _H264))
        self._lossless = self._kind[1] == "ffv1"
        self._shape = (height, width, 3)
        self._tick = _MATROSKA_TICK if self._kind[0] in ("matroska", "webm") else tick
        self._durations: dict[int, int] = {}
        self._last = -1
        self._closed = False
        with storage_errors(path):
            self._path.open("wb").close()  # libav says less clearly why a file cannot be made
        with av_errors(self._path):
            self._open(frame_rate.limit_denominator(60_000))

    def _open(self, frame_rate: Fraction) -> None:
        height, width, _ = self._shape
        name, codec, options = self._kind
        fast = {"movflags": "+faststart"} if codec == "libx264" else {}
        self._container = av.open(f"file:{self._path}", "w", format=name, options={"fflags": "+bitexact", **fast})
        self._stream = cast(VideoStream, self._container.add_stream(codec, rate=frame_rate, options=dict(options)))
        self._stream.width = width if self._lossless else width + width % 2
        self._stream.height = height if self._lossless else height + height % 2
        self._stream.pix_fmt = "bgr0" if self._lossless else "yuv420p"
        self._stream.time_base = self._tick
        context = self._stream.codec_context
        context.time_base = self._tick
        if not self._lossless:
            context.color_primaries = context.color_trc = context.colorspace = _BT709
            context.color_range = _LIMITED
        try:
            self._container.start_encoding()
        except (av.error.ExternalError, av.error.NotImplementedError, av.error.ArgumentError) as error:
            self._discard()
            raise UsageError(
                f"{codec.removeprefix('lib')} holds no pictures of {width}×{height} pixels; write another "
                "kind of file, or a folder of PNGs"
            ) from error

    def add(self, pixels: Pixels, time: Fraction, duration: Fraction) -> None:
        """Write a frame, RGB (H, W, 3) uint8, that is shown from `time` on for `duration`, both in seconds."""
        if pixels.dtype != np.uint8 or pixels.shape != self._shape:
            raise PixelsError(f"a frame of this video is uint8 {self._shape}, not {pixels.dtype} {pixels.shape}")
        tick = round(time / self._tick)
        if tick <= self._last:
            raise PixelsError(
                f"times must increase: a frame at {time} s cannot follow one at {self._last * self._tick} s"
            )
        self._last = tick
        self._durations[tick] = max(1, round((time + duration) / self._tick) - tick)
        frame = VideoFrame.from_ndarray(self._even(pixels), format="rgb24")
        if not self._lossless:
            frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
        frame.pts, frame.time_base = tick, self._tick
        with storage_errors(self._path), av_errors(self._path):
            self._mux(self._stream.encode(frame))

    def _even(self, pixels: Pixels) -> Pixels:
        height, width, _ = self._shape
        if self._lossless or not (height % 2 or width % 2):
            return np.ascontiguousarray(pixels)
        return cast(Pixels, np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge"))

    def _mux(self, packets: list[Packet[VideoStream]]) -> None:
        for packet in packets:
            base = packet.time_base or self._tick
            tick = round(cast(int, packet.pts) * base / self._tick)
            packet.duration = round(self._durations.pop(tick) * self._tick / base)
            self._container.mux(packet)

    def close(self) -> None:
        """Finish the file; a second call does nothing. `PixelsError` where no frame was added."""
        if self._closed:
            return
        if self._last < 0:
            raise PixelsError(f"{self._path}: a video needs at least one frame, and none was added")
        self._closed = True
        with storage_errors(self._path), av_errors(self._path):
            self._mux(self._stream.encode(None))
            self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.close()
                return
        except BaseException:
            self._discard()
            raise
        self._discard()

    def _discard(self) -> None:
        self._closed = True
        with suppress(Exception):  # why it is given up matters, not what else fails on the way
            self._container.close()
        self._path.unlink(missing_ok=True)
