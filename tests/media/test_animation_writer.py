"""What is written plays as long as it should, frame by frame, in every format, and never half."""

from __future__ import annotations

import io
import json
import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gifbench.errors import AlreadyExists, NotFound, PixelsError, UsageError
from gifbench.media.animation_writer import Timing, animation
from gifbench.media.gif import Gif
from gifbench.media.video import VideoWriter, decode, probe
from gifbench.media.webp import WebpWriter
from tests.conftest import moving_picture

# 40, 100, 20, 250 and 70 ms: as uneven as GIFs are.
TIMING = Timing(tuple(Fraction(n, 100) for n in (0, 4, 14, 16, 41)), Fraction(48, 100))


def write(out: Path, frames: np.ndarray, timing: Timing = TIMING, **options: object) -> Path:
    with animation(out, width=frames.shape[2], height=frames.shape[1], timing=timing, **options) as add:
        for frame in frames:
            add(frame)
    return out


@pytest.mark.parametrize("size", [(32, 48), (33, 47), (1, 1)])
def test_mp4_keeps_times_to_the_frame_and_colors_nearly(tmp_path: Path, size: tuple[int, int]) -> None:
    frames = moving_picture(5, *size)
    shown = list(decode(write(tmp_path / "a.mp4", frames)))
    assert [frame.time for frame in shown] == list(TIMING.times)
    assert shown[-1].time + shown[-1].duration == TIMING.duration
    even = tuple(side + side % 2 for side in size)
    assert shown[0].pixels.shape == (*even, 3)
    error = np.stack([frame.pixels[: size[0], : size[1]] for frame in shown]).astype(float) - frames
    assert abs(error.mean()) < 2
    assert probe(tmp_path / "a.mp4").pixel_format == "yuv420p"


def test_flat_colors_come_back_from_mp4_within_two_levels(tmp_path: Path) -> None:
    colors = np.array([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (10, 200, 120)], np.uint8)
    frames = np.broadcast_to(colors[:, None, None], (5, 32, 32, 3)).copy()
    for frame, color in zip(decode(write(tmp_path / "a.mp4", frames)), colors, strict=True):
        assert np.abs(frame.pixels.astype(int) - color).max() <= 3


@pytest.mark.parametrize("size", [(32, 48), (33, 47), (1, 1)])
def test_mkv_loses_nothing(tmp_path: Path, size: tuple[int, int]) -> None:
    frames = moving_picture(5, *size)
    shown = list(decode(write(tmp_path / "a.mkv", frames)))
    assert [frame.time for frame in shown] == list(TIMING.times)
    assert shown[-1].time + shown[-1].duration == TIMING.duration
    np.testing.assert_array_equal(np.stack([frame.pixels for frame in shown]), frames)


@pytest.mark.parametrize("size", [(32, 48), (33, 47), (1, 1)])
def test_webp_is_what_pillow_reads(tmp_path: Path, size: tuple[int, int]) -> None:
    frames = moving_picture(5, *size)
    with Image.open(write(tmp_path / "a.webp", frames, loop=3)) as image:
        assert (image.n_frames, image.info["loop"], image.size) == (5, 3, size[::-1])
        ends = []
        for i in range(5):
            image.seek(i)
            assert np.abs(np.asarray(image.convert("RGB")).astype(float) - frames[i]).mean() < 8
            ends.append(image.info["timestamp"])  # of Pillow: when the frame ends, or when it begins, by version
            assert image.info["duration"] == 1000 * (TIMING.ends[i] - TIMING.times[i])


def test_gif_keeps_times_and_loop(tmp_path: Path) -> None:
    frames = moving_picture(5, 20, 30)
    gif = Gif.read(write(tmp_path / "a.gif", frames, loop=2))
    assert (gif.times, gif.duration, gif.loop) == (TIMING.times, TIMING.duration, 2)
    assert np.abs(gif.frames.astype(float) - frames).mean() < 6


def test_a_folder_of_pngs_says_its_times(tmp_path: Path) -> None:
    frames = moving_picture(5, 20, 30)
    out = write(tmp_path / "deep" / "frames", frames)
    assert sorted(path.name for path in out.iterdir()) == [*(f"{i:05d}.png" for i in range(5)), "times.json"]
    for i in range(5):
        np.testing.assert_array_equal(np.asarray(Image.open(out / f"{i:05d}.png")), frames[i])
    about = json.loads((out / "times.json").read_text())
    assert [Fraction(time) for time in about["times"]] == list(TIMING.times)
    assert Fraction(about["duration"]) == TIMING.duration


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webp", "a.gif", "frames"])
def test_nothing_is_overwritten_unasked_and_nothing_is_left_half_written(tmp_path: Path, name: str) -> None:
    frames = moving_picture(5, 16, 16)
    out = write(tmp_path / name, frames)
    with pytest.raises(AlreadyExists, match="there already"):
        write(out, frames)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RuntimeError), animation(out, width=16, height=16, timing=TIMING, overwrite=True) as add:
        add(frames[0])
        raise RuntimeError
    assert sorted(tmp_path.rglob("*")) == before
    write(out, frames, overwrite=True)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_with_other_files_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "thesis.txt").write_text("years of work")
    with pytest.raises(AlreadyExists, match=r"thesis\.txt"):
        write(tmp_path / "frames", moving_picture(5, 8, 8), overwrite=True)
    assert (tmp_path / "frames" / "thesis.txt").read_text() == "years of work"


