"""Reading any GIF: what is shown, when, and what is refused. Files are built by hand, byte by byte."""

import io
import struct
import sys
import tracemalloc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gifbench.errors import CorruptMedia, GifbenchError, NotFound, TooLarge, UsageError
from gifbench.media.gif import Gif, GifLimits, block_parser, gif_reader
from gifbench.media.gif import lazy_frames as gif_sequence
from gifbench.media.gif import limits as gif_file
from tests.media.gif_kinds import BLUE, COLORS, GREEN, RED, control, header, image, read_apart, same, see_through

WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def solid(height: int, width: int, index: int) -> np.ndarray:
    return np.full((height, width), index, np.uint8)


def assert_as_pillow(data: bytes) -> Gif:
    gif = Gif.read(data)
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.n_frames == len(gif)
        for i in range(len(gif)):
            picture.seek(i)
            shown = np.asarray(picture.convert("RGBA"))
            np.testing.assert_array_equal(shown[..., 3] == 0, see_through(gif, i), err_msg=f"frame {i}")
            np.testing.assert_array_equal(shown[..., :3][~see_through(gif, i)], gif.frame(i)[~see_through(gif, i)])
    assert_comes_back(gif)
    return gif


def assert_comes_back(gif: Gif) -> None:
    for optimize in (False, True):
        same(Gif.read(gif.to_bytes(optimize=optimize)), gif)


# What is shown


@pytest.mark.parametrize("disposal", [0, 1, 2, 3])
@pytest.mark.parametrize("transparent", [None, 3])
def test_images_are_laid_over_each_other_and_disposed_of(disposal: int, transparent: int | None) -> None:
    data = header(6, 5) + control() + image(solid(5, 6, 0))
    data += control(disposal=disposal, transparent=transparent) + image([[1, 3, 1], [1, 1, 1]], 1, 1)
    data += control(disposal=disposal, transparent=transparent) + image([[2, 2], [3, 2], [2, 2]], 3, 2)
    data += control() + image([[2]], 0, 4) + b";"
    if disposal != 2:
        assert_as_pillow(data)
        return
    # Pillow clears to a color, opaque, if the first frame had no see-through index; browsers, ImageMagick and Pillow
    # itself in all other cases make it see-through.
    gif = Gif.read(data)
    assert not see_through(gif, 1).any()
    np.testing.assert_array_equal(see_through(gif, 2)[1:3, 1:4], [[True] * 3, [True, True, False]])
    assert_comes_back(gif)


