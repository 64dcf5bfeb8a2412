"""What containers say and do: cropping, encryption, joined streams, clocks that jump, bytes behind the end."""

from __future__ import annotations

import io
import itertools
import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from gifbench.errors import CorruptMedia
from gifbench.media.video import Span, count_frames, decode, probe
from gifbench.media.video.transport_stream import read_transport_stream
from tests.media.video_files import element, ffmpeg, jpeg, pattern, rgb_of_ffmpeg, write_matroska

X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", 2, "-g", 12, "-pix_fmt", "yuv420p")


def pixels_of(path: Path) -> list[np.ndarray]:
    return [frame.pixels for frame in decode(path)]


# Cropping


@pytest.mark.parametrize("edges", [(8, 8, 16, 0), (1, 0, 0, 0), (3, 5, 7, 2), (0, 0, 1, 1)])
def test_matroska_crops_as_ffmpeg_does(edges, tmp_path):
    crop = b"".join(element(0x54AA + 0x11 * i, edge) for i, edge in zip((1, 0, 2, 3), edges, strict=True))
    path = write_matroska(tmp_path / "a.mkv", [(40 * i, jpeg(i)) for i in range(3)], video=crop)
    frames = pixels_of(path)
    assert b"".join(frame.tobytes() for frame in frames) == rgb_of_ffmpeg(path)
    assert (probe(path).height, probe(path).width) == frames[0].shape[:2]


def aperture(*values: int) -> bytes:
    return struct.pack(">8i", *values)


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        ((80, 1, 48, 1, 0, 1, 0, 1), (48, 80)),
        ((80, 1, 40, 1, 3, 1, -5, 1), (40, 80)),
        ((81, 1, 41, 1, 1, 2, 1, 2), (40, 80)),
        ((200, 1, 60, 1, 0, 1, 0, 1), (64, 96)),  # larger than the picture: not obeyed
        ((80, 1, 48, 1, 20, 1, 0, 1), (64, 96)),  # outside of it
        ((80, 1, 48, 1, 0, 0, 0, 1), (64, 96)),  # a fraction that is none
    ],
)
def test_mp4_crops_as_ffmpeg_does(values, shape, tmp_path):
    path = with_aperture(pattern(tmp_path / "a.mp4", *X264, frames=3), aperture(*values))
    frames = pixels_of(path)
    assert frames[0].shape[:2] == shape
    assert b"".join(frame.tobytes() for frame in frames) == rgb_of_ffmpeg(path)


def with_aperture(path: Path, values: bytes) -> Path:
    """The file with a `clap` box where its sample entry had `pasp` and `btrt`, or after them."""
    data = bytearray(path.read_bytes())
    box = struct.pack(">I", 8 + len(values)) + b"clap" + values
    at = data.rfind(b"avc1") - 4  # the brand of the same name comes first
    end = at + int.from_bytes(data[at : at + 4], "big")
    data[end:end] = box
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        head = data.rfind(kind) - 4
        data[head : head + 4] = struct.pack(">I", int.from_bytes(data[head : head + 4], "big") + len(box))
    path.write_bytes(data)  # the index is behind the pictures, so nothing else moves
    return path


def test_a_file_from_the_wild_is_cropped(test_data):
    path = test_data / "wild" / "mp4_clap.mp4"
    assert b"".join(frame.tobytes() for frame in pixels_of(path)) == rgb_of_ffmpeg(path)
    assert (probe(path).width, probe(path).height) == (96, 64)


# Orientation


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_shown_as_pillow_shows_it(orientation, tmp_path):
    path = write_matroska(tmp_path / "a.mkv", [(40 * i, jpeg(i, orientation=orientation)) for i in range(2)])
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(jpeg(0, orientation=orientation)))), np.int16)
    shown = next(iter(decode(path))).pixels
    assert shown.shape == upright.shape == (probe(path).height, probe(path).width, 3)
    assert np.abs(shown - upright).mean() < 2


# Encryption


def test_encrypted_files_are_called_encrypted(tmp_path):
    key = ("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "76a6c65c5ea762046bd749a2e632ccbb")
    locked = pattern(tmp_path / "locked.mp4", *X264, *key, "-encryption_kid", "a7e61c373e219033c21091fa607bf3b8")
    method = element(0x6240, element(0x5032, 1) + element(0x5033, 1) + element(0x5035, element(0x47E1, 5)))
    frames = [(40 * i, jpeg(i)) for i in range(3)]
    matroska = write_matroska(tmp_path / "locked.mkv", frames, track=element(0x6D80, method))
    scrambled = scramble(pattern(tmp_path / "locked.ts", *X264))
    for path in (locked, matroska, scrambled):
        for read in (probe, count_frames, pixels_of):
            with pytest.raises(CorruptMedia, match=rf"{path.name} is encrypted"):
                read(path)


def scramble(path: Path) -> Path:
    data = np.frombuffer(path.read_bytes(), np.uint8).reshape(-1, 188).copy()
    own = ((data[:, 1] & 0x1F).astype(int) << 8 | data[:, 2]) == 256
    data[own, 3] |= 0x80
    data[own, 30:] ^= 0x5A
    path.write_bytes(data.tobytes())
    return path


# Joined streams


JOINED = {
    "h264.ts": X264,
    "hevc.ts": ("-c:v", "libx265", "-x265-params", "log-level=none:bframes=2"),
    "mpeg2.ts": ("-c:v", "mpeg2video", "-bf", 2, "-g", 12),
    "mpeg2.mpg": ("-c:v", "mpeg2video", "-bf", 2, "-g", 12),
    "theora.ogv": ("-c:v", "libtheora", "-g", 12),
}


@pytest.mark.parametrize("name", JOINED)
def test_joined_files_give_the_frames_of_their_parts_in_a_row(name, tmp_path):
    parts = [pattern(tmp_path / f"{n}{name}", *JOINED[name], frames=n) for n in (7, 13, 9)]
    path = tmp_path / name
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames = list(decode(path, pixels="gray"))
    apart = [frame for part in parts for frame in decode(part, pixels="gray")]
    assert len(frames) == 29
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(frames, apart, strict=True))
    assert [frame.time for frame in frames] == [i * Fraction(1, 25) for i in range(29)]
    for first in (3, 7, 12, 25):
        late = list(decode(path, Span(start=frames[first].time), pixels="gray"))
        assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(late, frames[first:], strict=True))


