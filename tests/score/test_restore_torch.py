"""Methods that speak torch: tensors in, tensors out, on the device that was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from gifbench.errors import UsageError
from gifbench.score.restore import on_device, restored

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

    (frames,) = restored(as_loaded(Tensors()), gif, gif.times, clip="clip c7")
    assert np.abs(frames.astype(float) - gif.frames).max() <= 1, "bfloat16 has eight bits"


def test_a_torch_frame_method_gets_tensors_and_is_moved_once(gif, as_loaded):
    method = Net()
    loaded = as_loaded(method, backend="torch")
    (batch,) = restored(loaded, gif.every(2), gif.times, clip="clip c7", device=on_device(loaded, "cpu"))
    assert method.moved == ["cpu"]
    ((frames, palettes),) = method.batches
    assert isinstance(frames, torch.Tensor) and frames.dtype == torch.uint8
    assert all(isinstance(palette, torch.Tensor) for palette in palettes)
    assert np.array_equal(batch, gif.frames[[0, 0, 2, 2, 4, 4]] / np.float32(2))


def test_devices(as_loaded, monkeypatch):
    numpy_method, torch_method = as_loaded(Net()), as_loaded(Net(), backend="torch")
    assert on_device(numpy_method, "cuda") == "cpu"
    with pytest.raises(UsageError, match="auto, cpu, cuda"):
        on_device(numpy_method, "gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert on_device(torch_method, "auto") == "cpu"
    with pytest.raises(UsageError, match="sees no GPU"):
        on_device(torch_method, "cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert on_device(torch_method, "auto") == "cuda"
    assert on_device(torch_method, "cpu") == "cpu"
