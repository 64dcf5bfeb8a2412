"""A GIF is made from whatever holds frames, and nothing else."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gifbench
from gifbench.errors import CorruptMedia, NotFound, PixelsError, UsageError
from gifbench.media.video import Span
from tests.conftest import moving_picture, write_video

FRAMES = moving_picture(5, 20, 30)


def made(frames, out: Path, **options) -> gifbench.Gif:
    gifbench.make_gif(frames, out / "out.gif", overwrite=True, **options)
    return gifbench.Gif.read(out / "out.gif")


@pytest.mark.parametrize(
    "frames",
    [
        FRAMES,
        list(FRAMES),
        tuple(FRAMES),
        [Image.fromarray(frame) for frame in FRAMES],
        [Image.fromarray(frame).convert("RGBA") for frame in FRAMES],
        [np.dstack([frame, np.full((20, 30), 255, np.uint8)]) for frame in FRAMES],
    ],
    ids=["array", "list", "tuple", "Pillow", "Pillow RGBA", "RGBA arrays"],
)
def test_arrays_and_pictures_give_the_same_gif(frames, tmp_path: Path) -> None:
    gif = made(frames, tmp_path, colors=64)
    np.testing.assert_array_equal(gif.frames, made(FRAMES, tmp_path, colors=64).frames)
    assert gif.times == tuple(Fraction(i, 25) for i in range(5))


def test_what_can_be_iterated_once_and_tensors_are_taken(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    whole = made(FRAMES, tmp_path).frames
    np.testing.assert_array_equal(made((frame for frame in FRAMES), tmp_path).frames, whole)
    clear = made(FRAMES, tmp_path, background=None).frames
    np.testing.assert_array_equal(made(iter(FRAMES), tmp_path, background=None).frames, clear)
    assert len(made(iter(FRAMES), tmp_path, one_palette=True)) == 5
    np.testing.assert_array_equal(made(torch.from_numpy(FRAMES), tmp_path).frames, whole)
    np.testing.assert_array_equal(made([torch.from_numpy(frame) for frame in FRAMES], tmp_path).frames, whole)


def test_paths_are_a_video_or_pictures(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", FRAMES)
    assert len(made(str(video), tmp_path)) == len(made(video, tmp_path)) == 5
    files = [tmp_path / f"{i}.png" for i in range(5)]
    for file, frame in zip(files, FRAMES, strict=True):
        Image.fromarray(frame).save(file)
    np.testing.assert_array_equal(made(files, tmp_path).frames, made(FRAMES, tmp_path).frames)


def test_clips_and_gifs_keep_their_times(tmp_path: Path) -> None:
    times = tuple(Fraction(n, 100) for n in (0, 4, 14, 16, 41))
    clip = gifbench.Clip(FRAMES, times, Fraction(48, 100))
    gif = made(clip, tmp_path)
    assert (gif.times, gif.duration) == (times, Fraction(48, 100))
    again = made(gif, tmp_path)
    assert again.times == times
    np.testing.assert_array_equal(again.frames, gif.frames)


def test_gray_and_one_frame(tmp_path: Path) -> None:
    gray = made(FRAMES[..., 0], tmp_path, dither=None)
    assert len(gray) == 5
    assert (gray.frames[..., 0] == gray.frames[..., 1]).all()
    for one in (FRAMES[0], Image.fromarray(FRAMES[0]), [FRAMES[0]]):
        assert len(made(one, tmp_path)) == 1


def test_see_through_pixels_show_the_background(tmp_path: Path) -> None:
    clear = np.zeros((2, 8, 8, 4), np.uint8)
    assert (made(clear, tmp_path, background=(0, 255, 0)).frames == [0, 255, 0]).all()


@pytest.mark.parametrize(("fps", "seconds"), [(10, "1/10"), (12.5, "2/25"), (Fraction(50, 3), "3/50")])
def test_fps_says_how_fast(fps, seconds: str, tmp_path: Path) -> None:
    assert made(FRAMES, tmp_path, fps=fps).times[1] == Fraction(seconds)


def test_span_every_and_size_go_with_frames(tmp_path: Path) -> None:
    gif = made(FRAMES, tmp_path, span=Span(start_frame=1, end_frame=4), every=2, size=(15, None))
    assert (len(gif), gif.width, gif.height) == (2, 15, 10)
    assert len(made(FRAMES, tmp_path, span=Span(start=Fraction(1, 25)))) == 4
    assert len(made(FRAMES, tmp_path, one_palette=True)) == 5
    with pytest.raises(UsageError, match="outside of what is given"):
        made(FRAMES, tmp_path, span=Span(start=Fraction(9)))


@pytest.mark.parametrize(
    ("frames", "error", "said"),
    [
        (5, UsageError, "frames must be a path, a Clip, a Gif"),
        (None, UsageError, "frames must be"),
        (b"GIF89a", UsageError, "frames must be"),
        ({}, UsageError, "frames must be"),
        ([], UsageError, "at least one picture"),
        (np.zeros((0, 4, 4, 3), np.uint8), UsageError, "at least one picture"),
        ([1, 2], UsageError, "a picture must be an array"),
        (FRAMES.astype(float), PixelsError, "must be uint8 in 0..255, got float64"),
        (FRAMES.astype(np.int64), PixelsError, "must be uint8"),
        (np.zeros((2, 3, 4, 5, 3), np.uint8), PixelsError, "must have the shape"),
        (np.zeros((2, 4, 4, 2), np.uint8), PixelsError, "must have the shape"),
        ([FRAMES[0], FRAMES[1][:5]], PixelsError, "of one size, and frame 1 is 30×5"),
        ("no such file", NotFound, "no such file"),
        (["no such file.png"], NotFound, "no such file.png"),
        ([__file__], CorruptMedia, "not a picture"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_anything_else_is_one_line_and_nothing_is_left(frames, error, said, tmp_path: Path) -> None:
    with pytest.raises(error, match=said):
        gifbench.make_gif(frames, tmp_path / "a.gif")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fps", [0, -1, 51, float("nan"), float("inf")])
def test_an_impossible_speed_is_said(fps, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="fps must be"):
        made(FRAMES, tmp_path, fps=fps)
