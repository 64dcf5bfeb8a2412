"""Exact spans: the same frames by time, by number, by seeking and from the start, as ffmpeg shows them."""

from __future__ import annotations

import itertools
from fractions import Fraction
from operator import attrgetter
from pathlib import Path

import av
import numpy as np
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gifbench.errors import SpanOutside, UsageError
from gifbench.media.gif import Gif
from gifbench.media.video import HeldPictures, Span, VideoLimits, count_frames, decode, decoding, probe
from gifbench.media.video import frames as video_frames
from gifbench.media.video.container import open_video
from tests.media.video_files import ffmpeg, pattern, shown_by_ffmpeg, uneven

BOUNDED = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", 20, "-bf", 3)
CODINGS = {
    "b-frames.mp4": H264,
    "b-frames.mkv": H264,
    "open-gop.mp4": (*H264, "-x264-params", "open-gop=1:keyint=12:min-keyint=12:scenecut=0"),
    "open-gop.mkv": (*H264, "-x264-params", "open-gop=1:keyint=12:min-keyint=12:scenecut=0"),
    "intra-refresh.mp4": (*H264, "-x264-params", "intra-refresh=1:keyint=20"),
    "no-index.mp4": (*H264, "-movflags", "frag_keyframe+empty_moov"),
    "hevc.mp4": ("-c:v", "libx265", "-x265-params", "open-gop=1:keyint=12:bframes=3:log-level=none"),
    "av1.mp4": ("-c:v", "libsvtav1", "-preset", 12, "-g", 20, "-svtav1-params", "lp=1"),
    "vp8.webm": ("-c:v", "libvpx", "-auto-alt-ref", 1, "-lag-in-frames", 10, "-g", 20, "-b:v", "300k"),
    "vp9.webm": ("-c:v", "libvpx-vp9", "-auto-alt-ref", 1, "-lag-in-frames", 10, "-g", 20, "-cpu-used", 8),
    "program-stream.mpg": ("-c:v", "mpeg2video", "-bf", 2, "-g", 12, "-q:v", 3),
    "transport-stream.ts": H264,
    "b-frames.avi": ("-c:v", "mpeg4", "-bf", 2, "-g", 12, "-q:v", 3),
    "raw.h264": H264,
    "flash.flv": H264,
    "motion-jpeg.avi": ("-c:v", "mjpeg", "-q:v", 3),
}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("videos")
    return {name: pattern(folder / name, *args, frames=100) for name, args in CODINGS.items()}


@pytest.fixture(scope="module")
def whole(videos: dict[str, Path]) -> dict[str, tuple[list[Fraction], np.ndarray]]:
    """Times and gray pixels of every video, read from the start."""
    shown = {}
    for name, path in videos.items():
        frames = list(decode(path, pixels="gray"))
        shown[name] = ([f.time for f in frames], np.stack([f.pixels for f in frames]))
    return shown


@pytest.mark.parametrize("name", CODINGS)
def test_every_frame_is_given_in_the_order_that_ffmpeg_shows(name, videos, whole):
    times, pixels = whole[name]
    luma = shown_by_ffmpeg(videos[name], "extractplanes=y")
    assert len(times) == 100
    assert pixels.tobytes() == luma


@pytest.mark.parametrize("name", CODINGS)
def test_times_are_those_of_the_constant_rate_to_within_a_tick(name, videos, whole):
    tick = probe(videos[name]).time_base
    assert all(abs(time - Fraction(i, 25)) <= tick for i, time in enumerate(whole[name][0]))


@pytest.mark.parametrize("name", CODINGS)
@pytest.mark.parametrize("first", [1, 29, 37, 73, 99])
def test_a_span_of_time_holds_the_same_frames_as_the_whole_video(name, first, videos, whole):
    times, pixels = whole[name]
    last = min(first + 9, 100)
    span = Span(start=times[first], end=times[last] if last < 100 else None)
    frames = list(decode(videos[name], span, pixels="gray"))
    assert [f.time for f in frames] == [t - times[first] for t in times[first:last]]
    assert [f.index for f in frames] == list(range(last - first))
    assert np.array_equal(np.stack([f.pixels for f in frames]), pixels[first:last])


