"""The batched nearest color: to the bit that of `nearest`, on the CPU here and on the GPU where there is one."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gifbench.errors import PixelsError
from gifbench.media.colors.nearest_torch import batched_search, nearest_torch, pad_palettes
from gifbench.media.colors.quantize import nearest

torch = pytest.importorskip("torch")


def batch(sizes, seed=0, side=(13, 17), levels=256):
    rng = np.random.default_rng(seed)
    step = 255 // (levels - 1)
    frames = rng.integers(0, 256, (len(sizes), *side, 3), dtype=np.uint8)
    palettes = [(rng.integers(0, levels, (size, 3)) * step).astype(np.uint8) for size in sizes]
    return frames, palettes


def tensors(frames, palettes):
    return torch.from_numpy(frames).permute(0, 3, 1, 2), torch.from_numpy(pad_palettes(palettes))


@given(
    st.lists(st.integers(1, 256), min_size=1, max_size=5),
    st.integers(0, 10**6),
    st.sampled_from([1, 100, 250, 10**6]),
    st.sampled_from([2, 5, 256]),
)
@settings(max_examples=40, deadline=None)
def test_every_frame_has_the_indices_that_nearest_gives_it(sizes, seed, max_pixels, levels):
    frames, palettes = batch(sizes, seed, levels=levels)
    frames = frames[:, :3, :5]
    for found in (
        nearest_torch(*tensors(frames, palettes)),
        batched_search(*tensors(frames, palettes), max_pixels=max_pixels),
    ):
        for indices, frame, palette in zip(found.numpy(), frames, palettes, strict=True):
            assert np.array_equal(indices, nearest(frame, palette))


@pytest.mark.parametrize("precision", ["highest", "high", "medium"])
def test_less_precise_multiplication_changes_nothing(precision):
    frames, palettes = batch([256, 64, 32, 7], side=(64, 64))
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        found = batched_search(*tensors(frames, palettes), max_pixels=10**6).numpy()
    finally:
        torch.set_float32_matmul_precision(before)
    assert all(np.array_equal(i, nearest(f, p)) for i, f, p in zip(found, frames, palettes, strict=True))


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["highest", "high", "medium"])
def test_a_gpu_gives_the_same(precision):
    if not torch.cuda.is_available():
        assert not os.environ.get("GIFBENCH_REQUIRE_GPU"), "GIFBENCH_REQUIRE_GPU is set and there is no GPU"
        pytest.skip("no GPU")
    frames, palettes = batch([256, 200, 64, 32, 7, 1] * 4, side=(256, 256))
    torch.set_float32_matmul_precision(precision)
    try:
        found = nearest_torch(*(x.cuda() for x in tensors(frames, palettes))).cpu().numpy()
    finally:
        torch.set_float32_matmul_precision("highest")
    assert all(np.array_equal(i, nearest(f, p)) for i, f, p in zip(found, frames, palettes, strict=True))


def test_frames_without_pixels_have_no_indices():
    frames, palettes = torch.zeros(2, 3, 0, 5, dtype=torch.uint8), torch.zeros(2, 4, 3, dtype=torch.uint8)
    assert nearest_torch(frames, palettes).shape == (2, 0, 5)


@pytest.mark.parametrize(
    ("frames", "palettes", "said"),
    [
        (torch.zeros(1, 3, 4, 4), torch.zeros(1, 2, 3, dtype=torch.uint8), "frames must be a torch tensor of uint8"),
        (torch.zeros(1, 4, 4, 3, dtype=torch.uint8), torch.zeros(1, 2, 3, dtype=torch.uint8), r"\(N, 3, H, W\)"),
        (torch.zeros(1, 3, 4, 4, dtype=torch.uint8), torch.zeros(1, 257, 3, dtype=torch.uint8), "1 to 256"),
        (torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.zeros(1, 2, 3, dtype=torch.uint8), "as many palettes"),
    ],
)
def test_what_does_not_fit_is_refused(frames, palettes, said):
    with pytest.raises(PixelsError, match=said):
        nearest_torch(frames, palettes)


def test_no_palettes_are_refused():
    with pytest.raises(PixelsError, match="no palette"):
        pad_palettes([])
