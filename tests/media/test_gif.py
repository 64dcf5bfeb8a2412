"""The GIF as a value: what it checks, what it shows, what a selection of its frames is."""

from fractions import Fraction

import numpy as np
import pytest

from gifbench.errors import CorruptMedia, PixelsError, UsageError
from gifbench.media.gif import Gif
from tests.media.gif_kinds import make_gif


def test_frames_are_the_palettes_colors() -> None:
    gif = make_gif()
    frames = gif.frames
    assert frames.shape == (6, 9, 13, 3) and frames.dtype == np.uint8
    for i in range(len(gif)):
        np.testing.assert_array_equal(frames[i], gif.palettes[i][gif.indices[i]])
        np.testing.assert_array_equal(gif.frame(i), frames[i])
    np.testing.assert_array_equal(gif.frame(-1), frames[-1])


def test_repr_shows_shapes_and_no_pixels() -> None:
    assert repr(make_gif()) == "Gif(6 frames of 13×9, 7 colors, 0.240 s)"
    assert repr(make_gif(dithered=True)) == "Gif(6 frames of 13×9, 7 colors, dithered, 0.240 s)"
    assert repr(make_gif(dithered=False)) == "Gif(6 frames of 13×9, 7 colors, plain, 0.240 s)"


def test_every_kth_frame_is_shown_until_the_next() -> None:
    gif = make_gif(num_frames=6, dithered=True)
    sparse = gif.every(4)
    assert len(sparse) == 2 and sparse.dithered is True
    assert sparse.times == (0, Fraction(4, 25)) and sparse.duration == Fraction(5, 25)
    np.testing.assert_array_equal(sparse.frames, gif.frames[::4])
    assert np.shares_memory(sparse.indices, gif.indices)
    assert gif.every(1).duration == gif.duration


def test_a_selection_counts_its_times_from_its_first_frame() -> None:
    gif = make_gif(transparent=(None, 1, None, 2, None, 3))
    some = gif.select([1, 2, 5])
    assert some.times == (0, Fraction(1, 25), Fraction(4, 25)) and some.duration == Fraction(5, 25)
    assert some.transparent == (1, None, 3)
    np.testing.assert_array_equal(some.frames, gif.frames[[1, 2, 5]])
    assert gif.select([3]).duration == Fraction(1, 25)


@pytest.mark.parametrize("frames", [[], [2, 1], [0, 0], [-1], [6], [0, 6]])
def test_a_selection_that_cannot_be_is_refused(frames: list[int]) -> None:
    with pytest.raises(UsageError, match="must increase within"):
        make_gif().select(frames)


def test_a_step_of_zero_is_refused() -> None:
    with pytest.raises(UsageError, match="step is 1 or more"):
        make_gif().every(0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"indices": np.zeros((6, 9, 13), np.float32)}, "not float32"),
        ({"indices": np.zeros((6, 9, 13, 3), np.uint8)}, r"not uint8 \(6, 9, 13, 3\)"),
        ({"indices": [[1]]}, "not list"),
        ({"indices": np.zeros((0, 9, 13), np.uint8), "palettes": ()}, "must not be empty"),
        ({"palettes": (np.zeros((7, 3), np.uint8),) * 5}, "6 frames need as many palettes"),
        ({"palettes": (np.zeros((6, 3), np.uint8),) * 6}, "has the index 6, and its palette 6 colors"),
        ({"palettes": (np.zeros((7, 4), np.uint8),) * 6}, r"not uint8 \(7, 4\)"),
        ({"palettes": (np.zeros((257, 3), np.uint8),) * 6}, "1 to 256 colors"),
        ({"times": (Fraction(0),) * 6}, "times must increase"),
        ({"duration": Fraction(1, 5)}, "times must increase"),
        ({"transparent": (None,) * 5}, "need as many see-through indices"),
        ({"transparent": (7,) * 6}, "see-through index 7 is not among its 7 colors"),
    ],
)
def test_what_cannot_be_a_gif_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(PixelsError, match=message):
        make_gif(**fields)