def test_a_gif_of_full_frames_keeps_its_indices_and_palettes() -> None:
    frames = [np.arange(30).reshape(5, 6) % 4, np.arange(30).reshape(5, 6) // 8]
    local = [BLACK, WHITE, RED, BLUE]
    gif = assert_as_pillow(header(6, 5) + image(frames[0]) + image(frames[1], colors=local) + b";")
    np.testing.assert_array_equal(gif.indices, frames)
    np.testing.assert_array_equal(gif.palettes[0], COLORS)
    np.testing.assert_array_equal(gif.palettes[1], local)
    assert gif.transparent is None


def test_a_composited_frame_keeps_the_palette_of_its_image_as_long_as_it_can() -> None:
    data = header(6, 5) + image(solid(5, 6, 1)) + control(transparent=3) + image([[2, 3]], 2, 2)
    gif = assert_as_pillow(data + image([[1, 0]], 0, 0, [WHITE, (1, 2, 3)]) + b";")
    np.testing.assert_array_equal(gif.palettes[1], COLORS)
    assert gif.indices[1].tolist()[2] == [1, 1, 2, 1, 1, 1]
    np.testing.assert_array_equal(gif.palettes[2], [WHITE, (1, 2, 3), GREEN, BLUE])


def test_what_is_see_through_shows_the_background_that_was_asked_for() -> None:
    data = header(2, 1) + control(transparent=1) + image([[0, 1]]) + b";"
    gif = Gif.read(data, background=(1, 2, 3))
    assert gif.transparent == (1,)
    assert gif.frames.tolist() == [[[list(RED), [1, 2, 3]]]]
    assert Gif.read(data).frame(0)[0, 1].tolist() == list(WHITE)


def test_an_image_beyond_the_screen_is_cut() -> None:
    data = header(3, 2) + image(solid(2, 3, 0)) + image(solid(4, 4, 1), 2, 1) + image(solid(3, 3, 2), 60_000, 7) + b";"
    gif = Gif.read(data)
    assert gif.indices[1].tolist() == [[0, 0, 0], [0, 0, 1]]
    np.testing.assert_array_equal(gif.frame(2), gif.frame(1))
    assert_comes_back(gif)


def test_what_no_image_covers_is_see_through_whatever_background_color_the_file_declares() -> None:
    data = header(3, 2, background=2) + control(disposal=2) + image([[0]], 1, 0) + control() + image([[1]], 2, 1) + b";"
    gif = Gif.read(data)
    assert see_through(gif, 0).tolist() == [[True, False, True], [True] * 3]
    assert see_through(gif, 1).tolist() == [[True] * 3, [True, True, False]]
    assert_comes_back(gif)


@pytest.mark.parametrize("height", [1, 2, 3, 4, 5, 7, 8, 9, 16, 33])
def test_interlaced_rows_are_put_in_order(height: int) -> None:
    pixels = np.random.default_rng(height).integers(0, 4, (height, 5))
    gif = assert_as_pillow(header(5, height) + image(pixels, interlaced=True) + b";")
    np.testing.assert_array_equal(gif.indices[0], pixels)
    assert_as_pillow(header(7, height + 2) + control(transparent=0) + image(pixels, 1, 1, interlaced=True) + b";")


@pytest.mark.parametrize("transparent", [None, 3])
def test_an_interlaced_image_whose_data_end_early_has_only_the_rows_that_were_sent(transparent: int | None) -> None:
    """Of ten rows those numbered 0, 8 and 4 come first; below an image with a see-through index the others show.

    Any other image that covers the screen is drawn, in Chromium, on nothing.
    """
    below = np.ones((10, 6), np.uint8)
    sent = np.full((3, 6), 2, np.uint8)
    short = bytearray(image(sent))
    short[7:10] = b"\x0a\x00" + bytes([short[9] | 0x40])  # its height, and the flag of interlacing
    gif = Gif.read(header(6, 10) + image(below) + control(transparent=transparent) + bytes(short) + b";")
    was, now = gif.frame(0), gif.frame(1)
    if transparent is None:
        assert [row for row in range(10) if not see_through(gif, 1)[row].any()] == [0, 4, 8]
    else:
        assert [row for row in range(10) if not np.array_equal(now[row], was[row])] == [0, 4, 8]


def test_a_file_without_palettes_is_black() -> None:
    gif = Gif.read(header(2, 1, None) + image([[7, 200]]) + b";")
    assert gif.frame(0).tolist() == [[[0, 0, 0], [0, 0, 0]]]


def test_an_index_behind_the_palette_is_black() -> None:
    gif = assert_as_pillow(header(2, 1, [RED, GREEN]) + image([[1, 3]]) + b";")
    assert gif.frame(0).tolist() == [[[0, 255, 0], [0, 0, 0]]]


@pytest.mark.parametrize(("width", "height"), [(0, 0), (3, 9), (7, 2)])
def test_the_first_image_enlarges_the_screen(width: int, height: int) -> None:
    gif = Gif.read(header(width, height) + image(solid(3, 4, 1), 2, 1) + image(solid(9, 9, 2)) + b";")
    assert (gif.height, gif.width) == (max(height, 4), max(width, 6))


def test_an_end_code_that_comes_early_leaves_the_rest_undrawn() -> None:
    short = image(solid(2, 4, 1))
    whole = bytearray(image(solid(4, 4, 1)))
    data = bytes(whole[:10]) + short[10:]
    gif = Gif.read(header(4, 4) + image(solid(4, 4, 0)) + control(transparent=3) + data + b";")
    assert gif.indices[1].tolist() == [[1] * 4] * 2 + [[0] * 4] * 2


@pytest.mark.parametrize(
    ("num_images", "dtype"), [(1, np.uint8), (3, np.uint16), (257, np.uint32)], ids=["256", "768", "65792"]
)
def test_many_colors_make_indices_wider(num_images: int, dtype: type) -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    data = header(16, 16 * num_images, None)
    expected = np.zeros((16 * num_images, 16, 3), np.uint8)
    for i in range(num_images):
        number = np.arange(256 * i, 256 * (i + 1))
        colors = np.stack([number >> 16, number >> 8 & 255, number & 255], axis=1).astype(np.uint8)
        data += control(transparent=None) + image(pixels, 0, 16 * i, [tuple(color) for color in colors])
        expected[16 * i : 16 * (i + 1)] = colors.reshape(16, 16, 3)
    gif = Gif.read(data + b";")
    assert gif.indices.dtype == dtype
    np.testing.assert_array_equal(gif.frame(-1), expected)
    back = Gif.read(gif.to_bytes())
    np.testing.assert_array_equal(back.frame(-1), expected)
    assert len(back) == num_images


# When it is shown


def test_delays_of_0_and_1_hundredths_are_100_ms() -> None:
    data = header(1, 1) + b"".join(control(delay) + image([[0]]) for delay in (0, 1, 2, 7, 65535)) + image([[0]]) + b";"
    gif = Gif.read(data)
    steps = [b - a for a, b in zip(gif.times, (*gif.times[1:], gif.duration), strict=True)]
    assert steps == [Fraction(n, 100) for n in (10, 10, 2, 7, 65535, 10)]


def test_a_control_extension_counts_for_one_image() -> None:
    gif = Gif.read(header(2, 1) + control(50, transparent=1) + image([[0, 1]]) + image([[0, 1]]) + b";")
    assert gif.times == (0, Fraction(1, 2)) and gif.transparent == (1, None)


@pytest.mark.parametrize("name", [b"NETSCAPE2.0", b"ANIMEXTS1.0"])
@pytest.mark.parametrize(("count", "loop"), [(0, 0), (1, 2), (65535, 65536)])
def test_the_loop_extension_is_read(name: bytes, count: int, loop: int) -> None:
    extension = b"\x21\xff\x0b" + name + b"\x03\x01" + struct.pack("<HB", count, 0)
    assert Gif.read(header(1, 1) + extension + image([[0]]) + b";").loop == loop
    assert Gif.read(header(1, 1) + image([[0]]) + b";").loop == 1


# What else may stand in a file


@pytest.mark.parametrize(
    "block",
    [
        b"\x21\xfe\x05hello\x00",  # comment
        b"\x21\xfe\x00",  # empty comment
        b"\x21\x01\x0c" + struct.pack("<HHHHBBBB", 0, 0, 2, 1, 1, 1, 0, 1) + b"\x02ab\x00",  # plain text
        b"\x21\xff\x0bXMP DataXMP\x03abc\x00",
        b"\x21\xff\x0bNETSCAPE2.0\x05\x02\x00\x00\x00\x00\x00",  # a buffer size, not a loop count
        b"\x21\x77\x01\x00\x00",  # unknown extension
    ],
)
def test_other_blocks_change_nothing(block: bytes) -> None:
    parts = [header(2, 1), control() + image([[0, 1]]), control(20) + image([[1, 0]]), b";"]
    plain = Gif.read(b"".join(parts))
    for i in range(1, 4):
        gif = Gif.read(b"".join(parts[:i]) + block + b"".join(parts[i:]))
        np.testing.assert_array_equal(gif.frames, plain.frames)
        assert (gif.times, gif.duration, gif.loop) == (plain.times, plain.duration, 1)


@pytest.mark.parametrize("junk", [b"\x00", b"\x99\x98", b"<!-- text, and more! -->", b"!\xf9\x03\0\x32\0\0"])
def test_what_follows_a_byte_that_begins_no_block_is_ignored(junk: bytes) -> None:
    gif = Gif.read(header(2, 1) + image([[0, 1]]) + junk + image([[1, 0]]) + b";")
    assert len(gif) == 1 and gif.damage == ()
    with pytest.raises(CorruptMedia, match="holds no image"):
        Gif.read(header(2, 1) + junk + image([[0, 1]]) + b";")


def test_the_trailer_may_be_missing_and_what_follows_it_is_ignored() -> None:
    data = header(2, 1) + image([[0, 1]])
    for end in (b"", b";", b";garbage", b";" + image([[1, 1]])):
        assert len(Gif.read(data + end)) == 1


@pytest.mark.parametrize("version", [b"87a", b"89a"])
def test_paths_bytes_and_files_read_alike(tmp_path: Path, version: bytes) -> None:
    data = header(2, 1, version=version) + image([[0, 1]]) + b";"
    path = tmp_path / "a.gif"
    path.write_bytes(data)
    with path.open("rb") as file:
        for source in (path, str(path), data, bytearray(data), memoryview(data), file, io.BytesIO(data)):
            assert Gif.read(source).indices.tolist() == [[[0, 1]]]


# What is refused


@pytest.mark.parametrize("data", [b"", b"GIF", b"GIF90a" + bytes(20), b"\x89PNG\r\n\x1a\n", b"text named .gif"])
def test_what_is_no_gif_is_refused(data: bytes) -> None:
    with pytest.raises(CorruptMedia, match="not a GIF, it begins with"):
        Gif.read(data)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nothing\.gif"):
        Gif.read(tmp_path / "nothing.gif")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (header(1, 1), "holds no image"),
        (header(1, 1) + b";", "holds no image"),
        (header(1, 1)[:20], "holds no image"),
        (header(1, 1)[:10], "inside its header, after 10 bytes"),
        (header(1, 1) + image([[0]])[:5], "inside the head of image 0"),
        (header(1, 1) + image([[0]])[:-1], "inside image 0"),
        (header(1, 1) + b"\x21\xfe\x09short", "inside the extension that begins at byte 25"),
        (header(0, 0) + b"\x2c" + bytes(9) + b"\x02\x00;", "neither its screen nor image 0 at byte 25 has a size"),
        (header(1, 1) + image([[0]])[:10] + b"\x0c\x00;", "impossible LZW code size"),
        (header(1, 1) + image([[0]])[:10] + b"\x02\x00;", "image 0: its data end after 0 of 1 pixels"),
        (header(1, 1) + image([[0]])[:10] + b"\x02\x01\x3f\x00;", "hold a code that cannot be after 0 of 1 pixels"),
    ],
)
def test_a_broken_file_is_refused_with_the_place_of_the_break(data: bytes, message: str) -> None:
    with pytest.raises(CorruptMedia, match=message):
        Gif.read(data)
    with pytest.raises(CorruptMedia, match=message):
        Gif.read(data, salvage=True)


