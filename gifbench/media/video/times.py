"""When frames are shown: the times of a stream made whole, and container ticks snapped to a constant rate."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from av.video.frame import VideoFrame

STANDARD_RATES = tuple(Fraction(n, d) for n, d in [(24000, 1001), (30000, 1001), (60000, 1001), (120000, 1001)])
"""Rates that containers often declare as a rounded neighbor, such as 19001/634 for 30000/1001."""


class Timeline:
    """Gives every decoded frame a time, strictly increasing.

    The time is the frame's presentation time stamp, or its decoding time stamp where the presentation stamps of the
    stream prove the more faulty of the two (the rule of ffmpeg's `guess_correct_pts`). A frame without either, or one
    that would be shown before its predecessor, comes one `step` after that.
    """

    def __init__(self, time_base: Fraction, step: Fraction) -> None:
        self._time_base = time_base
        self._step = step
        self._last: Fraction | None = None
        self._last_pts = self._last_dts = -(2**63)
        self._faulty_pts = self._faulty_dts = 0
        self.regular = True
        """Whether all frames so far had presentation time stamps, and those increased."""

    def place(self, frame: VideoFrame) -> Fraction:
        """The time of the next frame, in seconds on the container's clock."""
        ticks = self._best_effort(frame.pts, frame.dts)
        time = None if ticks is None else ticks * self._time_base
        self.regular = self.regular and frame.pts is not None and self._faulty_pts == 0
        if self._last is None:
            time = Fraction(0) if time is None else time
        elif time is None or time <= self._last:
            time = self._last + self._step
        self._last = time
        return time

    def _best_effort(self, pts: int | None, dts: int | None) -> int | None:
        if dts is not None:
            self._faulty_dts += dts <= self._last_dts
            self._last_dts = dts
        elif pts is not None:
            self._last_dts = pts
        if pts is not None:
            self._faulty_pts += pts <= self._last_pts
            self._last_pts = pts
        elif dts is not None:
            self._last_pts = dts
        if pts is not None and (self._faulty_pts <= self._faulty_dts or dts is None):
            return pts
        return dts


def snap_times(
    times: Sequence[Fraction], time_base: Fraction, frame_rate: Fraction
) -> tuple[tuple[Fraction, ...], Fraction | None]:
    """The times of a constant rate, freed from the rounding of the container's clock.

    `times` are seconds since the first frame, `time_base` the seconds of one tick of the container, `frame_rate` the
    frames a second that it declares. Where every time agrees with i / fps within one tick, the result is (i / fps for
    every i, fps): Matroska's milliseconds 0, 33, 67, 100 become 0, 1/30, 2/30, 3/30. Otherwise it is (`times`, None). A
    declared rate within a ten-thousandth of one of `STANDARD_RATES` is tried as that one first.
    """
    given = tuple(times)
    near = [rate for rate in STANDARD_RATES if abs(frame_rate / rate - 1) < Fraction(1, 10_000)]
    for rate in (*near, frame_rate):
        if rate > 0 and all(abs(time - i / rate) <= time_base for i, time in enumerate(given)):
            return tuple(i / rate for i in range(len(given))), rate
    return given, None
