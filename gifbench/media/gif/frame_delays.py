"""How long the frames of a GIF stay, in hundredths of a second, so that what is rounded does not add up."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

_SHORTEST = 2
"""Hundredths of a second; browsers show a frame whose delay is 0 or 1 for 100 ms."""


def frame_delays(times: Sequence[Fraction], duration: Fraction) -> tuple[int, ...]:
    """How long `GifWriter` shows each of the frames at `times`, to the end at `duration`, in hundredths of a second."""
    delays: list[int] = []
    clock = 0
    for until in (*times[1:], duration):
        delays.append(delay_until(clock, until))
        clock += delays[-1]
    return tuple(delays)


def delay_until(clock: int, until: Fraction) -> int:
    """Hundredths of a second from `clock`, which counts them, to the time `until`."""
    return max(_SHORTEST, round(100 * until) - clock)