def test_a_file_cut_anywhere_shows_what_is_there_and_says_so() -> None:
    parts = [header(4, 3), *(part for i in range(3) for part in (control(), image(np.full((3, 4), i)))), b";"]
    data = b"".join(parts)
    ends = np.cumsum([len(part) for part in parts])
    whole_file = Gif.read(data)
    for length in range(13, len(data)):
        whole = int((ends[[2, 4, 6]] <= length).sum())
        if not whole:
            with pytest.raises(CorruptMedia):
                Gif.read(data[:length])
            continue
        for read in (Gif.read, Gif.open):
            gif = read(data[:length])
            begun = length > ends[2 * whole] + len(control()) + 8  # the last image's place and size are there
            assert len(gif) == whole + begun
            np.testing.assert_array_equal(gif.frames[:whole], whole_file.frames[:whole])
            assert bool(gif.damage) == (length not in ends)


def test_an_image_over_one_that_lacks_data_is_refused_and_salvaged_up_to_it() -> None:
    bad = control() + image(solid(2, 2, 1))[:10] + b"\x02\x01\x3f\x00"
    data = header(2, 2) + image(solid(2, 2, 0)) + image(solid(2, 2, 1)) + bad + image([[2]]) + b";"
    for read in (Gif.read, Gif.open):
        with pytest.raises(CorruptMedia, match=r"image 2: .* image 3 is laid over it; salvage=True reads the 3 frames"):
            read(data)
        gif = read(data, salvage=True)
        assert np.asarray(gif.indices)[:2].tolist() == [[[0, 0]] * 2, [[1, 1]] * 2]
        assert len(gif) == 3 and see_through(gif, 2).all()
    assert len(Gif.read(data.replace(image([[2]]), image(solid(2, 2, 2))))) == 4  # it covers the damage


