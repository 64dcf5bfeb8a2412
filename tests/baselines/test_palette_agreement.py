"""What a GIF's palette says of a restored frame: cells of the nearest color, and means that are the palette's."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gifbench_baselines.ccdnet import palette_agreement
from gifbench_baselines.ccdnet.palette_agreement import agree

from gifbench import Gif, load_method
from gifbench.media.colors.error_diffusion import floyd_steinberg
from gifbench.media.colors.quantize import minimum_variance, nearest
from tests.baselines.conftest import frames_of

pytestmark = pytest.mark.usefixtures("one_thread")


def picture(height: int = 60, width: int = 90) -> np.ndarray:
    """Light and color change slowly, with a little grain, so that a palette takes much."""
    y, x = np.mgrid[:height, :width] / (height + width)
    waves = [np.sin(9 * x + 4 * y), np.cos(7 * y - 3 * x), np.sin(5 * (x + y) + 1)]
    grain = np.random.default_rng(1).normal(0, 4, (height, width, 3))
    return np.clip(128 + 90 * np.stack(waves, axis=-1) + grain, 0, 255).astype(np.uint8)


def gif_of(truth: np.ndarray, *, dithered: bool, colors: int = 16) -> tuple[np.ndarray, np.ndarray]:
    palette = minimum_variance(truth, colors)
    return palette[floyd_steinberg(truth, palette) if dithered else nearest(truth, palette)], palette


def restored_of(truth: np.ndarray, *, off: float = 6.0) -> np.ndarray:
    """What a network might make of it: noise, and a light that is off here and there."""
    rng = np.random.default_rng(2)
    light = 3 * np.sin(truth.astype(float).sum(axis=-1, keepdims=True) / 60)
    return np.clip(truth + rng.normal(0, off, truth.shape) + light, 0, 255).astype(np.float32)


def agreed(restored: np.ndarray, shown: np.ndarray, palette: np.ndarray, *, dithered: bool) -> np.ndarray:
    planes, frame = (np.ascontiguousarray(each.transpose(2, 0, 1)).copy() for each in (restored, shown))
    agree(planes, frame, palette, dithered=dithered)
    return planes.transpose(1, 2, 0)


def plainly(restored: np.ndarray, shown: np.ndarray, palette: np.ndarray, *, dithered: bool) -> np.ndarray:
    """The same pixel by pixel and color by color, in float64."""
    colors = np.unique(palette, axis=0).astype(float)
    apart = ((colors[:, None] - colors) ** 2).sum(-1)
    seen = restored.astype(float) if dithered else shown.astype(float)
    place = ((seen[:, :, None] - colors) ** 2).sum(-1).argmin(-1)
    others = np.where(np.eye(len(colors), dtype=bool), np.inf, apart)
    off = np.zeros_like(colors)
    counts = np.bincount(place.ravel(), minlength=len(colors))
    for k in np.flatnonzero(counts):
        off[k] = colors[k] - restored[place == k].astype(float).mean(axis=0)
    far = np.sqrt((counts * (off**2).sum(-1)).sum() / (counts * others.min(axis=1)).sum())
    believed = np.clip((0.13 - far) / 0.02, 0, 1)
    out = restored.astype(float).copy()
    for k in range(len(colors)):
        out[place == k] += believed * 0.45 * np.exp(-(off[k] ** 2).sum() / (0.25**2 * others[k].min())) * off[k]
    if not dithered:
        for y, x in np.ndindex(*place.shape):
            k = place[y, x]
            for other in np.argsort(others[k], kind="stable")[:4]:
                way = colors[other] - colors[k]
                beyond = (out[y, x] - colors[k]) @ way / (way @ way) - 0.5
                out[y, x] -= max(0, beyond) * way
    return np.clip(out, 0, 255)


@pytest.mark.parametrize("dithered", [False, True])
@pytest.mark.parametrize("size", [(60, 90), (1, 7), (33, 2)])
def test_it_is_what_a_plain_program_computes(dithered, size, monkeypatch):
    monkeypatch.setattr(palette_agreement, "agree_with_diffusion", lambda *_: None)  # test_diffusion_agreement.py
    truth = picture(*size)
    shown, palette = gif_of(truth, dithered=dithered)
    restored = restored_of(truth)
    made = agreed(restored, shown, palette, dithered=dithered)
    assert np.abs(made - plainly(restored, shown, palette, dithered=dithered)).max() < 1e-3


@pytest.mark.parametrize("dithered", [False, True])
def test_it_comes_nearer_to_the_truth(dithered):
    truth = picture(120, 160)
    shown, palette = gif_of(truth, dithered=dithered)
    restored = restored_of(truth)
    before = np.square(restored - truth).mean()
    after = np.square(agreed(restored, shown, palette, dithered=dithered) - truth).mean()
    assert after < 0.98 * before


def test_no_pixel_of_a_plain_gif_goes_away_from_the_truth_at_its_cells_borders(monkeypatch):
    monkeypatch.setattr(palette_agreement, "_PART", 0)
    truth = picture()
    shown, palette = gif_of(truth, dithered=False)
    restored = restored_of(truth, off=12)
    made = agreed(restored, shown, palette, dithered=False)
    before, after = (np.square(each - truth.astype(float)).sum(-1) for each in (restored, made))
    assert (after <= before + 1e-2).all() and (after < before - 1).mean() > 0.02


@pytest.mark.parametrize("dithered", [False, True])
def test_a_palette_of_a_larger_picture_says_nothing_of_means(dithered, monkeypatch):
    truth = picture(120, 160)
    shown, palette = gif_of(truth, dithered=dithered)
    corner = (slice(0, 40), slice(0, 50))
    for name in ("_bound", "agree_with_diffusion"):
        monkeypatch.setattr(palette_agreement, name, lambda *_: None)
    restored = restored_of(truth, off=1)[corner]
    assert np.array_equal(agreed(restored, shown[corner], palette, dithered=dithered), restored)


@pytest.mark.parametrize("dithered", [False, True])
def test_what_is_exact_stays(dithered):
    palette = np.array([[0, 0, 0], [200, 10, 30], [0, 0, 0], [90, 90, 90]], np.uint8)
    shown = palette[np.random.default_rng(0).integers(0, 4, (20, 30))]
    assert np.array_equal(agreed(shown.astype(np.float32), shown, palette, dithered=dithered), shown)
    alone = np.full((4, 5, 3), 7, np.uint8)
    restored = alone + np.float32(1.5)
    assert np.array_equal(agreed(restored, alone, alone[0, :1], dithered=dithered), restored)


@pytest.mark.parametrize("dithered", [False, True])
def test_a_frame_of_several_palettes_stays_and_takes_no_memory(dithered):
    palette = np.unique(np.random.default_rng(0).integers(0, 256, (30_000, 3), dtype=np.uint8), axis=0)
    shown = palette[np.arange(200 * 150).reshape(150, 200) % len(palette)]
    restored = shown + np.float32(3)
    assert np.array_equal(agreed(restored, shown, palette, dithered=dithered), restored)


def test_all_colors_of_a_large_palette_are_searched_as_far_as_needed():
    rng = np.random.default_rng(5)
    colors = np.unique(rng.integers(0, 256, (256, 3)), axis=0).astype(np.float32)
    place = rng.integers(0, len(colors), (40, 50))
    restored = rng.uniform(0, 255, (3, 40, 50)).astype(np.float32)  # far from what is shown
    apart = np.square(colors[:, None] - colors).sum(axis=2)
    order, found = np.argsort(apart, axis=1, kind="stable"), np.empty_like(place)
    palette_agreement._find(restored, colors, np.take_along_axis(apart, order, axis=1), order, place, found)
    wanted = np.square(restored.transpose(1, 2, 0)[:, :, None] - colors).sum(axis=-1).argmin(axis=-1)
    assert np.array_equal(found, wanted)


@pytest.mark.parametrize("name", ["ccdnet", "ccdnet-video"])
def test_the_methods_agree_unless_told_not_to(name):
    truth = picture(96, 128)
    shown, palette = gif_of(truth, dithered=False, colors=32)
    indices = nearest(shown, palette)
    gif = Gif(indices[None], (palette,), (Fraction(0),), Fraction(1, 10))
    made = {}
    for told in (":gradients=false", ":agreement=false"):
        made[told] = frames_of(name + told, gif)[0]
    dithered, _ = load_method("ccdnet").method.choose(gif)
    # ccdnet-video's neighbors, and the frame that it corrects, agree before, too.
    again = made[":gradients=false"] if name == "ccdnet-video" else made[":agreement=false"]
    wanted = agreed(again, shown, palette, dithered=dithered)
    near = 1.0 if name == "ccdnet-video" else 1e-3
    assert (
        np.abs(made[":gradients=false"] - wanted).mean()
        < near
        < np.abs(made[":gradients=false"] - made[":agreement=false"]).max()
    )
