"""Running a network on what is more than it should be given at once: frames in parts, large pictures in tiles.

`Runner` cuts a batch into parts that suit the device, in half precision where that is asked for. Tiles have seams that
are exact (`exact`) or blended.

A network here is a module with `stride`, to whole multiples of which pictures are filled up by repeating their border;
with `any_size`, only sides shorter than `stride` are.
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
from torch.nn import functional
from torch.overrides import TorchFunctionMode

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
    """Run on (N, C, H, W) in tiles, each with as much around it as the network sees.

    They take no more memory than squares of side `tile` would. The network says by `reach` how many pixels to each side
    an output pixel can see, so that the result is that of the whole picture. Three channels come out.
    """
    height, width = x.shape[2:]
    if tile is None or max(height, width) <= tile:
        return padded(network, x)
    # Halos are whole strides, so that every tile lies on the grid of the whole picture.
    halo = _up(network.reach, network.stride)
    high, wide = _cheapest_tiles(height, width, _up(tile, network.stride), halo, network.stride)
    out = x.new_empty((len(x), 3, height, width))
    for top in range(0, height, high):
        for left in range(0, width, wide):
            above, before = max(0, top - halo), max(0, left - halo)
            bottom, right = min(height, top + high), min(width, left + wide)
            window = x[..., above : min(height, bottom + halo), before : min(width, right + halo)]
            done = padded(network, window)
            out[..., top:bottom, left:right] = done[..., top - above : bottom - above, left - before : right - before]
    return out


def _cheapest_tiles(height: int, width: int, side: int, halo: int, stride: int) -> tuple[int, int]:
    """The height and width of the tiles that cost the fewest pixels, halos counted.

    None takes more memory than a square of `side` within a picture: at 600×338, squares of 512 would work on 1.4 times
    the pixels of the picture, which as a whole is smaller than such a square with its halo.
    """

    def choices(length: int) -> dict[int, tuple[int, int]]:
        """For each size of tiles: the longest one with its halo, and all of them together."""
        steps = {_up(-(-length // count), stride) for count in range(1, -(-length // side) + 1)} | {side}
        found = {}
        for step in steps:
            ends = [(max(0, start - halo), min(length, start + step + halo)) for start in range(0, length, step)]
            found[step] = max(end - start for start, end in ends), sum(end - start for start, end in ends)
        return found

    most = (side + 2 * halo) ** 2
    high, wide = choices(height), choices(width)
    fitting = [(h, w) for h in high for w in wide if high[h][0] * wide[w][0] <= most]
    return min(fitting, key=lambda size: (high[size[0]][1] * wide[size[1]][1], size))


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