def test_a_large_file_is_checked_before_its_memory_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gif_reader, "_CHECK_FIRST", 1)
    test_an_image_over_one_that_lacks_data_is_refused_and_salvaged_up_to_it()
    assert_as_pillow(header(2, 2) + image(solid(2, 2, 0)) + control(transparent=1) + image([[1, 2]], 0, 1) + b";")


@pytest.mark.parametrize("composed", [False, True])
def test_frames_decoded_as_they_are_asked_for_are_those_of_the_whole(composed: bool) -> None:
    random = np.random.default_rng(1)
    parts = [header(7, 5), control() + image(random.integers(0, 4, (5, 7)))]
    for i in range(1, 12):
        if composed and i % 4:
            parts.append(control(i, i % 5, 3) + image(random.integers(0, 4, (2, 3)), i % 4, i % 3))
        else:
            parts.append(control(i + 20) + image(random.integers(0, 4, (5, 7)), colors=[BLUE, RED, WHITE, BLACK]))
    data = b"".join(parts) + b";"
    held, opened = Gif.read(data), Gif.open(data)
    assert opened.is_sequence and not held.is_sequence
    assert (opened.times, opened.duration, opened.loop, len(opened)) == (held.times, held.duration, held.loop, 12)
    for i in (0, 5, 4, 11, 3, 3, 7, 0, 10):
        np.testing.assert_array_equal(opened.frame(i), held.frame(i))
        np.testing.assert_array_equal(see_through(opened, i), see_through(held, i))
        assert opened.indices[i].dtype == np.uint8
    part = opened.every(3)
    assert part.is_sequence and part.times == held.every(3).times
    np.testing.assert_array_equal(part.frames, held.every(3).frames)
    np.testing.assert_array_equal(opened.select([1, 2, 6]).frames, held.select([1, 2, 6]).frames)
    np.testing.assert_array_equal(Gif.read(opened.to_bytes()).frames, held.frames)


