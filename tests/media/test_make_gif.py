"""A GIF is made of a span of a video in one call, at the size and with the palettes that were asked for."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from gifbench.errors import UsageError
from gifbench.media.gif import Gif
from gifbench.media.make_gif import make_gif
from gifbench.media.video import LosslessWriter, Span
from tests.conftest import moving_picture


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    with LosslessWriter(path, width=64, height=48, frame_rate=Fraction(25)) as writer:
        for pixels in moving_picture(9, 48, 64):
            writer.add(pixels)
    return path


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
    with LosslessWriter(tmp_path / "flat.mkv", width=8, height=8, frame_rate=Fraction(25)) as writer:
        writer.add(np.full((8, 8, 3), 77, np.uint8))
    assert make_gif(tmp_path / "flat.mkv", tmp_path / "a.gif").psnr == math.inf