def test_a_name_that_is_no_folder_of_its_own_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "else").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "else")
    (tmp_path / "file").write_text("years of work")
    for name in ("link", "file"):
        with pytest.raises(AlreadyExists, match="no folder of its own"):
            write(tmp_path / name, moving_picture(5, 8, 8), overwrite=True)
    assert (tmp_path / "file").read_text() == "years of work" and (tmp_path / "link").is_symlink()


def test_webp_says_what_it_cannot_hold() -> None:
    for width, height in ((0, 8), (8, 16384)):
        with pytest.raises(UsageError, match=f"not {width}×{height}"):
            WebpWriter(io.BytesIO(), width=width, height=height)
    writer = WebpWriter(io.BytesIO(), width=8, height=9)
    with pytest.raises(PixelsError, match="at least one frame"):
        writer.close()
    with pytest.raises(PixelsError, match=r"\(9, 8, 3\), not \(8, 9, 3\)"):
        writer.add(np.zeros((8, 9, 3), np.uint8), Fraction(1))
    for end in (Fraction(0), Fraction(1, 3000), Fraction(20_000)):
        with pytest.raises(PixelsError, match="would last"):
            writer.add(np.zeros((9, 8, 3), np.uint8), end)


@pytest.mark.parametrize("name", ["a.avi", "a.mp4.exe", "a.JPG"])
def test_an_ending_that_cannot_be_written_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"cannot be written; end it in \.mp4"):
        write(tmp_path / name, moving_picture(5, 8, 8))
    assert not list(tmp_path.iterdir())


def test_a_gif_is_not_slowed_down_silently(tmp_path: Path) -> None:
    fast = Timing((Fraction(0), Fraction(1, 100)), Fraction(3, 100))
    with pytest.raises(UsageError, match=r"10 ms.*less than 20 ms"):
        write(tmp_path / "a.gif", moving_picture(2, 8, 8), fast)


def test_thirds_of_hundredths_are_exact_in_mp4(tmp_path: Path) -> None:
    timing = Timing(tuple(Fraction(n, 300) for n in (0, 7, 14, 21)), Fraction(40, 300))
    shown = list(decode(write(tmp_path / "a.mp4", moving_picture(4, 16, 16), timing)))
    assert [frame.time for frame in shown] == list(timing.times)


def test_the_writer_says_what_is_wrong(tmp_path: Path) -> None:
    about = {"width": 8, "height": 8, "frame_rate": Fraction(10), "tick": Fraction(1, 100)}
    with pytest.raises(UsageError):
        VideoWriter(tmp_path / "a.mp4", **(about | {"width": 0}))
    for name, width, height in (("a.mp4", 16386, 2), ("a.mkv", 1, 300)):
        with pytest.raises(UsageError, match=f"no pictures of {width}×{height} pixels; write another"):
            VideoWriter(tmp_path / name, **(about | {"width": width, "height": height}))
    with pytest.raises(NotFound):
        VideoWriter(tmp_path / "nowhere" / "a.mp4", **about)
    with pytest.raises(PixelsError, match="at least one frame"), VideoWriter(tmp_path / "a.mp4", **about):
        pass
    with pytest.raises(PixelsError, match="increase"), VideoWriter(tmp_path / "a.mp4", **about) as writer:
        for _ in range(2):
            writer.add(np.zeros((8, 8, 3), np.uint8), Fraction(0), Fraction(1))
    with pytest.raises(PixelsError, match="uint8"), VideoWriter(tmp_path / "a.mp4", **about) as writer:
        writer.add(np.zeros((9, 8, 3), np.uint8), Fraction(0), Fraction(1))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.mkv", "frames"])
def test_what_a_killed_writer_left_goes_and_what_another_writes_stays(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gifbench.media import animation_writer

    out = tmp_path / name
    mine = animation_writer._unfinished(out, out.suffix)
    monkeypatch.setattr(os, "getpid", lambda: 2**22 + 1)  # more than any process has
    dead = animation_writer._unfinished(out, out.suffix)
    monkeypatch.undo()
    for left in (mine, dead):
        left.mkdir() if name == "frames" else left.touch()
    (tmp_path / f".{out.stem}.mine.unfinished").touch()
    animation_writer._unfinished(out, out.suffix)
    assert not dead.exists()
    assert mine.exists()
    assert (tmp_path / f".{out.stem}.mine.unfinished").exists()
