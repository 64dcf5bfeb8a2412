"""The makers that come with gifbench, beside the programs that they stand for."""

from __future__ import annotations

import io
import stat
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gifbench.errors import MakerError
from gifbench.gif_maker_registry import generated_gif, list_makers, load_maker, made_frames
from gifbench.media.clip import Pixels
from gifbench.media.gif import Gif
from tests.conftest import moving_picture


def frames(count: int = 8, height: int = 60, width: int = 81) -> Pixels:
    noise = np.random.default_rng(3).integers(0, 40, (count, height, width, 3))
    return np.clip(moving_picture(count, height, width).astype(int) + noise, 0, 255).astype(np.uint8)


def times(count: int) -> tuple[list[Fraction], Fraction]:
    return [Fraction(i, 25) for i in range(count)], Fraction(count, 25)


PEERS = {
    "ffmpeg-256-sierra2_4a": "split[a][b];[a]palettegen[p];[b][p]paletteuse",
    "ffmpeg-256-bayer": "split[a][b];[a]palettegen=max_colors=256[p];[b][p]paletteuse=dither=bayer",
    "ffmpeg-64-none": "split[a][b];[a]palettegen=max_colors=64[p];[b][p]paletteuse=dither=none",
    "ffmpeg-single-128": "split[a][b];[a]palettegen=max_colors=128:stats_mode=single[p];[b][p]paletteuse=new=1",
}


@pytest.mark.parametrize(("name", "filters"), PEERS.items())
def test_ffmpegs_gifs_are_those_of_the_command(name: str, filters: str) -> None:
    ffmpeg = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
    given = frames()
    size = f"{given.shape[2]}x{given.shape[1]}"
    command = [ffmpeg, "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", "25", "-i", "-"]
    run = subprocess.run(
        [*command, "-vf", filters, "-f", "gif", "-"], input=given.tobytes(), capture_output=True, check=False
    )
    assert run.returncode == 0, run.stderr
    ours = generated_gif(load_maker(name), lambda: iter(given), *times(len(given)))
    np.testing.assert_array_equal(ours.frames, Gif.read(run.stdout).frames)


def test_pillows_gifs_are_those_of_save_all() -> None:
    given = frames()
    given[4] = given[3]
    images = [Image.fromarray(each) for each in given]
    file = io.BytesIO()
    images[0].save(file, format="GIF", save_all=True, append_images=images[1:], duration=40, loop=0)
    theirs = Gif.read(file.getvalue())
    ours = generated_gif(load_maker("pillow"), lambda: iter(given), *times(len(given)))
    assert len(theirs) == len(ours) - 1
    np.testing.assert_array_equal(ours.frames, np.insert(theirs.frames, 3, theirs.frames[3], axis=0))


USABLE = [each.name for each in list_makers() if each.problem is None]


@pytest.mark.parametrize("name", USABLE)
@pytest.mark.parametrize(("count", "height", "width"), [(1, 9, 7), (2, 1, 1), (5, 33, 48)])
def test_every_maker_makes_every_size_the_same_each_time(name: str, count: int, height: int, width: int) -> None:
    given = frames(count, height, width)
    gif, again = (generated_gif(load_maker(name), lambda: iter(given), *times(count)) for _ in range(2))
    assert gif.frames.shape == given.shape
    np.testing.assert_array_equal(gif.frames, again.frames)
    error = np.abs(gif.frames.astype(int) - given).mean()
    assert error < 40


@pytest.mark.parametrize("name", USABLE)
def test_uneven_and_very_fast_frames_and_stills_keep_their_places(name: str) -> None:
    given = frames(6, 24, 32)
    given[2:4] = given[1]
    uneven = [Fraction(0), Fraction(1, 100), Fraction(3, 200), Fraction(1, 10), Fraction(2), Fraction(201, 100)]
    gif = generated_gif(load_maker(name), lambda: iter(given), uneven, Fraction(3))
    assert gif.times == tuple(uneven)
    for place in (0, 1, 2, 3, 4, 5):
        others = [np.abs(gif.frame(place).astype(int) - each).mean() for each in given]
        assert others[place] == min(others)


@pytest.mark.parametrize("name", [name for name in USABLE if name != "pillow" and not name.startswith("gifsk")])
def test_frames_are_not_held(name: str) -> None:
    """At most a few frames of the source are alive at once, but for what a filter keeps."""
    import weakref

    alive: list[weakref.ref[Pixels]] = []
    most = 0

    def stream() -> Iterator[Pixels]:
        nonlocal most
        for each in frames(20, 24, 32):
            fresh = each.copy()
            alive.append(weakref.ref(fresh))
            yield fresh
            del fresh
            most = max(most, sum(ref() is not None for ref in alive))

    generated_gif(load_maker(name), stream, *times(20))
    assert most <= 4


def test_a_missing_program_is_one_error_with_the_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("gifsicle-lossy80", "gifski"):
        with pytest.raises(
            MakerError, match=rf"need the program {name.split('-')[0]}, which is not installed. Install"
        ):
            made_frames(load_maker(name), frames(2))
    said = {each.name: each.problem for each in list_makers()}
    assert "not installed" in str(said["gifski"])
    assert said["pillow"] is None


def test_a_program_that_fails_or_is_another_one_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    program = tmp_path / "gifski"
    program.write_text("#!/bin/sh\ncase $1 in --version) echo gifski 9.9;; *) echo no room >&2; exit 3;; esac\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(MakerError, match="gifski ended with the exit code 3: no room"):
        made_frames(load_maker("gifski"), frames(2))
    other = tmp_path / "gifsicle"
    other.write_text("#!/bin/sh\necho something else\n")
    other.chmod(other.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(MakerError, match="another program"):
        made_frames(load_maker("gifsicle-lossy80"), frames(2))