def test_a_loop_count_that_gif_cannot_hold_is_refused() -> None:
    with pytest.raises(UsageError, match="65536 times, not 65537"):
        make_gif(loop=65537)


SELECTIONS = ([3], [0], [5], [1, 4], [0, 1, 2, 3, 4, 5])


def same(a: Gif, b: Gif) -> None:
    np.testing.assert_array_equal(a.frames, b.frames)
    np.testing.assert_array_equal(a.indices, b.indices)
    see_through = (gif.transparent or (None,) * len(gif) for gif in (a, b))
    assert (a.times, a.duration, next(see_through), a.loop) == (b.times, b.duration, next(see_through), b.loop)


@pytest.mark.parametrize("optimize", [False, True])
@pytest.mark.parametrize("frames", SELECTIONS)
def test_some_frames_of_a_file_are_those_of_the_whole(frames: list[int], optimize: bool) -> None:
    gif = make_gif(loop=3)
    still = Gif(gif.indices[[0, 0, 1, 1, 1, 2]], gif.palettes, gif.times, gif.duration)
    see_through = make_gif(transparent=(None, 2, None, None, 1, None))
    for each in (gif, still, see_through):
        data = each.to_bytes(optimize=optimize)
        same(Gif.read_frames(data, frames), Gif.read(data).select(frames))


def test_no_other_frame_is_decoded_where_each_stands_alone() -> None:
    """Damage in another frame shows that it was not looked at; in the frame itself it is said."""
    gif = make_gif(height=40, width=40, colors=200)
    data = bytearray(gif.to_bytes())
    size = len(data) // 6
    data[size // 2 + 800 : size // 2 + 810] = b"\xff" * 10  # of frame 0, behind its palette
    assert [line.split(",")[0].split(":")[0] for line in Gif.read(bytes(data)).damage] == ["image 0"]
    np.testing.assert_array_equal(Gif.read_frames(bytes(data), [4]).frame(0), gif.frame(4))
    with pytest.raises(CorruptMedia, match="image 0: its data"):
        Gif.read_frames(bytes(data), [0])


def test_frames_of_which_too_many_are_asked_for_to_be_held_are_decoded_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = make_gif().to_bytes()
    expected = Gif.read(data).select([1, 2, 5])
    monkeypatch.setattr("gifbench.media.gif.gif_reader.MOST_HELD", 100)
    gif = Gif.read_frames(data, [1, 2, 5])
    assert gif.is_sequence and gif.times == expected.times
    np.testing.assert_array_equal(gif.frames, expected.frames)


def test_a_frame_whose_data_end_early_is_see_through_where_they_are_missing() -> None:
    """The first image is whole, the second one ends after a row: its data are those of a smaller picture."""
    large, small = (make_gif(num_frames=2, height=height, width=13) for height in (9, 1))
    first, second = large.to_bytes(), small.to_bytes()
    heads = [data.find(b"\x21\xf9\x04", data.find(b"\x21\xf9\x04") + 1) for data in (first, second)]
    short = bytearray(first[: heads[0]] + second[heads[1] :])
    at = heads[0] + 8 + 7  # the height in its image descriptor
    assert short[at : at + 2] == b"\x01\x00"
    short[at : at + 2] = b"\x09\x00"
    whole = Gif.read(bytes(short))
    assert whole.transparent is not None and whole.damage == ()  # the data say themselves that they end
    assert (whole.indices[1][1:] == whole.transparent[1]).all() and (whole.indices[1][0] != whole.transparent[1]).all()
    same(Gif.read_frames(bytes(short), [1]), whole.select([1]))


@pytest.mark.parametrize("frames", [[], [6], [-1], [2, 2], [3, 1]])
def test_frames_that_are_not_there_are_refused(frames: list[int]) -> None:
    with pytest.raises(UsageError, match=r"must increase within 0\.\.5"):
        Gif.read_frames(make_gif().to_bytes(), frames)


def test_some_frames_of_a_file_that_breaks_off_are_refused_as_the_whole_is() -> None:
    with pytest.raises(CorruptMedia, match="the file ends"):
        Gif.read_frames(make_gif().to_bytes()[:-40], [0])
