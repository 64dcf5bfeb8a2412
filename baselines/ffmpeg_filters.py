"""What ffmpeg's users take against bands: its filters `deband` and `gradfun`, run by libavfilter through PyAV.

Both work on 8-bit planes of red, green and blue, so that no color is subsampled. Their defaults are ffmpeg's, which are
made for the bands of video coding: a GIF of few colors has far larger steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import av
import av.error
import av.filter
import numpy as np
from numpy.typing import NDArray

from gifbench import MethodError, Pixels, UsageError


class _Filter:
    """One filter over single frames; a graph is made for each size."""

    version = "1"
    needs_palettes = False
    name: str

    def __init__(self, options: dict[str, str]) -> None:
        self._options = ":".join(f"{key}={value}" for key, value in options.items())
        self._graph: av.filter.Graph | None = None
        self._size = (0, 0)

    def restore_frames(self, frames: Pixels, palettes: Sequence[Pixels]) -> NDArray[np.float32]:
        """Restore (N, H, W, 3) uint8 to float32 in [0, 255]."""
        return np.stack([self._run(np.ascontiguousarray(frame)) for frame in frames]).astype(np.float32)

    def _run(self, frame: Pixels) -> Pixels:
        height, width = frame.shape[:2]
        try:
            if self._graph is None or self._size != (height, width):
                self._graph, self._size = self._new(height, width), (height, width)
            self._graph.push(av.VideoFrame.from_ndarray(frame, format="rgb24"))
            result = self._graph.vpull().to_ndarray(format="rgb24")
        except (av.error.FFmpegError, ValueError) as error:
            raise MethodError(
                f"ffmpeg-{self.name}: libavfilter failed on a frame of {width}×{height}: {' '.join(str(error).split())}"
            ) from error
        return result.astype(np.uint8, copy=False)

    def _new(self, height: int, width: int) -> av.filter.Graph:
        if self.name not in av.filter.filters_available:
            raise MethodError(f"ffmpeg-{self.name}: this build of PyAV has no filter {self.name}; install its wheel")
        graph = av.filter.Graph()
        parts = [
            graph.add_buffer(width=width, height=height, format=av.VideoFormat("rgb24"), time_base=Fraction(1)),
            graph.add("format", "gbrp"),
            graph.add(self.name, self._options),
            graph.add("format", "rgb24"),
            graph.add("buffersink"),
        ]
        graph.link_nodes(*parts).configure()
        return graph


class FfmpegDeband(_Filter):
    """ffmpeg's `deband`: a pixel becomes the mean of four others at a random distance, where they are all alike.

    `threshold` is how much they may differ, as a share of the range (ffmpeg's 1thr, 2thr and 3thr, 0.00003 to 0.5);
    `range` the distance in pixels, negative for a fixed one; `direction` the angle in radians, negative for a fixed
    one; `blur` compares with the mean of the four, and `coupling` changes a pixel only where all channels allow it.
    """

    name = "deband"

    def __init__(
        self,
        *,
        threshold: float = 0.02,
        range: int = 16,
        direction: float = 2 * math.pi,
        blur: bool = True,
        coupling: bool = False,
    ) -> None:
        if not 0.00003 <= threshold <= 0.5:
            raise UsageError(f"ffmpeg-deband: threshold must be 0.00003 to 0.5, got {threshold}")
        if not (range and -1024 <= range <= 1024):
            raise UsageError(f"ffmpeg-deband: range must be -1024 to 1024 pixels and not 0, got {range}")
        if not -2 * math.pi <= direction <= 2 * math.pi:
            raise UsageError(f"ffmpeg-deband: direction must be -2π to 2π, got {direction}")
        thresholds = {f"{plane}thr": f"{threshold:.6f}" for plane in (1, 2, 3)}
        # Given in full, 2π is rounded up, and out of the filter's bounds.
        angle = f"{math.copysign(math.floor(abs(direction) * 1e5) / 1e5, direction):.5f}"
        more = {"range": str(range), "direction": angle, "blur": str(int(blur)), "coupling": str(int(coupling))}
        super().__init__(thresholds | more)


class FfmpegGradfun(_Filter):
    """ffmpeg's `gradfun`: flat areas become the blur of their surroundings, with an ordered dither.

    `strength` is how far it may change a pixel (0.51 to 64 levels, about), `radius` that of the blur in pixels (4 to
    32; the filter takes even ones).
    """

    name = "gradfun"

    def __init__(self, *, strength: float = 1.2, radius: int = 16) -> None:
        if not 0.51 <= strength <= 64:
            raise UsageError(f"ffmpeg-gradfun: strength must be 0.51 to 64, got {strength}")
        if not 4 <= radius <= 32:
            raise UsageError(f"ffmpeg-gradfun: radius must be 4 to 32 pixels, got {radius}")
        super().__init__({"strength": f"{strength:.4f}", "radius": str(radius)})
