"""`make_gif(background=None)`: what is see-through in the source is see-through in the GIF."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gifbench.errors import UsageError
from gifbench.media.gif import Gif
from gifbench.media.make_gif import make_gif
from gifbench.media.transparency import cut_out
from tests.conftest import succeed


def pictures() -> list[np.ndarray]:
    """RGBA (48, 64): a soft picture in a hole that moves; its edge is half seen."""
    y, x = np.mgrid[0:48, 0:64]
    frames = []
    for i in range(4):
        far = np.hypot(x - 20 - 6 * i, y - 24)
        rgb = np.stack([x * 4, y * 5, 255 - x * 2], -1)
        alpha = np.where(far < 14, 255, np.where(far < 16, 170, np.where(far < 18, 90, 0)))
        frames.append(np.dstack([rgb, alpha]).astype(np.uint8))
    return frames


def apng(folder: Path) -> Path:
    first, *rest = map(Image.fromarray, pictures())
    first.save(folder / "a.apng", "PNG", save_all=True, append_images=rest, duration=100, disposal=1)
    return folder / "a.apng"


def check(gif: Gif, colors: int = 256) -> None:
    assert len(gif) == 4 and gif.transparent is not None
    for i, rgba in enumerate(pictures()):
        assert np.array_equal(gif.indices[i] == gif.transparent[i], rgba[..., 3] < 128)
        assert len(gif.palettes[i]) <= colors
        seen = rgba[..., 3] >= 128
        assert np.abs(gif.frame(i)[seen].astype(int) - rgba[seen][:, :3]).mean() < (4 if colors == 256 else 20)


@pytest.mark.parametrize("options", [{}, {"one_palette": True}, {"dither": None}, {"optimize": True}, {"colors": 16}])
def test_a_video_keeps_what_is_see_through(options: dict[str, object], tmp_path: Path) -> None:
    made = make_gif(apng(tmp_path), tmp_path / "a.gif", background=None, **options)  # type: ignore[arg-type]
    gif = Gif.read(tmp_path / "a.gif")
    check(gif, int(str(options.get("colors", 256))))
    assert gif.duration == Fraction(4, 10) and made.seconds == 0.4


def test_pictures_keep_it_too_and_may_come_one_by_one(tmp_path: Path) -> None:
    make_gif((Image.fromarray(each) for each in pictures()), tmp_path / "a.gif", background=None)
    check(Gif.read(tmp_path / "a.gif"))


def test_a_gif_made_smaller_is_see_through_where_most_of_it_was(tmp_path: Path) -> None:
    make_gif(apng(tmp_path), tmp_path / "a.gif", background=None)
    make_gif(tmp_path / "a.gif", tmp_path / "b.gif", background=None, size=(32, None))
    gif = Gif.read(tmp_path / "b.gif")
    assert gif.transparent is not None and (gif.width, gif.height) == (32, 24)
    hidden = np.mean([(gif.indices[i] == gif.transparent[i]).mean() for i in range(4)])
    assert abs(hidden - np.mean([rgba[..., 3] < 128 for rgba in pictures()])) < 0.02


def test_what_hides_nothing_is_as_ever(tmp_path: Path) -> None:
    solid = [np.ascontiguousarray(each[..., :3]) for each in pictures()]
    make_gif(solid, tmp_path / "a.gif", background=None, colors=33)
    make_gif(solid, tmp_path / "b.gif", colors=32)
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()


def test_all_of_a_frame_may_be_see_through(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (8, 8), (200, 0, 0, 0))
    make_gif([clear, Image.new("RGBA", (8, 8), (1, 2, 3, 255)), clear], tmp_path / "a.gif", background=None)
    gif = Gif.read(tmp_path / "a.gif")
    assert gif.transparent is not None
    assert [bool((gif.indices[i] == gif.transparent[i]).all()) for i in range(3)] == [True, False, True]


@pytest.mark.parametrize("opacity", range(0, 256, 5))
def test_color_and_opacity_are_found_again(opacity: int) -> None:
    color = np.array([[[200, 100, 50]]], np.float64)
    white, black = (
        np.rint(color * opacity / 255 + under * (255 - opacity) / 255).astype(np.uint8) for under in (255, 0)
    )
    found = cut_out(white, black)
    hidden = False if found.hidden is None else bool(found.hidden[0, 0])
    assert hidden == (opacity < 128)
    if not hidden:
        assert np.abs(found.pixels.astype(int) - color).max() <= 2


@pytest.mark.parametrize(("name", "colors", "says"), [("a.webp", 256, "a color for .webp"), ("a.gif", 2, "3 or more")])
def test_where_it_cannot_be_that_is_said(name: str, colors: int, says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=says):
        make_gif(pictures(), tmp_path / name, background=None, colors=colors)


def test_the_command_keeps_it(tmp_path: Path) -> None:
    succeed("make", apng(tmp_path), tmp_path / "a.gif", "--background", "none")
    check(Gif.read(tmp_path / "a.gif"))
