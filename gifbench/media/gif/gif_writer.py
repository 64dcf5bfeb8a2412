"""Writing GIF89a, a frame at a time.

Each frame is an image with its own palette in the smallest table that holds it. A frame is written when the next one is
there, because only then its delay is known, and whether it must be cleared away.

Reference: GIF89a specification (CompuServe, 1990); the NETSCAPE2.0 extension for loops.
"""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import BinaryIO

import numpy as np

from gifbench.errors import PixelsError, UsageError
from gifbench.media.clip import Pixels
from gifbench.media.gif import lzw_encoder
from gifbench.media.gif.canvas import Indices
from gifbench.media.gif.delta_frames import CLEAR, Delta, Image
from gifbench.media.gif.frame_delays import delay_until

_LONGEST_DELAY = 65535
"""Hundredths of a second."""


class GifWriter:
    """Writes a GIF into a binary file as its frames come; holds one frame.

    `loop` is how often the animation is played in all, 0 for ever. With `optimize` an image holds only what changed,
    which is smaller and shows the same pixels.
    """

    def __init__(self, file: BinaryIO, *, width: int, height: int, loop: int = 0, optimize: bool = False) -> None:
        if not (1 <= width <= 65535 and 1 <= height <= 65535):
            raise PixelsError(f"a GIF has sides of 1 to 65535 pixels, not {width}×{height}")
        if not 0 <= loop <= 65536:
            raise UsageError(f"a GIF is played 0 (for ever) to 65536 times, not {loop}")
        self._file, self._height, self._width = file, height, width
        self._delta = Delta(height, width) if optimize else None
        self._waiting: Image | None = None
        self._time = Fraction(0)
        self._clock = 0  # hundredths written so far
        self._closed = False
        self._encoder = lzw_encoder.Encoder(height * width)
        file.write(b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0))
        if loop != 1:
            file.write(b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<HB", max(loop - 1, 0), 0))

    def add(self, indices: Indices, palette: Pixels, time: Fraction, *, transparent: int | None = None) -> None:
        """Append the frame that is shown at `time`, seconds since the first frame, which is at 0.

        `indices` (H, W) uint8 point into `palette` (K, 3) uint8, 1 to 256 colors; `transparent` is the see-through
        index, if any. The delay of a frame is the step between its time and the next, both rounded to hundredths of a
        second, and at least two hundredths: browsers do not play faster.

        Raises `PixelsError` for a wrong shape, type or index, and for a time that does not increase.
        """
        self._check(indices, palette, transparent, time)
        self._append(Image(indices, palette, transparent), time)

    def add_pair(self, other: GifWriter, indices: tuple[Indices, Indices], palette: Pixels, time: Fraction) -> None:
        """`add` the first indices here and the second to `other`, in less time where both are of one size.

        Raises what `add` raises.
        """
        if self._delta or other._delta or indices[0].shape != indices[1].shape:
            for writer, own in zip((self, other), indices, strict=True):
                writer.add(own, palette, time)
            return
        for writer, own in zip((self, other), indices, strict=True):
            writer._check(own, palette, None, time)
        data = self._encoder.encode_with(other._encoder, indices, _code_size(palette))
        for writer, own, compressed in zip((self, other), indices, data, strict=True):
            writer._append(Image(own, palette, None, compressed.tobytes()), time)

    def _append(self, frame: Image, time: Fraction) -> None:
        if self._waiting is not None:
            self._write(self._waiting, frame, time)
        self._waiting, self._time = frame, time

    def close(self, duration: Fraction) -> None:
        """Write the last frame, which is shown until `duration` (seconds since the first), and the end of the file.

        The file itself is left open.
        """
        if self._closed:
            return
        if self._waiting is None:
            raise PixelsError("a GIF without frames cannot be written")
        if duration <= self._time:
            raise PixelsError(f"the last frame is shown at {self._time} s, so the GIF cannot end at {duration} s")
        self._write(self._waiting, None, duration)
        self._file.write(b"\x3b")
        self._closed = True
        self._waiting = None

    def _check(self, indices: Indices, palette: Pixels, transparent: int | None, time: Fraction) -> None:
        wide = self._delta is not None and indices.dtype in (np.uint16, np.uint32)
        if indices.shape != (self._height, self._width) or not (indices.dtype == np.uint8 or wide):
            raise PixelsError(
                f"a frame's indices must be uint8 {(self._height, self._width)}, not {indices.dtype} {indices.shape}"
            )
        check_colors(indices, palette, transparent, most=1 << 24 if wide else 256)
        if self._closed:
            raise PixelsError("the GIF is closed: a frame cannot be added any more")
        if self._waiting is None and time != 0:
            raise PixelsError(f"the first frame is shown at time 0, not at {time} s")
        if self._waiting is not None and time <= self._time:
            raise PixelsError(f"times must increase: a frame at {time} s cannot follow one at {self._time} s")

    def _write(self, frame: Image, following: Image | None, until: Fraction) -> None:
        delay = delay_until(self._clock, until)
        if delay > _LONGEST_DELAY:
            raise PixelsError(
                f"the frame at {float(self._time):.2f} s is shown until {float(until):.2f} s, and a GIF can show one "
                f"for {_LONGEST_DELAY / 100} s at most: show it again in between"
            )
        self._clock += delay
        image = self._delta.image(frame, following) if self._delta else _full_image(frame, following)
        height, width = image.indices.shape
        table = color_table(image.palette)
        bits = (len(table) - 1).bit_length()
        see_through = image.transparent is not None
        control = struct.pack(
            "<BBBBHBB", 0x21, 0xF9, 4, image.disposal << 2 | see_through, delay, image.transparent or 0, 0
        )
        place = struct.pack("<BHHHHB", 0x2C, image.left, image.top, width, height, 0x80 | (bits - 1))
        self._file.write(control + place + table.tobytes())
        data = image.compressed
        self._file.write(self._encoder.encode(image.indices, _code_size(image.palette)).data if data is None else data)


def check_colors(
    indices: Indices, palette: Pixels, transparent: int | None, *, most: int, frame: str = "a frame"
) -> None:
    """Raise `PixelsError` unless `palette` is uint8 (K, 3), 1 to `most` colors, which all indices are among."""
    if palette.dtype != np.uint8 or palette.ndim != 2 or palette.shape[1] != 3 or not 1 <= len(palette) <= most:
        raise PixelsError(
            f"the palette of {frame} must be uint8 (K, 3) with 1 to {most} colors, not {palette.dtype} {palette.shape}"
        )
    if len(palette) < most and int(indices.max()) >= len(palette):
        raise PixelsError(f"{frame} has the index {indices.max()}, and its palette {len(palette)} colors")
    if transparent is not None and not 0 <= transparent < len(palette):
        raise PixelsError(f"{frame}: the see-through index {transparent} is not among its {len(palette)} colors")


def _code_size(palette: Pixels) -> int:
    """The LZW code size of an image with this palette."""
    return max(2, (len(palette) - 1).bit_length())


def color_table(palette: Pixels) -> Pixels:
    """A palette (K, 3) as it stands in a file, and comes back from one: black follows, up to a power of two."""
    table = np.zeros((1 << max(1, (len(palette) - 1).bit_length()), 3), np.uint8)
    table[: len(palette)] = palette
    return table


def _full_image(frame: Image, following: Image | None) -> Image:
    """All of `frame`; cleared away afterwards if something of `following` is see-through.

    Outside browsers what is cleared becomes see-through only if the image has a see-through index itself, so one is
    added where there is room.
    """
    if following is None or following.transparent is None:
        return frame
    cleared = frame._replace(disposal=CLEAR)
    if frame.transparent is not None:
        return cleared
    unused = np.flatnonzero(np.bincount(frame.indices.reshape(-1), minlength=256) == 0)
    if not unused.size:
        return cleared
    index = min(int(unused[-1]), len(frame.palette))
    palette = frame.palette if index < len(frame.palette) else np.append(frame.palette, frame.palette[:1], axis=0)
    return cleared._replace(palette=palette, transparent=index, compressed=None)