@pytest.mark.parametrize(
    "name", ["b-frames.mp4", "b-frames.mkv", "open-gop.mp4", "hevc.mp4", "vp8.webm", "vp9.webm", "av1.mp4"]
)
def test_a_late_span_is_reached_by_seeking(name, videos, whole):
    with open_video(videos[name], limits=VideoLimits()) as video:
        frame = next(video_frames.frames_from(video, Fraction(3)))
    assert Fraction(2) < frame.time <= Fraction(3)


def test_a_container_that_cannot_seek_exactly_says_so(videos):
    for name in ("program-stream.mpg", "b-frames.avi", "raw.h264", "transport-stream.ts"):
        with open_video(videos[name], limits=VideoLimits()) as video, pytest.raises(video_frames.CannotSeek):
            next(video_frames.frames_from(video, Fraction(3)))


@BOUNDED
@given(first=st.integers(0, 99), count=st.integers(1, 100), name=st.sampled_from(sorted(CODINGS)))
def test_a_span_of_frame_numbers_is_a_slice(first, count, name, videos, whole):
    times, pixels = whole[name]
    last = min(first + count, 100)
    frames = list(decode(videos[name], Span(start_frame=first, end_frame=last), pixels="gray"))
    assert np.array_equal(np.stack([f.pixels for f in frames]), pixels[first:last])
    assert [f.time for f in frames] == [t - times[first] for t in times[first:last]]


@BOUNDED
@given(start=st.fractions(0, 3, max_denominator=600), length=st.fractions(Fraction(1, 10), 1, max_denominator=600))
def test_a_frame_belongs_to_the_span_in_which_it_starts(start, length, videos, whole):
    times, pixels = whole["b-frames.mp4"]
    tick = probe(videos["b-frames.mp4"]).time_base  # to within which the ends are compared
    wanted = [i for i, time in enumerate(times) if start - tick < time <= start + length - tick]
    frames = list(decode(videos["b-frames.mp4"], Span(start=start, end=start + length), pixels="gray"))
    assert np.array_equal(np.stack([f.pixels for f in frames]), pixels[wanted])


def test_spans_that_meet_share_no_frame_and_lose_none(videos):
    path = videos["b-frames.mkv"]  # whose clock rounds to milliseconds
    edges = [Fraction(i, 30) for i in range(0, 121, 7)]
    counts = [count_frames(path, Span(start=a, end=b)) for a, b in itertools.pairwise(edges)]
    assert sum(counts) == count_frames(path, Span(end=edges[-1]))


@pytest.mark.parametrize("name", ["b-frames.mp4", "open-gop.mkv", "vp9.webm", "program-stream.mpg"])
def test_threads_change_nothing(name, videos, whole):
    frames = list(decode(videos[name], pixels="gray", threads=3))
    assert [f.time for f in frames] == whole[name][0]
    assert np.array_equal(np.stack([f.pixels for f in frames]), whole[name][1])


def test_durations_lead_from_frame_to_frame(videos):
    frames = list(decode(videos["b-frames.mkv"], Span(start_frame=10, end_frame=20)))
    assert all(a.time + a.duration == b.time for a, b in itertools.pairwise(frames))
    assert frames[-1].duration > 0


def test_pixels_are_in_memory_of_their_own(videos):
    for kind in ("rgb", "gray"):
        frames = list(decode(videos["b-frames.mp4"], Span(end_frame=4), pixels=kind))
        for frame in frames:
            assert frame.pixels.flags.owndata and frame.pixels.flags.c_contiguous and frame.pixels.flags.writeable
        before = [f.pixels.copy() for f in frames]
        frames[0].pixels[:] = 0
        assert all(np.array_equal(f.pixels, b) for f, b in zip(frames[1:], before[1:], strict=True))


def test_memory_does_not_grow_with_the_video(tmp_path):
    path = pattern(tmp_path / "long.mp4", "-c:v", "libx264", "-preset", "ultrafast", size="640x360", frames=400)
    process = psutil.Process()
    frames = decode(path)
    for _ in itertools.islice(frames, 50):
        pass
    early = process.memory_info().rss
    assert sum(1 for _ in frames) == 350
    assert process.memory_info().rss - early < 10e6  # all frames are 276 MB


