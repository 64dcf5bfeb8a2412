"""The losses that SuperSlomo has beside those of color: the warp and the smoothness of flow (Jiang et al., 3.3)."""

from __future__ import annotations

import torch

from ..ccdnet.losses import gradients
from .network import MOST_FLOW, Between, FlowPair, dis_flow, warp


def warp_loss(
    truth: tuple[torch.Tensor, torch.Tensor, torch.Tensor], motion: FlowPair, between: Between, each: int
) -> torch.Tensor:
    """How far frames of the truth, moved along the flows, are from what they should show.

    `truth` are the first, the second and the frames between, (N, 3, H, W), (N, 3, H, W) and (N·`each`, 3, H, W) in
    [-1, 1]. The flows to the frames between are the guessed ones: so the flow network learns from them, too.
    """
    first, second, middle = truth
    moved = [(warp(second, motion.forward), first), (warp(first, motion.backward), second)]
    for end, flow in zip((first, second), between.guessed, strict=True):
        moved.append((warp(end.repeat_interleave(each, dim=0), flow), middle))
    return torch.stack([(drawn - wanted).abs().mean() for drawn, wanted in moved]).sum()


def smoothness_loss(motion: FlowPair) -> torch.Tensor:
    """Mean absolute difference, in pixels, of the flow from one pixel to the next, added up over both flows.

    The mean of those across and down, of the lower right pixels, as in GIF2Video's released code.
    """
    across, down = gradients(torch.cat(tuple(motion)))
    return MOST_FLOW * (across.abs().mean() + down.abs().mean())


def released_gradient_loss(drawn: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """What GIF2Video's released code computes as the gradient loss of frames between two, (N, K, 3, H, W).

    A function for frames (N, 3, H, W) is called with one dimension more there. So it compares the absolute differences
    down of green and blue, and from channel to channel below the first row: the mean of both, as they are written.
    """

    def differences(frames: torch.Tensor) -> torch.Tensor:
        here = frames[:, :, 1:, 1:]
        return torch.cat([here - frames[:, :, 1:, :-1], here - frames[:, :, :-1, 1:]], dim=1).abs()

    return (differences(drawn) - differences(truth)).abs().mean()


def teacher_loss(truth: tuple[torch.Tensor, torch.Tensor], motion: FlowPair) -> torch.Tensor:
    """Mean distance, in pixels and over both flows, from OpenCV's DIS flow between frames of the truth, uint8.

    Not of the papers: DIS shows a network in minutes what it would take hours to find by itself.
    """
    wanted = torch.cat([dis_flow(*truth), dis_flow(*truth[::-1])])
    return (MOST_FLOW * torch.cat(tuple(motion)) - wanted).abs().mean()
