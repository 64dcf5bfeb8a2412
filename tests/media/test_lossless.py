"""The truth comes back bit for bit, in bytes that are the same every time, and damage is never taken for it."""

from __future__ import annotations

import io
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gifbench.errors import CorruptMedia, DiskFull, NotFound, PixelsError, UsageError
from gifbench.media.video import (
    LosslessWriter,
    count_frames,
    decode,
    iter_lossless,
    lossless_codec,
    probe,
    read_lossless,
)
from tests.conftest import write_lossless
from tests.media.video_files import ffmpeg

RATE = Fraction(30000, 1001)


def noise(num_frames: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (num_frames, height, width, 3), dtype=np.uint8)


def written(frames: np.ndarray, rate: Fraction = RATE) -> bytes:
    """The file's bytes, written to memory."""
    file = io.BytesIO()
    with LosslessWriter(file, width=frames.shape[2], height=frames.shape[1], frame_rate=rate) as writer:
        for pixels in frames:
            writer.add(pixels)
    return file.getvalue()


@settings(max_examples=25, deadline=None)
@given(
    num_frames=st.integers(1, 6),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    rate=st.fractions(1, 120, max_denominator=1001),
    seed=st.integers(0, 99),
)
def test_every_pixel_comes_back(num_frames, height, width, rate, seed):
    frames = noise(num_frames, height, width, seed)
    assert np.array_equal(read_lossless(written(frames, rate)), frames)


@pytest.mark.parametrize("size", [(288, 352), (289, 2), (120, 353), (360, 636), (1, 400), (2, 400)])
def test_every_pixel_comes_back_at_the_sizes_where_slices_change(size):
    frames = noise(2, *size)
    assert np.array_equal(read_lossless(written(frames)), frames)


def test_two_writes_give_the_same_bytes(tmp_path):
    frames = noise(9, 60, 84)
    first = written(frames)
    assert written(frames) == first
    assert write_lossless(tmp_path / "a.mkv", frames, fps=RATE).read_bytes() == first
    assert written(frames[::-1]) != first


def test_a_path_and_bytes_read_alike(tmp_path):
    frames = noise(5, 20, 30)
    (tmp_path / "a.mkv").write_bytes(written(frames))
    assert np.array_equal(read_lossless(tmp_path / "a.mkv"), frames)
    assert np.array_equal(read_lossless(str(tmp_path / "a.mkv"), frames=[3]), frames[[3]])


LONG = np.broadcast_to(np.arange(200, dtype=np.uint8)[:, None, None, None], (200, 8, 8, 3))


@cache
def long_file(rate: Fraction) -> bytes:
    return written(LONG, rate)


@settings(max_examples=25, deadline=None)
@given(
    numbers=st.lists(st.integers(0, 199), max_size=8), rate=st.sampled_from([RATE, Fraction(25), Fraction(26777, 1000)])
)
def test_any_frames_in_any_order(numbers, rate):
    assert np.array_equal(read_lossless(long_file(rate), frames=numbers), LONG[numbers])


