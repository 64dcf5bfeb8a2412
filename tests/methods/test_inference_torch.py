"""Methods that speak torch: tensors in, tensors out, on the device that was asked for."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from gifbench import devices
from gifbench.errors import MissingExtra, UsageError
from gifbench.evaluation.score_identity import measuring_device
from gifbench.methods import inference
from gifbench.methods.conformance import check_method
from gifbench.methods.inference import device_kind, on_device, run_method
from gifbench.metrics.registry import load_metric

torch = pytest.importorskip("torch")


class Net:
    """Halves the frames."""

    backend = "torch"

    def __init__(self):
        self.moved, self.batches = [], []

    def to(self, device):
        self.moved.append(device)

    def restore_frames(self, frames, palettes):
        self.batches.append((frames, palettes))
        return frames.float() / 2


@pytest.mark.parametrize(
    "convert",
    [lambda frames: frames, lambda frames: frames.to(torch.bfloat16), lambda frames: frames.float().requires_grad_()],
)
def test_tensors_count_as_frames(gif, as_loaded, convert):
    class Tensors:
        def restore(self, gif, times):
            return convert(torch.from_numpy(gif.frames))

    (frames,) = run_method(as_loaded(Tensors()), gif, gif.times, clip="clip c7")
    assert np.abs(frames.astype(float) - gif.frames).max() <= 1, "bfloat16 has eight bits"


def test_a_torch_frame_method_gets_tensors_and_is_moved_once(gif, as_loaded):
    method = Net()
    loaded = as_loaded(method, backend="torch")
    (batch,) = run_method(loaded, gif.every(2), gif.times, clip="clip c7", device=on_device(loaded, "cpu"))
    assert method.moved == ["cpu"]
    ((frames, palettes),) = method.batches
    assert isinstance(frames, torch.Tensor) and frames.dtype == torch.uint8
    assert all(isinstance(palette, torch.Tensor) for palette in palettes)
    assert np.array_equal(batch, gif.frames[[0, 0, 2, 2, 4, 4]] / np.float32(2))


def test_devices(as_loaded, monkeypatch):
    numpy_method, torch_method = as_loaded(Net()), as_loaded(Net(), backend="torch")
    assert on_device(numpy_method, "cuda") == "cpu"
    with pytest.raises(UsageError, match="auto, cpu, or an accelerator"):
        on_device(numpy_method, "a GPU")
    monkeypatch.setattr(devices, "accelerator", lambda: None)
    assert on_device(torch_method, "auto") == "cpu"
    with pytest.raises(UsageError, match="sees no GPU"):
        on_device(torch_method, "cuda")
    monkeypatch.setattr(devices, "accelerator", lambda: "cuda")
    assert on_device(torch_method, "auto") == "cuda"
    assert on_device(torch_method, "cpu") == "cpu"


def test_a_gpu_that_is_not_among_those_there_is_said(as_loaded, monkeypatch):
    loaded = as_loaded(Net(), backend="torch")
    monkeypatch.setattr(devices, "accelerator", lambda: "cuda")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert on_device(loaded, "cuda:1") == "cuda:1"
    with pytest.raises(UsageError, match=r"--device cuda:2: torch sees 2 here, cuda:0 to cuda:1"):
        on_device(loaded, "cuda:2")


def test_where_a_method_will_run_is_known_before_it_is_moved(as_loaded, monkeypatch):
    """What several workers on several GPUs are planned by; torch is not imported for it."""
    numpy_method, torch_method = as_loaded(Net()), as_loaded(Net(), backend="torch")
    assert device_kind(numpy_method, "cuda:0,cuda:1") == "cpu"
    assert device_kind(torch_method, "cpu") == "cpu"
    assert device_kind(torch_method, "cuda:0,cuda:1") == "cuda"
    for there in (False, True):
        monkeypatch.setattr(inference, "accelerator", lambda there=there: "cuda" if there else None)
        assert device_kind(torch_method, "auto") == ("cuda" if there else "cpu")


def test_a_torch_method_that_cannot_be_moved_need_not_be(gif, as_loaded):
    class Still:
        backend = "torch"

        def restore_frames(self, frames, palettes):
            return frames

    loaded = as_loaded(Still(), backend="torch")
    (batch,) = run_method(loaded, gif, gif.times, clip="clip c7", device=on_device(loaded, "cpu"))
    assert np.array_equal(batch, gif.frames)


def test_without_torch_a_torch_method_asks_for_its_extra(as_loaded, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r'method mine needs the package "torch": pip install "gifbench\[torch\]"'):
        on_device(as_loaded(Net(), backend="torch"), "auto")
    with pytest.raises(MissingExtra, match="metrics_device torch needs the package"):
        measuring_device("torch")
    with pytest.raises(MissingExtra, match=r"lpips needs the package"):
        load_metric("lpips:backbone=a.pth")


def test_a_torch_method_is_checked_on_the_cpu_where_no_gpu_is(as_loaded, monkeypatch):
    monkeypatch.setattr(devices, "accelerator", lambda: None)
    checks = {check.name: check for check in check_method(as_loaded(Net(), backend="torch"))}
    gpu = checks["the GPU agrees with the CPU"]
    assert (gpu.kept, gpu.detail) == (None, "no GPU is here")
