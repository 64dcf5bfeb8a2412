"""The GIF as a value: indices, one palette a frame, and the times at which the frames are shown."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import BinaryIO, TypeVar

import numpy as np
from numba import njit

from gifbench import notebook
from gifbench.argument_types import check_types
from gifbench.errors import CorruptMedia, PixelsError, UsageError
from gifbench.media.clip import Pixels, check_times
from gifbench.media.gif.canvas import Indices
from gifbench.media.gif.gif_writer import GifWriter, check_colors
from gifbench.media.gif.lazy_frames import OfFrames, SequenceIndices
from gifbench.media.gif.limits import GifLimits, GifSource
from gifbench.storage import atomic_write

T = TypeVar("T")

_LIMITS = GifLimits()

_MOST_SHOWN = 24 << 20
"""Pixels that a notebook is shown at most."""

_DTYPES = (np.uint8, np.uint16, np.uint32)


@dataclass(frozen=True, slots=True, eq=False)
class Gif:
    """An animation of few colors a frame: what a method restores a video from.

    `indices` (T, H, W) point into `palettes[t]`, (K, 3) RGB uint8. They are uint8, K ≤ 256, except where a composited
    frame of a GIF from elsewhere shows more colors: then all are uint16 or uint32. `times[t]` is when frame t is
    shown, in seconds since the first (`times[0] == 0`, strictly increasing), `duration` when the last one ends; all are
    exact fractions.

    `dithered` says how the indices were chosen, None where nobody knows. `transparent[t]` is the index of frame t that
    is see-through, None where none is; the background that `frames` shows there stands in that entry of the palette.
    `loop` is how often the animation is played in all, 0 for ever. `damage` says, a line each, what the file that it
    was read from lacks.

    A GIF that is `open`ed, and one that is too large to be held, decodes its frames as they are asked for: `indices`,
    `palettes` and `transparent` are then sequences of the same things, the indices as narrow as each frame allows.

    >>> gif = Gif.read("cat.gif")
    >>> gif.every(4).frames.shape
    (10, 256, 256, 3)
    """

    indices: Indices | SequenceIndices
    palettes: Sequence[Pixels]
    times: tuple[Fraction, ...]
    duration: Fraction
    dithered: bool | None = None
    transparent: Sequence[int | None] | None = None
    loop: int = 0
    damage: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.is_sequence:
            _check_held(self.indices, self.palettes, self.transparent)
        check_times(self.times, self.duration, num_frames=len(self.indices))
        if not 0 <= self.loop <= 65536:
            raise UsageError(f"a GIF is played 0 (for ever) to 65536 times, not {self.loop}")

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        colors = "" if self.is_sequence else f", {max(len(palette) for palette in self.palettes)} colors"
        dithered = {None: "", True: ", dithered", False: ", plain"}[self.dithered]
        return f"Gif({len(self)} frames of {self.width}×{self.height}{colors}{dithered}, {float(self.duration):.3f} s)"

    def _repr_html_(self) -> str:
        """The GIF, playing; of a long one each second frame, or fewer."""
        every = max(1, -(-len(self) * self.height * self.width // _MOST_SHOWN))
        fewer = f", one frame of {every} shown" if every > 1 else ""
        return notebook.picture(self.every(every).to_bytes(), "gif", caption=f"{self!r}{fewer}")

    @property
    def is_sequence(self) -> bool:
        """Whether frames are decoded as they are asked for, and not held."""
        return isinstance(self.indices, SequenceIndices)

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return int(self.indices.shape[1])

    @property
    def width(self) -> int:
        """Pixels from left to right."""
        return int(self.indices.shape[2])

    @property
    def frames(self) -> Pixels:
        """All frames as RGB, (T, H, W, 3) uint8; three times the memory of `indices`, made at each call."""
        out = np.empty((*self.indices.shape, 3), np.uint8)
        for i in range(len(self)):
            _look_up(self.indices[i], self.palettes[i], out[i])
        return out

    def frame(self, i: int) -> Pixels:
        """Frame `i` as RGB, (H, W, 3) uint8; a negative `i` counts from the end."""
        out = np.empty((self.height, self.width, 3), np.uint8)
        _look_up(self.indices[i], self.palettes[i], out)
        return out

    @check_types
    def select(self, frames: Sequence[int]) -> Gif:
        """The GIF of only these frames, given by increasing numbers.

        Times count from the first one selected; each is shown until the next selected one, the last until its own end.
        Consecutive or evenly spaced numbers give a view of the indices, others a copy.
        """
        chosen = selection(frames, num_frames=len(self))
        return retimed(self, chosen, *selected_times(self.times, self.duration, chosen))

    @check_types
    def every(self, k: int) -> Gif:
        """The GIF of frames 0, k, 2k, …, each shown until the next: what a sparse task gives a method."""
        if k < 1:
            raise UsageError(f"every {k}-th frame cannot be kept: the step is 1 or more")
        return self.select(range(0, len(self), k))

    @classmethod
    @check_types
    def read(
        cls,
        source: GifSource,
        *,
        limits: GifLimits = _LIMITS,
        background: tuple[int, int, int] = (255, 255, 255),
        salvage: bool = False,
    ) -> Gif:
        """Read any GIF: a path, its bytes, or a binary file.

        The frames are what Chromium shows: images laid over each other with disposal and see-through pixels, delays of
        0 and 1 hundredths taken as 100 ms; of a file that is cut off what is there, the last image in part, which
        `damage` tells. What is see-through is shown over `background`. `limits` bound what a file may ask for. At most
        360 MB are held; the frames of a larger GIF are decoded as they are asked for, as by `open`.

        A browser stops at an image that is laid over one that lacks data: then `CorruptMedia` is raised, or with
        `salvage` the frames before are given. Raises `CorruptMedia` also for what is no GIF or shows nothing,
        `TooLarge` over a limit, and the `StorageError` of a file that cannot be read.
        """
        from gifbench.media.gif.gif_reader import read_gif

        return read_gif(source, limits=limits, background=background, salvage=salvage)

    @classmethod
    @check_types
    def open(
        cls,
        source: GifSource,
        *,
        limits: GifLimits = _LIMITS,
        background: tuple[int, int, int] = (255, 255, 255),
        salvage: bool = False,
    ) -> Gif:
        """Like `read`, but no frame is held: each is decoded when it is asked for, in the same memory however many.

        A long file is read in parts from its place, which must stay as it is meanwhile. Cheapest in the order of the
        frames; going back decodes again from the last image before that covers the screen.
        """
        from gifbench.media.gif.gif_reader import read_gif

        return read_gif(source, limits=limits, background=background, salvage=salvage, held=False)

    @classmethod
    def read_frames(cls, data: bytes, frames: Sequence[int], *, limits: GifLimits = _LIMITS) -> Gif:
        """What `Gif.read(data).select(frames)` gives, with no other frame decoded where each covers the one before.

        So it is in what `write` writes without `optimize`. Damage elsewhere in the file goes unseen then; what is seen
        of it raises `CorruptMedia`.
        """
        from gifbench.media.gif.gif_reader import read_alone

        chosen = [int(i) for i in frames]
        if chosen and all(a < b for a, b in pairwise(chosen)):
            gif = read_alone(data, chosen, limits=limits)
            if gif is not None:
                return gif
        gif = cls.read(data, limits=limits)
        if gif.damage:
            raise CorruptMedia(f"the GIF: {gif.damage[-1]}")
        return gif.select(chosen)

    @check_types
    def write(self, path: str | os.PathLike[str], *, overwrite: bool = False, optimize: bool = False) -> None:
        """Write the file at `path`; it appears there when it is whole.

        Each frame is a full image with its own palette, also if it equals the one before. `optimize` writes only what
        changes from frame to frame: smaller, the same pixels, but no longer the same indices and palettes.

        Raises `AlreadyExists` unless `overwrite`, `PixelsError` for what GIF cannot hold, and other `StorageError`s.
        """
        with atomic_write(path, overwrite=overwrite) as file:
            self._write_to(file, optimize)

    def to_bytes(self, *, optimize: bool = False) -> bytes:
        """What `write` writes."""
        file = io.BytesIO()
        self._write_to(file, optimize)
        return file.getvalue()

    def _write_to(self, file: BinaryIO, optimize: bool) -> None:
        # Only an image that draws over another can show more than 256 colors.
        wide = any(indices.itemsize > 1 for indices in (self.indices if self.is_sequence else self.indices[:1]))
        writer = GifWriter(file, width=self.width, height=self.height, loop=self.loop, optimize=optimize or wide)
        transparent = (None,) * len(self) if self.transparent is None else self.transparent
        for i in range(len(self)):
            writer.add(self.indices[i], self.palettes[i], self.times[i], transparent=transparent[i])
        writer.close(self.duration)


def selection(frames: Sequence[int], *, num_frames: int) -> list[int]:
    """`frames` as a list; raises `UsageError` unless they increase within 0..num_frames-1, one or more."""
    chosen = [int(i) for i in frames]
    if not chosen or chosen[0] < 0 or chosen[-1] >= num_frames or any(b <= a for a, b in pairwise(chosen)):
        raise UsageError(f"frames to select must increase within 0..{num_frames - 1}, not {chosen}")
    return chosen


def selected_times(
    times: Sequence[Fraction], duration: Fraction, frames: Sequence[int]
) -> tuple[tuple[Fraction, ...], Fraction]:
    """The times and the duration of a GIF of these frames alone, given by increasing numbers."""
    ends, start = (*times[1:], duration), times[frames[0]]
    return tuple(times[i] - start for i in frames), ends[frames[-1]] - start


def retimed(gif: Gif, frames: list[int], times: tuple[Fraction, ...], duration: Fraction) -> Gif:
    """The GIF of these frames, given by numbers that never fall, at other times; evenly spaced ones give a view."""
    steps = {b - a for a, b in pairwise(frames)} or {1}
    even = len(steps) == 1 and 0 not in steps
    return replace(
        gif,
        indices=gif.indices[slice(frames[0], frames[-1] + 1, *steps) if even else frames],
        palettes=_chosen(gif.palettes, frames),
        times=times,
        duration=duration,
        transparent=None if gif.transparent is None else _chosen(gif.transparent, frames),
    )


def _chosen(values: Sequence[T], frames: list[int]) -> Sequence[T]:
    return values[frames] if isinstance(values, OfFrames) else tuple(values[i] for i in frames)


@njit(cache=True, nogil=True)
def _look_up(indices: Indices, palette: Pixels, out: Pixels) -> None:
    for y in range(indices.shape[0]):
        for x in range(indices.shape[1]):
            index = indices[y, x]
            out[y, x, 0] = palette[index, 0]
            out[y, x, 1] = palette[index, 1]
            out[y, x, 2] = palette[index, 2]


def _check_held(indices: object, palettes: Sequence[Pixels], transparent: Sequence[int | None] | None) -> None:
    if not isinstance(indices, np.ndarray) or indices.dtype not in _DTYPES or indices.ndim != 3:
        seen = f"{indices.dtype} {indices.shape}" if isinstance(indices, np.ndarray) else type(indices).__name__
        raise PixelsError(f"indices must be an array (T, H, W) of uint8, or uint16 for many colors, not {seen}")
    if 0 in indices.shape:
        raise PixelsError(f"indices must not be empty, and theirs is the shape {indices.shape}")
    see_through = (None,) * len(indices) if transparent is None else transparent
    for what, given in (("palettes", palettes), ("see-through indices", see_through)):
        if len(given) != len(indices):
            raise PixelsError(f"{len(indices)} frames need as many {what}, and there are {len(given)}")
    most = 256 if indices.dtype == np.uint8 else 1 << 24
    for i, (palette, index) in enumerate(zip(palettes, see_through, strict=True)):
        check_colors(indices[i], palette, index, most=most, frame=f"frame {i}")
