"""Temporal consistency: the warping error E_warp and tOF, as functions of videos and as metrics of an evaluation.

E_warp is that of Lai et al., "Learning blind video temporal consistency" (ECCV 2018), equations 9 to 11: the mean
squared difference between a frame and the next one, drawn back along the motion between them, over the pixels that both
show. Motion and those pixels are the truth's, so that all methods are measured alike; a frame counts as hidden where
the flow is inconsistent or has an edge (`gifbench.media.flow`). tOF is that of Chu et al., "Learning temporal coherence
via self-supervision for GAN-based video generation" (TecoGAN, 2020): how far, in pixels, the motion of the processed
frames is from the truth's. Both flows are OpenCV's DIS unless another is given; TecoGAN takes Farnebäck's.

A blurred video is steady: E_warp says something only beside the truth's own and beside fidelity.
DIS runs on the CPU, also where the other metrics run on a GPU.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gifbench.errors import PixelsError
from gifbench.media.flow import Flow, FlowMethod, inconsistent, motion_edges, optical_flow, warp
from gifbench.metrics.metric import FramePair

Frame = NDArray[Any]
"""One RGB frame, shape (H, W, 3), uint8 or float, 0 to 255."""


@dataclass(frozen=True, slots=True, eq=False)
class TruthMotion:
    """The motion between two frames of the truth: `forward` (H, W, 2) in pixels, and `seen` (H, W), where both show
    the same thing.
    """

    forward: Flow
    seen: NDArray[np.bool_]

    @classmethod
    def between(cls, first: Frame, second: Frame, *, flow: FlowMethod = optical_flow) -> TruthMotion:
        """That between two frames of one shape, as `flow` sees it; raises `PixelsError` for others."""
        forward, backward = flow(first, second), flow(second, first)
        return cls(forward, ~(inconsistent(forward, backward) | motion_edges(forward)))


@dataclass(frozen=True, slots=True)
class Steadiness:
    """What was measured of one video against the truth.

    `warp_error` is E_warp on the scale of [0, 1]: the mean over pairs of frames of their mean over pixels and channels;
    None where no pair has a pixel that both frames show. `tof` is in pixels, the mean over all pairs.
    """

    warp_error: float | None
    tof: float


@dataclass(frozen=True, slots=True)
class MeasuredSteadiness:
    """The truth's own E_warp, what was measured of the others, and of how much.

    `pairs` are the pairs of frames that E_warp is the mean of, `frames` all frames, and `seen` is the share of the
    pixels that entered, 0 to 1.
    """

    frames: int
    pairs: int
    seen: float
    truth_warp_error: float | None
    others: tuple[Steadiness, ...]


def warp_error(first: Frame, second: Frame, motion: TruthMotion) -> float:
    """E_warp of one pair on the scale of [0, 1], the mean over channels and seen pixels; there must be one seen."""
    difference = (warp(second, motion.forward) - np.asarray(first, np.float32))[motion.seen]
    return float(np.square(difference / 255, dtype=np.float64).mean())


def flow_difference(first: Frame, second: Frame, motion: TruthMotion, *, flow: FlowMethod = optical_flow) -> float:
    """The tOF of one pair: the mean distance, in pixels, between its flow and the truth's, both found by `flow`."""
    return float(np.sqrt(np.square(flow(first, second) - motion.forward).sum(-1)).mean())


def measure_steadiness(together: Iterable[Sequence[Frame]], *, flow: FlowMethod = optical_flow) -> MeasuredSteadiness:
    """Measure videos frame by frame: each item is a frame of the truth and the frames of all others at that time.

    `flow` is how motion is found, in the truth and, for tOF, in the others. No more than two items are held. Raises
    `PixelsError` for frames of different shapes, or fewer than two items.
    """
    errors: list[list[float]] = []
    distances: list[list[float]] = []
    shares: list[float] = []
    before: Sequence[Frame] | None = None
    frames = 0
    for frames, now in enumerate(together, start=1):  # how many there were is asked below
        _check_alike(now, before, frames)
        if before is not None:
            motion = TruthMotion.between(before[0], now[0], flow=flow)
            pairs = list(zip(before, now, strict=True))
            shares.append(float(motion.seen.mean()))
            distances.append([flow_difference(*pair, motion, flow=flow) for pair in pairs[1:]])
            if motion.seen.any():
                errors.append([warp_error(*pair, motion) for pair in pairs])
        before = now
    if frames < 2:
        raise PixelsError(f"steadiness is measured between frames, and there {'is one' if frames else 'are none'}")
    truth, *others = _means(errors) if errors else [None] * (1 + len(distances[0]))
    tofs = _means(distances)
    steady = tuple(Steadiness(error, tof) for error, tof in zip(others, tofs, strict=True))
    return MeasuredSteadiness(frames, len(errors), math.fsum(shares) / len(shares), truth, steady)


def _means(rows: Sequence[Sequence[float]]) -> list[float]:
    return [math.fsum(column) / len(rows) for column in zip(*rows, strict=True)]


def _check_alike(now: Sequence[Frame], before: Sequence[Frame] | None, number: int) -> None:
    wanted = (now if before is None else before)[0].shape
    for frame in now:
        if frame.shape != wanted or frame.ndim != 3:
            raise PixelsError(
                f"frame {number}: {frame.shape[1]}×{frame.shape[0]} pixels beside {wanted[1]}×{wanted[0]}; "
                "all videos must be of one size"
            )


class WarpError:
    """E_warp: how much the picture changes along the truth's motion, in thousandths."""

    better = "lower"
    unit = "10⁻³"
    spec = (
        "1000 times E_warp of Lai et al. 2018 on the scale of [0, 1]: mean squared difference between a frame and the "
        "next one drawn back along the truth's motion (OpenCV DIS, MEDIUM) over the pixels seen in both "
        "(|f + b'|^2 <= 0.01 (|f|^2 + |b'|^2) + 0.5 and |grad f|^2 <= 0.01 |f|^2 + 0.002), mean over pairs of frames"
    )

    def measure(self, pair: FramePair) -> float | None:
        """For the frame and the one before; None for a segment's first frame, and where no pixel is seen in both."""
        if pair.before is None or pair.motion is None or not pair.motion.seen.any():
            return None
        return 1000 * warp_error(pair.before.restored, pair.restored, pair.motion)


class FlowDifference:
    """tOF: how far the motion of the restored frames is from the truth's."""

    better = "lower"
    unit = "pixels"
    spec = (
        "tOF of TecoGAN (Chu et al. 2020): mean distance between the flow of the restored frames and the truth's "
        "(OpenCV DIS, MEDIUM, both on gray pictures), in pixels, mean over pairs of frames"
    )

    def measure(self, pair: FramePair) -> float | None:
        """For the frame and the one before; None for a segment's first frame."""
        if pair.before is None or pair.motion is None:
            return None
        return flow_difference(pair.before.restored, pair.restored, pair.motion)
