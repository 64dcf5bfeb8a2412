"""Damaged frames of a span that are left out, where some may be: which they are, and which are predicted from them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction

from av.video.frame import PictureType

from gifbench.media.video.timestamp_repair import Decoded

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


def suspected(pictures: Iterator[Decoded], codec: str) -> Iterator[Decoded]:
    """The same pictures, in the order they are shown, with those marked that may be made of a damaged one.

    Those are all from the damaged one to the next key frame, and those before it that are predicted from both sides. A
    damaged picture from which none is predicted harms itself alone. What is held when `pictures` ends is whole.
    """
    alone = codec in _B_IS_NO_REFERENCE
    since_damage = False
    held: deque[Decoded] = deque()
    for each in pictures:
        kind = each.picture.pict_type
        two_sided = kind == PictureType.B
        if each.damaged and not (two_sided and alone):
            since_damage = True
            held = deque(replace(before, damaged=True) for before in held)
        elif not each.damaged and each.picture.key_frame and kind == PictureType.I:
            since_damage = False
        damaged = each.damaged or since_damage
        held.append(replace(each, damaged=damaged))
        most = _MOST_HELD if two_sided and not damaged else 0
        while len(held) > most:
            yield held.popleft()
    yield from held
