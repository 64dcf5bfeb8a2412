"""A video as a method sees it: frames by number and their times, as of a GIF, and no palettes."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Self, cast

import cv2
import numpy as np

from gifbench.errors import CorruptMedia
from gifbench.media.clip import Pixels
from gifbench.media.gif import Gif
from gifbench.media.video.container import VideoLimits
from gifbench.media.video.decoding import Frame, decode
from gifbench.media.video.exact_span import Span, spanned

_KEPT_BYTES, _KEPT_FRAMES = 1 << 26, 4
"""How much of what was decoded last is kept: so many bytes, and so many frames in any case."""

_NO_COLORS: Pixels = np.empty((0, 3), np.uint8)
_NO_COLORS.flags.writeable = False


class Film:
    """The frames of the video at `path`, decoded as they are asked for, in the same memory however many there are.

    It has what a method reads of a GIF: `times`, `duration`, `width`, `height`, its length, `frame(i)` and `palettes`,
    which are empty, (0, 3) each. `gray` shows the luminance of every frame (BT.601), in all three channels. Frames
    are upright, of square pixels and of one size, as `decode` gives them; `notes` say what was done for that.

    The video is read once for its times when it is opened, so that one which is damaged anywhere is refused before
    any work is done. Frames are cheapest in order; going back by more than some dozen frames reads from the start.
    Raises what `decode` raises.

        with Film("talk.mp4") as film:
            film.frame(0)  # (H, W, 3) uint8, RGB
    """

    damage: tuple[str, ...] = ()
    loop = 0

    def __init__(self, path: str | os.PathLike[str], *, gray: bool = False, limits: VideoLimits | None = None) -> None:
        self.path, self._gray = Path(path), gray
        self._limits = limits or VideoLimits()
        shown = [(each.time, each.duration) for each, _ in spanned(self.path, Span(), self._limits, 1)]
        self.clock = shown[0][0]
        """Seconds on the container's clock at the first frame."""
        self.times = tuple(time - self.clock for time, _ in shown)
        self.duration = self.times[-1] + shown[-1][1]
        self._kept: OrderedDict[int, Pixels] = OrderedDict()
        self._most_kept = _KEPT_FRAMES
        self._lock = threading.Lock()
        self._notes: dict[str, None] = {}
        self._start(0)
        first = self.frame(0)
        self.height, self.width = first.shape[:2]
        self._most_kept = max(_KEPT_FRAMES, _KEPT_BYTES // first.nbytes)
        self.palettes: Sequence[Pixels] = (_NO_COLORS,) * len(self)

    def __len__(self) -> int:
        return len(self.times)

    def __repr__(self) -> str:
        return f"Film({len(self)} frames of {self.width}×{self.height}, {float(self.duration):.3f} s)"

    @property
    def notes(self) -> tuple[str, ...]:
        """What was converted, or left, in the frames so far that a viewer would notice, a line each."""
        return tuple(self._notes)

    def frame(self, i: int) -> Pixels:
        """Frame `i` as RGB, (H, W, 3) uint8, in memory of its own; a negative `i` counts from the end."""
        number = range(len(self.times))[i]
        with self._lock:
            if number not in self._kept:
                if number < self._next:
                    self.close()
                    self._start(number)
                while self._next <= number:
                    self._advance()
            return self._kept[number].copy()

    def close(self) -> None:
        """Close the file; frames that are not held cannot be asked for any more."""
        self._decoded.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, number: int) -> None:
        span = Span(start_frame=number) if number else None  # by number, which is exact whatever the clock says
        frames = decode(self.path, span, limits=self._limits)
        self._decoded = cast(Generator[Frame, None, None], frames)
        self._next = number

    def _advance(self) -> None:
        found = next(self._decoded, None)
        if found is None:
            raise CorruptMedia(
                f"{self.path}: it has {self._next} frames now, and had {len(self)} when it was opened: leave the file "
                "as it is while it is read"
            )
        for note in found.notes:
            self._notes[note] = None
        pixels = luminance_of(found.pixels) if self._gray else found.pixels
        self._kept[self._next] = pixels
        self._next += 1
        while len(self._kept) > self._most_kept:
            self._kept.popitem(last=False)


class GifAsFilm:
    """The frames of a GIF as a `Film` has them, without their palettes; `gray` shows the luminance alone."""

    def __init__(self, gif: Gif, *, gray: bool = False) -> None:
        self._gif, self._gray = gif, gray
        self.times, self.duration, self.width, self.height = gif.times, gif.duration, gif.width, gif.height
        self.palettes: Sequence[Pixels] = (_NO_COLORS,) * len(gif)

    def __len__(self) -> int:
        return len(self._gif)

    def frame(self, i: int) -> Pixels:
        """Frame `i`, (H, W, 3) uint8; a negative `i` counts from the end."""
        pixels = self._gif.frame(i)
        return luminance_of(pixels) if self._gray else pixels


def luminance_of(pixels: Pixels) -> Pixels:
    """The luminance of RGB pixels (…, 3) uint8 (BT.601, rounded), in all three channels."""
    gray = np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels).reshape(1, -1, 3), cv2.COLOR_RGB2GRAY), np.uint8)
    return np.repeat(gray.reshape(*pixels.shape[:-1], 1), 3, axis=-1)
