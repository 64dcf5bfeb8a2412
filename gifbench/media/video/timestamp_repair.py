"""When frames are shown: the times of a stream made whole, and container ticks snapped to a constant rate."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise

from av.video.frame import VideoFrame

STANDARD_RATES = tuple(Fraction(n, d) for n, d in [(24000, 1001), (30000, 1001), (60000, 1001), (120000, 1001)])
"""Rates that containers often declare as a rounded neighbor, such as 19001/634 for 30000/1001."""

_LONGEST_FAULT = 8
"""Faulty stamps in a row that are still a slip between good ones, and good ones that must follow to prove it."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture of the decoder with the time stamps that it is shown by, in ticks; None where it has none."""

    pts: int | None
    dts: int | None
    duration: int
    picture: VideoFrame
    damaged: bool = False
    """Whether the decoder guessed a part of it, or of a picture that it may be predicted from."""


class Timeline:
    """Gives every decoded frame a time, strictly increasing.

    The time is the frame's presentation time stamp, or its decoding time stamp where the presentation stamps of the
    stream prove the more faulty of the two (the rule of ffmpeg's `guess_correct_pts`). Stamps that do not increase:

    - Frames with the stamp of the one before, or a few faulty stamps between good ones, share the time until the next
      good stamp; what follows keeps its own times.
    - Where the clock goes back for longer, frames go on one `step` apart, or as far apart as their stamps are.
    - A frame without any stamp comes one `step` after its predecessor.
    """

    def __init__(self, time_base: Fraction, step: Fraction) -> None:
        self._time_base = time_base
        self._step = step
        self._last: Fraction | None = None
        self._interval = step  # between the last two frames
        self._last_ticks: int | None = None
        self._exact: int | None = None  # the stamp of the last frame, if it is shown at just that
        self._last_pts = self._last_dts = -(2**63)
        self._faulty_pts = self._faulty_dts = 0
        self.regular = True
        """Whether all frames so far had presentation time stamps, and those increased."""

    def place(self, frames: Iterator[Decoded]) -> Iterator[tuple[Fraction, Decoded]]:
        """Each frame with its time, in seconds on the container's clock; looks a few frames ahead at faulty stamps."""
        ahead = _Lookahead(frames)
        while (frame := ahead.pop()) is not None:
            if self._exact is not None and frame.pts is not None and frame.pts <= self._exact:
                self.regular = False
                yield from self._between(frame, ahead)
            else:
                yield self._next(frame), frame

    def _between(self, frame: Decoded, ahead: _Lookahead) -> Iterator[tuple[Fraction, Decoded]]:
        """A frame with a faulty stamp and its like, put between the last good one and the next if that is plain."""
        exact, last = self._exact, self._last
        assert exact is not None and last is not None  # noqa: S101  (checked by `place`)
        run = [frame]
        for later in ahead.peek(_LONGEST_FAULT):
            if later.pts is None or later.pts > exact:
                break
            run.append(later)
        after = [later.pts for later in ahead.peek(len(run) - 1 + _LONGEST_FAULT)][len(run) - 1 :]
        stamps = [exact, *(pts for pts in after if pts is not None)]
        increasing = None not in after and all(a < b for a, b in pairwise(stamps))
        same = all(each.pts == exact for each in run) and len(stamps) > 1 and stamps[1] > exact
        if not after or not (same or (increasing and len(run) <= _LONGEST_FAULT)):
            yield self._next(frame), frame
            return
        room = (stamps[1] - exact) * self._time_base
        share = min(room / (len(run) + 1), self._step)
        for number, each in enumerate(run):
            if number:
                ahead.pop()
            self._last = last + (number + 1) * share
            self._interval = share
            if each.dts is not None:
                self._last_dts = max(self._last_dts, each.dts)
            yield self._last, each

    def _next(self, frame: Decoded) -> Fraction:
        ticks = self._best_effort(frame.pts, frame.dts)
        self.regular = self.regular and frame.pts is not None and self._faulty_pts == 0
        time = None if ticks is None else ticks * self._time_base
        self._exact = frame.pts if ticks == frame.pts else None
        if self._last is None:
            time = Fraction(0) if time is None else time
        elif time is None or time <= self._last:
            time = self._last + self._going_on(ticks)
            self._exact = None
        if self._last is not None:
            self._interval = time - self._last
        self._last, self._last_ticks = time, ticks
        return time

    def _going_on(self, ticks: int | None) -> Fraction:
        """Seconds from the last frame to one whose stamp is not after it."""
        if ticks is None or self._last_ticks is None:
            return self._step
        near = abs(self._interval - self._step) <= 2 * self._time_base
        usual = self._step if near else min(self._interval, self._step)
        return max(usual, (ticks - self._last_ticks) * self._time_base)

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


class _Lookahead:
    """Frames, some of which may be looked at before their turn."""

    def __init__(self, frames: Iterator[Decoded]) -> None:
        self._frames = frames
        self._ready: deque[Decoded] = deque()

    def pop(self) -> Decoded | None:
        """The next frame; None after the last."""
        self.peek(1)
        return self._ready.popleft() if self._ready else None

    def peek(self, count: int) -> list[Decoded]:
        """The next `count` frames, or as many as there are."""
        self._ready.extend(islice(self._frames, max(0, count - len(self._ready))))
        return list(islice(self._ready, count))


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
