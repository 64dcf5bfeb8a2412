"""Palette-constrained smoothing: what can be said of a GIF's colors without having learned anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gifbench import Pixels, PixelsError, UsageError, gaussian_blur

from .undither import color_codes

_Values = NDArray[np.float32]

DITHERED_FROM = 1.0
"""A frame whose `unrest` is at least this is taken for a dithered one; chosen on the tuning clips."""
CALM, RESTLESS = 0.55, 0.8
"""The `unrest` of plain frames from which smooth and from which textured pictures are told."""
INSIDE = np.float32(0.9995)
"""How much of the way from a palette color to its cell's border may be used."""
ROUNDS, DITHERED_ROUNDS = 3, 2
START, FINE = 0.7, 1.0  # gaussians, in pixels: dithered frames begin with the one, the other's local mean is kept
DIAGONAL = np.float32(0.5)


class PaletteSmooth:
    """Smooths each frame, except across edges, within what the frame's palette says of the original.

    Without dithering a pixel's original lay nearer to its palette color than to any other: in that color's Voronoi
    cell. Rounds of smoothing alternate with bringing each pixel back into its own cell, straight towards its palette
    color until it is inside. So the result, drawn again with the palette, is the GIF: f_C(I) = G.

    With dithering single pixels say nothing, but the error that a pixel leaves is given to its neighbors, so that the
    local mean of the GIF is that of the original. Rounds of smoothing alternate with giving back the gaussian mean, of
    one pixel, of what the smoothing has taken away from the GIF.

    One step of smoothing makes each pixel the weighted mean of its eight neighbors; for the plain frames the GIF's own
    color weighs in with `anchor`. A neighbor at distance d in RGB weighs 1/√(1 + d²/s²), half of that on the
    diagonal, where s is a step in levels: for small differences this is diffusion, for large ones total variation. For
    dithered frames s is `dithered_step`. For plain ones it falls with the frame's `unrest`, from `calm_step` at 0.55 to
    `restless_step` at 0.8 and geometrically between, because textured pictures bear less smoothing than soft ones. All
    the numbers were chosen on the tuning clips of benchmarks/classical.py.

    `mode` says what the frames are; "auto" decides for each frame by its pixels (see `unrest`). A
    picture of few colors that dithering hardly touched, such as a test card, counts as plain.

    That each pixel keeps its closest palette color is the constraint of Kim, Ahn and Choi, "Image Dequantization:
    Restoration of Quantized Colors", Computer Graphics Forum 26(3), 2007, who stitch regions of one color by
    optimization; the smoothing is ours.
    """

    version = "1"

    def __init__(
        self,
        *,
        mode: Literal["auto", "plain", "dithered"] = "auto",
        calm_step: float = 18.0,
        restless_step: float = 2.0,
        dithered_step: float = 3.0,
        anchor: float = 0.25,
    ) -> None:
        if mode not in ("auto", "plain", "dithered"):
            raise UsageError(f"palette-smooth: mode is auto, plain or dithered, not {mode}")
        steps = {"calm_step": calm_step, "restless_step": restless_step, "dithered_step": dithered_step}
        for name, value in steps.items():
            if not 0 < value <= 1000:
                raise UsageError(f"palette-smooth: {name} must be above 0 and at most 1000 levels, got {value}")
        if not 0 <= anchor <= 1000:
            raise UsageError(f"palette-smooth: anchor must be from 0 to 1000, got {anchor}")
        self._mode, self._anchor = mode, np.float32(anchor)
        self._calm_step, self._restless_step, self._dithered_step = calm_step, restless_step, np.float32(dithered_step)

    def restore_frames(self, frames: Pixels, palettes: Sequence[Pixels]) -> _Values:
        """Smooth (N, H, W, 3) uint8, drawn with N palettes (K, 3) uint8, to float32 in [0, 255].

        Raises `PixelsError` where a frame to be kept within its palette's cells has a color that is not in it.
        """
        out = np.empty(frames.shape, np.float32)
        for frame, palette, restored in zip(frames, palettes, out, strict=True):
            found = unrest(frame)
            if self._mode == "dithered" or (self._mode == "auto" and found >= DITHERED_FROM):
                restored[...] = self._dithered(frame)
            else:
                restored[...] = self._plain(frame, palette, self._step(found))
        return out

    def _step(self, found: float) -> np.float32:
        share = min(max((found - CALM) / (RESTLESS - CALM), 0.0), 1.0)
        return np.float32(self._calm_step ** (1 - share) * self._restless_step**share)

    def _plain(self, frame: Pixels, palette: Pixels, step: np.float32) -> _Values:
        gif = frame.astype(np.float32)
        cells = _checked(frame, palette).astype(np.float32)
        values, smooth = gif, np.empty_like(gif)
        for _ in range(ROUNDS):
            _smooth(values, gif, self._anchor, step, smooth)
            _into_cells(smooth, gif, cells)
            values, smooth = smooth, np.empty_like(gif) if values is gif else values
        return values

    def _dithered(self, frame: Pixels) -> _Values:
        gif = frame.astype(np.float32)
        values, smooth, none = gaussian_blur(gif, START), np.empty_like(gif), np.float32(0)
        for _ in range(DITHERED_ROUNDS):
            values += gaussian_blur(gif - values, FINE)
            _smooth(values, gif, none, self._dithered_step, smooth)
            values, smooth = smooth, values
        return np.clip(values, 0, 255)


