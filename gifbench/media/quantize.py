"""From an RGB frame to a palette of few colours and the index of every pixel.

    indices, palette = quantize(frame, colors=32)                      # plain: the nearest colour of each pixel
    palette, plain, dithered = quantize_pair(frame, colors=32)         # both variants, over one palette

A palette is (K, 3) uint8, RGB. Minimum variance gives its colours from dark to light (Rec. 601 luma); their order has
no influence on the size of a GIF, whose compression sees only which indices are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from PIL import Image

from gifbench.errors import PixelsError, UsageError
from gifbench.media.clip import Pixels
from gifbench.media.nearest import nearest_indices
from gifbench.media.palette import PaletteMaker


def minimum_variance(frame: Pixels, colors: int = 32, *, kmeans_steps: int = 0) -> Pixels:
    """The palette (K, 3) of `frame` (H, W, 3) by minimum variance, with at most `colors` colours (2 to 256).

    A frame that has no more colours than that gets exactly its own. `kmeans_steps` refines the palette by as many
    steps of Lloyd's k-means. To the bit the same on every machine. Raises `PixelsError` or `UsageError`. The method:
    see `palette_split.py`.
    """
    check_frame(frame)
    return _maker(colors, kmeans_steps).palette(frame)


def median_cut(frame: Pixels, colors: int = 32) -> tuple[Pixels, Pixels]:
    """Palette (K, 3) and indices (H, W) of `frame` (H, W, 3) by Pillow's median cut, as Pillow gives them.

    That is `Image.quantize(colors, method=MEDIANCUT, dither=NONE)`, whose indices are not always the nearest colours.
    Raises `PixelsError` or `UsageError`.
    """
    check_frame(frame)
    check_colors(colors)
    image = Image.fromarray(np.ascontiguousarray(frame)).quantize(
        colors, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
    )
    indices = np.asarray(image, dtype=np.uint8)
    palette = np.array(image.getpalette("RGB"), dtype=np.uint8).reshape(-1, 3)
    return palette[: int(indices.max()) + 1], indices


def nearest(pixels: Pixels, palette: Pixels) -> Pixels:
    """The index of the colour of `palette` (K, 3) nearest to each of `pixels` (..., 3), both uint8: shape (...), uint8.

    Exact in squared RGB distance; the lowest index wins a tie, so of equal entries the first. Raises `PixelsError` or
    `UsageError`.
    """
    check_pixels(pixels)
    check_palette(palette)
    return nearest_indices(pixels, palette)


def global_palette(frames: Iterable[Pixels], colors: int = 32, *, kmeans_steps: int = 0) -> Pixels:
    """One minimum-variance palette (K, 3) for all `frames` (H, W, 3), which are read once and not kept.

    A clip that has no more than `colors` colours gets exactly its own. Raises `PixelsError` or `UsageError`, and that
    also where there is no frame.
    """
    maker = _maker(colors, kmeans_steps)
    count = 0

    def checked() -> Iterator[Pixels]:
        nonlocal count
        for frame in frames:
            check_frame(frame)
            count += 1
            yield frame

    palette = maker.palette_of(checked())
    if not count:
        raise PixelsError("a global palette needs at least one frame, and there is none")
    return palette


def _by_minimum_variance(frame: Pixels, colors: int) -> tuple[Pixels, Pixels]:
    palette = minimum_variance(frame, colors)
    return palette, nearest_indices(frame, palette)


QUANTIZERS: dict[str, Callable[[Pixels, int], tuple[Pixels, Pixels]]] = {
    "minimum-variance": _by_minimum_variance,
    "median-cut": median_cut,
}
"""Every quantiser by its name: (frame (H, W, 3), colors) -> palette (K, 3), indices (H, W)."""


def quantize(frame: Pixels, *, colors: int = 32, quantizer: str = "minimum-variance") -> tuple[Pixels, Pixels]:
    """Indices (H, W) and palette (K, 3) of `frame` (H, W, 3), K ≤ `colors`, by the named quantiser. All uint8.

    Raises `PixelsError` or `UsageError`.
    """
    palette, indices = _quantizer(quantizer)(frame, colors)
    return indices, palette


def quantize_pair(
    frame: Pixels, *, colors: int = 32, quantizer: str = "minimum-variance"
) -> tuple[Pixels, Pixels, Pixels]:
    """Palette (K, 3), plain indices and Floyd-Steinberg dithered indices (H, W) of `frame` (H, W, 3). All uint8.

    Raises `PixelsError` or `UsageError`.
    """
    from gifbench.media.dither import floyd_steinberg

    palette, plain = _quantizer(quantizer)(frame, colors)
    return palette, plain, floyd_steinberg(frame, palette)


def check_colors(colors: object) -> None:
    """Raise `UsageError` unless `colors` is a whole number from 2 to 256."""
    if isinstance(colors, bool) or not isinstance(colors, (int, np.integer)) or not 2 <= colors <= 256:
        raise UsageError(f"colors is a whole number from 2 to 256, not {colors!r}")


def check_palette(palette: object) -> None:
    """Raise `PixelsError` unless `palette` is (K, 3) uint8 with 1 to 256 entries, which need not differ."""
    if not isinstance(palette, np.ndarray):
        raise PixelsError(f"a palette must be a numpy array (K, 3) of uint8, not {type(palette).__name__}")
    if palette.dtype != np.uint8:
        raise PixelsError(f"a palette must be uint8 in 0..255, not {palette.dtype}")
    if palette.ndim != 2 or palette.shape[1] != 3 or not 1 <= len(palette) <= 256:
        raise PixelsError(f"a palette must have the shape (K, 3), RGB, with 1 to 256 colours, not {palette.shape}")


def check_frame(frame: object) -> None:
    """Raise `PixelsError` unless `frame` is an RGB uint8 array of shape (H, W, 3) with no side empty."""
    check_pixels(frame)
    assert isinstance(frame, np.ndarray)  # noqa: S101 - for mypy: check_pixels has refused all else
    if frame.ndim != 3:
        raise PixelsError(f"a frame must have the shape (H, W, 3), RGB, not {frame.shape}")
    if 0 in frame.shape:
        raise PixelsError(f"a frame must not be empty, and its shape is {frame.shape}")


def check_pixels(pixels: object) -> None:
    """Raise `PixelsError` unless `pixels` is a uint8 array of shape (..., 3)."""
    if not isinstance(pixels, np.ndarray):
        raise PixelsError(f"pixels must be a numpy array (H, W, 3) of uint8, not {type(pixels).__name__}")
    if pixels.dtype != np.uint8:
        raise PixelsError(
            f"pixels must be uint8 in 0..255, not {pixels.dtype}: "
            "floats in [0, 1] become that by (255 * x).round().astype('uint8')"
        )
    if pixels.ndim > 2 and pixels.shape[-1] == 4:
        raise PixelsError(f"pixels must be RGB, shape (..., 3), not {pixels.shape}: drop the alpha by pixels[..., :3]")
    if pixels.ndim < 2 or pixels.shape[-1] != 3:
        raise PixelsError(
            f"pixels must be RGB, shape (..., 3), not {pixels.shape}: "
            "grey becomes that by np.stack([grey] * 3, axis=-1)"
        )


def _maker(colors: int, kmeans_steps: int) -> PaletteMaker:
    check_colors(colors)
    if type(kmeans_steps) is not int or kmeans_steps < 0:
        raise UsageError(f"kmeans_steps is a whole number from 0, not {kmeans_steps!r}")
    return PaletteMaker(colors=int(colors), kmeans_steps=kmeans_steps)


def _quantizer(name: str) -> Callable[[Pixels, int], tuple[Pixels, Pixels]]:
    if name not in QUANTIZERS:
        raise UsageError(f'there is no quantizer "{name}"; there are {", ".join(QUANTIZERS)}')
    return QUANTIZERS[name]
