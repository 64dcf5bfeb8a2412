"""The losses of the paper's section 3.2, on frames in [-1, 1]; which of them count is a configuration's choice."""

from __future__ import annotations

from typing import Literal

import torch

GradientForm = Literal["signed", "abs"]


def color_loss(restored: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference."""
    return (restored - truth).abs().mean()


def gradient_loss(restored: torch.Tensor, truth: torch.Tensor, *, form: GradientForm = "signed") -> torch.Tensor:
    """Mean absolute difference of the horizontal gradients, plus that of the vertical ones.

    Signed gradients, as in Eq. 8 of the paper; `abs` compares their absolute values, as the released code does. Either
    is of the lower right pixels, as there.
    """
    total = restored.new_zeros(())
    for ours, theirs in zip(gradients(restored), gradients(truth), strict=True):
        difference = ours.abs() - theirs.abs() if form == "abs" else ours - theirs
        total = total + difference.abs().mean()
    return total


def gradients(frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Differences of the lower right pixels from the one to the left and from the one above, (…, H−1, W−1) each."""
    here = frames[..., 1:, 1:]
    return here - frames[..., 1:, :-1], here - frames[..., :-1, 1:]
