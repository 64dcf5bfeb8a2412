"""The truth: RGB frames and the exact times at which they are shown."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gifbench import notebook
from gifbench.argument_types import check_types
from gifbench.errors import PixelsError

Pixels = NDArray[np.uint8]
"""Eight-bit pixels, 0 to 255; the shape stands where the name is used."""


_MOST_SHOWN = 12 << 20
"""Pixels that a notebook is shown at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A span of video, decoded: what a GIF is made from, and what a method should give back.

    `frames` are RGB, shape (T, H, W, 3), uint8. `times[i]` is when frame i is shown, in seconds since the first frame
    (`times[0] == 0`, strictly increasing), and `duration` when the last one ends; all are exact fractions. `save`
    writes it as a video or an animation; in a notebook it shows itself, playing. Raises `PixelsError` for other frames
    or times.
    """

    frames: Pixels
    times: tuple[Fraction, ...]
    duration: Fraction

    def __post_init__(self) -> None:
        check_frames(self.frames)
        check_times(self.times, self.duration, num_frames=len(self.frames))

    def __len__(self) -> int:
        return len(self.frames)

    def __repr__(self) -> str:
        num_frames, height, width, _ = self.frames.shape
        return f"{type(self).__name__}({num_frames} frames of {width}×{height}, {float(self.duration):.3f} s)"

    @check_types
    def save(self, out: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the clip as a file that people open, with its exact times; gives back the path.

        The ending of `out` says what is written: `.mp4`, `.mov` (H.264), `.webm` (VP9), `.mkv` (lossless), `.webp`,
        `.gif` (256 colors a frame, dithered), `.png` or `.apng` (animated, lossless); a name without an ending is a
        folder of PNGs. It appears when it is whole. Raises `UsageError` for another ending and for a GIF with frames
        shorter than 20 ms, `AlreadyExists` unless `overwrite`, and the `StorageError` of the place.
        """
        from gifbench.media.animation_writer import Timing, animation

        _, height, width, _ = self.frames.shape
        timing = Timing(self.times, self.duration)
        with animation(out, width=width, height=height, timing=timing, overwrite=overwrite) as add:
            for frame in self.frames:
                add(frame)
        return Path(out)

    def _repr_html_(self) -> str:
        """The clip as a WebP, playing; of a long one each second frame, or fewer."""
        from gifbench.media.webp import WebpWriter

        num_frames, height, width, _ = self.frames.shape
        every = max(1, -(-num_frames * height * width // _MOST_SHOWN))
        file = io.BytesIO()
        webp = WebpWriter(file, width=width, height=height)
        ends = (*self.times[every::every], self.duration)
        for frame, end in zip(self.frames[::every], ends, strict=True):
            webp.add(frame, end)
        webp.close()
        fewer = f", one frame of {every} shown" if every > 1 else ""
        return notebook.picture(file.getvalue(), "webp", caption=f"{self!r}{fewer}")


def check_frames(frames: object) -> None:
    """Raise `PixelsError` unless `frames` is an RGB uint8 array of shape (T, H, W, 3) with no side empty."""
    shape = checked_pixels(frames, "frames", "(T, H, W, 3)").shape
    if len(shape) != 4 or shape[-1] != 3:
        raise PixelsError(f"frames must have the shape (T, H, W, 3), RGB, not {shape}")
    if 0 in shape:
        raise PixelsError(f"frames must not be empty, and theirs is the shape {shape}")


def checked_pixels(values: object, what: str, shape: str) -> Pixels:
    """The values themselves; raises `PixelsError` unless they are an array of uint8, whatever its shape."""
    if not isinstance(values, np.ndarray):
        raise PixelsError(f"{what} must be a numpy array {shape} of uint8, not {type(values).__name__}")
    if values.dtype != np.uint8:
        raise PixelsError(
            f"{what} must be uint8 in 0..255, not {values.dtype}: "
            "floats in [0, 1] become that by (255 * x).round().astype('uint8')"
        )
    return values


def check_times(times: Sequence[Fraction], duration: Fraction, *, num_frames: int) -> None:
    """Raise `PixelsError` unless `times` start at 0, increase, end before `duration` and are `num_frames` in number."""
    if len(times) != num_frames:
        raise PixelsError(f"{num_frames} frames need as many times, and there are {len(times)}")
    if times[0] != 0:
        raise PixelsError(f"the first frame is shown at time 0, not at {times[0]} s")
    for i, (before, after) in enumerate(zip(times, (*times[1:], duration), strict=True)):
        if after <= before:
            raise PixelsError(f"times must increase: frame {i} is shown at {before} s and ends at {after} s")


def constant_times(num_frames: int, fps: Fraction) -> tuple[tuple[Fraction, ...], Fraction]:
    """The times of `num_frames` frames at the constant rate `fps` (frames a second), and the duration."""
    return tuple(i / fps for i in range(num_frames)), num_frames / fps
