"""Which frames of a video an animation shows, and when: each k-th, and no more a second than a format can show."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice

from gifbench.media.video import Frame


class Paced:
    """Frames no faster than `rate` a second: each is shown when a place for it is free, unless it is over by then.

    So the animation is as long as the video. `end` is when the last one ends, `dropped` how many were left out.
    """

    def __init__(self, rate: Fraction, *, least_hundredths: int) -> None:
        self._step, self._least = 1 / rate, least_hundredths
        self.end, self.dropped = Fraction(0), 0

    def __call__(self, frames: Iterator[tuple[Frame, Fraction]]) -> Iterator[tuple[Fraction, Frame]]:
        """The frames that are shown, of frames with their ends, each with the time at which it is shown."""
        self.end, self.dropped = Fraction(0), 0
        waiting: tuple[Fraction, Frame] | None = None
        free = Fraction(0)
        for frame, end in frames:
            self.end = end
            start = max(frame.time, free)
            if waiting is not None and start >= end:
                self.dropped += 1
                continue
            if waiting is not None:
                yield waiting
            waiting, free = (start, frame), start + self._step
        if waiting is None:
            return
        if waiting[0] and round(100 * self.end) - round(100 * waiting[0]) < self._least:
            self.dropped += 1  # to show it would make the animation longer
        else:
            yield waiting


def every_kth(frames: Iterator[Frame], every: int) -> Iterator[tuple[Frame, Fraction]]:
    """Each k-th frame, with the end of all frames up to the next that is kept."""
    while batch := list(islice(frames, every)):
        yield batch[0], batch[-1].time + batch[-1].duration
