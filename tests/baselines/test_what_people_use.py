"""ffmpeg's filters and undither: what they change, what they leave alone, and that they keep the contract."""

from __future__ import annotations

import numpy as np
import pytest
from gifbench_baselines.undither import MOST_COLORS, neighbors

from gifbench import UsageError, load_method
from gifbench.media.colors.error_diffusion import floyd_steinberg
from gifbench.media.colors.quantize import quantize
from tests.baselines.conftest import assert_contract_is_kept


def ramp(*, height: int = 96, width: int = 256) -> np.ndarray:
    """A slow gradient of grays, 40 levels over the width."""
    gray = np.tile(np.linspace(100, 140, width), (height, 1)).round().astype(np.uint8)
    return np.repeat(gray[..., None], 3, axis=-1)


def restored(name: str, frame: np.ndarray, palette: np.ndarray | None = None) -> np.ndarray:
    palette = np.unique(frame.reshape(-1, 3), axis=0) if palette is None else palette
    return load_method(name).method.restore_frames(frame[None], [palette])[0]


def error(frame: np.ndarray, truth: np.ndarray) -> float:
    return float(np.square(frame.astype(float) - truth).mean())


@pytest.mark.parametrize("name", ["undither", "ffmpeg-deband", "ffmpeg-gradfun"])
def test_the_contract_is_kept(name):
    assert_contract_is_kept(name)


@pytest.mark.parametrize("name", ["ffmpeg-deband:threshold=0.1,range=32", "ffmpeg-gradfun:strength=8"])
def test_ffmpegs_filters_smooth_bands(name):
    truth = ramp()
    banded = (truth // 8) * 8 + 4
    assert error(restored(name, banded), truth) < 0.8 * error(banded, truth)


@pytest.mark.parametrize("size", [(1, 1), (1, 70), (3, 2), (97, 131)])
@pytest.mark.parametrize("name", ["undither", "ffmpeg-deband", "ffmpeg-gradfun"])
def test_any_size_will_do(name, size):
    frame = np.random.default_rng(0).integers(0, 2, (*size, 1), np.uint8).repeat(3, -1) * 200
    out = restored(name, frame)
    assert out.shape == frame.shape and out.dtype == np.float32 and np.isfinite(out).all()


def test_sizes_may_change_from_call_to_call():
    method = load_method("ffmpeg-deband").method
    for height in (40, 64, 40):
        frame = np.full((1, height, 50, 3), 90, np.uint8)
        assert np.array_equal(method.restore_frames(frame, [frame[0, 0, :1]])[0], frame[0])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ffmpeg-deband:threshold=0.9", "threshold must be"),
        ("ffmpeg-deband:range=0", "range must be"),
        ("ffmpeg-deband:direction=7", "direction must be"),
        ("ffmpeg-gradfun:strength=0", "strength must be"),
        ("ffmpeg-gradfun:radius=50", "radius must be"),
        ("undither:radius=0", "radius must be"),
        ("undither:sigma=0", "sigma must be"),
        ("undither:ball=2", "ball must be"),
    ],
)
def test_options_out_of_range_are_told(text, said):
    with pytest.raises(UsageError, match=f"{said} .*, got "):
        load_method(text)


@pytest.mark.parametrize("direction", [6.283185307179586, -6.283185307179586, 0.0])
def test_every_direction_is_taken(direction):
    assert restored(f"ffmpeg-deband:direction={direction}", ramp()).shape == ramp().shape


def test_undither_brings_back_what_was_dithered():
    truth = np.stack([ramp()[..., 0], 255 - ramp()[..., 0], ramp()[..., 0]], axis=-1)
    _, palette = quantize(truth, colors=8)
    dithered = palette[floyd_steinberg(truth, palette)]
    assert error(restored("undither", dithered, palette), truth) < 0.4 * error(dithered, truth)


def test_undither_leaves_an_edge_that_the_palette_could_have_softened():
    frame = np.zeros((20, 20, 3), np.uint8)
    frame[:, 10:] = 200
    palette = np.uint8([[0, 0, 0], [100, 100, 100], [200, 200, 200]])
    assert np.array_equal(restored("undither", frame, palette), frame)
    softened = restored("undither", frame, palette[[0, 2]])
    assert 0 < softened[5, 9, 0] < softened[5, 10, 0] < 200


def test_neighbors_have_no_color_between_them():
    colors = np.int32([[0, 0, 0], [100, 0, 0], [200, 0, 0], [100, 90, 0]])
    assert neighbors(colors, 1.0).tolist() == [
        [True, True, False, True],
        [True, True, True, True],
        [False, True, True, True],
        [True, True, True, True],
    ]
    assert neighbors(colors, 0.0).all()


def test_frames_of_very_many_colors_are_given_back():
    frame = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert len(np.unique(frame.reshape(-1, 3), axis=0)) > MOST_COLORS
    assert np.array_equal(restored("undither", frame), frame)
