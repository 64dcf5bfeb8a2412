"""Frames and times that cannot be a clip are refused by what is wrong with them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from gifbench.errors import PixelsError
from gifbench.media.clip import Clip, constant_times

FRAMES = np.zeros((2, 4, 6, 3), np.uint8)
TIMES, DURATION = constant_times(2, Fraction(25))


def test_a_clip_shows_its_size_and_not_its_pixels() -> None:
    assert repr(Clip(FRAMES, TIMES, DURATION)) == "Clip(2 frames of 6×4, 0.080 s)"


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ([[0]], "not list"),
        (FRAMES.astype(np.float32), r"not float32: floats in \[0, 1\] become that by"),
        (FRAMES[..., 0], r"RGB, not \(2, 4, 6\)"),
        (FRAMES[..., :2], r"RGB, not \(2, 4, 6, 2\)"),
        (FRAMES[:, :, :0], r"not be empty.*\(2, 4, 0, 3\)"),
    ],
)
def test_frames_of_another_kind_are_refused(frames: object, said: str) -> None:
    with pytest.raises(PixelsError, match=said):
        Clip(frames, TIMES, DURATION)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("times", "duration", "said"),
    [
        (TIMES[:1], DURATION, "2 frames need as many times, and there are 1"),
        ((Fraction(1, 25), Fraction(2, 25)), DURATION, "at time 0, not at 1/25 s"),
        ((Fraction(0), Fraction(0)), DURATION, "frame 0 is shown at 0 s and ends at 0 s"),
        (TIMES, TIMES[1], "frame 1 is shown at 1/25 s and ends at 1/25 s"),
    ],
)
def test_times_that_are_not_in_order_are_refused(times: tuple[Fraction, ...], duration: Fraction, said: str) -> None:
    with pytest.raises(PixelsError, match=said):
        Clip(FRAMES, times, duration)