def unrest(frame: Pixels) -> float:
    """How much a frame (H, W, 3) uint8 looks dithered: mostly 0.5 to 0.9 if it is not, 1.1 to 1.8 if it is.

    The sum of two numbers. In a picture direct neighbors differ less than pixels two apart, in a dither more: the
    ratio of the two mean squared differences, each cut off at 3000 so that edges do not decide. And the share of
    pixels that equal at most one of their four neighbors.
    """
    height, width = frame.shape[:2]
    if min(height, width) < 3:
        return 0.0
    levels = frame.astype(np.int32)
    near, far = (
        sum(
            float(np.minimum((d**2).sum(-1), 3000).mean())
            for d in (levels[n:] - levels[:-n], levels[:, n:] - levels[:, :-n])
        )
        for n in (1, 2)
    )
    colors = color_codes(frame)
    padded = np.pad(colors, 1, mode="edge")
    unlike = np.zeros((height, width), np.int32)
    for top, left in ((0, 1), (2, 1), (1, 0), (1, 2)):
        unlike += padded[top : top + height, left : left + width] != colors
    return (near / far if far else 0.0) + float((unlike >= 3).mean())


def _checked(frame: Pixels, palette: Pixels) -> Pixels:
    """The palette without repetitions, if it has all of the frame's colors."""
    colors, first = np.unique(color_codes(palette), return_index=True)
    unknown = np.setdiff1d(color_codes(frame), colors)
    if unknown.size:
        raise PixelsError(
            f"palette-smooth: a frame has {unknown.size} colors that are not in its palette, "
            f"such as #{unknown[0]:06x}; give the frames of a GIF as they are, with their own palettes"
        )
    return palette[first]


@njit(cache=True, fastmath=True)
def _smooth(values: _Values, gif: _Values, anchor: np.float32, step: np.float32, out: _Values) -> None:
    # Neighbors outside the picture are those at its border.
    height, width = values.shape[:2]
    scale = np.float32(1) / (step * step)
    one = np.float32(1)
    for y in range(height):
        for x in range(width):
            r, g, b = values[y, x, 0], values[y, x, 1], values[y, x, 2]
            red, green, blue, total = np.float32(0), np.float32(0), np.float32(0), anchor
            for dy in range(-1, 2):
                for dx in range(-1, 2):
                    if dy == 0 and dx == 0:
                        continue
                    v, u = min(max(y + dy, 0), height - 1), min(max(x + dx, 0), width - 1)
                    dr, dg, db = values[v, u, 0] - r, values[v, u, 1] - g, values[v, u, 2] - b
                    weight = one / np.sqrt(one + (dr * dr + dg * dg + db * db) * scale)
                    if dy != 0 and dx != 0:
                        weight *= DIAGONAL
                    red, green, blue, total = red + weight * dr, green + weight * dg, blue + weight * db, total + weight
            out[y, x, 0] = r + (red + anchor * (gif[y, x, 0] - r)) / total
            out[y, x, 1] = g + (green + anchor * (gif[y, x, 1] - g)) / total
            out[y, x, 2] = b + (blue + anchor * (gif[y, x, 2] - b)) / total


@njit(cache=True, fastmath=True)
def _into_cells(values: _Values, gif: _Values, palette: _Values) -> None:
    # A border lies half way to each other color: with n the way there, d is inside while 2 n·d/|n|² stays below 1.
    two, tiny = np.float32(2), np.float32(1e-6)
    for y in range(values.shape[0]):
        for x in range(values.shape[1]):
            r, g, b = gif[y, x, 0], gif[y, x, 1], gif[y, x, 2]
            dr, dg, db = values[y, x, 0] - r, values[y, x, 1] - g, values[y, x, 2] - b
            most = np.float32(0)
            for k in range(palette.shape[0]):
                nr, ng, nb = palette[k, 0] - r, palette[k, 1] - g, palette[k, 2] - b
                part = two * (nr * dr + ng * dg + nb * db) / (nr * nr + ng * ng + nb * nb + tiny)
                most = max(most, part)
            if most > INSIDE:
                short = INSIDE / most
                values[y, x, 0], values[y, x, 1], values[y, x, 2] = r + short * dr, g + short * dg, b + short * db
