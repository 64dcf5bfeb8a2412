"""Running a network on what is more than it should be given at once: frames in parts, large pictures in tiles.

`Runner` cuts a batch into parts that suit the device, in half precision where that is asked for. Tiles have seams that
are exact (`exact`) or blended.

A network here is a module with `stride`, to whole multiples of which pictures are filled up by repeating their border;
with `any_size`, only sides shorter than `stride` are.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch.nn import functional

from gifbench import is_out_of_memory


def padded(network: Any, x: torch.Tensor) -> torch.Tensor:  # noqa: ANN401 - a module with a stride
    """Run on (N, C, H, W), filled up below and to the right to whole strides, and cut the result back to H×W."""
    height, width = x.shape[2:]
    filled = [
        max(side, network.stride) if getattr(network, "any_size", False) else _up(side, network.stride)
        for side in (width, height)
    ]
    more = (0, filled[0] - width, 0, filled[1] - height)
    if any(more):
        x = functional.pad(x, more, mode="replicate")
    result: torch.Tensor = network(x)[..., :height, :width]
    return result


def exact(network: Any, x: torch.Tensor, tile: int | None) -> torch.Tensor:  # noqa: ANN401 - see below
    """Run on (N, C, H, W) in squares of side `tile`, each with as much around it as the network sees.

    The network says by `reach` how many pixels to each side an output pixel can see, so that the result is that of the
    whole picture. Three channels come out.
    """
    height, width = x.shape[2:]
    if tile is None or max(height, width) <= tile:
        return padded(network, x)
    # Halos are whole strides, so that every tile lies on the grid of the whole picture.
    step, halo = _up(tile, network.stride), _up(network.reach, network.stride)
    out = x.new_empty((len(x), 3, height, width))
    for top in range(0, height, step):
        for left in range(0, width, step):
            above, before = max(0, top - halo), max(0, left - halo)
            bottom, right = min(height, top + step), min(width, left + step)
            window = x[..., above : min(height, bottom + halo), before : min(width, right + halo)]
            done = padded(network, window)
            out[..., top:bottom, left:right] = done[..., top - above : bottom - above, left - before : right - before]
    return out


def blended(network: Any, x: torch.Tensor, *, tile: int, overlap: int) -> torch.Tensor:  # noqa: ANN401 - as above
    """Run on (N, C, H, W) in squares of side `tile` that overlap by `overlap` pixels, and fade from one into the next.

    For networks whose every output pixel sees the whole picture, so that no tile can be exact. Three channels come out,
    float32.
    """
    height, width = x.shape[2:]
    if max(height, width) <= tile:
        return padded(network, x)
    out = x.new_zeros((len(x), 3, height, width), dtype=torch.float32)
    weights = x.new_zeros((height, width), dtype=torch.float32)
    for top in _starts(height, tile, tile - overlap):
        for left in _starts(width, tile, tile - overlap):
            bottom, right = min(height, top + tile), min(width, left + tile)
            weight = _ramp(bottom - top, overlap, x.device)[:, None] * _ramp(right - left, overlap, x.device)[None]
            out[..., top:bottom, left:right] += weight * padded(network, x[..., top:bottom, left:right])
            weights[top:bottom, left:right] += weight
    return out.div_(weights)


def _starts(length: int, tile: int, step: int) -> list[int]:
    """Where tiles begin: evenly, the last one at the end."""
    if length <= tile:
        return [0]
    count = -(-(length - tile) // step)
    return [i * (length - tile) // count for i in range(count + 1)]


def _ramp(length: int, overlap: int, device: torch.device) -> torch.Tensor:
    """Rising over `overlap` pixels from the one end and falling towards the other, nowhere zero."""
    place = torch.arange(length, device=device)
    return (torch.minimum(place, place.flip(0)) + 1).clamp(max=overlap).float() / overlap


def _up(value: int, stride: int) -> int:
    return -(-value // stride) * stride


Precision = Literal["fp32", "bf16", "fp16"]

_PIXELS_OF_A_CPU = 1 << 16
_DTYPES = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


class Runner:
    """Calls a network on part after part of a batch.

    On a CPU a part is one frame of 256×256, or two in half precision: with sixteen at once, which leave its caches,
    CCDNets were half as fast (`benchmarks/networks.py`). On a GPU it is the whole batch. A part for which there is no
    memory is halved, down to one frame; a warning says so, and parts stay as small.
    """

    def __init__(self, *, precision: Precision = "fp32") -> None:
        self._dtype = _DTYPES[precision]
        self._cpu_pixels = _PIXELS_OF_A_CPU * (1 if self._dtype is None else 2)
        self._most: int | None = None

    def run(self, call: Callable[[slice], torch.Tensor], frames: torch.Tensor) -> torch.Tensor:
        """`call(part)` for parts of the frames (N, C, H, W), in order: what it gives, concatenated, as float32."""
        count, pixels = len(frames), frames.shape[2] * frames.shape[3]
        size = count if frames.device.type != "cpu" else max(1, min(count, self._cpu_pixels // pixels))
        if self._most is not None:
            size = max(1, min(size, self._most // pixels))
        done: list[torch.Tensor] = []
        start = 0
        while start < count:
            try:
                with torch.inference_mode(), torch.autocast(frames.device.type, self._dtype, enabled=bool(self._dtype)):
                    done.append(call(slice(start, start + size)).float())
            except RuntimeError as error:
                if size == 1 or not is_out_of_memory(error):
                    raise
                size = -(-size // 2)
                self._most = size * pixels
                warnings.warn(f"out of memory: {size} frames at a time from here on", RuntimeWarning, stacklevel=2)
                continue
            start += size
        return torch.cat(done)