def test_uneven_times_are_kept_to_the_tick(tmp_path):
    times = [Fraction(n, 1000) for n in (0, 40, 41, 100, 350, 351, 352, 1000)]
    path = uneven(tmp_path / "uneven.mkv", times)
    assert [frame.time for frame in decode(path)] == times
    part = decode(path, Span(start=times[2], end=times[6]))
    assert [frame.time for frame in part] == [time - times[2] for time in times[2:6]]


def test_an_edit_list_is_obeyed_from_the_start_and_by_seeking(tmp_path, videos):
    path = tmp_path / "edited.mp4"
    ffmpeg("-ss", "0.5", "-i", videos["b-frames.mp4"], "-c", "copy", path)  # with frames for decoding only
    luma = shown_by_ffmpeg(path, "extractplanes=y")
    frames = list(decode(path, pixels="gray"))
    assert b"".join(f.pixels.tobytes() for f in frames) == luma
    assert 80 < len(frames) < 90
    late = list(decode(path, Span(start=frames[60].time), pixels="gray"))
    assert np.array_equal(np.stack([f.pixels for f in late]), np.stack([f.pixels for f in frames[60:]]))


def test_a_video_that_starts_late_on_its_clock_starts_at_zero(tmp_path, videos):
    path = tmp_path / "late.mkv"
    ffmpeg("-i", videos["b-frames.mkv"], "-c", "copy", "-output_ts_offset", "7.5", path)
    with av.open(str(path)) as container:
        assert container.streams.video[0].start_time >= 7500
    assert next(iter(decode(path))).time == 0
    assert count_frames(path, Span(start=Fraction(3), end=Fraction(4))) == 25
    assert count_frames(path) == 100


@pytest.mark.parametrize(
    ("args", "rotation", "shape"),
    [
        (("-display_rotation:v:0", 90), 270, (96, 64)),
        (("-display_rotation:v:0", 180), 180, (64, 96)),
        (("-display_rotation:v:0", -90), 90, (96, 64)),
        (("-display_hflip:v:0",), 0, (64, 96)),
        (("-display_vflip:v:0",), 180, (64, 96)),
        (("-display_rotation:v:0", 90, "-display_hflip:v:0"), None, (96, 64)),
    ],
)
def test_the_picture_is_turned_as_ffmpeg_turns_it(args, rotation, shape, tmp_path, videos):
    path = tmp_path / "turned.mp4"
    ffmpeg(*args, "-i", videos["b-frames.mp4"], "-c", "copy", "-frames:v", 8, path)
    shown = shown_by_ffmpeg(path, "extractplanes=y")
    frames = list(decode(path, pixels="gray"))
    assert frames[0].pixels.shape == shape
    assert b"".join(f.pixels.tobytes() for f in frames) == shown
    info = probe(path)
    assert (info.height, info.width) == shape
    assert rotation is None or info.rotation == rotation


@pytest.mark.parametrize(("aspect", "shape"), [("16/11", (64, 140)), ("2/1", (64, 192)), ("1/2", (128, 96))])
def test_pixels_that_are_not_square_are_made_so(aspect, shape, tmp_path):
    path = pattern(tmp_path / "anamorphic.mp4", *H264, "-vf", f"setsar={aspect}", frames=3)
    frame = next(iter(decode(path)))
    assert frame.pixels.shape == (*shape, 3)
    assert next(iter(decode(path, pixels="gray"))).pixels.shape == shape
    (note,) = frame.notes
    assert note == f"pixels are {aspect.replace('/', ':')}: made square, {shape[1]}×{shape[0]}"
    info = probe(path)
    assert (info.height, info.width, info.pixel_aspect) == (*shape, Fraction(aspect))
    stored = next(iter(decode(path, square_pixels=False)))
    assert stored.pixels.shape == (64, 96, 3)
    assert stored.notes == (f"pixels are {aspect.replace('/', ':')}: kept as stored",)
    assert probe(path, square_pixels=False).width == 96


def test_pixels_that_are_not_square_are_turned_after_that(tmp_path):
    path = pattern(tmp_path / "anamorphic.mp4", *H264, "-vf", "setsar=2/1", frames=3)
    turned = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation:v:0", 90, "-i", path, "-c", "copy", turned)
    assert next(iter(decode(turned))).pixels.shape == (192, 64, 3)
    assert (probe(turned).width, probe(turned).height) == (64, 192)


