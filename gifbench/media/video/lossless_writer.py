"""The truth on disk: RGB frames without loss in Matroska, every pixel as it was, the same bytes on every run.

Two codecs, both all key frames. **UtVideo** (median prediction) is what a build writes by default: it is read and
written five times as fast. **FFV1** version 3 (RFC 9043; Golomb-Rice coder, small context, a checksum a slice) takes
0.81 of its bytes, and is what gifbench 0.1 wrote and `export` writes. Chosen by `benchmarks/truth_codec.py`, whose
numbers are in benchmarks/README.md: between frames almost nothing can be predicted once the noise counts, so key frames
alone cost 1%, and make any frame one seek and one decode. UtVideo has no checksums: the sha256 of the whole member,
which the index holds, tells its damage.
"""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, cast

import av
import numpy as np
from av.video.frame import VideoFrame

from gifbench.errors import PixelsError, UsageError, storage_errors
from gifbench.media.clip import Pixels
from gifbench.media.video.codecs import FFV1, PLANAR, UTVIDEO, LosslessCodec, utvideo_whole
from gifbench.media.video.encoding import FrameWriter
from gifbench.media.video.libav_errors import av_errors
from gifbench.media.video.lossless_reader import iter_lossless
from gifbench.media.video.yuv_to_rgb_and_hdr import planar

PIXEL_FORMAT = "bgr0"
"""The 8-bit RGB layout that FFV1 takes; it codes it with the reversible color transform of JPEG 2000."""
_OPTIONS = {"level": "3", "coder": "rice", "context": "0", "slicecrc": "1"}
_ONE_SLICE = (352, 288)
"""The largest pictures that ffmpeg lets FFV1 code in one slice, which is 2% smaller than four."""


class LosslessWriter(FrameWriter):
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
        own = Path(target) if isinstance(target, str | os.PathLike) else None
        if own is None and codec == UTVIDEO:
            raise UsageError("UtVideo is written to a path, not to an open file")
        super().__init__(own, width=width, height=height)
        self._target = target if own is None else f"file:{own}"
        self._codec, self._frame_rate = codec, frame_rate
        with av_errors(self._place):
            self._open()

    def _open(self) -> None:
        height, width, _ = self._shape
        if self._codec == UTVIDEO:
            # PyAV asks the muxer itself whether it knows a codec, and Matroska's names only those with a name of
            # their own there; by way of `tee` it is asked by ffmpeg, and writes any that AVI has a code for.
            quoted = str(cast(Path, self._path).absolute()).replace("'", "'\\''")
            self._container = av.open(f"[f=matroska:fflags=+bitexact]'file:{quoted}'", "w", format="tee")
            options = {"pred": "median"}
        else:
            self._container = av.open(self._target, "w", format="matroska", options={"fflags": "+bitexact"})
            one_slice = height == 1 or (width <= _ONE_SLICE[0] and height <= _ONE_SLICE[1])
            options = _OPTIONS | {"slices": "1" if one_slice else "4"}
        self._stream = self._container.add_stream(self._codec, rate=self._frame_rate, options=options)
        self._stream.width, self._stream.height = width, height
        self._stream.pix_fmt = PLANAR if self._codec == UTVIDEO else PIXEL_FORMAT
        self._stream.time_base = 1 / self._frame_rate
        context = self._stream.codec_context
        context.thread_count = 1
        context.gop_size = 1
        context.flags |= av.codec.context.Flags.bitexact

    def add(self, pixels: Pixels) -> None:
        """Write the next frame: RGB (H, W, 3), uint8."""
        self._check(pixels)
        if self._codec == UTVIDEO:
            frame = planar(pixels)
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
            self._mux(packets)
        self.num_frames += 1

    def _change_to_ffv1(self) -> None:
        """Write what is there once more: a picture of noise is coming, which ffmpeg's UtVideo cuts off."""
        path, count = cast(Path, self._path), self.num_frames
        self._container.close()
        if not path.is_file():  # never a device that happened to be the target
            raise PixelsError(f"{path}: UtVideo cannot hold frame {count}, which is noise; write FFV1")
        before = path.with_name(f"{path.name}.{UTVIDEO}")
        path.rename(before)
        try:
            self._codec, self.num_frames = FFV1, 0
            self._open()
            if count:
                for earlier in iter_lossless(before):
                    self.add(earlier)
        finally:
            before.unlink()
