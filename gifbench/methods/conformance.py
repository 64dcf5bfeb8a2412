"""Does a method keep the contract? The checks that an author wants before the first evaluation.

Each check restores small GIFs that are made here, of the kinds that a dataset or the wild holds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gifbench.argument_types import check_types
from gifbench.benchmark_tasks import TASKS, Task, task
from gifbench.devices import accelerator
from gifbench.errors import GifbenchError, MethodFailed
from gifbench.media.gif import Gif
from gifbench.methods.inference import on_device, run_method
from gifbench.methods.method_interface import FrameMethod, Method
from gifbench.methods.registry import LoadedMethod, load_any_method
from gifbench.methods.smaller_batches_after_out_of_memory import Batching

_FPS = 25
_ON_GPU = 1.0
"""How far, in levels of 255, a frame from the GPU may lie from that of the CPU."""

_Promise = Callable[[LoadedMethod, str], None]
"""Restores GIFs by a method on a device; raises what is wrong, if anything is."""


@dataclass(frozen=True, slots=True)
class Check:
    """One promise of the contract: its name, whether it is kept (None: not to be checked here), and what was seen."""

    name: str
    kept: bool | None
    detail: str = ""


@check_types
def check_method(
    method: Any,  # noqa: ANN401  # what `load_any_method` takes
    *,
    device: str = "cpu",
) -> list[Check]:
    """Check a method against the contract: a check a promise.

    `method` is a name or a file (`gaussian-0.5`, `mine.py:Mine`), an object with `restore` or `restore_frames`, or its
    class.

    Checked are: frames of the right number and shape for each task the method says it does, GIFs of odd sizes, of one
    frame and of uneven timing, a video where it says that it needs no palettes, that the same GIF gives the same frames
    whatever came before it, that the size of a batch does not matter, that what is handed in is not changed, that
    batches keep their values while the next ones are made, and that the GPU, where there is one, agrees with the CPU.
    Raises only what loading the method raises.
    """
    loaded = load_any_method(method)
    chosen = on_device(loaded, device)
    odd = ((33, 47), (7, 5), (64, 1), (1, 1))
    uneven = small_gif(5, 24, 32, times=[Fraction(n, 100) for n in (0, 4, 30, 32, 95)])
    many = small_gif(70, 16, 16)
    promises: list[tuple[str, _Promise]] = [
        *((f"task {name}", _on_task(task(name))) for name in loaded.tasks or TASKS),
        ("odd sizes", _restores(*((f"a GIF {w} wide and {h} high", small_gif(3, h, w)) for h, w in odd))),
        ("one frame", _restores(("a GIF of one frame", small_gif(1, 24, 32)))),
        ("uneven timing", _restores(("a GIF of uneven timing", uneven))),
        ("many frames", _restores(("a GIF of 70 frames", many), times=many.times)),
        ("same GIF, same frames", _deterministic),
        *([] if loaded.declared.needs_palettes else [("a video, without palettes", _video)]),
        ("any size of a batch", _any_batch),
        ("nothing handed in is changed", _unchanged),
        ("frames stay as they were handed over", _handed_over),
    ]
    checks = []
    for name, promise in promises:
        try:
            promise(loaded, chosen)
            checks.append(Check(name, True))
        except GifbenchError as error:
            checks.append(Check(name, False, str(error)))
    return [*checks, _gpu(loaded, chosen)]


def small_gif(num_frames: int, height: int, width: int, *, times: Sequence[Fraction] | None = None) -> Gif:
    """A moving picture of up to 32 colors a frame; its palettes differ from frame to frame."""
    y, x = np.mgrid[0:height, 0:width]
    indices = np.empty((num_frames, height, width), np.uint8)
    palettes = []
    for t in range(num_frames):
        indices[t] = (x + 2 * y + 3 * t) % 32
        level = np.arange(32)
        palettes.append(np.stack([level * 8, 255 - level * 7, (level * 5 + 3 * t) % 256], axis=1).astype(np.uint8))
    shown = tuple(times) if times is not None else tuple(Fraction(t, _FPS) for t in range(num_frames))
    return Gif(indices, tuple(palettes), shown, shown[-1] + Fraction(1, _FPS), False)


def _frames(loaded: LoadedMethod, gif: Gif, times: Sequence[Fraction], device: str, clip: str) -> NDArray[Any]:
    return np.concatenate(list(run_method(loaded, gif, times, clip=clip, device=device)))


def _asked(loaded: LoadedMethod, gif: Gif) -> list[Fraction]:
    """The GIF's times, with the middles between them if the method's tasks restore time."""
    times = list(gif.times)
    if loaded.tasks is not None and all(TASKS[name].every == 1 for name in loaded.tasks):
        return times
    return sorted([*times, *((a + b) / 2 for a, b in pairwise(times))])


def _restores(*gifs: tuple[str, Gif], times: Sequence[Fraction] | None = None) -> _Promise:
    """That each of these GIFs is restored, at `times` or at those that the method's tasks ask for."""

    def promise(loaded: LoadedMethod, device: str) -> None:
        for what, gif in gifs:
            _frames(loaded, gif, _asked(loaded, gif) if times is None else times, device, what)

    return promise


