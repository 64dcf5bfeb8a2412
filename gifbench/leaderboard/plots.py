"""Quality against what it costs, as plots that a page draws: where each point, tick and label stands.

Everything is in the units of an SVG's viewBox, so that the same results give the same picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gifbench.leaderboard.boards_of_comparable_runs import BoardRow, BoardTable
from gifbench.leaderboard.runs_from_results import Run
from gifbench.leaderboard.safe_names import visible
from gifbench.progress import count_text
from gifbench.results.dataframe import speed_text

WIDTH, HEIGHT = 560, 320
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 14, 44
_NONE_SHARE = 0.08
"""The part of the width, at the left, where methods with no parameters stand: a logarithm has no place for 0."""

_LETTER, _LINE = 6.1, 13.0


@dataclass(frozen=True, slots=True)
class Point:
    """A method: where it is drawn, its interval's ends, its label's place (None: no room) and the words about it."""

    run: Run
    x: float
    y: float
    whisker: tuple[float, float] | None
    label: str
    about: str
    label_at: tuple[float, float, str] | None


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the grid, and what stands at its end."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot; `front` joins the methods that no other one beats in both quality and cost, as points "x,y x,y"."""

    title: str
    axis: str
    summary: str
    points: tuple[Point, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    front: str


def plots(table: BoardTable) -> tuple[Plot, ...]:
    """PSNR against speed, and against the number of parameters; only those for which two methods or more are known.

    Only ranked runs are drawn: what was scored on other clips has no place on the same axis.
    """
    speed = [(row, value) for row in table.ranked if (value := row.run.result.frames_per_second)]
    size = [(row, float(row.run.result.method.parameters)) for row in table.ranked]
    made = []
    if len(speed) > 1:
        made.append(
            _plot("Quality and speed", "frames a second, on the machine of each run", speed, more_is_better=True)
        )
    if len(size) > 1 and any(value for _, value in size):
        made.append(_plot("Quality and size", "learned parameters", size, more_is_better=False))
    return tuple(made)


def _plot(title: str, axis: str, found: Sequence[tuple[BoardRow, float]], *, more_is_better: bool) -> Plot:
    positive = [value for _, value in found if value > 0]
    zero = any(value == 0 for _, value in found)
    x, x_ticks = _log_axis(min(positive), max(positive), zero=zero)
    bounds = [bound for row, _ in found for bound in (row.run.psnr.mean, *(row.paired or ()))]
    y, y_ticks = _linear_axis(min(bounds), max(bounds))
    front = _front([(value if more_is_better else -value, row.run.psnr.mean) for row, value in found])
    places = [(x(value), y(row.run.psnr.mean)) for row, value in found]
    first = sorted(range(len(found)), key=lambda i: (i not in front, not found[i][0].run.is_gif, i))
    labels = _labels(places, [visible(row.run.method, limit=22) for row, _ in found], first)
    points = []
    for i, (row, value) in enumerate(found):
        run, device = row.run, row.run.result.environment.device
        cost = f"{speed_text(value)} frames/s on {visible(device or 'cpu', limit=30)}" if more_is_better else ""
        cost = cost or (f"{value:,.0f} parameters" if value else "nothing learned")
        points.append(
            Point(
                run=run,
                x=places[i][0],
                y=places[i][1],
                whisker=(y(row.paired[0]), y(row.paired[1])) if row.paired else None,
                label=visible(run.method, limit=22),
                about=f"{visible(run.method, limit=60)}: {run.psnr.mean:.2f} dB, {cost}",
                label_at=labels[i],
            )
        )
    line = sorted((places[i] for i in front), key=lambda place: place[0])
    best = visible(max((row.run for row, _ in found), key=lambda run: run.psnr.mean).method, limit=40)
    return Plot(
        title=title,
        axis=axis,
        summary=f"PSNR against {axis}, {len(found)} methods; the highest is {best}. All values stand in the table.",
        points=tuple(points),
        x_ticks=x_ticks,
        y_ticks=y_ticks,
        front=" ".join(f"{a:.1f},{b:.1f}" for a, b in line) if len(line) > 1 else "",
    )


def _front(values: Sequence[tuple[float, float]]) -> list[int]:
    """Which of the (cost, quality) pairs, both better when higher, no other one beats in both."""
    return [
        i
        for i, (cost, quality) in enumerate(values)
        if not any((a >= cost and b >= quality and (a > cost or b > quality)) for a, b in values)
    ]


def _log_axis(low: float, high: float, *, zero: bool) -> tuple[Callable[[float], float], tuple[Tick, ...]]:
    start, end = LEFT + (WIDTH - LEFT - RIGHT) * (2 * _NONE_SHARE if zero else 0), WIDTH - RIGHT
    bottom, top = math.log10(low), math.log10(high)
    margin = max(0.08 * (top - bottom), 0.15)
    bottom, top = bottom - margin, top + margin

    def place(value: float) -> float:
        if value <= 0:
            return round(LEFT + (WIDTH - LEFT - RIGHT) * _NONE_SHARE, 1)
        return round(start + (end - start) * (math.log10(value) - bottom) / (top - bottom), 1)

    decades = range(math.ceil(bottom), math.floor(top) + 1)
    steps = (1,) if len(decades) > 2 else (1, 2, 5)
    values = [m * 10.0**e for e in range(math.floor(bottom), math.floor(top) + 1) for m in steps]
    every = max(1, -(-len(values) // 9))
    ticks = [Tick(place(v), count_text(v)) for v in values if bottom <= math.log10(v) <= top][::every]
    return place, (*([Tick(place(0), "none")] if zero else []), *ticks)


def _linear_axis(low: float, high: float) -> tuple[Callable[[float], float], tuple[Tick, ...]]:
    span = max(high - low, 0.02)
    low, high = low - 0.08 * span, high + 0.08 * span
    raw = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))

    def place(value: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / (high - low), 1)

    first = math.ceil(low / step)
    return place, tuple(
        Tick(place(i * step), f"{i * step:.{digits}f}") for i in range(first, math.floor(high / step) + 1)
    )


def _labels(
    places: Sequence[tuple[float, float]], texts: Sequence[str], order: Sequence[int]
) -> list[tuple[float, float, str] | None]:
    """A place for each label that touches no point and no other label, tried right, left, above and below its point."""
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in places]
    found: list[tuple[float, float, str] | None] = [None] * len(places)
    for i in order:
        (x, y), width = places[i], _LETTER * len(texts[i])
        for at_x, at_y, anchor, left in (
            (x + 9, y + 4, "start", x + 9),
            (x - 9, y + 4, "end", x - 9 - width),
            (x, y - 10, "middle", x - width / 2),
            (x, y + 18, "middle", x - width / 2),
        ):
            box = (left, at_y - _LINE + 3, left + width, at_y + 3)
            inside = box[0] >= LEFT and box[2] <= WIDTH - 2 and box[1] >= 2 and box[3] <= HEIGHT - BOTTOM - 1
            free = not any(a[0] < box[2] and box[0] < a[2] and a[1] < box[3] and box[1] < a[3] for a in taken)
            if inside and free:
                taken.append(box)
                found[i] = (round(at_x, 1), round(at_y, 1), anchor)
                break
    return found
