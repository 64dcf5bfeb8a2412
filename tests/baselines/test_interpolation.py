"""Interpolators: known motion is found, what cannot be known is held, and no frame ever holds NaN."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import pairwise

import cv2
import numpy as np
import pytest
from gifbench_baselines.interpolation.blend import Blend
from gifbench_baselines.interpolation.dis import Dis
from gifbench_baselines.interpolation.fill_frame_gaps import BATCH_PIXELS, find_gaps
from gifbench_baselines.interpolation.scene_cuts import is_cut
from gifbench_baselines.unrestored_gif import NearestGif
from skimage import data

from gifbench.errors import UsageError
from gifbench.media.gif import Gif
from gifbench.media.video import Span, decode
from gifbench.methods.inference import run_method
from gifbench.methods.method_interface import last_shown, nearest_shown
from gifbench.methods.registry import load_method

NAMES = ("nearest", "blend", "dis")
INTERPOLATORS = (NearestGif, Blend, Dis)


def as_gif(frames, *, step=Fraction(1, 10)) -> Gif:
    """Frames whose every pixel has its own color in a wide palette: exact, as only a composited GIF is."""
    indices, palettes = [], []
    for frame in frames:
        red, green, blue = np.moveaxis(frame.astype(np.uint32), 2, 0)
        colors, places = np.unique(red << 16 | green << 8 | blue, return_inverse=True)
        palettes.append(np.stack([colors >> 16, colors >> 8 & 255, colors & 255], axis=1).astype(np.uint8))
        indices.append(places.reshape(frame.shape[:2]).astype(np.uint32))
    return Gif(np.stack(indices), tuple(palettes), tuple(i * step for i in range(len(frames))), len(frames) * step)


astronaut = cache(data.astronaut)  # a PNG, read anew each time


def photograph(dx: float, dy: float = 0.0, *, height=180, width=240):
    """A part of a photograph, seen `dx`, `dy` pixels further on."""
    matrix = np.float32([[1, 0, -100 - dx], [0, 1, -40 - dy]])
    return cv2.warpAffine(astronaut(), matrix, (width, height), flags=cv2.INTER_CUBIC)


def frames_of(method, gif, times):
    out = np.concatenate([np.asarray(batch, np.float64) for batch in method.restore(gif, times)])
    assert out.shape == (len(times), gif.height, gif.width, 3)
    assert np.isfinite(out).all() and out.min() >= -1e-3 and out.max() <= 255 + 1e-3
    return out


def psnr(x, y, border=0):
    inside = (slice(None), slice(border, -border or None), slice(border, -border or None))
    return 10 * np.log10(255**2 / np.mean((x[inside] - y[inside].astype(float)) ** 2))


@pytest.mark.parametrize("motion", [(4, 0), (0, -6), (5.5, 3.25), (-12, 8)])
def test_a_translated_photograph_is_interpolated_by_dis(motion):
    dx, dy = motion
    shares = [Fraction(i, 4) for i in range(5)]
    truth = np.stack([photograph(float(s) * dx, float(s) * dy) for s in shares])
    gif, times = as_gif(truth[[0, 4]]), [share / 10 for share in shares]
    out, blended = frames_of(Dis(), gif, times), frames_of(Blend(), gif, times)
    assert min(psnr(out[i : i + 1], truth[i : i + 1], 16) for i in (1, 2, 3)) > 35
    assert psnr(out[1:4], truth[1:4], 16) > psnr(blended[1:4], truth[1:4], 16) + 6
    assert np.array_equal(out[[0, 4]], truth[[0, 4]]), "the GIF's own frames are given as they are"


def test_blend_is_linear_in_time():
    gif = as_gif([photograph(0), photograph(9), photograph(20)])
    times = [Fraction(i, 40) for i in range(9)]
    first, second, third = gif.frames.astype(float)
    out = frames_of(Blend(), gif, times)
    quarter, half = 0.75 * first + 0.25 * second, (second + third) / 2
    for i, expected in ((0, first), (1, quarter), (4, second), (6, half), (8, third)):
        assert np.abs(out[i] - expected).max() < 1e-9


def test_nearest_is_what_the_row_gif_of_table_2_is():
    gif = as_gif([photograph(9 * i, height=20, width=30) for i in range(4)])
    times = [Fraction(i, 70) for i in range(20)]
    assert np.array_equal(frames_of(NearestGif(), gif, times), gif.frames[nearest_shown(gif.times, times)])


@pytest.mark.parametrize("make", INTERPOLATORS)
def test_one_frame_is_shown_for_ever(make):
    gif = as_gif([photograph(0, height=9, width=7)])
    out = frames_of(make(), gif, [Fraction(-1), Fraction(0), Fraction(1, 3), Fraction(99)])
    assert (out == gif.frames[[0, 0, 0, 0]]).all()


@pytest.mark.parametrize("make", INTERPOLATORS)
def test_two_equal_frames_stay_what_they_are(make):
    gif = as_gif([photograph(0)] * 2)
    out = frames_of(make(), gif, [Fraction(i, 40) for i in range(5)])
    assert np.abs(out - gif.frames[0]).max() < 1e-3


@pytest.mark.parametrize("make", INTERPOLATORS)
def test_times_outside_the_gif_get_its_ends(make):
    gif = as_gif([photograph(0), photograph(6)])
    out = frames_of(make(), gif, [Fraction(-5), Fraction(-1, 100), Fraction(3, 20), Fraction(50)])
    assert np.array_equal(out, gif.frames[[0, 0, 1, 1]].astype(float))


@pytest.mark.parametrize("size", [(1, 1), (1, 70), (61, 1), (13, 17), (47, 401), (97, 131)])
@pytest.mark.parametrize("make", INTERPOLATORS)
def test_any_size_will_do(make, size):
    height, width = size
    gif = as_gif([photograph(0, height=height, width=width), photograph(5, height=height, width=width)])
    frames_of(make(), gif, [Fraction(i, 30) for i in range(4)])


@pytest.mark.parametrize("seed", range(3))
def test_where_flow_explodes_there_is_still_a_picture(seed):
    rng = np.random.default_rng(seed)
    noise = [rng.integers(0, 256, (70, 90, 3)).astype(np.uint8) for _ in range(2)]
    stripes = [np.repeat(np.uint8([[0, 255] * 45]), 70, 0)[..., None].repeat(3, -1), np.zeros((70, 90, 3), np.uint8)]
    for pair in (noise, stripes, stripes[::-1], [255 - stripes[1], stripes[1]]):
        frames_of(Dis(), as_gif(pair), [Fraction(i, 50) for i in range(6)])


def test_dis_holds_the_scene_until_its_cut_and_does_not_morph():
    frames = [photograph(0), photograph(3), cv2.resize(data.coffee(), (240, 180), interpolation=cv2.INTER_AREA)]
    gif = as_gif(frames)
    out = frames_of(Dis(), gif, [Fraction(i, 40) for i in range(9)])
    assert np.array_equal(out[4:8], gif.frames[[1, 1, 1, 1]].astype(float))
    assert np.array_equal(out[8], gif.frames[2])
    assert 0 < np.abs(out[2] - gif.frames[0]).mean() < 20, "before it, motion is drawn"


def test_a_cut_is_told_from_motion_and_fades():
    scenes = [
        cv2.resize(picture, (240, 180), interpolation=cv2.INTER_AREA)
        for picture in (data.astronaut(), data.coffee(), data.chelsea(), data.rocket())
    ]
    for first, second in pairwise([*scenes, scenes[0]]):
        assert is_cut(first, second) and is_cut(second, first)
    for scene in scenes:
        assert not is_cut(scene, scene)
        assert not is_cut(scene, (scene * 0.5).astype(np.uint8))
    assert not is_cut(photograph(0), photograph(14, 5))
    assert is_cut(np.zeros((40, 40, 3), np.uint8), np.full((40, 40, 3), 255, np.uint8))


@pytest.mark.parametrize(("first", "last"), [(276, 288), (366, 380)])
def test_real_cuts_of_real_clips_are_found(clips, first, last):
    video = next(path for path in sorted((clips / "moments").iterdir()) if path.stem.endswith("big_buck_bunny_0_30"))
    shown = [frame.pixels for frame in decode(video, Span(start_frame=first, end_frame=last))]
    assert is_cut(shown[0], shown[-1])
    assert sum(is_cut(*pair) for pair in pairwise(shown)) == 1


def test_uneven_delays_are_kept():
    gif = as_gif([photograph(0), photograph(8), photograph(10)])
    gif = Gif(gif.indices, gif.palettes, (Fraction(0), Fraction(4, 5), Fraction(1)), Fraction(2))
    out = frames_of(Dis(), gif, [Fraction(2, 5), Fraction(9, 10)])
    assert psnr(out, np.stack([photograph(4), photograph(9)]), 16) > 35


def test_zero_delays_are_a_tenth_of_a_second_as_in_a_browser():
    palettes = tuple(np.uint8([[value] * 3, [9] * 3]) for value in (0, 200))
    times = Fraction(0), Fraction(7, 100)
    file = bytearray(Gif(np.zeros((2, 8, 8), np.uint8), palettes, times, Fraction(14, 100)).to_bytes())
    for place in [i for i in range(len(file) - 3) if file[i : i + 3] == b"\x21\xf9\x04"]:
        file[place + 4 : place + 6] = b"\0\0"
    gif = Gif.read(bytes(file))
    assert gif.times == (0, Fraction(1, 10))
    assert frames_of(Blend(), gif, [Fraction(1, 20)])[0, 0, 0, 0] == 100


def test_gaps_are_found_in_exact_fractions():
    found = find_gaps((Fraction(0), Fraction(1, 3), Fraction(2, 3)), [Fraction(i, 6) for i in range(6)])
    shares = {(gap.before, gap.after): gap.shares for gap in found}
    assert shares == {(0, 1): (0, 0.5), (1, 2): (0, 0.5), (2, 2): (0, 0)}
    assert find_gaps((Fraction(0),), []) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_long_clip_is_given_batch_by_batch(name):
    one = np.random.default_rng(0).integers(0, 8, (360, 636), dtype=np.uint8)
    palette = np.arange(24, dtype=np.uint8).reshape(8, 3) * 9
    shown = np.broadcast_to(one, (2000, 360, 636))
    gif = Gif(shown, (palette,) * 2000, tuple(Fraction(i, 10) for i in range(2000)), Fraction(200))
    times = [Fraction(i, 20) for i in range(4000)]
    batches = run_method(load_method(name), gif, times, clip="long")
    for _ in range(3):
        batch = next(batches)
        assert len(batch) * 636 * 360 <= BATCH_PIXELS


@pytest.mark.parametrize("blur", [-1, float("nan"), float("inf"), 21])
def test_dis_refuses_a_blur_that_cannot_be(blur):
    with pytest.raises(UsageError, match="blur"):
        Dis(blur=blur)


def test_hold_is_the_method_gif():
    gif = as_gif([photograph(9 * i, height=20, width=30) for i in range(4)])
    times = [Fraction(i, 70) for i in range(20)]
    out = np.concatenate(list(run_method(load_method("gif"), gif, times, clip="a")))
    assert np.array_equal(out, gif.frames[last_shown(gif.times, times)])