def with_512_colors() -> bytes:
    """Two images of 256 colors each, one below the other, 16×32."""
    pixels = np.arange(256).reshape(16, 16)
    return header(16, 32) + b"".join(image(pixels, 0, 16 * j, [(i, j, 0) for i in range(256)]) for j in range(2)) + b";"


def test_a_gif_that_is_too_large_to_be_held_is_decoded_as_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    data = with_512_colors()
    held = Gif.read(data)
    for most in (1, 13 * 512):  # the frames alone, and the wider indices of the second
        monkeypatch.setattr(gif_reader, "MOST_HELD", most)
        gif = Gif.read(data)
        assert gif.is_sequence
        np.testing.assert_array_equal(gif.frames, held.frames)


def test_a_long_file_is_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    data = header(40, 30) + b"".join(control(5) + image(random.integers(0, 4, (30, 40))) for _ in range(9)) + b";"
    path = tmp_path / "long.gif"
    path.write_bytes(data)
    whole = Gif.read(path)
    for window in (1, 7, 100, 1000):
        for module in (gif_file, block_parser):
            monkeypatch.setattr(module, "WINDOW", window)
        for gif in (Gif.read(path), Gif.open(path)):
            np.testing.assert_array_equal(gif.frames, whole.frames)
            assert (gif.times, gif.loop, gif.damage) == (whole.times, whole.loop, ())
        for length in (len(data) - 1, len(data) - 40, 700):
            (tmp_path / "cut.gif").write_bytes(data[:length])
            cut, expected = Gif.open(tmp_path / "cut.gif"), Gif.open(data[:length])
            assert (len(cut), cut.damage) == (len(expected), expected.damage)


@pytest.mark.parametrize(
    ("data", "limits", "message"),
    [
        (header(65535, 65535) + image([[0]]) + b";", GifLimits(), r"the screen is 65535×65535.*GifLimits\.max_pixels"),
        (header(5, 5) + image(solid(5, 5, 0)) + b";", GifLimits(max_pixels=24), "the screen is 5×5"),
        (header(2, 2) + image(solid(5, 5, 0)) + b";", GifLimits(max_pixels=24), "image 0 is 5×5"),
        (header(0, 0) + image(solid(1, 1, 0), 99, 99) + b";", GifLimits(max_pixels=24), "the screen is 100×100"),
        (header(2, 2) + image(solid(2, 2, 0)) * 9, GifLimits(max_frames=8), r"more than 8 frames.*max_frames"),
        (
            header(2, 2) + image(solid(2, 2, 0)) * 9,
            GifLimits(max_total_pixels=35),
            r"9 frames, of 2×2.*max_total_pixels",
        ),
        (header(2, 2) + image([[0]]) * 9, GifLimits(max_total_pixels=36), "the screen to compose them"),
        (header(2, 2) + image(solid(2, 2, 0)), GifLimits(max_bytes=39), "longer than the limit of 39 bytes"),
    ],
)
def test_a_limit_is_checked_and_can_be_raised(data: bytes, limits: GifLimits, message: str) -> None:
    with pytest.raises(TooLarge, match=message):
        Gif.read(data, limits=limits)
    if len(data) > 60:
        Gif.read(data, limits=GifLimits(max_pixels=10_000, max_total_pixels=200_000))


