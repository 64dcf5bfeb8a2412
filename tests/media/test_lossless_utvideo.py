"""UtVideo as lossless truth: every pixel of every picture comes back, also where ffmpeg's encoder would cut it off."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gifbench.errors import CorruptMedia, DiskFull, NotFound, UsageError
from gifbench.media.video import LosslessWriter, iter_lossless, lossless_codec, read_lossless
from tests.conftest import write_lossless
from tests.media.test_lossless import RATE, noise


def written(frames: np.ndarray, path: Path, rate: Fraction = RATE) -> bytes:
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
def test_every_pixel_comes_back(tmp_path_factory, num_frames, height, width, colors, rate, seed):
    path = tmp_path_factory.mktemp("video") / "a.mkv"
    frames = np.random.default_rng(seed).integers(0, colors, (num_frames, height, width, 3), dtype=np.uint8)
    data = written(frames, path, rate)
    assert np.array_equal(read_lossless(data), frames)
    assert np.array_equal(np.stack(list(iter_lossless(path))), frames)
    assert [entry.name for entry in path.parent.iterdir()] == ["a.mkv"]


@pytest.mark.parametrize("size", [(719, 1281), (121, 3), (720, 1280), (360, 636), (1, 400), (2, 1)])
def test_noise_that_does_not_compress_comes_back(size, tmp_path):
    frames = np.concatenate([smooth(2, *size), noise(2, *size), smooth(1, *size)])
    data = written(frames, tmp_path / "a.mkv")
    assert np.array_equal(read_lossless(data), frames)


def test_a_picture_that_is_cut_off_sends_the_file_to_ffv1(tmp_path):
    frames = np.concatenate([smooth(2, 719, 1281), noise(1, 719, 1281)])
    assert lossless_codec(written(frames[:2], tmp_path / "a.mkv")) == "utvideo"
    assert lossless_codec(written(frames, tmp_path / "a.mkv")) == "ffv1"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.mkv"]


def test_two_writes_give_the_same_bytes_in_any_folder(tmp_path):
    frames = smooth(5, 60, 84)
    first = written(frames, tmp_path / "a.mkv")
    for name in ("it's", "a|b", "[f=nut]", "back\\slash", "ä 'ö'"):
        folder = tmp_path / name
        folder.mkdir()
        assert written(frames, folder / "b.mkv") == first
    with av.open(str(tmp_path / "a.mkv")) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        assert len(packets) == 5 and all(packet.is_keyframe for packet in packets)
        assert container.metadata == {"encoder": "Lavf"}
        assert container.streams.video[0].average_rate == RATE


def test_single_frames_are_read_alone(tmp_path):
    frames = smooth(40, 48, 64)
    data = written(frames, tmp_path / "a.mkv", Fraction(26777, 1000))
    assert np.array_equal(read_lossless(data, frames=[33, 2, 33]), frames[[33, 2, 33]])


def test_every_cut_is_noticed(tmp_path):
    data = written(smooth(12, 48, 64), tmp_path / "a.mkv")
    for length in range(0, len(data) - 600, 499):
        with pytest.raises(CorruptMedia):
            read_lossless(data[:length])


def test_the_place_is_named(tmp_path):
    with pytest.raises(NotFound, match="nowhere"):
        LosslessWriter(tmp_path / "nowhere" / "a.mkv", width=8, height=8, frame_rate=RATE, codec="utvideo")
    with pytest.raises(UsageError, match="path"), (tmp_path / "a").open("wb") as file:
        LosslessWriter(file, width=8, height=8, frame_rate=RATE, codec="utvideo")


def test_a_full_disk_is_named():
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    with pytest.raises(DiskFull):
        written(smooth(99, 256, 256), full)
    assert full.exists()
