"""Motion-compensated interpolation with OpenCV's DIS flow: no weights, and hard to beat at small gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gifbench import Frames, Pixels, UsageError, inconsistent, optical_flow, warp

from .fill_frame_gaps import Interpolator


class Dis(Interpolator):
    """Draws each missing frame with the pixels of the two GIF frames around, moved along the flow between them.

    The flow from the missing frame to either one is put together from the flows between the two, as the first step of
    SuperSlomo does (Jiang et al., CVPR 2018, equation 4): for motion that is even and smooth. What only one of the two
    shows is taken from that one: the way along one flow does not lead back along the other, and the colors differ.
    Where that holds for both, they are blended unmoved. Over a change of scene the frame before is held. `blur` is the
    sigma, in pixels, of the gaussian that smooths away dither before motion is looked for. The result is float and not
    rounded.
    """

    version = "1"
    needs_palettes = False

    def __init__(self, *, blur: float = 1.0) -> None:
        if not 0 <= blur <= 20:
            raise UsageError(f"dis: blur must be 0 to 20 pixels, got {blur}")
        self._blur = blur

    def restore_between(
        self, pair: tuple[Any, Any], seen: tuple[Pixels, Pixels], shares: Sequence[float]
    ) -> Iterator[Frames]:
        """The frames at `shares` of the way: (1, H, W, 3) float32 each."""
        first, second = (np.asarray(frame, np.float32) for frame in pair)
        forward, backward = (optical_flow(*way, blur=self._blur) for way in (seen, seen[::-1]))
        gone, new = _soft(inconsistent(forward, backward)), _soft(inconsistent(backward, forward))
        for share in shares:
            to_first = share * share * backward - share * (1 - share) * forward
            to_second = (1 - share) * (1 - share) * forward - share * (1 - share) * backward
            from_first, from_second = warp(first, to_first), warp(second, to_second)
            differ = cv2.GaussianBlur(np.abs(from_first - from_second).mean(-1), (0, 0), _SOFT)
            differ = ((differ - _NOISE) / (_OTHER - _NOISE)).clip(0, 1)
            only_first, only_second = warp(gone, to_first) * differ, warp(new, to_second) * differ
            lost = np.minimum(only_first, only_second)
            of_first = (1 - share) * (1 - only_second + lost)
            of_second = share * (1 - only_first + lost)
            toward_second = (of_second / (of_first + of_second))[..., None]
            moved = from_first + toward_second * (from_second - from_first)
            unmoved = first + share * (second - first)
            yield (moved + lost[..., None] * (unmoved - moved))[None]


_NOISE, _OTHER = 16.0, 48.0
"""Mean differences of color, of 255: up to the first two samples are one thing and a palette's noise, which averaging
lessens; from the second on they are two things."""
_SOFT = 1.5
"""Sigma in pixels of the edges of weights, so that a single wrong pixel makes no hard spot."""


def _soft(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), _SOFT), np.float32)
