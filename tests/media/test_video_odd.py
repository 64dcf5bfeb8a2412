"""Videos that are odd but good are read to the frame; odd and bad ones are refused in one line."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from gifbench.errors import CorruptMedia, NoVideo, SpanOutside
from gifbench.media.video import (
    CannotKeep,
    LosslessWriter,
    Span,
    VideoWriter,
    count_frames,
    decode,
    iter_lossless,
    keep_packets,
    read_kept,
    read_lossless,
)
from gifbench.media.video import codecs as video_codecs
from gifbench.media.video import frames as video_frames
from gifbench.media.video.container import VideoLimits, open_video
from gifbench.media.video.timestamp_repair import Timeline
from gifbench.media.video.truncation import missing_bytes
from tests.conftest import moving_picture, write_lossless, write_video
from tests.media import video_files
from tests.media.video_files import ffmpeg, remuxed, with_data

H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", 20, "-bf", 3)
OPEN_GROUPS = ("-x264-params", "open-gop=1:keyint=12:min-keyint=12:scenecut=0")


def pattern(path: Path, *args: object, frames: int = 60) -> Path:
    return video_files.pattern(path, *args, size="48x32", frames=frames)


def packets_of(path: Path, chosen: slice, target: Path, *, damage: dict[int, bytes] | None = None) -> Path:
    """Some of the packets of a video, by their place in the file, in a file of their own; `damage` changes some."""
    numbers = range(10_000)[chosen]

    def change(number: int, packet: av.Packet) -> av.Packet | None:
        if damage and number in damage:
            return with_data(packet, damage[number])
        return packet if number in numbers else None

    return remuxed(path, target, change)


@pytest.mark.parametrize("name", ["open.mp4", "fragments.mp4", "no-edit-list.mp4"])
def test_a_seek_that_ends_behind_its_frame_goes_to_the_key_frame_before(name: str, tmp_path: Path) -> None:
    """Their index goes by decoding times: a key frame is found that is shown only after the frame that is wanted."""
    args = {
        "open.mp4": OPEN_GROUPS,
        "fragments.mp4": (*OPEN_GROUPS, "-movflags", "frag_keyframe+empty_moov+default_base_moof"),
        "no-edit-list.mp4": ("-use_editlist", 0),
    }
    path = pattern(tmp_path / name, *H264, *args[name])
    frames = list(decode(path, pixels="gray"))
    for number in range(14, 60):
        (found,) = decode(
            path, Span(start=frames[number].time, end=frames[number + 1].time if number < 59 else None), pixels="gray"
        )
        assert np.array_equal(found.pixels, frames[number].pixels), number
    with open_video(path, limits=VideoLimits()) as video:
        times = [shown.time for shown in video_frames.shown_frames(video)]
    for time in times[20:]:
        with open_video(path, limits=VideoLimits()) as video:
            assert next(video_frames.frames_from(video, time)).time <= time


def test_nothing_is_sought_before_the_first_key_frame(tmp_path: Path) -> None:
    path = pattern(tmp_path / "late.mkv", *H264, "-output_ts_offset", 3)
    with open_video(path, limits=VideoLimits()) as video, pytest.raises(video_frames.CannotSeek):
        next(video_frames.frames_from(video, Fraction(1)))


def test_a_recording_that_was_joined_in_the_middle_begins_with_its_first_key_frame(tmp_path: Path) -> None:
    whole = pattern(tmp_path / "whole.mkv", "-c:v", "libx264", "-g", 20, "-bf", 0, "-pix_fmt", "yuv420p")
    joined = packets_of(whole, slice(7, None), tmp_path / "joined.mkv")
    frames = [frame.pixels for frame in decode(whole, pixels="gray")]
    found = [frame.pixels for frame in decode(joined, pixels="gray")]
    assert len(found) == 40 and all(np.array_equal(a, b) for a, b in zip(found, frames[20:], strict=True))


def test_a_video_without_one_key_frame_is_corrupt(tmp_path: Path) -> None:
    whole = pattern(tmp_path / "whole.mkv", "-c:v", "libx264", "-g", 20, "-bf", 0, "-pix_fmt", "yuv420p")
    path = packets_of(whole, slice(1, 19), tmp_path / "none.mkv")
    for read in (lambda: list(decode(path)), lambda: count_frames(path), lambda: list(decode(path, Span(start=0.5)))):
        with pytest.raises(CorruptMedia, match="not one frame can be decoded"):
            read()


@pytest.mark.parametrize("args", [(), ("-slicecrc", 0), ("-level", 1), ("-slices", 4, "-g", 5)])
def test_damage_in_ffv1_is_seen_where_it_has_checksums(args: tuple[object, ...], tmp_path: Path) -> None:
    """ffmpeg goes on with what it can make of such a slice."""
    path = pattern(tmp_path / "a.mkv", "-c:v", "ffv1", "-level", 3, *args, frames=20)
    good = [frame.pixels for frame in decode(path)]
    assert len(good) == 20
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    at = data.find(packets[7]) + len(packets[7]) // 2
    data[at] ^= 0x55
    path.write_bytes(data)
    if args in ((), ("-slices", 4, "-g", 5)):
        with pytest.raises(CorruptMedia, match="damaged at frame 7"):
            list(decode(path))
        assert count_frames(path, Span(end_frame=7)) == 7
    else:
        assert count_frames(path) == 20


def replaced(path: Path, before: bytes, after: bytes, *, last: bool = True) -> None:
    data = path.read_bytes()
    at = data.rfind(before) if last else data.find(before)
    assert at >= 0 and len(before) == len(after)
    path.write_bytes(data[:at] + after + data[at + len(before) :])


def test_the_last_picture_stays_until_the_declared_end(tmp_path: Path) -> None:
    """As in the recording of a screen on which nothing moves any more."""
    path = pattern(tmp_path / "tag.mkv", *H264)
    replaced(path, b"00:00:02.40", b"00:00:09.40")
    frames = list(decode(path))
    assert len(frames) == 60
    assert frames[-1].time + frames[-1].duration == Fraction("9.4")
    assert count_frames(path, Span(start=Fraction(2), end=Fraction(9))) == 10


def test_damage_that_is_taken_for_the_end_is_an_error(tmp_path: Path) -> None:
    """Zeros from the middle on, as in a file whose room was taken before it was written."""
    path = pattern(tmp_path / "a.mkv", *H264, "-cluster_time_limit", 400)
    with av.open(str(path)) as container:
        middle = [packet.pos for packet in container.demux(video=0) if packet.size][25]
    data = bytearray(path.read_bytes())
    cluster = data.rfind(b"\x1f\x43\xb6\x75", 0, middle)
    data[cluster:] = bytes(len(data) - cluster)
    path.write_bytes(data)
    with pytest.raises(CorruptMedia, match=r"its header declares 2\.400 s"):
        list(decode(path))


def with_longer_header(path: Path) -> Path:
    """The file without its tags, its header's duration (element 4489, a double of milliseconds) set to nine seconds."""
    replaced(path, b"DURATION", b"SOMETHIN")
    data = path.read_bytes()
    at = data.find(b"\x44\x89\x88") + 3
    path.write_bytes(data[:at] + np.array(9000, ">f8").tobytes() + data[at + 8 :])
    return path


