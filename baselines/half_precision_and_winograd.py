"""The arithmetic a network restores in, half precision or Winograd's algorithm, and the parts of a batch it is given.

`Runner` cuts a batch into parts that suit the device, in the precision that is asked for.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import lru_cache
from threading import Barrier
from typing import Any, Literal

import torch
from torch.overrides import TorchFunctionMode

from gifbench import is_out_of_memory

Precision = Literal["fp32", "winograd", "bf16", "fp16"]
"""`winograd` is fp32 with 3×3 convolutions by Winograd's algorithm (Lavin and Gray, 2016), which multiplies less: on a
CPU with AVX2 and no AVX-512 they take 0.4 to 0.7 times as long, and a frame changes by 0.001 of a level at the most
(`benchmarks/networks.py`). Elsewhere it is fp32."""

PARTS_A_THREAD = 4
"""Where there are as many: a thread that other programs hold up has the others wait for it only after so many."""
_PIXELS_OF_A_CPU = 1 << 16
_DTYPES = {"fp32": None, "winograd": None, "bf16": torch.bfloat16, "fp16": torch.float16}
_FEWEST_CHANNELS = 8
"""Of convolutions for which Winograd's algorithm is the faster one."""


class _Winograd(TorchFunctionMode):  # type: ignore[misc]  # torch has no types for it
    """Within it, 3×3 convolutions on the CPU go by NNPACK, where torch has it here."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - the signature is torch's
        if func is torch.conv2d and len(args) == 7 and not kwargs:
            x, weight, bias, stride, padding, dilation, groups = args
            usual = stride == padding == dilation == (1, 1) and groups == 1 and weight.shape[2:] == (3, 3)
            if usual and len(weight) >= _FEWEST_CHANNELS and x.device.type == "cpu" and x.dtype == torch.float32:
                return torch._nnpack_spatial_convolution(x.contiguous(), weight, bias, padding, stride)
        return func(*args, **(kwargs or {}))


class Runner:
    """Calls a network on part after part of a batch.

    On a CPU a part is one frame of 256×256, or two in half precision: with sixteen at once, which leave its caches,
    CCDNets were half as fast (`benchmarks/networks.py`). On a GPU it is the whole batch. A part for which there is no
    memory is halved, down to one frame; a warning says so, and parts stay as small. `alone`: on a CPU each frame is a
    part, so that its last bits do not depend on how many others come with it.
    """

    def __init__(self, *, precision: Precision = "fp32", alone: bool = False) -> None:
        self._dtype = _DTYPES[precision]
        self._winograd = precision == "winograd" and torch.backends.nnpack.is_available()  # which also starts it
        self._cpu_pixels = 0 if alone else _PIXELS_OF_A_CPU * (1 if self._dtype is None else 2)
        self._most: int | None = None

    def run(self, call: Callable[[slice], torch.Tensor], frames: torch.Tensor) -> torch.Tensor:
        """`call(part)` for parts of the frames (N, C, H, W): what it gives, concatenated in order, as float32.

        On a CPU parts are worked on side by side, a thread each, as many as torch has; so `call` must not write to what
        is shared. Threads within a part would wait for each other at every layer, and on a machine with other work to
        do most of the time (`benchmarks/restore_speed.py`).
        """
        count, pixels = len(frames), frames.shape[2] * frames.shape[3]
        on_cpu = frames.device.type == "cpu"
        size = max(1, min(count, self._cpu_pixels // pixels)) if on_cpu else count
        if self._most is not None:
            size = max(1, min(size, self._most // pixels))
        threads = torch.get_num_threads() if on_cpu else 1

        def done_part(part: slice) -> torch.Tensor:
            with (
                torch.inference_mode(),
                torch.autocast(frames.device.type, self._dtype, enabled=bool(self._dtype)),
                _Winograd() if self._winograd else nullcontext(),
            ):
                return call(part).float()

        done: list[torch.Tensor] = []
        start = 0
        while start < count:
            parts = [slice(at, at + size) for at in range(start, count, size)[: threads * PARTS_A_THREAD]]
            try:
                done += _side_by_side(done_part, parts, threads)
            except RuntimeError as error:
                if size == 1 or not is_out_of_memory(error):
                    raise
                size = -(-size // 2)
                self._most = size * pixels
                warnings.warn(f"out of memory: {size} frames at a time from here on", RuntimeWarning, stacklevel=2)
                continue
            start = parts[-1].stop
        return torch.cat(done)


def _side_by_side(call: Callable[[slice], torch.Tensor], parts: Sequence[slice], threads: int) -> list[torch.Tensor]:
    """`call` for each part, on so many threads, each without further ones of torch's; who is done takes the next."""
    if len(parts) == 1 or threads == 1:
        return [call(part) for part in parts]
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return list(_pool(threads, os.getpid()).map(call, parts))
    finally:
        torch.set_num_threads(before)


@lru_cache(maxsize=2)
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Threads that stay, because new ones get new memory each time; none of another process, which forked."""
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,), thread_name_prefix="frames")
    started = Barrier(threads, timeout=60)  # where no thread can be had, an error, no waiting for ever
    list(pool.map(lambda _: started.wait(), range(threads)))
    return pool
