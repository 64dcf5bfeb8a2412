"""Motion between two frames, without weights: OpenCV's DIS flow, the warp along it, and where it cannot be trusted.

A flow is (H, W, 2) float32: `flow[y, x]` is the way (dx, dy) in pixels from the place (x, y) of one frame to where the
same thing is in the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gifbench.argument_types import check_types
from gifbench.errors import PixelsError

Flow = NDArray[np.float32]
"""(H, W, 2): dx and dy in pixels."""

FlowMethod = Callable[[NDArray[Any], NDArray[Any]], Flow]
"""The flow from one RGB frame (H, W, 3) to another, finite: `optical_flow`, or what is to stand in for it."""

_SMALLEST = 48
"""Pixels a side that DIS is given at least: its pyramid of 8×8 patches refuses pictures of a few pixels."""


@check_types
def optical_flow(first: NDArray[Any], second: NDArray[Any], *, blur: float = 0.0) -> Flow:
    """The flow from `first` to `second`, RGB frames (H, W, 3) of any size, uint8 or float in 0 to 255; it is finite.

    It is that of Kroeger et al., "Fast optical flow using dense inverse search" (ECCV 2016), OpenCV's preset MEDIUM, on
    gray pictures that are first blurred by a gaussian of `blur` pixels (0: not at all). A way that is longer than the
    frame's diagonal is none: it becomes 0. Raises `PixelsError` for frames of different shapes.
    """
    if first.shape != second.shape or first.ndim != 3 or first.shape[-1] != 3:
        raise PixelsError(f"flow is between two frames of one shape (H, W, 3), not {first.shape} and {second.shape}")
    height, width, _ = first.shape
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    nothing = np.zeros((max(height, _SMALLEST), max(width, _SMALLEST), 2), np.float32)
    found = search.calc(_gray(first, blur), _gray(second, blur), nothing)
    return within_frame(np.ascontiguousarray(found[:height, :width], np.float32))


def within_frame(flow: Flow) -> Flow:
    """The flow itself, changed: a way that is no number, or longer than the frame's diagonal, becomes 0."""
    height, width, _ = flow.shape
    x, y = np.square(flow[..., 0]), np.square(flow[..., 1])
    far = ~(x + y <= height**2 + width**2)  # NaN is far, too
    if far.any():
        flow[far] = 0
    return flow


@check_types
def warp(frame: NDArray[Any], flow: Flow) -> NDArray[np.float32]:
    """What `frame` (H, W) or (H, W, C) shows where `flow` leads: bilinear, beyond the border the border's value.

    With the flow from `first` to `second`, `warp(second, flow)` is `first` drawn with the pixels of `second`.
    """
    height, width = flow.shape[:2]
    x = np.arange(width, dtype=np.float32) + flow[..., 0]
    y = np.arange(height, dtype=np.float32)[:, np.newaxis] + flow[..., 1]
    source = np.ascontiguousarray(frame, np.float32)
    return np.asarray(cv2.remap(source, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


@check_types
def inconsistent(forward: Flow, backward: Flow) -> NDArray[np.bool_]:
    """Where going there and back does not end near the start, (H, W): what is hidden in the other frame, or mistaken.

    With b' the backward flow where f leads: |f + b'|² > 0.01 (|f|² + |b'|²) + 0.5 (Sundaram et al., "Dense point
    trajectories by GPU-accelerated large displacement optical flow", ECCV 2010), or f leads out of the frame.
    """
    height, width = forward.shape[:2]
    there = warp(backward, forward)
    error = np.square(forward + there).sum(-1)
    lengths = np.square(forward).sum(-1) + np.square(there).sum(-1)
    x = np.arange(width, dtype=np.float32) + forward[..., 0]
    y = np.arange(height, dtype=np.float32)[:, np.newaxis] + forward[..., 1]
    outside = (x < -0.5) | (x > width - 0.5) | (y < -0.5) | (y > height - 0.5)
    return np.asarray((error > 0.01 * lengths + 0.5) | outside)


def motion_edges(flow: Flow) -> NDArray[np.bool_]:
    """Where the flow changes abruptly, (H, W): |∇f|² > 0.01 |f|² + 0.002, with differences to the next pixel."""
    across = np.diff(flow, axis=1, append=flow[:, -1:])
    down = np.diff(flow, axis=0, append=flow[-1:])
    change = np.square(across).sum(-1) + np.square(down).sum(-1)
    return np.asarray(change > 0.01 * np.square(flow).sum(-1) + 0.002)


def _gray(frame: NDArray[Any], blur: float) -> NDArray[np.uint8]:
    eight_bit = frame if frame.dtype == np.uint8 else np.rint(frame).clip(0, 255).astype(np.uint8)
    gray = cv2.cvtColor(np.ascontiguousarray(eight_bit), cv2.COLOR_RGB2GRAY)
    height, width = gray.shape
    if min(height, width) < _SMALLEST:
        more = max(0, _SMALLEST - height), max(0, _SMALLEST - width)
        gray = cv2.copyMakeBorder(gray, 0, more[0], 0, more[1], cv2.BORDER_REPLICATE)
    if blur > 0:
        gray = cv2.GaussianBlur(gray, (0, 0), blur)
    return np.asarray(gray, np.uint8)
