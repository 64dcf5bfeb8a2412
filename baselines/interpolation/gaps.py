"""Which times lie between which GIF frames, and how an interpolator fills them, after any colour method or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import Any, Protocol

import numpy as np

from gifbench import Frames, Gif, Pixels, last_shown

from .cuts import is_cut

BATCH_PIXELS = 1 << 21
"""Pixels of restored key frames that are made at once: 32 frames of 256×256, 9 of 636×360."""


class Interpolator(Protocol):
    """Draws frames between two others. An interpolator is a method that has this, beside `restore`."""

    def restore_between(
        self, pair: tuple[Any, Any], seen: tuple[Pixels, Pixels], shares: Sequence[float]
    ) -> Frames | Iterable[Frames]:
        """Give the frames at `shares` of the way from `pair[0]` to `pair[1]`, each share above 0 and below 1.

        `pair` are two frames (H, W, 3), uint8 or float in 0..255, the colours of which may have been restored; motion
        is looked for in `seen`, the same two as (H, W, 3) uint8: the GIF's own, unless one asks for the restored ones.
        The frames come as one array or as batches in order, (N, H, W, 3) each.
        """
        ...


@dataclass(frozen=True, slots=True)
class Gap:
    """Times from one GIF frame on, before the next: `shares` of the way, 0 up to below 1.

    `after` equals `before` for the last frame, and where all shares are 0.
    """

    before: int
    after: int
    shares: tuple[float, ...]


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
) -> Iterator[Frames]:
    """The frames of `gif` at `times`, batch by batch; a bounded number of frames is held, however long the GIF is.

    `restore` gives the GIF's frames of some numbers with their colours restored; it is asked for each once.
    `sees_restored` looks for motion in what it gave instead of in the GIF. Where the scene changes between two GIF
    frames, the first is held, unless the interpolator says `holds_cuts = False`.
    """
    gaps = find_gaps(gif.times, times)
    holds_cuts = getattr(interpolator, "holds_cuts", True)
    size = max(1, BATCH_PIXELS // (gif.height * gif.width) - 1)
    keys: dict[int, Any] = {}
    for start in range(0, len(gaps), size):
        chunk = gaps[start : start + size]
        keys = _key_frames(gif, sorted({i for gap in chunk for i in (gap.before, gap.after)}), restore, keys)
        for gap in chunk:
            pair = keys[gap.before], keys[gap.after]
            seen = gif.frame(gap.before), gif.frame(gap.after)
            held = gap.before == gap.after or (holds_cuts and is_cut(*seen))
            if sees_restored and not held:
                seen = _eight_bit(pair[0]), _eight_bit(pair[1])
            yield from _fill_gap(interpolator, pair, seen, gap.shares, held=held)


def _fill_gap(
    interpolator: Interpolator,
    pair: tuple[Any, Any],
    seen: tuple[Pixels, Pixels],
    shares: Sequence[float],
    *,
    held: bool,
) -> Iterator[Frames]:
    still = len(shares) if held else sum(share == 0 for share in shares)
    for _ in range(still):
        yield pair[0][None]
    if still == len(shares):
        return
    answer: Any = interpolator.restore_between(pair, seen, shares[still:])
    if hasattr(answer, "shape"):
        yield answer
    else:
        yield from answer


def _key_frames(
    gif: Gif,
    numbers: Sequence[int],
    restore: Callable[[Sequence[int]], Any] | None,
    known: dict[int, Any],
) -> dict[int, Any]:
    """The GIF frames of these numbers by number, restored; those among `known` are not made again."""
    new = [i for i in numbers if i not in known]
    found: dict[int, Any] = {}
    if new:
        answer = [gif.frame(i) for i in new] if restore is None else restore(new)
        found = {number: answer[place] for place, number in enumerate(new)}
    return {i: known[i] if i in known else found[i] for i in numbers}


def _eight_bit(frame: Any) -> Pixels:  # noqa: ANN401  # an array or a tensor
    array = frame if isinstance(frame, np.ndarray) else frame.detach().cpu().numpy()
    return array if array.dtype == np.uint8 else np.rint(array).clip(0, 255).astype(np.uint8)
