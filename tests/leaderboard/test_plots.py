"""Plots show every ranked method where it belongs, and no label hides a point or another label."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import pytest

from gifbench.leaderboard import plots as module
from gifbench.leaderboard.plots import BOTTOM, HEIGHT, LEFT, TOP, WIDTH, plots
from tests.leaderboard.factories import make_result, only_table

CLIPS = [f"clip-{i}" for i in range(8)]


def result(name, psnr, seconds=1.0, parameters=0, clips=CLIPS):
    made = make_result(name, psnr=psnr, clips=clips, parameters=parameters)
    return made.model_copy(update={"method_seconds": seconds})


def drawn(*results):
    return plots(only_table(*results))


def test_higher_is_better_and_faster_is_further_right():
    speed, _ = drawn(result("slow", 32, 100, 10**6), result("fast", 30, 0.1, 10**3))
    slow, fast = speed.points
    assert slow.x < fast.x and slow.y < fast.y
    assert speed.front.count(",") == 2


def test_what_learned_nothing_stands_beside_the_logarithm_and_is_smallest():
    _, size = drawn(result("a", 31, parameters=10**7), result("b", 30, parameters=10**4), result("c", 29))
    assert [point.x for point in size.points] == sorted((point.x for point in size.points), reverse=True)
    assert size.x_ticks[0].text == "none"
    assert LEFT < size.points[2].x < size.points[1].x


def test_what_another_method_beats_in_both_is_not_on_the_front():
    speed = drawn(result("best", 32, 1), result("beaten", 31, 2), result("fastest", 30, 0.5))[0]
    assert len(speed.front.split()) == 2


def test_runs_without_a_rank_are_not_drawn_and_one_method_is_no_plot():
    assert drawn(result("whole", 30), result("half", 33, clips=CLIPS[:2])) == ()
    assert drawn(result("alone", 30, parameters=5)) == ()


def test_a_size_plot_needs_a_method_that_learned_something():
    assert [plot.title for plot in drawn(result("a", 30), result("b", 31))] == ["Quality and speed"]


@pytest.mark.parametrize("count", [2, 12, 50])
def test_everything_is_inside_and_no_label_touches_a_point_or_another_label(count):
    dice = random.Random(count)
    results = [
        result(f"method-{i}:sigma={dice.random():.2f}", dice.uniform(28, 36), 10 ** dice.uniform(-2, 2), 10**i % 10**9)
        for i in range(count)
    ]
    for plot in drawn(*results):
        assert len(plot.points) == count
        assert all(LEFT <= point.x <= WIDTH and TOP <= point.y <= HEIGHT - BOTTOM for point in plot.points)
        boxes = []
        for point in plot.points:
            if point.label_at is None:
                continue
            x, y, anchor = point.label_at
            width = module._LETTER * len(point.label)
            left = {"start": x, "end": x - width, "middle": x - width / 2}[anchor]
            boxes.append((left, y - 10, left + width, y + 3))
        assert boxes
        for i, (left, top, right, bottom) in enumerate(boxes):
            assert left >= 0 and right <= WIDTH
            assert not any(
                left < p.x + 4 and p.x - 4 < right and top < p.y + 4 and p.y - 4 < bottom for p in plot.points
            )
            assert not any(
                left < c and a < right and top < d and b < bottom for a, b, c, d in [*boxes[:i], *boxes[i + 1 :]]
            )


def test_axes_have_a_few_round_ticks_in_order():
    results = [result(f"m{i}", 28 + i * 0.37, 0.01 * 3**i, 7**i) for i in range(9)]
    for plot in drawn(*results):
        texts = [tick.text for tick in plot.x_ticks if tick.text != "none"]
        assert 2 <= len(texts) <= 10
        assert all(re.fullmatch(r"[125]0{0,2}(\.\d+)?[kMG]?|0\.0*[125]", text) for text in texts), texts
        values = [float(tick.text) for tick in plot.y_ticks]
        assert values == sorted(values) and 3 <= len(values) <= 8
        (step,) = {round(b - a, 6) for a, b in pairwise(values)}
        assert f"{step:e}"[0] in "125"
