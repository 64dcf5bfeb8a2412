"""The frames of a GIF decoded as they are asked for, in the shape of what is held where all are decoded at once.

`Gif.indices`, `.palettes` and `.transparent` are then views of one `FrameSequence`, which holds a screen, the frames
last asked for, and the bytes of one image: the same for 50 frames as for 5,000. Going forward decodes each image once;
going back begins at the last image before that stands alone.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar, overload

import numpy as np

from gifbench.media.clip import Pixels
from gifbench.media.gif.block_parser import Blocks
from gifbench.media.gif.canvas import Indices
from gifbench.media.gif.frame_compositing import FrameDecoder, ShownFrame, stands_alone

_KEPT_BYTES, _KEPT_FRAMES = 1 << 25, 4
"""How much of what was decoded last is kept: so many bytes, and so many frames in any case."""
_WIDEST = 4
"""Bytes of an index at most."""
_SMALL = 256
"""Colors of a palette that is kept for good."""


class FrameSequence:
    """Decodes frames by number, from any thread, one at a time."""

    def __init__(self, decoder: FrameDecoder, blocks: Blocks) -> None:
        self._decoder, self.blocks = decoder, blocks
        self._next = 0
        self._kept: OrderedDict[int, ShownFrame] = OrderedDict()
        self._kept_bytes = 0
        # Of frames decoded before: small where an image covers the screen, and often asked for.
        self._palettes: dict[int, tuple[Pixels, int | None]] = {}
        self._lock = threading.Lock()

    def frame(self, number: int) -> ShownFrame:
        """Frame `number`, decoded now unless it was among the last ones."""
        with self._lock:
            if number in self._kept:
                self._kept.move_to_end(number)
                return self._kept[number]
            if number < self._next or any(self._alone(between) for between in range(self._next + 1, number + 1)):
                self._decoder.restart()
                self._next = next((i for i in range(number, 0, -1) if self._alone(i)), 0)
            while self._next <= number:
                self._keep(self._next, self._decoder.frame(self._next))
                self._next += 1
            return self._kept[number]

    def colors(self, number: int) -> tuple[Pixels, int | None]:
        """The palette and the see-through index of frame `number`."""
        return self._palettes.get(number) or self.frame(number)[1:]

    def _alone(self, number: int) -> bool:
        return stands_alone(self.blocks.images[number], self.blocks)

    def _keep(self, number: int, shown: ShownFrame) -> None:
        self._kept[number] = shown
        self._kept_bytes += shown.indices.nbytes
        if len(shown.palette) <= _SMALL:
            self._palettes[number] = shown[1:]
        while len(self._kept) > _KEPT_FRAMES and self._kept_bytes > _KEPT_BYTES:
            self._kept_bytes -= self._kept.popitem(last=False)[1].indices.nbytes


T = TypeVar("T")


class OfFrames(Sequence[T]):
    """Something of each of some frames, chosen by their numbers: what `one` gives for a number."""

    def __init__(self, frames: FrameSequence, numbers: Sequence[int], one: Callable[[int], T]) -> None:
        self._frames, self._numbers, self._one = frames, numbers, one

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice | Sequence[int]) -> Self: ...
    def __getitem__(self, place: int | slice | Sequence[int]) -> T | Self:
        if isinstance(place, slice):
            return type(self)(self._frames, self._numbers[place], self._one)
        if isinstance(place, Sequence):
            return type(self)(self._frames, [self._numbers[i] for i in place], self._one)
        return self._one(self._numbers[place])


class SequenceIndices(OfFrames[Indices]):
    """The indices of each frame, (H, W): uint8, and wider only for a frame of more than 256 colors.

    Numbers, slices and iteration work as with an array (T, H, W); what else numpy does makes one of all frames first.
    """

    ndim = 3
    dtype = np.dtype(np.uint8)
    """That of all frames but those of more than 256 colors."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Frames, height and width."""
        return len(self), self._frames.blocks.height, self._frames.blocks.width

    @property
    def nbytes(self) -> int:
        """The bytes that are held, at most: some frames and the screen."""
        pixels = self._frames.blocks.height * self._frames.blocks.width
        return max(_KEPT_BYTES, _KEPT_FRAMES * _WIDEST * pixels) + 11 * pixels

    def copy(self) -> Indices:
        """An array of all frames."""
        return np.asarray(self)

    def __array__(self, dtype: np.dtype[Any] | None = None, copy: bool | None = None) -> Indices:
        frames = list(self)
        return np.stack(frames).astype(dtype or max((frame.dtype for frame in frames), key=lambda kind: kind.itemsize))
