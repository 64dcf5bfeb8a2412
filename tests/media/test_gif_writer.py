"""Writing GIF: other decoders show what was written, at the right times, and no file is ever half there."""

import io
import struct
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gifbench.errors import AlreadyExists, NotFound, PixelsError, UsageError
from gifbench.media.gif import Gif
from gifbench.media.gif.gif_writer import GifWriter
from tests.media.gif_kinds import make_gif, same, see_through


def moving_square(*, num_frames: int = 8, see_through: bool = False) -> Gif:
    """A square that wanders over a still background, which may be see-through."""
    indices = np.zeros((num_frames, 40, 60), np.uint8)
    indices[:, 30:] = 2
    for i in range(num_frames):
        indices[i, 5 + 2 * i : 15 + 2 * i, 4 * i : 4 * i + 10] = 1
    palette = np.array([[10, 200, 30], [250, 0, 0], [0, 0, 90]], np.uint8)
    if see_through:
        palette[0] = 255
    times = tuple(Fraction(i, 10) for i in range(num_frames))
    transparent = (0,) * num_frames if see_through else None
    return Gif(indices, (palette,) * num_frames, times, Fraction(num_frames, 10), transparent=transparent)


def pillow_frames(data: bytes) -> tuple[list[np.ndarray], list[int]]:
    with Image.open(io.BytesIO(data)) as image:
        frames, delays = [], []
        for i in range(image.n_frames):
            image.seek(i)
            frames.append(np.asarray(image.convert("RGBA")))
            delays.append(image.info["duration"])
    return frames, delays


@pytest.mark.parametrize("colors", [1, 2, 3, 4, 5, 16, 17, 32, 255, 256])
def test_indices_and_palettes_come_back_as_they_were(colors: int) -> None:
    gif = make_gif(colors=colors, height=33, width=47)
    back = Gif.read(gif.to_bytes())
    np.testing.assert_array_equal(back.indices, gif.indices)
    assert back.indices.dtype == np.uint8 and back.transparent is None
    for palette, wrote in zip(back.palettes, gif.palettes, strict=True):
        np.testing.assert_array_equal(palette[:colors], wrote)
        assert len(palette) == max(2, 1 << (colors - 1).bit_length())  # the smallest table, filled up with black
        assert not palette[colors:].any()
    same(back, gif)


def test_pillow_shows_what_was_written() -> None:
    gif = make_gif(colors=32, height=64, width=80)
    frames, delays = pillow_frames(gif.to_bytes())
    np.testing.assert_array_equal(np.stack(frames)[..., :3], gif.frames)
    assert delays == [40] * 6


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(1, 20), st.integers(1, 20), st.integers(1, 256), st.booleans(), st.integers(0, 9))
def test_any_gif_comes_back(frames: int, height: int, width: int, colors: int, optimize: bool, seed: int) -> None:
    gif = make_gif(frames, height, width, colors, seed)
    same(Gif.read(gif.to_bytes(optimize=optimize)), gif)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), st.integers(2, 255), st.booleans(), st.integers(0, 99))
