"""Views of a frame: other framings, sizes and colors, so that a few clips show what many would.

A view stands for a frame of its own: its palette is made from it alone, as a GIF's is.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from gifbench.media.clip import Pixels
from gifbench.training.config import ViewOptions

_WIDEST = 1.78
_UPRIGHT = 0.15
_SWAPPED = 0.2
_LIGHTS = 3
_DARKEST, _BRIGHTEST = 0.65, 1.25
_FINEST, _COARSEST = 8, 64
"""Pixels of the squares whose means a smooth part goes through."""
_NOISIEST = 1.0


def view(frame: Pixels, options: ViewOptions, draw: np.random.Generator, *, least: int) -> Pixels:
    """A view of a frame (H, W, 3), (h, w, 3) uint8, with no side under `least` pixels."""
    window = _window(frame, options, draw)
    short = min(window.shape[:2])
    scale = 2 ** draw.uniform(np.log2(options.scale[0]), np.log2(options.scale[1]))
    side = max(least, int(np.clip(short * scale, *options.side)))
    if side != short:
        height, width = (max(side, round(length * side / short)) for length in window.shape[:2])
        pictures = torch.from_numpy(window.transpose(2, 0, 1).copy())[None].float()
        antialias = bool(draw.random() < options.antialiased)
        resized = functional.interpolate(pictures, (height, width), mode="bilinear", antialias=antialias)
        window = resized[0].permute(1, 2, 0).add_(0.5).clamp_(0, 255).byte().numpy()
    if options.smoothed and draw.random() < options.smoothed:  # nothing is drawn where it is not asked for
        window = _smoothed(window, draw)
    if draw.random() < options.recolored:
        window = _recolored(window, draw)
    if draw.random() < options.lit:
        window = _lit(window, draw)
    return np.ascontiguousarray(window)


def _window(frame: Pixels, options: ViewOptions, draw: np.random.Generator) -> Pixels:
    """A part of the frame, from square to widescreen, now and then upright."""
    height, width = frame.shape[:2]
    side = max(1, int(min(height, width) * draw.uniform(*options.window)))
    rows, columns = side, min(width, int(side * draw.uniform(1, _WIDEST)))
    if draw.random() < _UPRIGHT and columns <= height:
        rows, columns = columns, rows
    top, left = int(draw.integers(height - rows + 1)), int(draw.integers(width - columns + 1))
    return frame[top : top + rows, left : left + columns]


def _recolored(frame: Pixels, draw: np.random.Generator) -> Pixels:
    """Other saturation, gamma, brightness and tint; sometimes with the channels in another order."""
    values: NDArray[np.floating] = frame.astype(np.float32) / 255
    if draw.random() < _SWAPPED:
        values = values[..., draw.permutation(3)]
    gray = values.mean(axis=-1, keepdims=True)
    values = np.clip(gray + (values - gray) * np.float32(draw.uniform(0.5, 1.4)), 0, 1)
    values = values ** np.float32(draw.uniform(0.7, 1.4)) * np.float32(draw.uniform(0.75, 1.1))
    values = (values + np.float32(draw.uniform(-0.05, 0.05))) * draw.uniform(0.88, 1.12, 3).astype(np.float32)
    recolored: Pixels = (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)
    return recolored


def _smoothed(frame: Pixels, draw: np.random.Generator) -> Pixels:
    """Without detail: all of it, or what is brighter or darker than some level; with the noise of a video, or none."""
    height, width = frame.shape[:2]
    square = 2 ** draw.uniform(np.log2(_FINEST), np.log2(_COARSEST))
    size = (max(2, round(width / square)), max(2, round(height / square)))
    means = cv2.resize(frame.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    smooth = cv2.resize(means, (width, height), interpolation=cv2.INTER_CUBIC)
    smooth = smooth + np.float32(draw.uniform(0, _NOISIEST) * draw.integers(2)) * draw.standard_normal(
        frame.shape, dtype=np.float32
    )
    where, level = draw.integers(3), draw.uniform(0.2, 0.8)
    if where:
        gray = cv2.GaussianBlur(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), (0, 0), 2)
        bright = gray > np.quantile(gray, level)
        kept = bright if where == 1 else ~bright
        smooth = np.where(kept[..., None], frame, smooth)
    found: Pixels = np.clip(smooth + 0.5, 0, 255).astype(np.uint8)
    return found


def _lit(frame: Pixels, draw: np.random.Generator) -> Pixels:
    """Under a light that changes slowly over the frame, and a little in color."""
    lights = draw.uniform(_DARKEST, _BRIGHTEST, (1, _LIGHTS, _LIGHTS)) * draw.uniform(0.95, 1.05, (3, _LIGHTS, _LIGHTS))
    light = torch.from_numpy(lights[None].astype(np.float32))
    field = functional.interpolate(light, frame.shape[:2], mode="bicubic", align_corners=True)[0].permute(1, 2, 0)
    lit: Pixels = np.clip(frame * field.numpy() + 0.5, 0, 255).astype(np.uint8)
    return lit
