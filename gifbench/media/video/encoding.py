"""Video that people open: H.264 in MP4 or MOV, VP9 in WebM, or FFV1 in Matroska where nothing may be lost.

A GIF shows each frame as long as it likes, so every frame here carries its own time and duration.
"""

from __future__ import annotations

import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Self, cast

import av
import numpy as np
from av.container import OutputContainer
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
_CONTAINERS = {".mkv": "matroska", ".webm": "webm", ".mov": "mov"}
_H264 = {"preset": "medium", "crf": "16", "bf": "0"}
"""Without B-frames, because with them MP4 has no place for how long the last frame stays."""
_VP9 = {"crf": "18", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"}
_CODECS = {".mkv": ("ffv1", {"level": "3", "slicecrc": "1"}), ".webm": ("libvpx-vp9", _VP9)}


def open_output(path: Path) -> OutputContainer:
    """A new file of the container that the name's ending stands for, MP4 for any other; nothing tells when it was made.

    PyAV's errors come as they are.
    """
    container = _CONTAINERS.get(path.suffix.lower(), "mp4")
    fast = {"movflags": "+faststart"} if container in ("mp4", "mov") else {}
    return av.open(f"file:{path}", "w", format=container, options={"fflags": "+bitexact", **fast})


class FrameWriter:
    """What the writers of RGB frames (H, W, 3) share: a `with` block that raises deletes the file at `path`.

    A subclass opens `_container` and `_stream`, and encodes. `path` is None for a file that somebody else opened.
    """

    _container: OutputContainer
    _stream: VideoStream

    def __init__(self, path: Path | None, *, width: int, height: int) -> None:
        self._path, self._shape = path, (height, width, 3)
        self._place = str(path or "lossless video")
        self._closed = False
        self.num_frames = 0
        if path is not None:
            with storage_errors(path):
                path.open("wb").close()  # libav says less clearly why a file cannot be made

    def _check(self, pixels: object) -> None:
        if not isinstance(pixels, np.ndarray):
            raise PixelsError(f"a frame of this video is a uint8 array {self._shape}, not {type(pixels).__name__}")
        if pixels.dtype != np.uint8 or pixels.shape != self._shape:
            raise PixelsError(f"a frame of this video is uint8 {self._shape}, not {pixels.dtype} {pixels.shape}")

    def _mux(self, packets: list[Packet[VideoStream]]) -> None:
        self._container.mux(packets)

    def close(self) -> None:
        """Finish the file; a second call does nothing. `PixelsError` where no frame was added."""
        if self._closed:
            return
        try:
            if not self.num_frames:
                raise PixelsError(f"{self._place}: a video needs at least one frame, and none was added")
            with storage_errors(self._place), av_errors(self._place):
                self._mux(self._stream.encode(None))
                self._container.close()
        except BaseException:
            self._discard()
            raise
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self._discard()

    def _discard(self) -> None:
        self._closed = True
        with suppress(Exception):  # why it is given up matters, not what else fails on the way
            self._container.close()
        if self._path is not None and self._path.is_file():  # never a device that happened to be the target
            self._path.unlink()


class VideoWriter(FrameWriter):
    """Writes RGB frames with their own times; `.mkv` is lossless, `.webm` VP9, `.mov` and `.mp4` H.264.

    All but the first are 8-bit 4:2:0 in BT.709, which loses a little and wants even sides: an odd one is made a pixel
    longer by repeating the last column or row. `tick` is what all times are multiples of, in seconds; Matroska and WebM
    know milliseconds only, and times are rounded to them. `frame_rate` is the average, for the header. A few dozen
    frames are held at most. `path` is replaced; if the `with` block raises, it is deleted. The same frames need not
    give the same bytes of H.264 again: with AVX-512, choices of x264 depend on what was in memory before.

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
        super().__init__(Path(path), width=width, height=height)
        ending = Path(path).suffix.lower()
        codec, options = _CODECS.get(ending, ("libx264", _H264))
        self._lossless = codec == "ffv1"
        self._tick = _MATROSKA_TICK if ending in _CODECS else tick
        self._durations: dict[int, int] = {}
        self._last = -1
        with av_errors(self._place):
            self._container = open_output(Path(path))
            rate = frame_rate.limit_denominator(60_000)
            self._stream = cast(VideoStream, self._container.add_stream(codec, rate=rate, options=dict(options)))
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
        self._check(pixels)
        tick = round(time / self._tick)
        if tick <= self._last:
            raise PixelsError(
                f"times must increase: a frame at {time} s cannot follow one at {self._last * self._tick} s"
            )
        self._last = tick
        self._durations[tick] = max(1, round((time + duration) / self._tick) - tick)
        height, width, _ = self._shape
        if not self._lossless and (height % 2 or width % 2):
            pixels = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        if not self._lossless:
            frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
        frame.pts, frame.time_base = tick, self._tick
        self.num_frames += 1
        with storage_errors(self._place), av_errors(self._place):
            self._mux(self._stream.encode(frame))

    def _mux(self, packets: list[Packet[VideoStream]]) -> None:
        for packet in packets:
            base = packet.time_base or self._tick
            tick = round(cast(int, packet.pts) * base / self._tick)
            packet.duration = round(self._durations.pop(tick) * self._tick / base)
            self._container.mux(packet)
