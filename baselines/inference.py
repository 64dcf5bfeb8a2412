"""Running a network over the frames of a batch: in parts that suit the device, in half precision where it is wanted."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Literal

import torch

from gifbench import is_out_of_memory

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
