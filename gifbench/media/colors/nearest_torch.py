"""The nearest palette color of every pixel of a batch on a torch device: to the bit what `nearest` gives.

By the keys of `nearest.py`: whole numbers below 2^24, which float32 holds exactly in whatever order a device adds
them up. The products are a batched matrix multiplication, and stay exact where torch is allowed to round its factors
to TF32 or bfloat16: eight significant bits are all that a color, or 128 times a color, has.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gifbench.errors import PixelsError
from gifbench.media.clip import Pixels
from gifbench.media.colors.nearest import GROUP, nearest_indices
from gifbench.media.colors.palette_validation import check_palette

if TYPE_CHECKING:
    import torch


def pad_palettes(palettes: Sequence[Pixels]) -> Pixels:
    """One array (N, K, 3) of palettes (K_i, 3) of different lengths: each is filled up with its first color.

    A repeated color is never the answer, because the lowest index wins a tie. Raises `PixelsError`.
    """
    if not palettes:
        raise PixelsError("there is no palette")
    for palette in palettes:
        check_palette(palette)
    longest = max(len(palette) for palette in palettes)
    return np.stack([np.vstack([p, np.repeat(p[:1], longest - len(p), axis=0)]) for p in palettes])


def nearest_torch(frames: torch.Tensor, palettes: torch.Tensor, *, max_pixels: int = 1 << 22) -> torch.Tensor:
    """Indices (N, H, W) uint8 of the nearest colors of `frames` (N, 3, H, W), frame i over `palettes[i]` of (N, K, 3).

    Both are uint8 on one device, K is 1 to 256; palettes of different lengths are brought together by `pad_palettes`.
    Exact in squared RGB distance, the lowest index on ties. A GPU works on at most `max_pixels` pixels at a time,
    which take some 300 bytes each with 64 colors or more. Raises `PixelsError`.
    """
    import torch

    for name, value in (("frames", frames), ("palettes", palettes)):
        if not isinstance(value, torch.Tensor) or value.dtype != torch.uint8:
            raise PixelsError(f"{name} must be a torch tensor of uint8, not {getattr(value, 'dtype', type(value))}")
    if frames.ndim != 4 or frames.shape[1] != 3:
        raise PixelsError(f"frames must have the shape (N, 3, H, W), RGB, not {tuple(frames.shape)}")
    if palettes.ndim != 3 or palettes.shape[2] != 3 or not 1 <= palettes.shape[1] <= 256:
        raise PixelsError(f"palettes must have the shape (N, K, 3) with 1 to 256 colors, not {tuple(palettes.shape)}")
    if len(palettes) != len(frames):
        raise PixelsError(f"{len(frames)} frames need as many palettes, and there are {len(palettes)}")
    if frames.numel() and frames.device.type != "cpu":
        return batched_search(frames, palettes, max_pixels=max(1, max_pixels))
    out = frames.new_empty((len(frames), *frames.shape[2:]))
    for frame, palette, indices in zip(frames, palettes, out, strict=True):
        indices.copy_(torch.from_numpy(nearest_indices(frame.permute(1, 2, 0).numpy(), palette.numpy())))
    return out


def batched_search(frames: torch.Tensor, palettes: torch.Tensor, *, max_pixels: int) -> torch.Tensor:
    """What `nearest_torch` does on a GPU; it runs on a CPU too, a hundred times slower than `nearest`."""
    out = frames.new_empty((len(frames), *frames.shape[2:]))
    pixels, indices = frames.flatten(2), out.flatten(1)
    per_frame = min(max_pixels, indices.shape[1])
    at_once = max_pixels // per_frame
    for i in range(0, len(frames), at_once):
        tables = [_key_table(palettes[i : i + at_once, k : k + GROUP]) for k in range(0, palettes.shape[1], GROUP)]
        for j in range(0, indices.shape[1], per_frame):
            some = (slice(i, i + at_once), slice(j, j + per_frame))
            indices[some] = _search(pixels[i : i + at_once, :, j : j + per_frame], tables)
    return out


def _key_table(palettes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    # The factors (N, K, 3) and what is added (N, K, 1) of the keys of at most GROUP colors.
    import torch

    colors = palettes.float()
    numbers = torch.arange(colors.shape[1], device=colors.device)
    return -2 * GROUP * colors, GROUP * (colors * colors).sum(dim=2, keepdim=True) + numbers[:, None]


def _search(pixels: torch.Tensor, tables: list[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
    # Indices (N, P) of pixels (N, 3, P): of all groups the least distance, with the index in its lowest eight bits.
    import torch

    values, found = pixels.float(), []
    for group, (factors, added) in enumerate(tables):
        keys = torch.baddbmm(added, factors, values).amin(dim=1).int()
        found.append((keys >> 6 << 8) + (keys & (GROUP - 1)) + group * GROUP)
    return (functools.reduce(torch.minimum, found) & 255).byte()
