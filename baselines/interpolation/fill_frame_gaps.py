"""Which times lie between which GIF frames, and how an interpolator fills them, after any color method or none."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import groupby
from typing import Any, Protocol, runtime_checkable

import numpy as np

from gifbench import Frames, Gif, MethodError, Pixels, last_shown, side_by_side

from .scene_cuts import is_cut

BATCH_PIXELS = 1 << 21
"""Pixels of restored key frames that are made at once: 32 frames of 256×256, 9 of 636×360."""

Job = Callable[[], Any]
_ONE_AFTER_THE_OTHER = side_by_side("cpu")


class Interpolator(ABC):
    """Draws frames between two others: any method that has `restore_between` is one, derived from this or not."""

    def restore(self, gif: Gif, times: Sequence[Fraction]) -> Iterator[Frames]:
        """One frame at a time; those of the GIF are given as they are."""
        return fill(self, gif, times)

    @abstractmethod
    def restore_between(
        self, pair: tuple[Any, Any], seen: tuple[Pixels, Pixels], shares: Sequence[float]
    ) -> Frames | Iterable[Frames]:
        """Give the frames at `shares` of the way from `pair[0]` to `pair[1]`, each share above 0 and below 1.

        `pair` are two frames (H, W, 3), uint8 or float in 0..255, the colors of which may have been restored; motion
        is looked for in `seen`, the same two as (H, W, 3) uint8: the GIF's own, unless one asks for the restored ones.
        The frames come as one array or as batches in order, (N, H, W, 3) each.
        """


@runtime_checkable
class MotionFirst(Protocol):
    """An interpolator that works on many gaps at once, and in two steps, the first of which needs no restored colors.

    So a GPU is filled by small frames too, and can restore colors while motion is looked for.
    """

    def find_motion(self, seen: Sequence[tuple[Pixels, Pixels]]) -> Any:  # noqa: ANN401  # what `draw` understands
        """The motion in each of some pairs of frames, as `restore_between` sees them."""

    def draw(
        self,
        pairs: Sequence[tuple[Any, Any]],
        motion: Any,  # noqa: ANN401
        shares: Sequence[Sequence[float]],
    ) -> Iterable[Frames]:
        """The frames at the `shares` of each pair, in order, as batches (N, H, W, 3) of any length."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Times from one GIF frame on, before the next: `shares` of the way, 0 up to below 1.

    `after` equals `before` for the last frame, and where all shares are 0.
    """

    before: int
    after: int
    shares: tuple[float, ...]

    @property
    def moving(self) -> tuple[float, ...]:
        """The shares that are not the first frame itself."""
        return tuple(share for share in self.shares if share > 0)


def find_gaps(gif_times: Sequence[Fraction], times: Sequence[Fraction]) -> list[Gap]:
    """Where `times` lie among `gif_times`, in order; the first frame is held before it, the last after it."""
    gaps = []
    for before, group in groupby(zip(last_shown(gif_times, times), times, strict=True), key=lambda found: found[0]):
        asked = [time for _, time in group]
        start = gif_times[before]
        step = gif_times[before + 1] - start if before + 1 < len(gif_times) else None
        shares = tuple(0.0 if step is None else max(0.0, float((time - start) / step)) for time in asked)
        gaps.append(Gap(before, before + 1 if any(shares) else before, shares))
    return gaps


def fill(
    interpolator: Interpolator,
    gif: Gif,
    times: Sequence[Fraction],
    *,
    restore: Callable[[Sequence[int]], Any] | None = None,
    sees_restored: bool = False,
    together: Callable[[Job, Job], tuple[Any, Any]] = _ONE_AFTER_THE_OTHER,
) -> Iterator[Frames]:
    """The frames of `gif` at `times`, batch by batch; a bounded number of frames is held, however long the GIF is.

    `restore` gives the GIF's frames of some numbers with their colors restored; it is asked for each once.
    `sees_restored` looks for motion in what it gave instead of in the GIF; otherwise `together` does both, motion
    first. Where the scene changes between two GIF frames, the first is held, unless the interpolator says
    `holds_cuts = False`. Raises `MethodError` for an interpolator that gives fewer or more frames than were asked for.
    """
    gaps = find_gaps(gif.times, times)
    holds_cuts = getattr(interpolator, "holds_cuts", True)
    worker = interpolator if isinstance(interpolator, MotionFirst) else _GapByGap(interpolator)
    size = max(1, BATCH_PIXELS // (gif.height * gif.width) - 1)
    keys: dict[int, Any] = {}
    for start in range(0, len(gaps), size):
        chunk = gaps[start : start + size]
        moving = _moving(gif, chunk, holds_cuts=holds_cuts)
        wanted = sorted({i for gap in chunk for i in (gap.before, gap.after)})
        motion: Any = None
        if sees_restored or not moving:
            keys = _key_frames(gif, wanted, restore, keys)
            if moving:
                motion = worker.find_motion([(_eight_bit(keys[g.before]), _eight_bit(keys[g.after])) for g in moving])
        else:
            seen = list(moving.values())
            motion, keys = together(partial(worker.find_motion, seen), partial(_key_frames, gif, wanted, restore, keys))
        yield from _in_order(worker, chunk, moving, keys, motion)


def _moving(gif: Gif, gaps: Sequence[Gap], *, holds_cuts: bool) -> dict[Gap, tuple[Pixels, Pixels]]:
    """The gaps in which something is to be drawn, with the GIF's frames around each."""
    pairs = {gap: (gif.frame(gap.before), gif.frame(gap.after)) for gap in gaps if gap.moving}
    return {gap: pair for gap, pair in pairs.items() if not (holds_cuts and is_cut(*pair))}


