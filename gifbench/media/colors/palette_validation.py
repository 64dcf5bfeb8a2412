"""What the palette makers and dithers accept; all else is refused with the value seen and what is wanted."""

from __future__ import annotations

import numpy as np

from gifbench.errors import PixelsError, UsageError
from gifbench.media.clip import checked_pixels


def check_colors(colors: object) -> None:
    """Raise `UsageError` unless `colors` is a whole number from 2 to 256."""
    if isinstance(colors, bool) or not isinstance(colors, (int, np.integer)) or not 2 <= colors <= 256:
        raise UsageError(f"colors is a whole number from 2 to 256, not {colors!r}")


def check_palette(palette: object) -> None:
    """Raise `PixelsError` unless `palette` is (K, 3) uint8 with 1 to 256 entries, which need not differ."""
    shape = checked_pixels(palette, "a palette", "(K, 3)").shape
    if len(shape) != 2 or shape[1] != 3 or not 1 <= shape[0] <= 256:
        raise PixelsError(f"a palette must have the shape (K, 3), RGB, with 1 to 256 colors, not {shape}")


def check_frame(frame: object) -> None:
    """Raise `PixelsError` unless `frame` is an RGB uint8 array of shape (H, W, 3) with no side empty."""
    shape = check_pixels(frame)
    if len(shape) != 3:
        raise PixelsError(f"a frame must have the shape (H, W, 3), RGB, not {shape}")
    if 0 in shape:
        raise PixelsError(f"a frame must not be empty, and its shape is {shape}")


def check_pixels(pixels: object) -> tuple[int, ...]:
    """The shape of `pixels`; raises `PixelsError` unless they are a uint8 array of shape (..., 3)."""
    shape: tuple[int, ...] = checked_pixels(pixels, "pixels", "(H, W, 3)").shape
    if len(shape) > 2 and shape[-1] == 4:
        raise PixelsError(f"pixels must be RGB, shape (..., 3), not {shape}: drop the alpha by pixels[..., :3]")
    if len(shape) < 2 or shape[-1] != 3:
        raise PixelsError(
            f"pixels must be RGB, shape (..., 3), not {shape}: gray becomes that by np.stack([gray] * 3, axis=-1)"
        )
    return shape
