"""A GIF is made of a span of a video in one call, at the size and with the palettes that were asked for."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gifbench.errors import UsageError
from gifbench.media.colors.error_diffusion import damped_floyd_steinberg
from gifbench.media.colors.quantize import minimum_variance
from gifbench.media.gif import Gif
from gifbench.media.make_gif import dithered_frame, make_gif
from gifbench.media.video import Span
from tests.conftest import moving_picture, write_lossless


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_lossless(tmp_path_factory.mktemp("film") / "film.mkv", moving_picture(9, 48, 64))


@pytest.mark.parametrize(
    ("size", "made"), [((None, None), (64, 48)), ((32, None), (32, 24)), ((None, 12), (16, 12)), ((10, 40), (10, 40))]
)
def test_a_side_that_is_not_given_follows_from_the_other(
    size: tuple[int | None, int | None], made: tuple[int, int], film: Path, tmp_path: Path
) -> None:
    about = make_gif(film, tmp_path / "a.gif", size=size)
    gif = Gif.read(tmp_path / "a.gif")
    assert (gif.width, gif.height) == (about.width, about.height) == made


def test_every_kth_frame_of_a_span_is_kept_and_shown_until_the_next(film: Path, tmp_path: Path) -> None:
    about = make_gif(film, tmp_path / "a.gif", span=Span(start_frame=2), every=3, dither=None)
    gif = Gif.read(tmp_path / "a.gif")
    assert about.frames == len(gif) == 3
    assert [float(time) for time in gif.times] == [0, 0.12, 0.24] and float(gif.duration) == 0.28
    truth = moving_picture(9, 48, 64)[[2, 5, 8]]
    error = (gif.frames.astype(float) - truth) ** 2
    assert about.psnr == pytest.approx(np.mean([10 * math.log10(255**2 / each.mean()) for each in error]), abs=1e-9)


def test_one_palette_for_the_clip_is_one(film: Path, tmp_path: Path) -> None:
    make_gif(film, tmp_path / "a.gif", one_palette=True, colors=16)
    gif = Gif.read(tmp_path / "a.gif")
    make_gif(film, tmp_path / "small.gif", one_palette=True, colors=16, optimize=True)
    np.testing.assert_array_equal(Gif.read(tmp_path / "small.gif").frames, gif.frames)
    assert len({palette.tobytes() for palette in gif.palettes}) == 1 and len(gif.palettes[0]) == 16


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"every": 0}, "every 0-th frame cannot be kept"),
        ({"dither": "blue"}, "there is no dither 'blue'"),
        ({"quantizer": "guess"}, "there is no quantizer 'guess'"),
        ({"quantizer": "median-cut", "one_palette": True}, "go with minimum-variance, not with median-cut"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(
    options: dict[str, object], said: str, film: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=said):
        make_gif(film, tmp_path / "a.gif", **options)
    assert not list(tmp_path.iterdir())


def test_a_picture_of_few_colors_loses_nothing(tmp_path: Path) -> None:
    flat = write_lossless(tmp_path / "flat.mkv", np.full((1, 8, 8, 3), 77, np.uint8))
    assert make_gif(flat, tmp_path / "a.gif").psnr == math.inf


def written(path: Path, num_frames: int, rate: Fraction) -> Path:
    """A video whose frame i is of the gray i."""
    grays = np.arange(num_frames, dtype=np.uint8)[:, None, None, None]
    return write_lossless(path, np.broadcast_to(grays, (num_frames, 12, 16, 3)), fps=rate)


@pytest.mark.parametrize(
    ("rate", "fps", "kept"), [(60, None, 50), (120, None, 50), (50, None, 50), (60, 20, 20), (25, 50, 25), (30, 12, 12)]
)
def test_the_video_keeps_its_speed(tmp_path: Path, rate: int, fps: int | None, kept: int) -> None:
    film = written(tmp_path / "film.mkv", rate, Fraction(rate))
    made = make_gif(film, tmp_path / "a.gif", fps=None if fps is None else Fraction(fps))
    gif = Gif.read(tmp_path / "a.gif")
    assert (made.frames, made.dropped, made.seconds) == (kept, rate - kept, 1) and gif.duration == 1
    late = [abs(float(time) - gif.frame(i)[0, 0, 0] / rate) for i, time in enumerate(gif.times)]
    assert max(late) < 1 / rate + 0.006  # each is shown while the video shows it, or a hundredth beside


@pytest.mark.parametrize("rate", [Fraction(60000, 1001), Fraction(144), Fraction(1000, 11), Fraction(240)])
@pytest.mark.parametrize("num_frames", [1, 2, 3, 7, 101])
def test_the_length_that_is_told_is_the_gifs_and_nearly_the_videos(
    tmp_path: Path, rate: Fraction, num_frames: int
) -> None:
    film = written(tmp_path / "film.mkv", num_frames, rate)
    made = make_gif(film, tmp_path / "a.gif")
    gif = Gif.read(tmp_path / "a.gif")
    assert made.seconds == float(gif.duration)
    assert made.frames + made.dropped == num_frames
    assert made.seconds == pytest.approx(max(0.02, num_frames / rate), abs=0.0051)


@pytest.mark.parametrize("name", ["a", "a.mp4", "a.png", "a.gif.txt"])
def test_what_is_written_is_named_as_such(film: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"must end in \.gif"):
        make_gif(film, tmp_path / name)


def test_the_source_is_never_overwritten(tmp_path: Path) -> None:
    source = tmp_path / "film.gif"
    make_gif(written(tmp_path / "film.mkv", 3, Fraction(25)), source)
    before = source.read_bytes()
    (tmp_path / "soft.gif").symlink_to(source)
    (tmp_path / "hard.gif").hardlink_to(source)
    (tmp_path / "folder").mkdir()
    for out in ("film.gif", "soft.gif", "hard.gif", "folder/../film.gif"):
        with pytest.raises(UsageError, match="must not be the source"):
            make_gif(source, tmp_path / out, overwrite=True)
    assert source.read_bytes() == before


@pytest.mark.parametrize("ending", [".webp", ".apng"])
def test_webp_and_apng_hold_all_colors_and_the_times(film: Path, tmp_path: Path, ending: str) -> None:
    made = make_gif(film, tmp_path / f"a{ending}", every=2)
    truth = moving_picture(9, 48, 64)[::2]
    assert (made.frames, made.seconds) == (5, 0.36)
    with Image.open(tmp_path / f"a{ending}") as picture:
        assert picture.n_frames == 5
        for i in range(5):
            picture.seek(i)
            shown = np.asarray(picture.convert("RGB")).astype(int)
            assert picture.info["duration"] == (80 if i < 4 else 40)
            assert np.abs(shown - truth[i]).mean() < (6 if ending == ".webp" else 1e-9)
    assert made.psnr == math.inf if ending == ".apng" else math.isnan(made.psnr)


def test_what_is_transparent_shows_the_background(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (8, 6), (200, 0, 0, 0))
    other = Image.new("RGBA", (8, 6), (0, 200, 0, 0))
    clear.save(tmp_path / "a.apng", "PNG", save_all=True, append_images=[other, clear], duration=100)
    make_gif(tmp_path / "a.apng", tmp_path / "a.gif", background=(1, 2, 3))
    assert np.unique(Gif.read(tmp_path / "a.gif").frames.reshape(-1, 3), axis=0).tolist() == [[1, 2, 3]]


def test_a_dithered_frame_is_nearer_than_ffmpegs() -> None:
    """On a moving ball and on a nearly flat picture, with the defaults of either."""
    from benchmarks.gif_quality import ffmpegs, psnr

    slope = moving_picture(2, 90, 120, seed=3)
    random = np.random.default_rng(0)
    flat = np.linspace(90, 99, 120)[:, None] + random.normal(0, 0.7, (2, 90, 120, 3))
    flat[:, 30:60, 30:60] += 90
    flat = flat.round().astype(np.uint8)
    for frames in (slope, flat):
        for colors in (32, 256):
            ours = [dithered_frame(frame, colors) for frame in frames]
            for mode in ("full", "single"):
                theirs = list(ffmpegs(list(frames), colors, mode))
                for blur in (0, 1):
                    assert psnr(ours, frames, blur=blur) > psnr(theirs, frames, blur=blur)


def test_the_colors_of_a_screen_are_told_apart() -> None:
    """Many grays, and few pixels of other colors in more cells than a dataset's palettes tell colors apart in."""
    from benchmarks.gif_quality import psnr

    random = np.random.default_rng(0)
    screen = np.full((180, 240, 3), 255, np.uint8)
    screen[20:140] = random.integers(30, 250, (120, 240, 1))
    screen[150:156, :120] = random.integers(70, 170, (6, 120, 3))
    palette = minimum_variance(screen, 128)
    coarse = palette[damped_floyd_steinberg(screen, palette)]
    assert psnr([dithered_frame(screen, 128)], [screen]) > psnr([coarse], [screen]) + 1
