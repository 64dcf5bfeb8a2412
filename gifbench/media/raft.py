"""RAFT as a source of flow, through torchvision, with weights that the user has; none come with gifbench."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gifbench.errors import MissingExtra, PixelsError, UsageError, WeightsError
from gifbench.media.flow import Flow, within_frame

_STRIDE, _SMALLEST = 8, 128
"""Pixels: RAFT wants sides that are multiples of the first and at least the second."""


class Raft:
    """The flow of Teed and Deng, "RAFT: recurrent all-pairs field transforms for optical flow" (ECCV 2020).

    `weights` is a file of torchvision's RAFT, large or small, as `.pth` or as safetensors; only tensors are read from
    it. It is called as `gifbench.optical_flow` is. Raises `UsageError` where no file is named, `WeightsError` for one
    that is not there or of something else, `MissingExtra` without torchvision.
    """

    def __init__(self, weights: str | Path | None) -> None:
        if weights is None:
            raise UsageError(
                "RAFT needs a file of weights, and none comes with gifbench: fetch one of torchvision's, such as "
                "raft_large_C_T_SKHT_V2-ff5fadd5.pth, and name it by --flow-weights"
            )
        tensors = _read(Path(weights))
        try:
            from torchvision.models import optical_flow as models
        except ImportError as error:
            raise MissingExtra("torchvision", extra="raft", wanted_for="RAFT's flow") from error
        except RuntimeError as error:  # one that was built for another torch
            raise UsageError(
                f"torchvision cannot be loaded beside this torch ({error}): install both from one place"
            ) from error
        made = {"RAFT large": models.raft_large(weights=None), "RAFT small": models.raft_small(weights=None)}
        fitting = [name for name, network in made.items() if _fits(network.state_dict(), tensors)]
        if not fitting:
            raise WeightsError(f"{weights}: not the weights of torchvision's RAFT, neither the large nor the small one")
        self.name = fitting[0]
        self._network = made[self.name].eval()
        self._network.load_state_dict(tensors)

    def __call__(self, first: NDArray[Any], second: NDArray[Any]) -> Flow:
        """The flow from `first` to `second`, RGB frames (H, W, 3) of one shape and any size, values 0 to 255."""
        import torch

        if first.shape != second.shape or first.ndim != 3 or first.shape[-1] != 3:
            raise PixelsError(f"flow is between two frames of one shape (H, W, 3), not {first.shape}, {second.shape}")
        height, width, _ = first.shape
        down, across = (max(-side % _STRIDE, _SMALLEST - side) for side in (height, width))
        filled = [np.pad(frame, ((0, down), (0, across), (0, 0)), mode="edge") for frame in (first, second)]
        given = torch.from_numpy(np.stack(filled)).permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.inference_mode():
            found = self._network(given[:1], given[1:])[-1][0].permute(1, 2, 0).float().numpy()
        return within_frame(np.ascontiguousarray(found[:height, :width], np.float32))


def _fits(own: dict[str, Any], tensors: dict[str, Any]) -> bool:
    return own.keys() == tensors.keys() and all(own[name].shape == tensors[name].shape for name in own)


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise WeightsError(f"{path}: there is no such file of weights")
    try:
        import torch
        from safetensors.torch import load_file
    except ImportError as error:
        raise MissingExtra("torch", extra="raft", wanted_for="RAFT's flow") from error
    try:
        found: Any = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
        return {str(name): tensor for name, tensor in found.items() if isinstance(tensor, torch.Tensor)}
    except Exception as error:  # torch's reader answers damage with whatever its own code stumbles over
        raise WeightsError(f"{path}: no file of weights, or damaged") from error