def _on_task(on: Task) -> _Promise:
    whole = small_gif(2 * on.every + 1, 24, 32)
    return _restores((f"a GIF of 24×32 on {on.name}", whole.every(on.every)), times=whole.times)


def _video(loaded: LoadedMethod, device: str) -> None:
    # Loads PyAV, which machines that only run networks may lack.
    from gifbench.media.video.video_for_methods import GifAsFilm

    film = GifAsFilm(small_gif(4, 24, 32))
    list(run_method(loaded, film, [*film.times, film.times[-1]], clip="a video", device=device))


def _deterministic(loaded: LoadedMethod, device: str) -> None:
    gif, other = small_gif(4, 24, 32), small_gif(6, 20, 20)
    first = _frames(loaded, gif, _asked(loaded, gif), device, "a GIF")
    _frames(loaded, other, _asked(loaded, other), device, "another GIF")
    again = _frames(loaded, gif, _asked(loaded, gif), device, "the first GIF again")
    if not np.array_equal(first, again):
        apart = _distance(first, again)
        raise MethodFailed(f"another GIF in between changes the frames, by up to {apart:g} levels: keep no state")


def _any_batch(loaded: LoadedMethod, device: str) -> None:
    """Of a per-frame method the harness chooses the batches, so they must not show."""
    if isinstance(loaded.method, Method) or not isinstance(loaded.method, FrameMethod):
        return
    gif = small_gif(5, 24, 32)
    together = _frames(loaded, gif, gif.times, device, "a GIF")
    alone = [
        _frames(loaded, gif.select([i]), [Fraction(0)], device, f"frame {i} of a GIF alone") for i in range(len(gif))
    ]
    apart = _distance(together, np.concatenate(alone))
    # Networks may add up in another order for another batch; a hundredth of a level shows in no score.
    if apart > 0.01:
        raise MethodFailed(f"a frame alone comes back other than in a batch, by up to {apart:g} levels")


def _unchanged(loaded: LoadedMethod, device: str) -> None:
    gif = small_gif(4, 24, 32)
    before = gif.indices.copy(), [palette.copy() for palette in gif.palettes]
    _frames(loaded, gif, _asked(loaded, gif), device, "a GIF")
    with suppress(Exception):  # without `run_method`, which hands in copies
        if isinstance(loaded.method, Method):
            deque(loaded.method.restore(gif, _asked(loaded, gif)), maxlen=0)
        elif loaded.declared.backend != "torch":  # tensors are copies
            loaded.method.restore_frames(gif.frames, gif.palettes)
    if not (np.array_equal(gif.indices, before[0]) and all(map(np.array_equal, gif.palettes, before[1]))):
        raise MethodFailed("the GIF's indices or palettes were written to; work on a copy")


def _handed_over(loaded: LoadedMethod, device: str) -> None:
    """A batch that is held while the next ones are made; one array for all of them is copied by gifbench."""
    gif = small_gif(7, 24, 32)
    if isinstance(loaded.method, Method):
        answer: object = None
        with suppress(Exception):  # is told by other checks
            answer = loaded.method.restore(gif, gif.times)
        if isinstance(answer, list | tuple) and len(answer) > 1 and all(each is answer[0] for each in answer):
            raise MethodFailed(
                f"the {len(answer)} batches are one and the same array, with the last frame in it: copy each"
            )
    held, copies = [], []
    for batch in run_method(
        loaded, gif, _asked(loaded, gif), clip="a GIF", device=device, batching=Batching(2 * 24 * 32)
    ):
        held.append(batch)
        copies.append(batch.copy())
    apart = _distance(np.concatenate(held), np.concatenate(copies))
    if apart:
        raise MethodFailed(f"a batch changed by up to {apart:g} levels after it was handed over: write to it no more")


def _gpu(loaded: LoadedMethod, device: str) -> Check:
    name = "the GPU agrees with the CPU"
    if loaded.declared.backend != "torch":
        return Check(name, None, "it does not use torch")
    here = accelerator()
    if here is None:
        return Check(name, None, "no GPU is here")
    gif = small_gif(3, 24, 32)
    try:
        on_cpu, on_gpu = (
            _frames(loaded, gif, _asked(loaded, gif), on_device(loaded, each), f"a GIF on the device {each}")
            for each in ("cpu", here)
        )
        on_device(loaded, device)
    except MethodFailed as error:
        return Check(name, False, str(error))
    apart = _distance(on_cpu, on_gpu)
    return Check(name, apart <= _ON_GPU, "" if apart <= _ON_GPU else f"they differ by up to {apart:g} levels")


def _distance(one: NDArray[Any], other: NDArray[Any]) -> float:
    return float(np.abs(one.astype(np.float64) - other).max())
