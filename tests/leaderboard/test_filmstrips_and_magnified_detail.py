"""What a page shows is what the GIF, the method and the truth hold, in step."""

from __future__ import annotations

import io
from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gifbench.leaderboard.boards_of_comparable_runs import boards
from gifbench.leaderboard.example_clip_selection import choose
from gifbench.leaderboard.filmstrips_and_magnified_detail import (
    ERROR_TOP,
    MAX_FRAMES,
    MAX_SECONDS,
    detail,
    error_map,
    excerpt,
    film,
    frames_per_file,
    shown_size,
    telling_box,
)
from gifbench.leaderboard.runs_from_results import run_of
from gifbench.media.clip import constant_times
from tests.leaderboard.factories import make_result


def pixels(files, height):
    strips = [np.asarray(Image.open(io.BytesIO(file)).convert("RGB")) for file in files]
    return np.concatenate(strips).reshape(-1, height, strips[0].shape[1], 3)


def test_a_gifs_film_holds_its_pixels_exactly_in_files_of_one_palette():
    random = np.random.default_rng(0)
    palettes = random.integers(0, 256, (20, 32, 3), np.uint8)
    frames = np.stack([palette[random.integers(0, 32, (40, 60))] for palette in palettes])
    assert frames_per_file(40, 60, palette_colors=32) == 8
    made = film(frames, palette_colors=32)
    assert len(made) == 3
    np.testing.assert_array_equal(pixels(made, 40), frames)


def test_a_film_of_video_is_near_its_pixels():
    rows, columns = np.mgrid[:96, :120]
    ramp = np.stack([columns, rows, 200 - rows - columns // 2], axis=-1)
    frames = np.stack([ramp + i for i in range(12)]).astype(np.uint8)
    made = film(frames)
    assert len(made) == 1
    assert np.abs(pixels(made, 96).astype(int) - frames).mean() < 2


def test_a_detail_holds_its_pixels_exactly():
    frames = np.random.default_rng(0).integers(0, 256, (3, 50, 60, 3), np.uint8)
    np.testing.assert_array_equal(pixels([detail(frames, (5, 6, 45, 36))], 30), frames[:, 6:36, 5:45])


def test_large_frames_are_scaled_down_and_no_file_is_too_high():
    frames = np.zeros((30, 1280, 20, 3), np.uint8)
    assert shown_size(1280, 20) == (640, 10)
    assert frames_per_file(1280, 20) == frames_per_file(1280, 20, palette_colors=32) == 25
    assert [Image.open(io.BytesIO(file)).size for file in film(frames)] == [(10, 25 * 640), (10, 5 * 640)]


@settings(max_examples=50, deadline=None)
@given(
    num_frames=st.integers(1, 400),
    fps=st.sampled_from([Fraction(1, 2), Fraction(25), Fraction(30000, 1001), Fraction(120)]),
    every=st.sampled_from([1, 2, 4, 8]),
)
def test_an_excerpt_is_a_short_middle_that_begins_and_ends_with_gif_frames(num_frames, fps, every):
    times, duration = constant_times(num_frames, fps)
    part = excerpt(times, duration, every=every)
    assert part[0] >= 0 and part[-1] < num_frames
    assert part[0] % every == 0
    assert 1 <= len(part) <= MAX_FRAMES
    assert len(part) == 1 or (len(part) - 1) / fps <= MAX_SECONDS
    if len(part) > every:
        assert part[::every][-1] == part[-1]
    assert abs(part[0] - (num_frames - len(part) - part[0])) <= 16
    if num_frames > 100 and fps > 20:
        assert part == excerpt(times, duration, every=1)


def test_an_error_map_is_black_where_nothing_is_wrong_and_near_inferno_elsewhere():
    truth = np.zeros((1, 1, 60, 3), np.uint8)
    frames = np.broadcast_to(np.arange(60, dtype=np.uint8)[:, None], truth.shape)
    levels = np.minimum(np.rint(np.arange(60) * 255 / ERROR_TOP), 255).astype(np.uint8)
    inferno = cv2.applyColorMap(levels[None], cv2.COLORMAP_INFERNO)[..., ::-1]
    made = error_map(frames, truth)[0]
    assert np.abs(made.astype(int) - inferno).max() <= 6
    np.testing.assert_array_equal(made[0, [0, 59]], inferno[0, [0, 59]])


def test_the_detail_is_where_bands_cut_a_smooth_part_not_where_the_truth_has_edges():
    truth = np.zeros((200, 300, 3), np.uint8)
    truth[:, :150] = np.linspace(0, 120, 150)[None, :, None]  # a soft ramp on the left, noise on the right
    truth[:, 150:] = np.random.default_rng(0).integers(0, 256, (200, 150, 1), np.uint8)
    gif = truth.copy()
    gif[80:160, 20:110] = truth[80:160, 20:110] // 24 * 24  # bands in the ramp
    gif[:, 150:] = np.clip(truth[:, 150:].astype(int) + 20, 0, 255)
    left, top, right, bottom = telling_box(gif, truth)
    assert (right - left, bottom - top) == (72, 54)
    assert left >= 10 and right <= 120 and top >= 70 and bottom <= 170


def test_a_detail_fits_a_picture_that_is_smaller_than_it():
    frame = np.zeros((10, 20, 3), np.uint8)
    assert telling_box(frame, frame) == (0, 0, 20, 10)


@pytest.mark.parametrize(
    ("count", "expected"), [(1, ["b"]), (2, ["d", "a"]), (3, ["d", "c", "a"]), (9, ["d", "c", "b", "a"])]
)
def test_the_best_the_median_and_the_worst_by_gain_are_chosen(count, expected):
    # The method's scores rise by 0.1 dB from clip to clip and the GIF's do too, but for another order of its clips.
    gif = make_result("gif", psnr=25, clips=("d", "c", "b", "a"))
    method = make_result("m", psnr=30, clips=("a", "b", "c", "d"))
    (board,) = boards([run_of(gif), run_of(method)])
    chosen = choose(board, run_of(method), count=count)
    if count > 1:
        assert [choice.clip_id for choice in chosen] == expected
        assert (chosen[0].place, chosen[-1].place) == ("best", "worst")
        assert (chosen[0].gif.psnr, chosen[0].gif.ssim) == (25.0, 0.9)
    else:
        assert [choice.clip_id for choice in chosen] in (["b"], ["c"])
        assert chosen[0].place == "median"


def test_one_clip_is_the_only_one():
    (board,) = boards([run_of(make_result("m", clips=("a",)))])
    assert [choice.place for choice in choose(board, run_of(make_result("m", clips=("a",))), count=3)] == ["only"]


def test_of_the_gif_itself_the_clips_are_chosen_by_psnr():
    (board,) = boards([run_of(make_result("gif"))])
    assert [choice.clip_id for choice in choose(board, run_of(make_result("gif")), count=2)] == ["d", "a"]
