"""Packets cut out of a video show, picture by picture, what the video shows, or are not cut out at all."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from gifbench.errors import CorruptMedia, UsageError
from gifbench.media.video import CannotKeep, Span, decode, keep_packets, read_kept
from tests.conftest import moving_picture, write_video

KINDS = {
    "b-frames.mp4": ("libx264", {"preset": "medium", "g": "12", "bf": "3", "x264-params": "scenecut=0"}),
    "open-gop.mkv": ("libx264", {"preset": "medium", "g": "12", "bf": "3", "x264-params": "open-gop=1:scenecut=0"}),
    "no-index.avi": ("mpeg4", {"g": "12", "qscale": "3"}),
    "b-frames.webm": ("libvpx-vp9", {"g": "12", "deadline": "realtime", "cpu-used": "8", "crf": "30", "b": "0"}),
    "b-frames.mpg": ("mpeg1video", {"g": "12", "bf": "2"}),
}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packets")
    frames = moving_picture(50, 48, 64)
    for name, (codec, options) in KINDS.items():
        write_video(folder / name, frames, codec=codec, options=options)
    return folder


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("span", [(0, 5), (13, 25), (24, 36), (30, 31), (45, 50), (0, 50)])
def test_a_span_is_read_back_to_the_pixel(name: str, span: tuple[int, int], videos: Path, tmp_path: Path) -> None:
    frames = list(decode(videos / name, Span(start_frame=span[0], end_frame=span[1])))
    kept = tmp_path / "kept.mkv"
    first = keep_packets(videos / name, frames[0].clock, frames[-1].clock, kept)
    assert first <= span[0]
    found = dict(read_kept(kept, range(first, first + len(frames))))
    for i, frame in enumerate(frames):
        np.testing.assert_array_equal(found[first + i], frame.pixels)
    # One alone, from the bytes, is the same.
    ((number, alone),) = read_kept(kept.read_bytes(), [first + len(frames) - 1])
    assert number == first + len(frames) - 1
    np.testing.assert_array_equal(alone, frames[-1].pixels)


def test_only_what_the_span_needs_is_kept(videos: Path, tmp_path: Path) -> None:
    """A group of 12 begins at frame 24; the packets up to the span's last follow, and nothing else."""
    source = videos / "b-frames.mp4"
    frames = list(decode(source, Span(start_frame=30, end_frame=33)))
    assert keep_packets(source, frames[0].clock, frames[-1].clock, tmp_path / "kept.mkv") == 6
    with av.open(str(tmp_path / "kept.mkv")) as kept, av.open(str(source)) as whole:
        packets = [bytes(packet) for packet in kept.demux(video=0) if packet.size]
        originals = [bytes(packet) for packet in whole.demux(video=0) if packet.size]
    start = originals.index(packets[0])
    assert packets == originals[start : start + len(packets)]
    assert 9 <= len(packets) <= 12


def test_the_bytes_are_the_same_each_time(videos: Path, tmp_path: Path) -> None:
    frames = list(decode(videos / "b-frames.webm", Span(start_frame=20, end_frame=30)))
    for name in ("a.mkv", "b.mkv"):
        keep_packets(videos / "b-frames.webm", frames[0].clock, frames[-1].clock, tmp_path / name)
    assert (tmp_path / "a.mkv").read_bytes() == (tmp_path / "b.mkv").read_bytes()


def test_what_matroska_cannot_hold_is_not_kept(tmp_path: Path) -> None:
    source = write_video(tmp_path / "old.avi", moving_picture(6, 48, 64), codec="msmpeg4v2", options={"qscale": "3"})
    frames = list(decode(source))
    with pytest.raises(CannotKeep, match="msmpeg4"):
        keep_packets(source, frames[0].clock, frames[-1].clock, tmp_path / "kept.mkv")


def test_a_number_outside_and_a_damaged_file_are_said(videos: Path, tmp_path: Path) -> None:
    frames = list(decode(videos / "b-frames.mp4", Span(end_frame=10)))
    kept = tmp_path / "kept.mkv"
    keep_packets(videos / "b-frames.mp4", frames[0].clock, frames[-1].clock, kept)
    with pytest.raises(UsageError, match="picture 99 is outside"):
        list(read_kept(kept, [99]))
    for data in (b"", bytes(500), kept.read_bytes()[:60]):
        with pytest.raises(CorruptMedia):
            list(read_kept(data, [0]))
