"""The losses of the paper's section 3.2, on frames in [-1, 1]; which of them count is a configuration's choice."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional

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


def real_loss(logits: torch.Tensor) -> torch.Tensor:
    """Cross entropy of patches that should be held for video."""
    return functional.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))


def fake_loss(logits: torch.Tensor) -> torch.Tensor:
    """Cross entropy of patches that should be held for fakes."""
    return functional.binary_cross_entropy_with_logits(logits, torch.zeros_like(logits))


def fooling_loss(discriminator: nn.Module, fakes: torch.Tensor) -> torch.Tensor:
    """Cross entropy of fakes that should be held for video; nothing of the discriminator is learned by it."""
    discriminator.requires_grad_(False)
    loss = real_loss(discriminator(fakes))
    discriminator.requires_grad_(True)
    return loss


def accuracy(real: torch.Tensor, fake: torch.Tensor) -> float:
    """The share of patches that the discriminator judges rightly, real and fake alike.

    A logit above ½ says real, one below says fake, as in the released code.
    """
    return (float((real > 0.5).float().mean()) + float((fake < 0.5).float().mean())) / 2