def test_wide_indices_count_against_the_limit() -> None:
    data = with_512_colors()
    with pytest.raises(TooLarge, match="colors of frame 0"):
        Gif.read(data, limits=GifLimits(max_total_pixels=13 * 512))
    assert Gif.read(data, limits=GifLimits(max_total_pixels=17 * 512)).indices.dtype == np.uint16


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="max_frames must be at least 1, got 0"):
        GifLimits(max_frames=0)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_no_bytes_raise_anything_but_one_of_our_errors(data: st.DataObject) -> None:
    good = bytearray(
        header(5, 4) + control(transparent=3) + image(np.arange(20).reshape(4, 5) % 4, interlaced=True)
        + control(disposal=3) + image([[1, 2]], 3, 3, [RED, BLUE]) + control(disposal=2) + image([[1]]) + b";"
    )  # fmt: skip
    for place, value in data.draw(st.lists(st.tuples(st.integers(6, len(good) - 1), st.integers(0, 255)), max_size=6)):
        good[place] = value
    try:
        gif = Gif.read(bytes(good), limits=GifLimits(max_total_pixels=10_000_000), salvage=data.draw(st.booleans()))
    except GifbenchError:
        return
    assert gif.frames.shape == (len(gif), gif.height, gif.width, 3)


def bombs() -> dict[str, bytes]:
    def blank(height: int, width: int) -> bytes:
        return image(solid(height, width, 0))

    dot, bad = blank(1, 1), image([[0]])[:10] + b"\x02\x01\x3f\x00"
    clears = b"\x02" + (b"\xff" + b"\x24\x49\x92" * 85) * 40_000 + b"\x00"
    return {
        "65535x65535": header(65535, 65535) + dot,
        "a million frames": header(1, 1) + dot * 1_000_000,
        "a million frames with delays": header(1, 1) + (control() + dot) * 1_000_000,
        "many frames, the last one broken": header(1, 1) + (control(transparent=0) + dot) * 19_990 + bad,
        "many large frames": header(8192, 8192) + blank(8192, 8192) * 100,
        "large frames, the last one broken": header(4096, 4096) + blank(4096, 4096) * 20 + bad,
        "a dot on a large screen": header(8192, 8192) + control() + dot * 5 + bad,
        "dots on a screen": header(4096, 4096) + control() + dot * 9 + bad,
        "20 MB of junk": header(1, 1) + bytes(20_000_000),
        "20 MB of an extension": header(1, 1) + b"\x21\xff" + b"\x01a" * 10_000_000,
        "millions of extensions": header(1, 1) + b"\x21\xf9\x00" * 7_000_000,
        "only clear codes": header(1, 1) + image([[0]])[:10] + clears,
    }


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_bombs_are_read_or_refused_within_2_seconds_and_500_megabytes(tmp_path: Path) -> None:
    (tmp_path / "good.gif").write_bytes(header(2, 1) + control(transparent=0) + image([[0]]) + image([[1, 0]]) + b";")
    for name, data in bombs().items():
        (tmp_path / f"{name} bomb.gif").write_bytes(data)
    found = read_apart(tmp_path / "good.gif", tmp_path.glob("* bomb.gif"))
    assert len(found) == len(bombs()) and set(found) <= {"Gif", "CorruptMedia", "TooLarge"}


@pytest.mark.parametrize("many_colors", [False, True])
def test_the_memory_of_a_sequence_does_not_grow_with_its_frames(
    many_colors: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gif_sequence, "_KEPT_BYTES", 1 << 20)
    random = np.random.default_rng(0)
    palettes = random.integers(0, 256, (16, 256, 3), np.uint8)
    peaks = []
    for count in (16, 160):
        path = tmp_path / f"{count}.gif"
        with path.open("wb") as file:
            file.write(header(400, 300))
            for i in range(count):
                indices = random.integers(0, 256 if many_colors else 4, (300, 400))
                indices[random.random(indices.shape) < 0.9] = 3
                file.write(control(5, transparent=3))
                file.write(image(indices, colors=palettes[i % 16].tolist()) if many_colors else image(indices))
            file.write(b";")
        gif = Gif.open(path)
        tracemalloc.start()
        try:
            for i in range(len(gif)):
                gif.frame(i)
                gif.palettes[i]
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < peaks[0] + 2 * 300 * 400  # the further frames take 144 times that
    palettes_held = {id(palette) for palette in Gif.read(path).palettes}
    assert many_colors or len(palettes_held) <= 2  # frames of the same colors share one
