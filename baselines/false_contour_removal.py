"""False contour detection and removal (Huang et al. 2018), row 11 of the paper's Table 1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gifbench import Pixels, UsageError

RADIUS = 4
"""The detection's and the average's window is 9×9."""
FLAT, STRONGEST, ALL, ALIKE = 1, 3, 7, 2
"""The published thresholds in levels of luma: a pixel is flat, at a true edge (one direction, all), like another."""
BEST, WORST = 10, 6
"""A contour runs along a strip with at least ten like pixels, and across one with at most six."""
PAIRS = np.array([[0, 1], [1, 1], [1, 0], [1, -1]])
"""One direction (dy, dx) of each opposite pair."""


class Fcdr:
    """Finds the pixels on false contours by their luma and averages those, and no others.

    A pixel is on a false contour if, of its luma's four sums of absolute differences to opposite neighbors, one is at
    least 1, all are below 3 and their total is below 7 (it is neither flat nor at a true edge), and if in its 9×9
    window the best of four strips, three pixels wide, holds ten or more pixels with like sums (differing by less than
    2 in total) and the worst at most six. Such a pixel becomes the mean of those in the window whose luma differs from
    its own by less than 3. `noise` adds -1, 0 or 1 to each channel of these pixels, drawn from `seed` and the same for
    every frame.

    `scale` multiplies the thresholds that are in levels. `fcdr` has the published ones, which are made for the
    contours of video coding: on a GIF of 32 colors, whose steps are far larger, it finds next to nothing and gains
    nothing. `fcdr-tuned` is not the published method: its scale was chosen on training clips, those named in
    benchmarks/classical.py, and on no others.

    Qin Huang et al., "Understanding and Removal of False Contour in HEVC Compressed Images", IEEE TCSVT 28(2), 2018,
    378–391. The thresholds were handed down to us and are not checked against its pages. The strips' width is not
    published in numbers that we know of; at three a straight contour, two pixels wide, crosses the worst strip in six
    pixels, which is the published limit.
    """

    version = "1"
    needs_palettes = False

    def __init__(self, *, scale: float = 1.0, noise: bool = False, seed: int = 0) -> None:
        if not 0 < scale <= 255:
            raise UsageError(f"fcdr: scale must be above 0 and at most 255, got {scale}")
        if seed < 0:
            raise UsageError(f"fcdr: seed must be 0 or more, got {seed}")
        self._scale, self._noise, self._seed = float(scale), noise, seed

    def restore_frames(self, frames: Pixels, palettes: Sequence[Pixels]) -> NDArray[np.float32]:
        """Restore (N, H, W, 3) uint8 to float32 in [0, 255]."""
        out = frames.astype(np.float32)
        for frame, restored in zip(frames, out, strict=True):
            levels = luma(frame)
            contour = detect(levels, self._scale)
            _average(frame, levels, contour, np.float32(STRONGEST * self._scale), restored)
            if self._noise:
                steps = np.random.default_rng(self._seed).integers(-1, 2, frame.shape)
                restored[contour] = np.clip(restored[contour] + steps[contour], 0, 255)
        return out


def luma(frame: Pixels) -> NDArray[np.int32]:
    """Luma (H, W) of RGB (H, W, 3), 0 to 255: ITU-R BT.601, rounded."""
    red, green, blue = np.moveaxis(frame.astype(np.int32), -1, 0)
    weighted: NDArray[np.int32] = 299 * red + 587 * green + 114 * blue
    return (weighted + 500) // 1000


def detect(levels: NDArray[np.int32], scale: float = 1.0) -> NDArray[np.bool_]:
    """Which pixels of a luma (H, W) are on false contours; the picture's border is repeated outward."""
    height, width = levels.shape
    padded = np.pad(levels, 1, mode="edge")
    sums = np.zeros((height, width, 4), np.int32)
    for k, (dy, dx) in enumerate(PAIRS):
        for sign in (1, -1):
            top, left = 1 + sign * dy, 1 + sign * dx
            sums[..., k] += np.abs(levels - padded[top : top + height, left : left + width])
    strongest, total = sums.max(-1), sums.sum(-1)
    candidate: NDArray[np.bool_] = (strongest >= FLAT * scale) & (strongest < STRONGEST * scale) & (total < ALL * scale)
    _keep_strips(sums, candidate, ALIKE * scale)
    return candidate


@njit(cache=True)
def _keep_strips(sums: NDArray[np.int32], candidate: NDArray[np.bool_], alike: float) -> None:
    height, width = candidate.shape
    for y in range(height):
        for x in range(width):
            if not candidate[y, x]:
                continue
            along, down, falling, rising = 0, 0, 0, 0
            for dy in range(-RADIUS, RADIUS + 1):
                for dx in range(-RADIUS, RADIUS + 1):
                    on = (abs(dy) <= 1, abs(dx) <= 1, abs(dy - dx) <= 1, abs(dy + dx) <= 1)
                    inside = 0 <= y + dy < height and 0 <= x + dx < width
                    if not inside or not (on[0] or on[1] or on[2] or on[3]):
                        continue
                    difference = 0
                    for k in range(4):
                        difference += abs(sums[y + dy, x + dx, k] - sums[y, x, k])
                    if difference < alike:
                        along, down = along + on[0], down + on[1]
                        falling, rising = falling + on[2], rising + on[3]
            best, worst = max(along, down, falling, rising), min(along, down, falling, rising)
            candidate[y, x] = best >= BEST and worst <= WORST


@njit(cache=True)
def _average(
    frame: NDArray[np.uint8],
    levels: NDArray[np.int32],
    contour: NDArray[np.bool_],
    edge: np.float32,
    restored: NDArray[np.float32],
) -> None:
    height, width = contour.shape
    for y in range(height):
        for x in range(width):
            if not contour[y, x]:
                continue
            red, green, blue, count = 0, 0, 0, 0
            for v in range(max(0, y - RADIUS), min(height, y + RADIUS + 1)):
                for u in range(max(0, x - RADIUS), min(width, x + RADIUS + 1)):
                    if abs(levels[v, u] - levels[y, x]) < edge:
                        red, green, blue = red + frame[v, u, 0], green + frame[v, u, 1], blue + frame[v, u, 2]
                        count += 1
            restored[y, x, 0] = red / count
            restored[y, x, 1] = green / count
            restored[y, x, 2] = blue / count