def test_a_transport_stream_that_lacks_packets_is_still_damaged(tmp_path):
    path = pattern(tmp_path / "a.ts", *X264, "-b:v", "2M")
    data = np.frombuffer(path.read_bytes(), np.uint8).reshape(-1, 188)
    own = np.flatnonzero(((data[:, 1] & 0x1F).astype(int) << 8 | data[:, 2]) == 256)
    path.write_bytes(np.delete(data, own[len(own) // 2 : len(own) // 2 + 2], axis=0).tobytes())
    stream = read_transport_stream(path, 256)
    assert stream is not None and not stream.whole
    with pytest.raises(CorruptMedia, match="give a whole copy"):
        count_frames(path)


@pytest.mark.parametrize("seconds", [-30, 3, 60, 4000])
def test_a_jump_of_the_clock_that_is_said_is_no_pause(seconds, tmp_path):
    first, second = (pattern(tmp_path / f"{n}.ts", *X264, "-output_ts_offset", t) for n, t in ((0, 40), (1, 40.8)))
    moved = tmp_path / "moved.ts"
    ffmpeg("-i", second, "-c", "copy", "-copyts", "-output_ts_offset", seconds, "-muxdelay", 0, moved)
    data = np.frombuffer(moved.read_bytes(), np.uint8).reshape(-1, 188).copy()
    own = ((data[:, 1] & 0x1F).astype(int) << 8 | data[:, 2]) == 256
    begins = np.flatnonzero(own & (data[:, 3] & 0x20 != 0) & (data[:, 4] > 0))[0]
    data[begins, 5] |= 0x80  # the discontinuity indicator
    path = tmp_path / "both.ts"
    path.write_bytes(first.read_bytes() + data.tobytes())
    frames = list(decode(path))
    assert len(frames) == 40
    gaps = [b.time - a.time for a, b in itertools.pairwise(frames)]
    assert max(gaps) <= Fraction(2, 25) and frames[-1].time <= Fraction(41, 25)


def test_a_pause_that_is_not_said_stays(tmp_path):
    first, second = (pattern(tmp_path / f"{n}.ts", *X264, "-output_ts_offset", t) for n, t in ((0, 1), (1, 5)))
    path = tmp_path / "both.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    assert list(decode(path))[20].time == 4


# Bytes behind the end, and bytes that lack


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "fragments.mp4"])
@pytest.mark.parametrize("behind", [b"TAG" + bytes(125), b"\xa5" * 3000, bytes(4096), b"some words and a line\n" * 30])
def test_bytes_behind_the_end_are_no_damage(name, behind, tmp_path):
    args = ("-c:v", "mpeg4") if name.endswith("avi") else X264
    fragments = ("-movflags", "frag_keyframe+empty_moov") if name.startswith("fragments") else ()
    path = pattern(tmp_path / name, *args, *fragments)
    before = [frame.pixels for frame in decode(path, pixels="gray")]
    with path.open("ab") as file:
        file.write(behind)
    after = [frame.pixels for frame in decode(path, pixels="gray")]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_an_mp4_that_lacks_only_what_is_not_shown_is_whole(tmp_path):
    path = pattern(tmp_path / "a.mp4", *X264, "-movflags", "faststart")
    with path.open("r+b") as file:
        data = file.read()
        at = data.find(b"mdat") - 4
        file.seek(at)
        file.write(struct.pack(">I", len(data) - at + 5000))
    assert count_frames(path) == 20
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CorruptMedia, match="lacks 40 bytes"):
        count_frames(path)


def test_a_matroska_that_lacks_its_index_only_is_whole(tmp_path):
    path = pattern(tmp_path / "a.mkv", *X264)
    path.write_bytes(path.read_bytes()[:-10])
    assert count_frames(path) == 20


def test_empty_packets_show_the_frame_before_them_again(test_data):
    """ffmpeg gives 16 frames with gaps; the picture is the same at every moment."""
    frames = list(decode(test_data / "wild" / "theora_empty_packets.ogv"))
    assert [frame.time * 25 for frame in frames] == list(range(25))
    for number in (1, 2, 3, 4, 13, 14, 17, 18, 19):
        assert np.array_equal(frames[number].pixels, frames[number - 1].pixels)
    assert not np.array_equal(frames[5].pixels, frames[4].pixels)
    threaded = [frame.pixels for frame in decode(test_data / "wild" / "theora_empty_packets.ogv", threads=3)]
    assert all(np.array_equal(a.pixels, b) for a, b in zip(frames, threaded, strict=True))
