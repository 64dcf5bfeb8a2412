"""Container ticks become the times of a constant rate exactly where they agree with it."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gifbench.media.video import decode, probe, snap_times

MILLISECOND = Fraction(1, 1000)
RATES = [
    Fraction(n, d) for n, d in [(24, 1), (25, 1), (30000, 1001), (24000, 1001), (30, 1), (50, 1), (10, 1), (25, 2)]
]


@settings(max_examples=50, deadline=None)
@given(rate=st.sampled_from(RATES), count=st.integers(1, 400), first=st.integers(0, 500))
def test_milliseconds_snap_to_the_rate_they_were_rounded_from(rate, count, first):
    ticks = [round((first + i) / rate * 1000) for i in range(count)]
    times = [(tick - ticks[0]) * MILLISECOND for tick in ticks]
    assert snap_times(times, MILLISECOND, rate) == (tuple(i / rate for i in range(count)), rate)


@settings(max_examples=50, deadline=None)
@given(rate=st.sampled_from(RATES[:4]), count=st.integers(20, 100), gap=st.integers(1, 18))
def test_a_lost_frame_keeps_the_raw_times(rate, count, gap):
    times = [round(i / rate * 1000) * MILLISECOND for i in range(count) if i != gap]
    assert snap_times(times, MILLISECOND, rate) == (tuple(times), None)


def test_the_wrong_rate_keeps_the_raw_times():
    times = [Fraction(i, 25) for i in range(100)]
    assert snap_times(times, Fraction(1, 90000), Fraction(24)) == (tuple(times), None)


@pytest.mark.parametrize(("declared", "rate"), [("19001/634", "30000/1001"), ("2997/100", "30000/1001")])
def test_a_rounded_rate_snaps_to_the_standard_one(declared, rate):
    rate = Fraction(rate)
    times = [round(i / rate * 1000) * MILLISECOND for i in range(300)]
    assert snap_times(times, MILLISECOND, Fraction(declared))[1] == rate


def test_exact_times_stay_as_they_are():
    times = [i * Fraction(1001, 30000) for i in range(500)]
    assert snap_times(times, Fraction(1, 30000), Fraction(30000, 1001)) == (tuple(times), Fraction(30000, 1001))


def test_real_clips_snap_where_their_rate_is_constant(clips):
    expected = {
        "faces/grid__bbaf2n.mpg": Fraction(25),
        "faces/intel_asl__book.mkv": Fraction(30),
        "moments/opencv__cup.mp4": Fraction(26777, 1000),
        "moments/shared-assets__flower.mp4": Fraction(30000, 1001),
        "moments/opencv__box.mp4": None,  # muxed with its frames out of order
    }
    for name, rate in expected.items():
        info = probe(clips / name)
        times = [f.time for f in decode(clips / name, pixels="gray")]
        assert snap_times(times, info.time_base, info.frame_rate)[1] == rate, name
