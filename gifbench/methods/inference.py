"""Calling a method: its frames in order, in batches, each held against what was asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from fractions import Fraction
from itertools import groupby
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from gifbench.argument_types import check_types
from gifbench.devices import accelerator, check_device, choose_device, kind_of
from gifbench.errors import MethodFailed, MissingExtra
from gifbench.media.gif import Gif
from gifbench.methods.method_interface import FrameMethod, Frames, FrameSource, Method, last_shown
from gifbench.methods.registry import LoadedMethod
from gifbench.methods.reused_buffers import is_array, own_copy
from gifbench.methods.smaller_batches_after_out_of_memory import NO_MEMORY, Batching, restored_batch
from gifbench.user_code_import import one_line

_SLACK = 1e-3
"""How far a float may lie outside [0, 255]: the noise of float32 arithmetic. It is clipped."""


def device_kind(loaded: LoadedMethod, device: str) -> str:
    """The kind of device, `cpu` or `cuda`, on which a method would run that is asked to on one or more devices."""
    if loaded.declared.backend != "torch" or device == "cpu":
        return "cpu"
    if device == "auto":
        return (accelerator() or "cpu") if "torch" in sys.modules else "cpu"
    return kind_of(device)


def on_device(loaded: LoadedMethod, device: str = "auto") -> str:
    """Move a torch method to the device asked for, once before its first clip, and say which: `cpu`, `cuda`, `cuda:1`.

    `auto` is the accelerator where there is one. A method that is not torch's runs on the CPU whatever is asked. Raises
    `UsageError` for an unknown device or one that is not here, `MissingExtra` without torch.
    """
    check_device(device)
    if loaded.declared.backend != "torch":
        return "cpu"
    chosen = choose_device(device, wanted_for=f"method {loaded.name}")
    if callable(move := getattr(loaded.method, "to", None)):
        with _failures(f"method {loaded.name} on the device {chosen}"):
            move(chosen)
    return chosen


@check_types
def run_method(
    loaded: LoadedMethod,
    gif: FrameSource,
    times: Sequence[Fraction],
    *,
    clip: str,
    device: str = "cpu",
    batching: Batching | None = None,
) -> Iterator[Frames]:
    """The frames of `gif` at `times` as the method restores them: batches in order, (N, H, W, 3) uint8 or float.

    Floats are float32 or float64 in [0, 255]. `clip` is the name that messages call the GIF. A batch keeps its values
    whatever the method does with its own arrays afterwards. Where memory runs out the batches of a per-frame method are
    halved, which `batching` remembers. Raises `MethodFailed` where the method raises, gives too few or too many frames,
    or frames of a wrong size, type or range.
    """
    what = f"method {loaded.name} on {clip}"
    shape = gif.height, gif.width, 3
    given, highest = 0, 0.0
    process = os.getpid()
    for batch in _batches(loaded, gif, times, what=what, device=device, batching=batching or Batching()):
        if os.getpid() != process:  # a method that forks and comes back twice: results are the first process's
            os._exit(1)
        frames = _checked(batch, shape, what=what)
        highest = max(highest, 255.0 if frames.dtype == np.uint8 else float(frames.max()))
        given += len(frames)
        if given > len(times):
            raise MethodFailed(f"{what}: it gave back {given} frames or more, {len(times)} were asked for")
        yield frames
    if 0 < highest <= 1 and _is_light(gif):  # of all batches: a frame alone may well be black
        raise MethodFailed(
            f"{what}: no value is above {highest:.3g}, so the frames seem to be in 0..1; give 255 × that"
        )
    if given < len(times):
        raise MethodFailed(f"{what}: it gave back {given} frames, {len(times)} were asked for")


def _is_light(gif: FrameSource) -> bool:
    """Whether more is shown than black: by the palettes, or, of a video, by its first, middle and last frame."""
    if any(len(palette) and int(palette.max()) > 16 for palette in gif.palettes):
        return True
    if len(gif.palettes[0]):
        return False
    return any(int(gif.frame(i).max()) > 16 for i in {0, len(gif) // 2, len(gif) - 1})


def _batches(
    loaded: LoadedMethod, gif: FrameSource, times: Sequence[Fraction], *, what: str, device: str, batching: Batching
) -> Iterator[object]:
    method = loaded.method
    if not isinstance(method, Method):
        yield from _held(loaded, gif, times, what=what, device=device, batching=batching)
        return
    if isinstance(gif, Gif) and not gif.is_sequence:  # sequences give copies
        # The method may write to it: whoever comes after it, and the metrics, see the GIF as it was.
        gif = replace(gif, indices=gif.indices.copy(), palettes=tuple(palette.copy() for palette in gif.palettes))
    with _calling(loaded, what):
        answer: Any = method.restore(cast(Any, gif), times)
    if is_array(answer):
        answer = own_copy(answer)  # a tensor that was copied is not held twice
        yield answer
        return
    if not isinstance(answer, Iterable):
        raise MethodFailed(f"{what}: it gave back {type(answer).__name__}, an array of frames or batches are wanted")
    if isinstance(answer, list | tuple):  # let go of one by one, so that each is counted alone
        left = list(reversed(answer))
        answer = (left.pop() for _ in range(len(left)))
    with _calling(loaded, what):
        batches = iter(answer)
    while True:
        with _calling(loaded, what):
            try:
                batch = next(batches)
            except StopIteration:
                return
        yield own_copy(batch)
        batch = None  # the next one is counted alone


def _held(
    loaded: LoadedMethod, gif: FrameSource, times: Sequence[Fraction], *, what: str, device: str, batching: Batching
) -> Iterator[object]:
    """Restore each GIF frame that is shown at one of `times` once, and give it for all times at which it is shown."""
    method = cast(FrameMethod, loaded.method)
    torch_device = device if loaded.declared.backend == "torch" else None
    runs = [(frame, len(list(group))) for frame, group in groupby(last_shown(gif.times, times))]
    start = 0
    while start < len(runs):
        size = batching.size(gif)
        chosen = [frame for frame, _ in runs[start : start + size]]
        with _calling(loaded, what):
            answer = restored_batch(method, gif, chosen, torch_device)
        if answer is NO_MEMORY:
            if len(chosen) == 1:
                raise MethodFailed(f"{what}: memory runs out for a single frame of {gif.width}×{gif.height}")
            while batching.size(gif) >= len(chosen):
                batching.halve(gif)
            continue
        if is_array(answer) and not answer.ndim:
            raise MethodFailed(f"{what}: restore_frames gave back a single number for a batch of {len(chosen)} frames")
        if not is_array(answer) or len(answer) != len(chosen):
            count = f"{len(answer)} frames" if is_array(answer) else type(answer).__name__
            raise MethodFailed(f"{what}: restore_frames gave back {count} for a batch of {len(chosen)} frames")
        shown = [place for place, (_, count) in enumerate(runs[start : start + size]) for _ in range(count)]
        if len(shown) == len(chosen):
            yield own_copy(answer)
        else:
            for first in range(0, len(shown), size):
                yield answer[shown[first : first + size]]
        start += len(chosen)
        answer = None  # the next one is counted alone


def _checked(batch: object, shape: tuple[int, int, int], *, what: str) -> NDArray[Any]:
    frames = _numpy(batch, what)
    if frames.ndim != 4 or frames.shape[1:] != shape or not len(frames):
        raise MethodFailed(f"{what}: a batch has the shape {frames.shape}, (N, {shape[0]}, {shape[1]}, 3) is wanted")
    if frames.dtype == np.uint8:
        return frames
    if frames.dtype.kind != "f":
        raise MethodFailed(f"{what}: the frames are {frames.dtype}; uint8, or floats in 0..255, are wanted")
    if frames.dtype not in (np.float32, np.float64):
        frames = frames.astype(np.float32)
    low, high = float(frames.min()), float(frames.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise MethodFailed(f"{what}: the frames hold NaN or infinite values")
    if low < -_SLACK or high > 255 + _SLACK:
        raise MethodFailed(f"{what}: the frames reach from {low:.6g} to {high:.6g}, values in 0..255 are wanted")
    return frames if low >= 0 and high <= 255 else frames.clip(0, 255)


def _numpy(batch: object, what: str) -> NDArray[Any]:
    if isinstance(batch, np.ndarray):
        if isinstance(batch, np.ma.MaskedArray) and np.ma.is_masked(batch):
            raise MethodFailed(f"{what}: a batch is a masked array, and what is masked has no value; give all values")
        return np.asarray(batch)  # no subclass, which may compute otherwise
    if not is_array(batch):
        raise MethodFailed(f"{what}: a batch is {type(batch).__name__}, an array or tensor (N, H, W, 3) is wanted")
    tensor: Any = batch
    torch = sys.modules["torch"]
    if tensor.is_meta or tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex():
        kind = "meta" if tensor.is_meta else str(tensor.layout) if tensor.layout != torch.strided else str(tensor.dtype)
        raise MethodFailed(
            f"{what}: a batch is a tensor without plain values ({kind}); give a dense one, uint8 or float"
        )
    try:
        tensor = tensor.detach().cpu().resolve_neg()
        if tensor.dtype not in (torch.uint8, torch.float32, torch.float64) and tensor.is_floating_point():
            tensor = tensor.float()
        array: NDArray[Any] = tensor.numpy()
    except (RuntimeError, TypeError, ValueError, NotImplementedError) as error:
        raise MethodFailed(f"{what}: a batch cannot be read as an array: {one_line(error)}") from error
    return array


@contextmanager
def _calling(loaded: LoadedMethod, what: str) -> Iterator[None]:
    """A call of a method: what it raises becomes one line, what it does is noticed."""
    with _failures(what), nullcontext() if loaded.watch is None else loaded.watch.looking():
        yield


@contextmanager
def _failures(what: str) -> Iterator[None]:
    """Whatever a method raises becomes one line; that a package is missing, or that the user stops, stays as it is."""
    try:
        yield
    except MissingExtra:
        raise
    except MethodFailed as error:  # of a program or a submission, which say it themselves
        raise MethodFailed(f"{what}: {error}") from error
    except (Exception, SystemExit) as error:
        raise MethodFailed(f"{what}: it raised {one_line(error)}") from error