def test_the_header_of_a_file_with_sound_does_not_say_where_the_pictures_end(tmp_path: Path) -> None:
    alone = with_longer_header(pattern(tmp_path / "alone.mkv", *H264))
    last = list(decode(alone))[-1]
    assert last.time + last.duration == 9
    sound = tmp_path / "sound.mkv"
    pattern(tmp_path / "picture.mkv", *H264)
    ffmpeg("-i", tmp_path / "picture.mkv", "-f", "lavfi", "-i", "sine=duration=2", "-c:v", "copy", sound)
    replaced(sound, b"DURATION", b"SOMETHIN", last=False)
    last = list(decode(with_longer_header(sound)))[-1]
    assert (last.index, last.time + last.duration) == (59, Fraction("2.4"))


def test_a_span_says_what_it_is() -> None:
    assert [str(span) for span in (Span(), Span(start=1), Span(end=2.5), Span(start_frame=3), Span(end_frame=4))] == [
        "the whole video",
        "1 s to the end",
        "0 s to 2.5 s",
        "frames 3 to the end",
        "frames 0 to 4",
    ]


def test_the_last_frames_may_be_asked_for_by_number(tmp_path: Path) -> None:
    path = pattern(tmp_path / "a.mp4", *H264)
    assert count_frames(path, Span(start_frame=50)) == 10
    with pytest.raises(SpanOutside, match="60 frames"):
        count_frames(path, Span(start_frame=60))


