"""E_warp and tOF as metrics of an evaluation: the definitions and their sources are in `temporal.py`.

Both follow the truth's motion, found by OpenCV's DIS on the CPU, which has no other device: on a GPU the other metrics
run there, and these beside them.
"""

from __future__ import annotations

from gifbench.metrics.metric import FramePair
from gifbench.metrics.temporal import flow_difference, warp_error


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
