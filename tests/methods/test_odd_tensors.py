"""Tensors without plain values, and frames too small for SSIM, are said in one line with the clip's name."""

from __future__ import annotations

import pytest

from gifbench.errors import MethodFailed, PixelsError
from gifbench.evaluation.evaluate import evaluate
from gifbench.media.clip import Clip
from tests.evaluation.conftest import MemoryClip, MemoryDataset, moving_clip

torch = pytest.importorskip("torch")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda frames: frames.to_sparse(), "sparse"),
        (lambda frames: frames.to("meta"), "meta"),
        (lambda frames: frames.to(torch.complex64), "complex"),
        (lambda frames: torch.quantize_per_tensor(frames, 1.0, 0, torch.quint8), "quint8"),
        (lambda frames: frames.sum(), "single number"),
    ],
)
def test_a_tensor_without_plain_values_is_the_methods_failure(dataset, as_loaded, make, said) -> None:
    class Odd:
        def restore_frames(self, frames, palettes):
            return make(frames.float())

    with pytest.raises(MethodFailed, match=said):
        evaluate(as_loaded(Odd(), backend="torch"), dataset, "plain-1")


def test_every_kind_of_float_is_read(dataset, as_loaded) -> None:
    class Half:
        def __init__(self, kind):
            self.kind = kind

        def restore_frames(self, frames, palettes):
            return frames.to(self.kind).requires_grad_(True)

    for kind in (torch.float16, torch.bfloat16, torch.float64):
        assert len(evaluate(as_loaded(Half(kind), backend="torch"), dataset, "plain-1")) == 2


@pytest.mark.parametrize("protocol", ["standard", "gif2video"])
def test_frames_too_small_for_ssim_name_their_clip(protocol) -> None:
    clips = [MemoryClip("fine", moving_clip(3)), MemoryClip("tiny", small(moving_clip(3)))]
    with pytest.raises(PixelsError, match=r"clip tiny: SSIM with a window"):
        evaluate("gif", MemoryDataset(clips), "plain-1", protocols=protocol)


def small(clip: Clip) -> Clip:
    return Clip(clip.frames[:, :6, :6], clip.times, clip.duration)