def test_a_frame_without_a_presentation_time_is_shown_when_it_is_decoded() -> None:
    timeline = Timeline(Fraction(1, 100), Fraction(1, 25))
    frames = [(None, 4), (None, 8), (12, 12), (None, None), (None, 14)]
    placed = timeline.place(iter([SimpleNamespace(pts=pts, dts=dts) for pts, dts in frames]))
    assert [time * 100 for time, _ in placed] == [4, 8, 12, 16, 20]
    assert not timeline.regular


@pytest.mark.parametrize(
    ("data", "missing"),
    [
        (b"\0\0\0\x08ftyp" + b"\0\0\0\x01mdat" + (100).to_bytes(8, "big") + bytes(60), 24),  # a size of eight bytes
        (b"\0\0\0\x08ftyp" + b"\0\0\0\0mdat" + bytes(60), 0),  # to the end of the file, wherever that is
        (b"\0\0\0\x08ftyp" + bytes(60), 0),  # padding behind the last box
        (b"\x1a\x45\xdf\xa3\x84webm" + bytes(40), 0),  # no segment follows the header
        (b"\x1a\x45\xdf\xa3\x84webm\x18\x53\x80\x67\x01" + b"\xff" * 7 + bytes(9), 0),  # a live recording's segment
        (b"\x1a\x45\xdf\xa3\x84webm\x18\x53\x80\x67\x90" + bytes(9), 7),
        (b"\x1a\x45\xdf\xa3\x84webm\x18\x53\x80\x67", 0),  # ends where the segment's size would be
        (b"RIFF\0\0\0\0AVI " + bytes(40), 0),  # a recorder that was cut off
        (b"RIFF" + (52).to_bytes(4, "little") + b"AVI " + bytes(40), 7),  # less the byte that may be left out
    ],
)
def test_a_header_tells_how_many_bytes_a_file_lacks(data: bytes, missing: int, tmp_path: Path) -> None:
    path = tmp_path / "any"
    path.write_bytes(data)
    assert missing_bytes(path) == missing


def clocks(path: Path) -> tuple[Fraction, Fraction]:
    frames = list(decode(path))
    return frames[0].clock, frames[-1].clock


def test_a_stream_without_times_or_key_frames_is_not_cut(tmp_path: Path) -> None:
    raw = pattern(tmp_path / "raw.h264", *H264)
    with pytest.raises(CannotKeep, match="no time"):
        keep_packets(raw, *clocks(raw), tmp_path / "kept.mkv")
    whole = pattern(tmp_path / "whole.mkv", "-c:v", "libx264", "-g", 20, "-bf", 0, "-pix_fmt", "yuv420p")
    middle = packets_of(whole, slice(1, 19), tmp_path / "middle.mkv")
    with pytest.raises(CannotKeep, match="no key frame is in its index"):
        keep_packets(middle, Fraction(0), Fraction(1, 2), tmp_path / "kept.mkv")
    whole = pattern(tmp_path / "whole.avi", "-c:v", "mpeg4", "-g", 20)
    middle = packets_of(whole, slice(1, 19), tmp_path / "middle.avi")
    with pytest.raises(CannotKeep, match="no key frame is before the span"):
        keep_packets(middle, Fraction(0), Fraction(1, 2), tmp_path / "kept.mkv")


