"""Any GIF in, the video it came from out: a method run on one file, for people who want the picture and no score."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

from gifbench.errors import UsageError
from gifbench.media.animation_writer import Timing, animation, check_ending, check_other_file
from gifbench.media.clip import Pixels
from gifbench.media.gif import Gif, GifLimits
from gifbench.methods.inference import Batching, device_kind, on_device, run_method
from gifbench.methods.installed import installed
from gifbench.methods.protocols import Method
from gifbench.methods.registry import LoadedMethod, load_method

MOST_IN_BETWEEN = 16
"""The largest `fps_factor`: a GIF's shortest frame, 20 ms, then still is a millisecond or more in each part."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What `restore_gif` wrote: the method's name, frames read and written, width and height in pixels, seconds.

    `notes` say what else there is to know, such as batches that were halved because memory ran out.
    """

    method: str
    gif_frames: int
    frames: int
    width: int
    height: int
    seconds: float
    notes: tuple[str, ...] = ()


def restored_timing(gif: Gif, fps_factor: int = 1) -> Timing:
    """The GIF's own times, and between each two frames `fps_factor` - 1 further ones, evenly spaced.

    The last frame stays until the GIF's end: nothing follows that it could be interpolated with. Raises `UsageError`
    for a factor outside 1 to 16.
    """
    if not 1 <= fps_factor <= MOST_IN_BETWEEN:
        raise UsageError(f"the factor of the frame rate is 1 to {MOST_IN_BETWEEN}, not {fps_factor}")
    times: list[Fraction] = []
    for start, end in pairwise(gif.times):
        times += [start + (end - start) * step / fps_factor for step in range(fps_factor)]
    return Timing((*times, gif.times[-1]), gif.duration)


def restore_gif(
    method: LoadedMethod | str,
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    fps_factor: int = 1,
    device: str = "auto",
    background: tuple[int, int, int] = (255, 255, 255),
    limits: GifLimits | None = None,
    salvage: bool = False,
    half_precision: bool = False,
    overwrite: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
    seen: Callable[[Pixels], None] = lambda frame: None,
) -> Restored:
    """Restore the GIF at `source` and write it to `out`, with the GIF's own timing.

    `out` ends in `.mp4`, `.webm`, `.mov`, `.mkv` (lossless), `.webp` or `.gif`, or is a folder for PNGs; it appears
    when it is whole. `fps_factor` asks the method for as many times the frames. What is see-through is shown over
    `background`. The GIF is decoded as it goes, with `limits` and `salvage` as `Gif.open` has them; one batch of
    restored frames is held. With `half_precision` the method is one `in_half_precision`. `seen` is called with each
    frame (H, W, 3) uint8 as it is written. Raises what `Gif.open` and the method raise, `UsageError`, and
    `AlreadyExists` unless `overwrite`.
    """
    check_ending(out)
    if overwrite:
        check_other_file(source, out)
    loaded = load_method(method) if isinstance(method, str) else method
    gif = Gif.open(source, limits=limits or GifLimits(), background=background, salvage=salvage)
    timing = restored_timing(gif, fps_factor)
    if half_precision:
        loaded = in_half_precision(loaded, device)
    chosen = on_device(loaded, device)
    batching = Batching()
    done, total = 0, len(timing.times)
    with animation(out, width=gif.width, height=gif.height, timing=timing, loop=gif.loop, overwrite=overwrite) as add:
        for batch in run_method(loaded, gif, timing.times, clip=str(source), device=chosen, batching=batching):
            for frame in batch:
                rounded = frame if frame.dtype == np.uint8 else np.rint(frame).astype(np.uint8)
                add(rounded)
                seen(rounded)
                done += 1
                progress(done, total)
    seconds, notes = float(gif.duration), (*gif.damage, *batching.notes)
    return Restored(loaded.name, len(gif), done, gif.width, gif.height, seconds, notes)


def in_half_precision(loaded: LoadedMethod, device: str) -> LoadedMethod:
    """The method in bf16, where it would run on a CPU that computes in it, offers it, and was not told otherwise.

    A frame is restored in half the time then, and differs by about 0.04 of a level of 255.
    """
    kind, text = loaded.source or ("", "")
    offers = kind == "installed" and loaded.options.get("precision") == "fp32" and "precision=" not in text
    if not offers or not _cpu_has_bf16() or device_kind(loaded, device) != "cpu":
        return loaded
    return load_method(f"{text}{',' if ':' in text else ':'}precision=bf16")


def _cpu_has_bf16() -> bool:
    """Whether the processor has instructions for bf16, and does not only imitate them."""
    torch = sys.modules.get("torch")
    find = getattr(getattr(torch, "cpu", None), "get_capabilities", None)
    found = find() if find is not None else {}
    return bool(found.get("avx512_bf16") or found.get("amx_bf16") or found.get("bf16"))


def check_draws_between(loaded: LoadedMethod, fps_factor: int) -> None:
    """Raise `UsageError` where more frames are asked of a method that would only repeat the GIF's."""
    if fps_factor > 1 and not _draws_between(loaded):
        raise UsageError(
            f"fps_factor must be 1 for method {loaded.name}, which would only repeat frames, got {fps_factor}. Choose "
            "a method that draws the frames between, such as blend, dis or gif2video"
        )


def _draws_between(loaded: LoadedMethod) -> bool:
    """Whether a method may give frames that the GIF does not show, by what its package says of it or of its parts."""
    if any(_draws_between(part) for part in loaded.parts):
        return True
    if not isinstance(loaded.method, Method):
        return False
    kind, text = loaded.source or ("", "")
    name = text.partition(":")[0].strip()
    for known, offers in installed().items() if kind == "installed" else ():
        if (name == known or name.startswith(f"{known}-")) and offers[0].entry is not None:
            return offers[0].entry.restores != "color"
    return True