def _in_order(
    worker: MotionFirst,
    chunk: Sequence[Gap],
    moving: Collection[Gap],
    keys: dict[int, Any],
    motion: Any,  # noqa: ANN401
) -> Iterator[Frames]:
    """The frames of some gaps: of those in `moving` what is drawn, of all others the one before, held."""
    drawn: Iterator[Frames] = iter(())
    if moving:
        ends = [(keys[gap.before], keys[gap.after]) for gap in moving]
        drawn = _one_by_one(worker.draw(ends, motion, [gap.moving for gap in moving]))
    for gap in chunk:
        wanted = len(gap.moving) if gap in moving else 0
        for _ in range(len(gap.shares) - wanted):
            yield keys[gap.before][None]
        yield from _exactly(wanted, drawn)
    if next(drawn, None) is not None:
        raise MethodError("the interpolator gave back more frames than were asked for")


def _one_by_one(batches: Iterable[Frames]) -> Iterator[Frames]:
    for batch in batches:
        for frame in batch:
            yield frame[None]


def _exactly(wanted: int, frames: Iterator[Frames]) -> Iterator[Frames]:
    for number in range(wanted):
        frame = next(frames, None)
        if frame is None:
            raise MethodError(f"the interpolator gave back {number} frames in a gap, {wanted} were asked for")
        yield frame


class _GapByGap:
    """An interpolator that knows gaps only, one at a time."""

    def __init__(self, interpolator: Interpolator) -> None:
        self._interpolator = interpolator

    def find_motion(self, seen: Sequence[tuple[Pixels, Pixels]]) -> Sequence[tuple[Pixels, Pixels]]:
        return seen

    def draw(
        self,
        pairs: Sequence[tuple[Any, Any]],
        motion: Sequence[tuple[Pixels, Pixels]],
        shares: Sequence[Sequence[float]],
    ) -> Iterator[Frames]:
        for pair, seen, asked in zip(pairs, motion, shares, strict=True):
            answer: Any = self._interpolator.restore_between(pair, seen, asked)
            frames = _one_by_one([answer] if hasattr(answer, "shape") else answer)
            yield from _exactly(len(asked), frames)
            if next(frames, None) is not None:
                raise MethodError(f"the interpolator gave back more than {len(asked)} frames in a gap of so many")


def _key_frames(
    gif: Gif, numbers: Sequence[int], restore: Callable[[Sequence[int]], Any] | None, known: dict[int, Any]
) -> dict[int, Any]:
    """The GIF frames of these numbers by number, restored; those among `known` are not made again."""
    new = [i for i in numbers if i not in known]
    if new:
        answer = [gif.frame(i) for i in new] if restore is None else restore(new)
        known = {**known, **{number: answer[place] for place, number in enumerate(new)}}
    return {i: known[i] for i in numbers}


def _eight_bit(frame: Any) -> Pixels:  # noqa: ANN401  # an array or a tensor
    array = frame if isinstance(frame, np.ndarray) else frame.detach().cpu().numpy()
    return array if array.dtype == np.uint8 else np.rint(array).clip(0, 255).astype(np.uint8)
