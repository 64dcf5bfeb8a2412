"""What the palette makers and dithers accept; all else is refused with the value seen and what is wanted."""

from __future__ import annotations

import numpy as np

from gifbench.errors import PixelsError, UsageError


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
        raise PixelsError(f"a palette must have the shape (K, 3), RGB, with 1 to 256 colors, not {palette.shape}")


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
            "gray becomes that by np.stack([gray] * 3, axis=-1)"
        )
