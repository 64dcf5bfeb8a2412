"""What steadiness and fidelity mean to the stabilizer in training (Lai et al., section 3.2), on frames in [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from gifbench import optical_flow

_SHARPNESS = 50.0
"""How fast the weight of a pixel falls with the squared difference of what should be the same thing."""


class Way:
    """How to draw one frame with the pixels of an earlier one: along the truth's motion, and where that holds.

    `flow` (N, 2, H, W) leads, in pixels, from the later frame to the earlier; `weight` (N, 1, H, W) in [0, 1].
    """

    def __init__(self, later: torch.Tensor, earlier: torch.Tensor) -> None:
        pairs = zip(*(frames.permute(0, 2, 3, 1).cpu().numpy() for frames in (later, earlier)), strict=True)
        flow = np.stack([optical_flow(255 * one, 255 * other) for one, other in pairs])
        self.flow = torch.from_numpy(flow).permute(0, 3, 1, 2).to(later.device)
        self.weight = torch.exp(-_SHARPNESS * (later - self.moved(earlier)).square().sum(dim=1, keepdim=True))

    def moved(self, earlier: torch.Tensor) -> torch.Tensor:
        """An earlier frame, drawn along the way."""
        height, width = earlier.shape[2:]
        x = torch.arange(width, device=earlier.device) + self.flow[:, 0]
        y = torch.arange(height, device=earlier.device)[:, None] + self.flow[:, 1]
        grid = torch.stack([2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1], dim=-1)
        return functional.grid_sample(earlier.float(), grid, mode="bilinear", padding_mode="border", align_corners=True)

    def loss(self, later: torch.Tensor, earlier: torch.Tensor) -> torch.Tensor:
        """How far a frame is from the earlier one drawn along the way, where the way holds."""
        return (self.weight * (later - self.moved(earlier)).abs()).mean()


def ways(truth: torch.Tensor) -> tuple[list[Way], list[Way]]:
    """Of a window of truth (N, T, 3, H, W) the ways from each frame but the first to the one before, and from each but
    the first two to the first.
    """
    frames: Sequence[torch.Tensor] = truth.unbind(dim=1)
    short = [Way(frames[t], frames[t - 1]) for t in range(1, len(frames))]
    return short, [Way(frames[t], frames[0]) for t in range(2, len(frames))]
