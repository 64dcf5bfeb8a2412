"""A span that is read twice is decoded once where its pictures are few enough, and gives the same frames."""

from __future__ import annotations

from fractions import Fraction
from operator import attrgetter
from pathlib import Path

import numpy as np
import pytest

from gifbench.media.video import HeldPictures, Span, decode, decoding
from tests.media.video_files import pattern


def test_the_second_reading_decodes_nothing_and_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pattern(tmp_path / "a.mp4", frames=20)
    span = Span(start=Fraction(1, 5), end=Fraction(3, 5))
    expected = list(decode(path, span))
    held = HeldPictures()
    grays = [frame.pixels for frame in decode(path, span, pixels="gray", held=held)]
    assert held.whole and len(grays) == len(expected)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("it was decoded again")

    monkeypatch.setattr(decoding, "spanned", never)
    again = list(decode(path, span, held=held))
    when = attrgetter("time", "duration", "clock", "video_time")
    for one, other in zip(expected, again, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
        assert when(one) == when(other)


def test_nothing_is_kept_of_a_long_span_or_of_one_that_was_not_read_to_its_end(tmp_path: Path) -> None:
    path = pattern(tmp_path / "a.mp4", frames=20)
    held = HeldPictures(most_bytes=100_000)
    assert len(list(decode(path, held=held))) == 20
    assert not held.whole
    held = HeldPictures()
    next(decode(path, held=held))
    assert not held.whole
    assert len(list(decode(path, held=held))) == 20
    assert held.whole
