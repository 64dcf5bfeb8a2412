"""Time stamps that are missing, doubled or go back: one time and one number a frame, however a span is reached."""

from __future__ import annotations

import itertools
from fractions import Fraction
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gifbench.media.video import VideoLimits, decode, probe, snap_times
from gifbench.media.video.container import open_video
from gifbench.media.video.timestamp_repair import Timeline
from gifbench.media.video.unreliable_seek_detection import stamps_are_regular
from tests.media.video_files import check_every_start, ffmpeg, stamped

STEP = Fraction(1, 25)


def placed(stamps: list[int | None], *, step: Fraction = STEP, tick: Fraction = Fraction(1, 1000)) -> list[Fraction]:
    frames = [SimpleNamespace(pts=stamp, dts=stamp) for stamp in stamps]
    return [time * 1000 for time, _ in Timeline(tick, step).place(iter(frames))]


def test_frames_with_one_stamp_share_the_time_until_the_next():
    assert placed([0, 40, 80, 80, 120, 160]) == [0, 40, 80, 100, 120, 160]
    assert placed([0, 40, 40, 40, 40, 80, 120]) == [0, 40, 50, 60, 70, 80, 120]


def test_one_wrong_stamp_does_not_move_the_rest():
    """The average rate is 2 frames a second, and where the slip is there are 50."""
    slow = list(range(0, 10_000, 500))
    for slip in ([10_020, 10_020], [10_020, 10_000], [10_020, 3]):
        stamps = [*slow, 10_000, *slip, *range(10_060, 10_400, 20)]
        times = placed(stamps, step=Fraction(1, 2))
        assert times[-17:] == stamps[-17:]
        assert times[len(slow) + 2] == 10_040


def test_a_clock_that_goes_back_for_long_goes_on_step_by_step():
    times = placed([*range(0, 800, 40), *range(0, 800, 40)])
    assert times == [40 * i for i in range(40)]


@settings(max_examples=200, deadline=None)
@given(stamps=st.lists(st.one_of(st.none(), st.integers(-100, 2000)), min_size=1, max_size=60))
def test_times_always_increase(stamps):
    times = placed(stamps)
    assert len(times) == len(stamps)
    assert all(a < b for a, b in itertools.pairwise(times))


KINDS = {
    "regular": [40 * i for i in range(40)],
    "one twice": [40 * i for i in range(20)] + [760] + [40 * i for i in range(20, 40)],
    "four more": [40 * i for i in range(20)] + [760] * 4 + [40 * i for i in range(20, 40)],
    "one back": [40 * i for i in range(20)] + [700] + [40 * i for i in range(20, 40)],
    "half back": [40 * i for i in range(20)] + [400 + 40 * i for i in range(20)],
    "pause": [40 * i for i in range(20)] + [4000 + 40 * i for i in range(20)],
    "uneven": [i * i for i in range(40)],
    "late": [5000 + 40 * i for i in range(40)],
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_span_is_the_same_frames_however_it_is_reached(kind, tmp_path):
    path = stamped(tmp_path / "a.mkv", KINDS[kind])
    assert check_every_start(path, every=3) > 12
    with open_video(path, limits=VideoLimits()) as video:
        assert stamps_are_regular(video) == (kind in ("regular", "pause", "uneven", "late"))


def test_parts_joined_without_decoding_are_the_same_however_a_span_is_reached(tmp_path):
    parts = []
    for i in range(3):
        part = tmp_path / f"{i}.mp4"
        source = f"testsrc2=size=64x48:rate=25:duration={0.4 + i / 4}"
        ffmpeg("-f", "lavfi", "-i", source, "-c:v", "libx264", "-g", 12, "-bf", 3, "-pix_fmt", "yuv420p", part)
        parts.append(f"file '{part}'\ninpoint {0.08 * i}\n")
    (tmp_path / "list.txt").write_text("".join(parts))
    path = tmp_path / "joined.mp4"
    ffmpeg("-f", "concat", "-safe", 0, "-i", tmp_path / "list.txt", "-c", "copy", path)
    check_every_start(path, every=3)


@pytest.mark.parametrize(
    "name",
    [
        "joined_by_ffmpeg_concat_copy.mp4",
        "four_extra_frames_same_timestamp.mkv",
        "vfr_one_duplicate_12s_becomes_56s.mkv",
        "theora_empty_packets.ogv",
        "ts_two_files_joined.ts",
        "ts_signalled_discontinuity_60s.ts",
        "webm_header_longer_than_last_frame.webm",
    ],
)
def test_files_from_the_wild_are_the_same_however_a_span_is_reached(name, test_data):
    check_every_start(test_data / "wild" / name, every=4)


@pytest.mark.parametrize(
    ("name", "frames", "seconds"),
    [
        ("vfr_one_duplicate_12s_becomes_56s.mkv", 120, "12.48"),
        ("theora_empty_packets.ogv", 25, "1"),
        ("ts_two_files_joined.ts", 6, "0.24"),
        ("ts_signalled_discontinuity_60s.ts", 100, "4"),
        ("webm_header_longer_than_last_frame.webm", 50, "10"),
        ("four_extra_frames_same_timestamp.mkv", 54, "2"),
        ("mp4_with_id3v1_tag_behind.mp4", 10, "0.4"),
    ],
)
def test_files_from_the_wild_are_as_long_as_they_are(name, frames, seconds, test_data):
    found = list(decode(test_data / "wild" / name, pixels="gray"))
    assert (len(found), found[-1].time + found[-1].duration) == (frames, Fraction(seconds))


# Container ticks become the times of a constant rate exactly where they agree with it


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