def test_only_the_frames_asked_for_are_read():
    frames = noise(400, 48, 48)
    data = bytearray(written(frames))
    data[len(data) // 4] ^= 0xFF  # damage at frame 100
    assert np.array_equal(read_lossless(bytes(data), frames=[350]), frames[[350]])


def test_frames_come_one_by_one(tmp_path):
    frames = noise(7, 20, 30)
    found = list(iter_lossless(written(frames)))
    assert np.array_equal(np.stack(found), frames)
    found[0][:] = 0
    assert np.array_equal(found[1], frames[1])


def test_any_tool_reads_it(tmp_path):
    frames = noise(4, 24, 36)
    path = tmp_path / "clip.mkv"
    path.write_bytes(written(frames))
    assert ffmpeg("-i", path, "-pix_fmt", "rgb24", "-f", "rawvideo", "-") == frames.tobytes()
    assert np.array_equal(np.stack([f.pixels for f in decode(path)]), frames)
    assert count_frames(path) == 4
    info = probe(path)
    assert (info.codec, info.width, info.height, info.frame_rate) == ("ffv1", 36, 24, RATE)


def test_every_frame_is_a_key_frame_and_nothing_tells_when_or_where_it_was_written():
    data = written(noise(5, 24, 36))
    with av.open(io.BytesIO(data)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        assert len(packets) == 5 and all(p.is_keyframe for p in packets)
        assert container.metadata == {"encoder": "Lavf"}


def test_every_flipped_byte_is_noticed_or_harmless():
    frames = noise(12, 24, 36)
    data = written(frames)
    noticed = 0
    for at in range(0, len(data), 97):
        damaged = bytearray(data)
        damaged[at] ^= 0x55
        try:
            assert np.array_equal(read_lossless(bytes(damaged)), frames), f"byte {at} of {len(data)}"
        except CorruptMedia:
            noticed += 1
    assert noticed > 0.9 * (len(data) / 97)


def test_every_cut_is_noticed():
    frames = noise(12, 24, 36)
    data = written(frames)
    for length in range(0, len(data) - 600, 211):  # the seek index at the end may be missing: nothing is lost with it
        with pytest.raises(CorruptMedia):
            read_lossless(data[:length])


def test_what_is_no_lossless_video_is_corrupt(tmp_path):
    for content in (b"", b"hello" * 100):
        with pytest.raises(CorruptMedia):
            read_lossless(content)
    with pytest.raises(NotFound, match="nothing"):
        read_lossless(tmp_path / "nothing.mkv")


def test_a_frame_outside_is_wrong_usage():
    data = written(noise(3, 8, 8))
    for number in (3, -1):
        with pytest.raises(UsageError, match=str(number)):
            read_lossless(data, frames=[0, number])


@pytest.mark.parametrize(
    "pixels", [np.zeros((8, 9, 3), np.uint8), np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32), [[0]]]
)
def test_a_frame_of_another_kind_is_refused(pixels):
    writer = LosslessWriter(io.BytesIO(), width=8, height=8, frame_rate=RATE)
    with pytest.raises(PixelsError):
        writer.add(pixels)


def test_sizes_and_rates_that_cannot_be_are_wrong_usage():
    for wrong in ({"width": 0}, {"height": -1}, {"frame_rate": Fraction(0)}, {"width": 1, "height": 289}):
        with pytest.raises(UsageError):
            LosslessWriter(io.BytesIO(), **{"width": 8, "height": 8, "frame_rate": RATE, **wrong})


def test_a_video_without_frames_is_refused_and_leaves_no_file(tmp_path):
    with pytest.raises(PixelsError), LosslessWriter(tmp_path / "a.mkv", width=8, height=8, frame_rate=RATE):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_block_that_raises_leaves_no_file(tmp_path):
    with pytest.raises(ZeroDivisionError), LosslessWriter(tmp_path / "a.mkv", width=8, height=8, frame_rate=RATE) as w:
        w.add(np.zeros((8, 8, 3), np.uint8))
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(NotFound, match="nowhere"):
        LosslessWriter(tmp_path / "nowhere" / "a.mkv", width=8, height=8, frame_rate=RATE)


class FullDisk(io.BytesIO):
    """Takes a few thousand bytes."""

    def write(self, data):
        if self.tell() + len(data) > 5000:
            raise OSError(28, "No space left on device")
        return super().write(data)


def test_a_full_disk_is_named():
    writer = LosslessWriter(FullDisk(), width=64, height=64, frame_rate=RATE)
    with pytest.raises(DiskFull):
        for pixels in noise(20, 64, 64):
            writer.add(pixels)
        writer.close()


# UtVideo, also where ffmpeg's encoder would cut a picture off


def by_utvideo(frames: np.ndarray, path: Path, rate: Fraction = RATE) -> bytes:
    return write_lossless(path, frames, fps=rate, codec="utvideo").read_bytes()


def smooth(num_frames: int, height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return np.stack([np.stack([rows + i, columns * 2 + i, rows + columns], -1) for i in range(num_frames)]).astype(
        np.uint8
    )


@settings(max_examples=40, deadline=None)
@given(
    num_frames=st.integers(1, 4),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    colors=st.sampled_from([1, 2, 3, 16, 256]),
    rate=st.fractions(1, 120, max_denominator=1001),
    seed=st.integers(0, 99),
)
def test_every_pixel_of_utvideo_comes_back(tmp_path_factory, num_frames, height, width, colors, rate, seed):
    path = tmp_path_factory.mktemp("video") / "a.mkv"
    frames = np.random.default_rng(seed).integers(0, colors, (num_frames, height, width, 3), dtype=np.uint8)
    data = by_utvideo(frames, path, rate)
    assert np.array_equal(read_lossless(data), frames)
    assert np.array_equal(np.stack(list(iter_lossless(path))), frames)
    assert [entry.name for entry in path.parent.iterdir()] == ["a.mkv"]


@pytest.mark.parametrize("size", [(719, 1281), (121, 3), (720, 1280), (360, 636), (1, 400), (2, 1)])
def test_noise_that_does_not_compress_comes_back(size, tmp_path):
    frames = np.concatenate([smooth(2, *size), noise(2, *size), smooth(1, *size)])
    data = by_utvideo(frames, tmp_path / "a.mkv")
    assert np.array_equal(read_lossless(data), frames)


def test_a_picture_that_is_cut_off_sends_the_file_to_ffv1(tmp_path):
    frames = np.concatenate([smooth(2, 719, 1281), noise(1, 719, 1281)])
    assert lossless_codec(by_utvideo(frames[:2], tmp_path / "a.mkv")) == "utvideo"
    assert lossless_codec(by_utvideo(frames, tmp_path / "a.mkv")) == "ffv1"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.mkv"]


def test_two_writes_of_utvideo_give_the_same_bytes_in_any_folder(tmp_path):
    frames = smooth(5, 60, 84)
    first = by_utvideo(frames, tmp_path / "a.mkv")
    for name in ("it's", "a|b", "[f=nut]", "back\\slash", "ä 'ö'"):
        folder = tmp_path / name
        folder.mkdir()
        assert by_utvideo(frames, folder / "b.mkv") == first
    with av.open(str(tmp_path / "a.mkv")) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        assert len(packets) == 5 and all(packet.is_keyframe for packet in packets)
        assert container.metadata == {"encoder": "Lavf"}
        assert container.streams.video[0].average_rate == RATE


def test_single_frames_of_utvideo_are_read_alone(tmp_path):
    frames = smooth(40, 48, 64)
    data = by_utvideo(frames, tmp_path / "a.mkv", Fraction(26777, 1000))
    assert np.array_equal(read_lossless(data, frames=[33, 2, 33]), frames[[33, 2, 33]])


def test_every_cut_of_utvideo_is_noticed(tmp_path):
    data = by_utvideo(smooth(12, 48, 64), tmp_path / "a.mkv")
    for length in range(0, len(data) - 600, 499):
        with pytest.raises(CorruptMedia):
            read_lossless(data[:length])


def test_the_place_of_utvideo_is_named(tmp_path):
    with pytest.raises(NotFound, match="nowhere"):
        LosslessWriter(tmp_path / "nowhere" / "a.mkv", width=8, height=8, frame_rate=RATE, codec="utvideo")
    with pytest.raises(UsageError, match="path"), (tmp_path / "a").open("wb") as file:
        LosslessWriter(file, width=8, height=8, frame_rate=RATE, codec="utvideo")


def test_a_full_disk_is_named_by_utvideo():
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    with pytest.raises(DiskFull):
        by_utvideo(smooth(99, 256, 256), full)
    assert full.exists()