def test_any_see_through_gif_comes_back(num_frames: int, colors: int, optimize: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    gif = make_gif(num_frames, 6, 7, colors, seed)
    transparent = tuple(int(rng.integers(0, colors)) if rng.random() < 0.7 else None for _ in range(num_frames))
    palettes = [palette.copy() for palette in gif.palettes]
    for palette, index in zip(palettes, transparent, strict=True):
        if index is not None:
            palette[index] = 255
    gif = Gif(gif.indices, tuple(palettes), gif.times, gif.duration, transparent=transparent)
    same(Gif.read(gif.to_bytes(optimize=optimize)), gif)


def test_see_through_pixels_are_see_through_in_pillow() -> None:
    for optimize in (False, True):
        gif = moving_square(see_through=True)
        frames, _ = pillow_frames(gif.to_bytes(optimize=optimize))
        for i, frame in enumerate(frames):
            np.testing.assert_array_equal(frame[..., 3] == 0, see_through(gif, i))
            np.testing.assert_array_equal(frame[..., :3][frame[..., 3] > 0], gif.frame(i)[frame[..., 3] > 0])


def test_a_see_through_index_that_the_palette_lacks_is_refused() -> None:
    writer = GifWriter(io.BytesIO(), width=2, height=2)
    with pytest.raises(PixelsError, match="index 3 is not among its 3 colors"):
        writer.add(np.zeros((2, 2), np.uint8), np.zeros((3, 3), np.uint8), Fraction(0), transparent=3)


def test_a_frame_of_256_colors_is_cleared_without_a_see_through_index() -> None:
    full = np.arange(256, dtype=np.uint8).reshape(16, 16)
    gif = make_gif(num_frames=2, height=16, width=16, colors=256, indices=np.stack([full, full]), transparent=(None, 0))
    for optimize in (False, True):
        back = Gif.read(gif.to_bytes(optimize=optimize))
        np.testing.assert_array_equal(back.frame(0), gif.frame(0))
        assert back.transparent is not None and (back.indices[1] == back.transparent[1]).sum() == 1


def test_identical_frames_are_not_merged() -> None:
    gif = make_gif(num_frames=1)
    gif = Gif(gif.indices[[0] * 5], gif.palettes * 5, tuple(Fraction(i, 25) for i in range(5)), Fraction(1, 5))
    for optimize in (False, True):
        back = Gif.read(gif.to_bytes(optimize=optimize))
        assert len(back) == 5
        same(back, gif)


def test_optimized_files_show_the_same_and_are_smaller() -> None:
    gif = moving_square()
    small, large = gif.to_bytes(optimize=True), gif.to_bytes()
    same(Gif.read(small), gif)
    frames, _ = pillow_frames(small)
    np.testing.assert_array_equal(np.stack(frames)[..., :3], gif.frames)
    assert len(small) < 0.6 * len(large)


def test_delays_spread_the_rounding_so_that_the_clock_never_drifts() -> None:
    for fps in (Fraction(30), Fraction(30000, 1001), Fraction(24000, 1001), Fraction(15), Fraction(25), Fraction(50)):
        gif = make_gif(num_frames=100, times=tuple(i / fps for i in range(100)), duration=100 / fps, height=2, width=2)
        back = Gif.read(gif.to_bytes())
        for wanted, got in zip((*gif.times, gif.duration), (*back.times, back.duration), strict=True):
            assert abs(wanted - got) <= Fraction(1, 200)


def test_no_delay_is_so_short_that_browsers_slow_it_down() -> None:
    fps = Fraction(120)
    gif = make_gif(num_frames=20, times=tuple(i / fps for i in range(20)), duration=20 / fps)
    _, delays = pillow_frames(gif.to_bytes())
    assert delays == [20] * 20


def test_a_frame_that_is_shown_for_too_long_is_refused() -> None:
    gif = make_gif(num_frames=1, duration=Fraction(656))
    with pytest.raises(PixelsError, match=r"one for 655\.35 s at most"):
        gif.to_bytes()
    assert Gif.read(make_gif(num_frames=1, duration=Fraction(65535, 100)).to_bytes()).duration == Fraction(65535, 100)


@pytest.mark.parametrize(("loop", "pillow"), [(0, 0), (1, None), (2, 1), (65536, 65535)])
def test_the_loop_count_is_kept(loop: int, pillow: int | None) -> None:
    data = make_gif(loop=loop).to_bytes()
    assert Gif.read(data).loop == loop
    with Image.open(io.BytesIO(data)) as image:
        assert image.info.get("loop") == pillow


def test_bytes_depend_on_nothing_but_the_gif() -> None:
    assert make_gif().to_bytes() == make_gif().to_bytes()


def test_the_streaming_writer_gives_the_same_bytes_and_holds_one_frame() -> None:
    gif = make_gif()
    file = io.BytesIO()
    writer = GifWriter(file, width=gif.width, height=gif.height)
    sizes = []
    for indices, palette, time in zip(gif.indices, gif.palettes, gif.times, strict=True):
        writer.add(indices, palette, time)
        sizes.append(file.tell())
    writer.close(gif.duration)
    writer.close(gif.duration)
    assert file.getvalue() == gif.to_bytes()
    assert all(b > a for a, b in pairwise(sizes))


@pytest.mark.parametrize("colors", [1, 2, 5, 32, 33, 256])
@pytest.mark.parametrize("kinds", [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("width", [9, 8])
def test_a_pair_is_written_as_each_alone(colors: int, kinds: tuple[bool, bool], width: int) -> None:
    random = np.random.default_rng(colors)
    alone, paired = [], []
    for files in (alone, paired):
        files += [io.BytesIO(), io.BytesIO()]
    one, two, first, second = (
        GifWriter(file, width=wide, height=7, optimize=optimize)
        for file, wide, optimize in zip((*alone, *paired), (9, width) * 2, kinds * 2, strict=True)
    )
    for number in range(4):
        palette = random.integers(0, 256, (colors, 3), np.uint8)
        pair = tuple(random.integers(0, colors, (7, wide)).astype(np.uint8) for wide in (9, width))
        one.add(pair[0], palette, Fraction(number))
        two.add(pair[1], palette, Fraction(number))
        first.add_pair(second, pair, palette, Fraction(number))
    palette, pair = np.zeros((2, 3), np.uint8), tuple(np.ones((7, wide), np.uint8) for wide in (9, width))
    one.add(pair[0], palette, Fraction(4), transparent=0)  # what was compressed already is not what is written
    first.add(pair[0], palette, Fraction(4), transparent=0)
    for writer in (one, two, first, second):
        writer.close(Fraction(5))
    assert [file.getvalue() for file in paired] == [file.getvalue() for file in alone]


def test_a_pair_is_refused_as_each_alone_and_leaves_both_as_they_were() -> None:
    files = io.BytesIO(), io.BytesIO()
    first, second = (GifWriter(file, width=3, height=2) for file in files)
    good, bad = np.zeros((2, 3), np.uint8), np.full((2, 3), 2, np.uint8)
    palette = np.zeros((2, 3), np.uint8)
    with pytest.raises(PixelsError, match="has the index 2"):
        first.add_pair(second, (good, bad), palette, Fraction(0))
    first.add_pair(second, (good, good), palette, Fraction(0))
    with pytest.raises(PixelsError, match="times must increase"):
        first.add_pair(second, (good, good), palette, Fraction(0))
    for writer in (first, second):
        writer.close(Fraction(1))
    assert files[0].getvalue() == files[1].getvalue()


def test_more_than_256_colors_are_drawn_over_each_other_or_refused() -> None:
    indices = np.zeros((2, 20, 20), np.uint16)
    indices[0] = np.arange(400).reshape(20, 20) % 200
    indices[1] = np.arange(400).reshape(20, 20)
    indices[1, :10] = indices[0, :10]
    palette = np.stack([np.arange(400) // 256, np.arange(400) % 256, np.zeros(400)], axis=1).astype(np.uint8)
    gif = Gif(indices, (palette, palette), (Fraction(0), Fraction(1)), Fraction(2))
    back = Gif.read(gif.to_bytes())
    same(back, gif)
    assert back.indices.dtype == np.uint16
    at_once = np.arange(400, dtype=np.uint16).reshape(1, 20, 20)
    with pytest.raises(PixelsError, match="frame 0 changes 400 colors at once"):
        Gif(at_once, (palette,), (Fraction(0),), Fraction(1)).to_bytes()


@pytest.mark.parametrize(
    ("indices", "palette", "time", "message"),
    [
        (np.zeros((4, 5), np.int64), np.zeros((2, 3), np.uint8), 0, "must be uint8"),
        (np.zeros((5, 4), np.uint8), np.zeros((2, 3), np.uint8), 0, r"not uint8 \(5, 4\)"),
        (np.zeros((4, 5), np.uint16), np.zeros((2, 3), np.uint8), 0, "not uint16"),
        (np.zeros((4, 5), np.uint8), np.zeros((257, 3), np.uint8), 0, "1 to 256 colors"),
        (np.zeros((4, 5), np.uint8), np.zeros((0, 3), np.uint8), 0, "1 to 256 colors"),
        (np.full((4, 5), 2, np.uint8), np.zeros((2, 3), np.uint8), 0, "has the index 2"),
        (np.zeros((4, 5), np.uint8), np.zeros((2, 3), np.uint8), 1, "first frame is shown at time 0"),
    ],
)
def test_a_frame_that_cannot_be_is_refused(indices, palette, time, message) -> None:
    writer = GifWriter(io.BytesIO(), width=5, height=4)
    with pytest.raises(PixelsError, match=message):
        writer.add(indices, palette, Fraction(time))


def test_times_that_stand_still_are_refused() -> None:
    writer = GifWriter(io.BytesIO(), width=5, height=4)
    frame = np.zeros((4, 5), np.uint8), np.zeros((2, 3), np.uint8)
    with pytest.raises(PixelsError, match="without frames"):
        writer.close(Fraction(1))
    writer.add(*frame, Fraction(0))
    with pytest.raises(PixelsError, match="must increase"):
        writer.add(*frame, Fraction(0))
    with pytest.raises(PixelsError, match="cannot end at 0 s"):
        writer.close(Fraction(0))
    writer.close(Fraction(1))
    with pytest.raises(PixelsError, match="closed"):
        writer.add(*frame, Fraction(2))


@pytest.mark.parametrize(("width", "height"), [(0, 5), (65536, 1)])
def test_a_screen_that_gif_cannot_hold_is_refused(width: int, height: int) -> None:
    with pytest.raises(PixelsError, match="1 to 65535"):
        GifWriter(io.BytesIO(), width=width, height=height)
    with pytest.raises(UsageError, match="not -1"):
        GifWriter(io.BytesIO(), width=5, height=5, loop=-1)


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.gif"
    gif = make_gif()
    gif.write(path)
    same(Gif.read(path), gif)
    with pytest.raises(AlreadyExists, match="ask to overwrite"):
        make_gif(seed=1).write(path)
    same(Gif.read(path), gif)
    make_gif(seed=1).write(path, overwrite=True)
    same(Gif.read(path), make_gif(seed=1))
    with pytest.raises(PixelsError):
        make_gif(num_frames=1, duration=Fraction(1000)).write(path, overwrite=True)
    same(Gif.read(path), make_gif(seed=1))
    assert [file.name for file in tmp_path.iterdir()] == ["out.gif"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nowhere: it is not there"):
        make_gif().write(tmp_path / "nowhere" / "out.gif")


def test_the_file_has_no_global_palette_and_no_date() -> None:
    data = make_gif(colors=32).to_bytes()
    assert data[:6] == b"GIF89a"
    assert struct.unpack("<HHBBB", data[6:13]) == (13, 9, 0, 0, 0)
    assert data[13:32] == b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
    assert data[-1:] == b"\x3b"
