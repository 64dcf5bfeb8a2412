"""Weights of perceptual metrics: files that the user fetched, read without running anything in them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gifbench.errors import MissingExtra, PixelsError, WeightsError
from gifbench.metrics.metric import FrameBatch, FramePair, as_tensor

SMALLEST = 32
"""Pixels a side, of the smallest frames that a network sees."""


class NetworkDistance(ABC):
    """What metrics have in common that compare the features of a network."""

    better = "lower"
    unit = ""
    called: str
    """What it is called in messages."""

    def measure(self, pair: FramePair) -> float:
        """The distance of one frame, from 0 up; `PixelsError` for frames under 32 pixels a side."""
        batch = FrameBatch(as_tensor(pair.restored[None]), as_tensor(pair.truth[None]), [pair.shown])
        return self.measure_batch(batch)[0]

    def measure_batch(self, batch: FrameBatch) -> list[float]:
        """The same to 1e-5."""
        size = tuple(batch.truth.shape[-2:])
        if min(size) < SMALLEST:
            raise PixelsError(f"{self.called} needs frames of {SMALLEST} pixels a side, not {size}")
        return self.distances(batch.restored, batch.truth)

    @abstractmethod
    def distances(self, restored: Any, truth: Any) -> list[float]:  # noqa: ANN401
        """The distances of frames (N, 3, H, W) uint8, tensors on one device."""


def read_tensors(path: str, *, what: str, wanted: Iterable[str], advice: str) -> dict[str, Any]:
    """The tensors called `wanted` of a file that `torch.save` wrote; `what` needs them, `advice` says where they are.

    Raises `WeightsError` where no file is given or there, or it is damaged or another's, `MissingExtra` without torch.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtra("torch", extra="torch", wanted_for=what) from error
    if not path:
        raise WeightsError(f"{what} needs weights, which gifbench does not ship: {advice}")
    if not Path(path).is_file():
        raise WeightsError(f"{what}: there is no file {path}: {advice}")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
        tensors = {name: found[name].float() for name in wanted}
    except KeyError as error:
        raise WeightsError(f"{what}: {path} holds no {error}, so it is another network's: {advice}") from error
    except Exception as error:  # a file from somewhere may make the reader raise anything
        first = " ".join(str(error).split())[:120]
        raise WeightsError(f"{what}: {path} cannot be read as weights ({first}): {advice}") from error
    return tensors


def normalized(frames: Any) -> Any:  # noqa: ANN401  # a tensor (N, 3, H, W) uint8
    """Frames as networks for ImageNet want them: float32, mean 0 and deviation 1 a channel over ImageNet."""
    import torch

    mean = torch.tensor([0.485, 0.456, 0.406], device=frames.device)[:, None, None]
    deviation = torch.tensor([0.229, 0.224, 0.225], device=frames.device)[:, None, None]
    return (frames.float() / 255 - mean) / deviation


def moved(tensors: dict[str, Any], frames: Any) -> dict[str, Any]:  # noqa: ANN401
    """The tensors on the device of `frames`; moved once."""
    if next(iter(tensors.values())).device != frames.device:
        tensors.update({name: tensor.to(frames.device) for name, tensor in tensors.items()})
    return tensors