def test_a_video_of_one_frame_is_a_video(tmp_path):
    path = pattern(tmp_path / "one.mp4", *H264, frames=1)
    (frame,) = decode(path)
    assert (frame.index, frame.time) == (0, 0)
    assert frame.duration == Fraction(1, 25)


def test_probe_tells_what_the_file_says(videos):
    info = probe(videos["b-frames.mp4"])
    assert (info.codec, info.pixel_format, info.width, info.height, info.rotation) == ("h264", "yuv420p", 96, 64, 0)
    assert (info.frame_rate, info.duration, info.num_frames) == (25, 4, 100)
    assert (info.color_space, info.color_range) == ("unknown", "unknown")
    assert probe(videos["b-frames.mkv"]).num_frames is None


def test_count_frames_counts_what_decode_gives(videos):
    assert count_frames(videos["vp8.webm"]) == 100
    assert count_frames(videos["b-frames.mp4"], Span(start=Fraction(1), end=Fraction(2))) == 25


@pytest.mark.parametrize(
    "span",
    [
        Span(start_frame=90, end_frame=101),
        Span(start_frame=100),
        Span(start_frame=5000, end_frame=5001),
        Span(start=Fraction(3), end=Fraction(5)),
        Span(end=Fraction(9, 2)),
        Span(start=Fraction(4)),
        Span(start=Fraction(60), end=Fraction(61)),
        Span(start=Fraction(101, 1000), end=Fraction(102, 1000)),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["b-frames.mp4", "b-frames.mkv", "program-stream.mpg"])
def test_a_span_outside_of_the_video_is_an_error(name, span, videos):
    with pytest.raises(SpanOutside):
        for _ in decode(videos[name], span):
            pass


def test_an_end_that_was_rounded_is_not_outside(videos):
    assert count_frames(videos["b-frames.mp4"], Span(start=Fraction(3), end=Fraction("4.01"))) == 25


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": Fraction(1), "start_frame": 3},
        {"start": Fraction(-1)},
        {"start_frame": -1},
        {"start": Fraction(2), "end": Fraction(2)},
        {"start_frame": 7, "end_frame": 6},
        {"end_frame": 0},
        {"end": Fraction(0)},
        {"start": float("nan")},
        {"end": float("inf")},
    ],
)
def test_a_span_that_cannot_be_is_wrong_usage(wrong):
    with pytest.raises(UsageError):
        Span(**wrong)


def test_seconds_may_be_floats_and_are_taken_exactly():
    assert Span(start=0.5, end=2) == Span(start=Fraction(1, 2), end=Fraction(2))
    assert Span(start=0.1).start == Fraction(0.1)


def test_options_that_cannot_be_are_wrong_usage(videos):
    with pytest.raises(UsageError, match="yuv"):
        decode(videos["b-frames.mp4"], pixels="yuv")
    with pytest.raises(UsageError, match="threads"):
        list(decode(videos["b-frames.mp4"], threads=0))
    with pytest.raises(UsageError):
        VideoLimits(max_side=0)


def test_real_clips_seek_to_the_same_frames(clips):
    for path in sorted((clips / "moments").iterdir()):
        frames = list(itertools.islice(decode(path, pixels="gray"), 45))
        late = list(itertools.islice(decode(path, Span(start=frames[40].time), pixels="gray"), 5))
        assert [f.time for f in late] == [f.time - frames[40].time for f in frames[40:]], path.name
        assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(late, frames[40:], strict=True)), path.name


def test_what_a_gif_says_of_its_pixels_is_minded_by_no_browser(tmp_path):
    path = tmp_path / "aspect.gif"
    Gif(np.zeros((1, 20, 30), np.uint8), (np.zeros((2, 3), np.uint8),), (Fraction(0),), Fraction(1)).write(path)
    data = bytearray(path.read_bytes())
    data[12] = 0x80  # 143:64
    path.write_bytes(data)
    (frame,) = decode(path)
    assert frame.pixels.shape == (*Gif.read(path).frames.shape[1:3], 3) == (20, 30, 3)
    assert (probe(path).width, probe(path).pixel_aspect) == (30, 1)


# Read twice


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
