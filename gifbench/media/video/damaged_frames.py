"""Damaged frames of a span that are left out, where some may be: which they are, and which are predicted from them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Generic, TypeVar

from av.video.frame import PictureType, VideoFrame

Item = TypeVar("Item")

LEFT_OUT = "of the video left out"
"""Words of every note of `DamagedFrames`, by which it is found again."""

_B_IS_NO_REFERENCE = frozenset({"mpeg1video", "mpeg2video", "mpeg4", "wmv3", "vc1"})
"""Codecs in which no picture is predicted from one that is predicted from both sides."""
_MOST_HELD = 64
"""Pictures that may be predicted from one which is shown after them; encoders stop at 16 in a row."""


@dataclass(slots=True)
class DamagedFrames:
    """How many damaged frames of a span may be left out, and which were."""

    most: int
    """0: none; the first one raises `DamagedMedia`."""
    times: set[Fraction] = field(default_factory=set)
    """Of those that were left out, in seconds since the first frame of the video."""

    def note(self) -> str:
        """What was left out, as a person reads it; empty if nothing was."""
        if not self.times:
            return ""
        count, first, last = len(self.times), float(min(self.times)), float(max(self.times))
        when = f"at {first:.3f} s" if count == 1 else f"between {first:.3f} and {last:.3f} s"
        return f"{count} frame{'' if count == 1 else 's'} {LEFT_OUT}, damaged or predicted from one that is, {when}"


class FramesUnderSuspicion(Generic[Item]):
    """Which pictures, in the order they are shown, the decoder may have made of a damaged one.

    Those are all from the damaged one to the next key frame, and those before it that are predicted from both sides. A
    damaged picture from which none is predicted harms itself alone.
    """

    def __init__(self, codec: str) -> None:
        self._alone = codec in _B_IS_NO_REFERENCE
        self._damaged = False
        self._held: deque[Item] = deque()

    def next(self, item: Item, picture: VideoFrame, *, damaged: bool) -> Iterator[tuple[Item, bool]]:
        """The items of which it is known now whether they are damaged; `damaged` is what the decoder says of this."""
        kind = picture.pict_type
        two_sided = kind == PictureType.B
        if damaged and not (two_sided and self._alone):
            self._damaged = True
            yield from ((held, True) for held in self._let_go())
        elif not damaged and picture.key_frame and kind == PictureType.I:
            self._damaged = False
        if damaged or self._damaged or not two_sided:
            yield from ((held, False) for held in self._let_go())
            yield item, damaged or self._damaged
            return
        self._held.append(item)
        if len(self._held) > _MOST_HELD:
            yield self._held.popleft(), False

    def rest(self) -> Iterator[Item]:
        """What is held at the end: it is whole."""
        yield from self._let_go()

    def _let_go(self) -> Iterator[Item]:
        while self._held:
            yield self._held.popleft()
