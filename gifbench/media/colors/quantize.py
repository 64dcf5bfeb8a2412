"""From an RGB frame to a palette of few colors and the index of every pixel.

    indices, palette = quantize(frame, colors=32)                      # plain: the nearest color of each pixel
    palette, plain, dithered = quantize_pair(frame, colors=32)         # both variants, over one palette

A palette is (K, 3) uint8, RGB. Minimum variance gives its colors from dark to light (Rec. 601 luma); their order has
no influence on the size of a GIF, whose compression sees only which indices are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np

from gifbench.errors import PixelsError, UsageError
from gifbench.media.clip import Pixels
from gifbench.media.colors.error_diffusion import FLOYD_STEINBERG, RowDiffuser, floyd_steinberg, sierra_2_4a
from gifbench.media.colors.nearest import nearest_indices
from gifbench.media.colors.ordered_dither import bayer
from gifbench.media.colors.palette_selection import PaletteMaker, median_cut
from gifbench.media.colors.palette_validation import check_colors, check_frame, check_palette, check_pixels


def minimum_variance(frame: Pixels, colors: int = 32, *, kmeans_steps: int = 0, fine: bool = False) -> Pixels:
    """The palette (K, 3) of `frame` (H, W, 3) by minimum variance, with at most `colors` colors (2 to 256).

    A frame that has no more colors than that gets exactly its own. `kmeans_steps` refines the palette by as many
    steps of Lloyd's k-means. A `fine` palette is split by single colors also where many are alike, as on a screen: up
    to 4 dB nearer there, in up to ten times the time; datasets have none. To the bit the same on every machine. Raises
    `PixelsError` or `UsageError`. The method: see `palette_selection.py`.
    """
    check_frame(frame)
    return _maker(colors, kmeans_steps, fine=fine).palette(frame)


def nearest(pixels: Pixels, palette: Pixels) -> Pixels:
    """The index of the color of `palette` (K, 3) nearest to each of `pixels` (..., 3), both uint8: shape (...), uint8.

    Exact in squared RGB distance; the lowest index wins a tie, so of equal entries the first. Raises `PixelsError` or
    `UsageError`.
    """
    check_pixels(pixels)
    check_palette(palette)
    return nearest_indices(pixels, palette)


def global_palette(frames: Iterable[Pixels], colors: int = 32, *, kmeans_steps: int = 0) -> Pixels:
    """One minimum-variance palette (K, 3) for all `frames` (H, W, 3), which are read once and not kept.

    A clip that has no more than `colors` colors gets exactly its own. Raises `PixelsError` or `UsageError`, and that
    also where there is no frame.
    """
    maker = _maker(colors, kmeans_steps)

    def checked() -> Iterator[Pixels]:
        for frame in frames:
            check_frame(frame)
            yield frame

    palette = maker.palette_of(checked())
    if not len(palette):
        raise PixelsError("a global palette needs at least one frame, and there is none")
    return palette


def _by_minimum_variance(frame: Pixels, colors: int) -> tuple[Pixels, Pixels]:
    palette = minimum_variance(frame, colors)
    return palette, nearest_indices(frame, palette)


QUANTIZERS: dict[str, Callable[[Pixels, int], tuple[Pixels, Pixels]]] = {
    "minimum-variance": _by_minimum_variance,
    "median-cut": median_cut,
}
"""Every quantizer by its name: (frame (H, W, 3), colors) -> palette (K, 3), indices (H, W)."""


DITHERS: dict[str, Callable[[Pixels, Pixels], Pixels]] = {
    "floyd-steinberg": floyd_steinberg,
    "floyd-steinberg-serpentine": partial(floyd_steinberg, serpentine=True),
    "sierra-2-4a": sierra_2_4a,
    "bayer": bayer,
}
"""Every dither by its name: (frame (H, W, 3), palette (K, 3)) -> indices (H, W)."""


def quantize(frame: Pixels, *, colors: int = 32, quantizer: str = "minimum-variance") -> tuple[Pixels, Pixels]:
    """Indices (H, W) and palette (K, 3) of `frame` (H, W, 3), K ≤ `colors`, by the named quantizer. All uint8.

    Raises `PixelsError` or `UsageError`.
    """
    palette, indices = _quantizer(quantizer)(frame, colors)
    return indices, palette


def quantize_pair(
    frame: Pixels, *, colors: int = 32, quantizer: str = "minimum-variance"
) -> tuple[Pixels, Pixels, Pixels]:
    """Palette (K, 3), plain indices and Floyd-Steinberg dithered indices (H, W) of `frame` (H, W, 3). All uint8.

    For many frames, `PairQuantizer` gives the same faster. Raises `PixelsError` or `UsageError`.
    """
    return PairQuantizer(colors=colors, quantizer=quantizer)(frame)


class PairQuantizer:
    """`quantize_pair` for many frames: `palette, plain, dithered = pair(frame)`.

    It keeps 0.7 MB and 5 bytes a pixel to work in, so use one object a thread. Raises `UsageError`.
    """

    def __init__(self, *, colors: int = 32, quantizer: str = "minimum-variance", kmeans_steps: int = 0) -> None:
        self._quantizer = _quantizer(quantizer)
        self._maker = _maker(colors, kmeans_steps) if quantizer == "minimum-variance" else None
        check_colors(colors)
        self._colors = colors
        self._diffuser = RowDiffuser()

    def __call__(self, frame: Pixels) -> tuple[Pixels, Pixels, Pixels]:
        """Palette (K, 3), plain and dithered indices (H, W) of `frame` (H, W, 3). Raises `PixelsError`."""
        check_frame(frame)
        frame = np.ascontiguousarray(frame)
        if self._maker is None:
            palette, plain = self._quantizer(frame, self._colors)
        else:
            palette = self._maker.palette(frame)
            plain = nearest_indices(frame, palette)
        return palette, plain, self._diffuser(frame, palette, FLOYD_STEINBERG)


def _maker(colors: int, kmeans_steps: int, *, fine: bool = False) -> PaletteMaker:
    check_colors(colors)
    if type(kmeans_steps) is not int or kmeans_steps < 0:
        raise UsageError(f"kmeans_steps is a whole number from 0, not {kmeans_steps!r}")
    return PaletteMaker(colors=int(colors), kmeans_steps=kmeans_steps, fine=fine)


def _quantizer(name: str) -> Callable[[Pixels, int], tuple[Pixels, Pixels]]:
    if name not in QUANTIZERS:
        raise UsageError(f'there is no quantizer "{name}"; there are {", ".join(QUANTIZERS)}')
    return QUANTIZERS[name]