def test_kept_packets_that_are_none_are_refused(tmp_path: Path) -> None:
    whole = pattern(tmp_path / "whole.mkv", "-c:v", "libx264", "-g", 20, "-bf", 0, "-pix_fmt", "yuv420p")
    middle = packets_of(whole, slice(1, 19), tmp_path / "middle.mkv")
    with pytest.raises(CorruptMedia, match="does not begin with a key frame"):
        list(read_kept(middle, [0]))
    whole = pattern(tmp_path / "whole.webm", "-c:v", "libvpx", "-auto-alt-ref", 0, "-g", 20, "-cpu-used", 8)
    with av.open(str(whole)) as container:
        ninth = bytes(next(packet for i, packet in enumerate(container.demux(video=0)) if i == 9))
    unseen = bytes([ninth[0] & ~0x10]) + ninth[1:]  # VP8's bit for a frame that is shown (RFC 6386, 9.1)
    holed = packets_of(whole, slice(0, 12), tmp_path / "holed.mkv", damage={9: unseen})
    assert [number for number, _ in read_kept(holed, [7, 8, 11])] == [7, 8, 11]
    with pytest.raises(CorruptMedia, match="picture 9 of 12 is missing"):
        list(read_kept(holed, [8, 9]))
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.3", tmp_path / "sound.mkv")
    with pytest.raises(NoVideo, match="holds no pictures"):
        list(read_kept(tmp_path / "sound.mkv", [0]))


def test_the_lossless_truth_is_read_from_an_open_file(tmp_path: Path) -> None:
    frames = moving_picture(4, 16, 24)
    opened = io.BytesIO(write_lossless(tmp_path / "a.mkv", frames).read_bytes())
    assert np.array_equal(np.stack(list(iter_lossless(opened))), frames)
    assert opened.closed


def test_another_codec_or_sound_is_no_lossless_truth(tmp_path: Path) -> None:
    other = write_video(tmp_path / "other.mkv", moving_picture(4, 16, 24))
    with pytest.raises(CorruptMedia, match="its codec is h264"):
        read_lossless(other)
    ffmpeg("-f", "lavfi", "-i", "sine=duration=0.3", tmp_path / "sound.mkv")
    with pytest.raises(NoVideo, match="holds no pictures"):
        read_lossless(tmp_path / "sound.mkv")


def test_an_open_file_that_is_given_up_stays_the_callers() -> None:
    file = io.BytesIO()
    with pytest.raises(KeyboardInterrupt), LosslessWriter(file, width=8, height=8, frame_rate=Fraction(25)):
        raise KeyboardInterrupt
    assert not file.closed


def test_a_video_may_be_closed_twice(tmp_path: Path) -> None:
    with LosslessWriter(tmp_path / "a.mkv", width=24, height=16, frame_rate=Fraction(25)) as writer:
        writer.add(moving_picture(1, 16, 24)[0])
        writer.close()
    with VideoWriter(tmp_path / "a.mp4", width=24, height=16, frame_rate=Fraction(25), tick=Fraction(1, 25)) as writer:
        writer.add(moving_picture(1, 16, 24)[0], Fraction(0), Fraction(1, 25))
        writer.close()
    assert count_frames(tmp_path / "a.mp4") == count_frames(tmp_path / "a.mkv") == 1


def test_a_codec_that_ffmpeg_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert video_codecs.missing_codecs() == []
    monkeypatch.setattr(video_codecs, "NEEDED", {"ffv1": "rw", "mpeg9": "rw", "h265000": "r"})
    assert video_codecs.missing_codecs() == ["reading mpeg9", "writing mpeg9", "reading h265000"]
    assert video_codecs.ffmpeg_version()[0].isdigit() or video_codecs.ffmpeg_version().startswith("n")
