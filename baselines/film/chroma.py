"""Luminance and chroma: Y'CbCr of BT.601 over the full range, as JPEG has it.

Luminance is in [0, 1], chroma in [-0.5, 0.5]; gray has chroma 0.
"""

from __future__ import annotations

import torch

_RED, _GREEN, _BLUE = 0.299, 0.587, 0.114


def luminance(rgb: torch.Tensor) -> torch.Tensor:
    """Of pictures (N, 3, H, W) in [0, 1]: (N, 1, H, W) in [0, 1]."""
    red, green, blue = rgb.unbind(dim=1)
    return (_RED * red + _GREEN * green + _BLUE * blue)[:, None]


def chroma(rgb: torch.Tensor) -> torch.Tensor:
    """Of pictures (N, 3, H, W) in [0, 1]: (N, 2, H, W), Cb and Cr, in [-0.5, 0.5]."""
    y = luminance(rgb)[:, 0]
    blue, red = (rgb[:, 2] - y) / (2 - 2 * _BLUE), (rgb[:, 0] - y) / (2 - 2 * _RED)
    return torch.stack([blue, red], dim=1)


def to_rgb(y: torch.Tensor, colors: torch.Tensor) -> torch.Tensor:
    """Luminance (N, 1, H, W) and chroma (N, 2, H, W) as RGB (N, 3, H, W), cut to [0, 1]."""
    y, cb, cr = y[:, 0], colors[:, 0], colors[:, 1]
    red, blue = y + (2 - 2 * _RED) * cr, y + (2 - 2 * _BLUE) * cb
    green = (y - _RED * red - _BLUE * blue) / _GREEN
    return torch.stack([red, green, blue], dim=1).clamp(0, 1)
