"""Batches go through a network in parts that memory allows, and come back in order; Winograd is nearly the same."""

from __future__ import annotations

import threading

import pytest

torch = pytest.importorskip("torch")

from gifbench_baselines import half_precision_and_winograd
from gifbench_baselines.half_precision_and_winograd import Runner


@pytest.mark.parametrize(
    "error", [torch.cuda.OutOfMemoryError("CUDA out of memory"), RuntimeError("[enforce] can't allocate memory: 12 B")]
)
def test_without_memory_parts_are_halved_and_a_warning_says_so(error, monkeypatch):
    monkeypatch.setattr(half_precision_and_winograd, "_PIXELS_OF_A_CPU", 1 << 20)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
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


def test_parts_are_worked_on_side_by_side_and_come_back_in_order(monkeypatch):
    monkeypatch.setattr(half_precision_and_winograd, "_PIXELS_OF_A_CPU", 2)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        frames = torch.arange(17.0).reshape(17, 1, 1, 1)
        together = threading.Barrier(3, timeout=60)
        inner = set()

        def call(part: slice) -> torch.Tensor:
            if part.start < 12:  # two rounds of three parts, which no single thread could pass
                together.wait()
            inner.add(torch.get_num_threads())
            assert torch.is_inference_mode_enabled()
            return frames[part] * 2

        assert torch.equal(Runner().run(call, frames), frames * 2)
        assert inner == {1}, "each in one thread of torch's"
        assert torch.get_num_threads() == 3
        later = []
        thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert later == [3], "threads that come after have as many as before"
    finally:
        torch.set_num_threads(before)


class Convolved(torch.nn.Module):
    """3×3 convolutions of all kinds; counts nothing, gives (N, 8, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(3, 16, 3, padding=1)
        self.apart = torch.nn.Conv2d(16, 16, 3, padding=1, groups=2)
        self.wide = torch.nn.Conv2d(16, 16, 3, padding=2, dilation=2)
        self.last = torch.nn.Conv2d(16, 8, 3, padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.wide(self.apart(self.first(x).relu())).relu())


@pytest.mark.skipif(not torch.backends.nnpack.is_available(), reason="torch has no NNPACK here")
@pytest.mark.parametrize("threads", [1, 2])
def test_winograd_is_nearly_the_same_from_any_memory_layout(threads, monkeypatch):
    monkeypatch.setattr(half_precision_and_winograd, "_PIXELS_OF_A_CPU", 1)
    torch.manual_seed(0)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    by_nnpack = []
    convolution = torch._nnpack_spatial_convolution
    monkeypatch.setattr(torch, "_nnpack_spatial_convolution", lambda *given: by_nnpack.append(1) or convolution(*given))
    try:
        network, frames = Convolved().eval(), torch.rand(3, 3, 37, 51)
        exactly = Runner().run(lambda part: network(frames[part]), frames)
        assert not by_nnpack
        network.to(memory_format=torch.channels_last)
        nearly = Runner(precision="winograd").run(lambda part: network(frames[part]), frames)
        assert len(by_nnpack) == 6, "the first and the last convolution of each frame"
        torch.testing.assert_close(nearly, exactly, rtol=0, atol=1e-5)
        assert not torch.equal(nearly, exactly)
    finally:
        torch.set_num_threads(before)


def test_without_memory_in_one_of_several_threads_all_is_done_again_in_halves(monkeypatch):
    monkeypatch.setattr(half_precision_and_winograd, "_PIXELS_OF_A_CPU", 4)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    frames = torch.arange(11.0).reshape(11, 1, 1, 1)

    def call(part: slice) -> torch.Tensor:
        if part.stop - part.start > 2:
            raise RuntimeError("[enforce] can't allocate memory: 12 B")
        return frames[part] * 2

    with pytest.warns(RuntimeWarning, match="out of memory: 2 frames at a time"):
        assert torch.equal(Runner().run(call, frames), frames * 2)


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
