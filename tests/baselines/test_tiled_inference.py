"""Batches go through a network in parts that memory allows, and come back in order."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from gifbench_baselines import tiled_inference  # noqa: E402
from gifbench_baselines.tiled_inference import Runner, blended  # noqa: E402


@pytest.mark.parametrize(
    "error", [torch.cuda.OutOfMemoryError("CUDA out of memory"), RuntimeError("[enforce] can't allocate memory: 12 B")]
)
def test_without_memory_parts_are_halved_and_a_warning_says_so(error, monkeypatch):
    monkeypatch.setattr(tiled_inference, "_PIXELS_OF_A_CPU", 1 << 20)
    frames = torch.arange(11.0).reshape(11, 1, 1, 1)
    sizes = []

    def call(part: slice) -> torch.Tensor:
        given = frames[part]
        sizes.append(len(given))
        if len(given) > 3:
            raise error
        return given * 2

    runner = Runner()
    with pytest.warns(RuntimeWarning, match="out of memory: [63] frames at a time"):
        result = runner.run(call, frames)
    assert torch.equal(result, frames * 2)
    assert sizes == [11, 6, 3, 3, 3, 2]
    sizes.clear()
    assert torch.equal(runner.run(call, frames), frames * 2)
    assert sizes == [3, 3, 3, 2], "what does not fit is not tried again"


def test_one_frame_for_which_there_is_no_memory_is_an_error():
    def call(part: slice) -> torch.Tensor:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.cuda.OutOfMemoryError):
        Runner().run(call, torch.zeros(1, 3, 4, 4))


def test_other_failures_are_not_taken_for_a_lack_of_memory():
    def call(part: slice) -> torch.Tensor:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        Runner().run(call, torch.zeros(4, 3, 4, 4))


class Tripled(torch.nn.Module):
    stride = 8

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.shape[2] % 8 == x.shape[3] % 8 == 0
        return 3 * x


@pytest.mark.parametrize("size", [(20, 20), (64, 65), (100, 301)])
def test_tiles_are_blended_into_the_same_picture(size):
    x = torch.rand(2, 3, *size)
    torch.testing.assert_close(blended(Tripled(), x, tile=64, overlap=16), 3 * x)
