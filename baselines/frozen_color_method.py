"""Frames that a color method has restored, for trainers that learn on top of one."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from gifbench import FrameMethod, LoadedMethod, UsageError, load_method

from .ccdnet.network import scaled


def load_frame_method(name: str, *, option: str) -> LoadedMethod:
    """A method that works frame by frame; raises `UsageError`, which names the `option`, for another one."""
    loaded = load_method(name)
    if not isinstance(loaded.method, FrameMethod):
        raise UsageError(
            f"{option}: {name} does not work frame by frame (restore_frames), so samples cannot be restored by it; "
            "name one that does, such as gaussian-0.5 or ccdnet-2"
        )
    return loaded


def colored(loaded: LoadedMethod, gif: torch.Tensor, palettes: torch.Tensor, colors: torch.Tensor) -> torch.Tensor:
    """GIF frames (N, 3, H, W) uint8 with palettes (N, 256, 3), of which `colors` (N) count, restored: float in [-1, 1].

    Nothing is learned through the method.
    """
    method: Any = loaded.method
    own = [palette[: int(count)] for palette, count in zip(palettes, colors, strict=True)]
    frames = gif.permute(0, 2, 3, 1).contiguous()
    with torch.no_grad():
        if loaded.declared.backend == "torch":
            if callable(move := getattr(method, "to", None)):
                move(str(gif.device))
            found = method.restore_frames(frames, own).to(gif.device)
        else:
            arrays = method.restore_frames(frames.cpu().numpy(), [palette.cpu().numpy() for palette in own])
            found = torch.from_numpy(np.ascontiguousarray(arrays)).to(gif.device)
    return scaled(found.permute(0, 3, 1, 2))
