"""A method run on one file, a GIF or a video, for people who want the picture and no score."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypedDict, Unpack, overload

import numpy as np

from gifbench.argument_types import check_type, check_types
from gifbench.errors import TooLarge, UsageError
from gifbench.media.animation_writer import VIDEO_ENDINGS, Timing, animation, check_ending, check_other_file
from gifbench.media.clip import Clip, Pixels
from gifbench.media.gif import Gif, GifLimits
from gifbench.media.video import Film, Sound, VideoLimits, probe, sound_kinds
from gifbench.media.video.video_for_methods import GifAsFilm
from gifbench.methods.fastest_cpu_precision import faster_on_cpu
from gifbench.methods.inference import on_device, run_method
from gifbench.methods.method_entry_points import installed
from gifbench.methods.method_interface import FrameSource, Method
from gifbench.methods.registry import LoadedMethod, load_any_method
from gifbench.methods.smaller_batches_after_out_of_memory import Batching
from gifbench.progress import Progress, ProgressCallback

MOST_HELD = 4 << 30
"""Bytes of restored frames that are held at most; a file is written as it goes, whatever its size."""

MOST_IN_BETWEEN = 16
"""The largest `fps_factor`: a GIF's shortest frame, 20 ms, then still is a millisecond or more in each part."""

Audio = Literal["keep", "drop"]


@dataclass(frozen=True, slots=True, eq=False)
class RestoredVideo(Clip):
    """What `restore_gif` gives: a `Clip`, that is frames (T, H, W, 3) uint8, RGB, their exact times, and `save`.

    `method` is the name of the method. `notes` say what else there is to know, such as what of the file is damaged.
    """

    method: str = ""
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        # Named, since a dataclass with slots is another class than the one that super() looks for here.
        return f"{Clip.__repr__(self)[:-1]}, by {self.method})"


@dataclass(frozen=True, slots=True)
class Restored:
    """What `restore_gif` or `restore_video` wrote.

    The method's name, frames read (of a GIF or a video) and written, width and height in pixels, and seconds.
    `notes` say what else there is to know, such as batches that were halved because memory ran out.
    """

    method: str
    gif_frames: int
    frames: int
    width: int
    height: int
    seconds: float
    notes: tuple[str, ...] = ()


def restored_timing(gif: FrameSource, fps_factor: int = 1) -> Timing:
    """The own times of a GIF or a video, and between each two frames `fps_factor` - 1 further ones, evenly spaced.

    The last frame stays until the GIF's end: nothing follows that it could be interpolated with. Raises `UsageError`
    for a factor outside 1 to 16.
    """
    if not 1 <= fps_factor <= MOST_IN_BETWEEN:
        raise UsageError(f"the factor of the frame rate is 1 to {MOST_IN_BETWEEN}, not {fps_factor}")
    times: list[Fraction] = []
    for start, end in pairwise(gif.times):
        times += [start + (end - start) * step / fps_factor for step in range(fps_factor)]
    return Timing((*times, gif.times[-1]), gif.duration)


class _Options(TypedDict, total=False):
    """What `restore_gif` takes by name."""

    fps_factor: int
    device: str
    background: tuple[int, int, int]
    limits: GifLimits | None
    salvage: bool
    gray: bool
    half_precision: bool
    overwrite: bool
    progress: ProgressCallback | None
    seen: Callable[[Pixels], None] | None


@overload
def restore_gif(method: Any, source: Any, out: None = None, **options: Unpack[_Options]) -> RestoredVideo: ...  # noqa: ANN401
@overload
def restore_gif(method: Any, source: Any, out: str | os.PathLike[str], **options: Unpack[_Options]) -> Restored: ...  # noqa: ANN401
@check_types
def restore_gif(
    method: Any,  # what `load_any_method` takes
    source: Any,  # a Gif, or what `Gif.open` takes
    out: str | os.PathLike[str] | None = None,
    *,
    fps_factor: int = 1,
    device: str = "auto",
    background: tuple[int, int, int] = (255, 255, 255),
    limits: GifLimits | None = None,
    salvage: bool = False,
    gray: bool = False,
    half_precision: bool = False,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
    seen: Callable[[Pixels], None] | None = None,
) -> RestoredVideo | Restored:
    """Restore a GIF: its frames as the method gives them back, with the GIF's own times.

        video = gifbench.restore_gif("ccdnet", "cat.gif")
        video.frames.shape  # (T, H, W, 3), uint8, RGB
        video.save("cat.mp4")

    `method` is a name as the command takes it, an object with `restore` or `restore_frames`, or its class; `source` a
    path, the bytes of a file, an open binary file, or a `Gif`. Without `out` a `RestoredVideo` comes back. With it the
    frames are written as they come, however many there are, and what comes back says how many: `out` ends in `.mp4`,
    `.webm`, `.mov`, `.mkv` (lossless), `.webp`, `.gif` or `.png`, or is a folder for PNGs, and appears when it is
    whole.

    `fps_factor`, 1 to 16, asks for as many times the frames. `device` is `auto`, `cpu`, `cuda`, `cuda:1`, `mps` or
    `xpu`. What is see-through is shown over `background`; `limits` and `salvage` are those of `Gif.open`. `gray` shows
    a method that needs no palettes the luminance alone. With `half_precision` a network computes in bf16 on a CPU that
    has it, which moves a frame by about 0.04 of a level, and by Winograd's algorithm on one that has AVX2 and no
    AVX-512, which moves it by less than 0.001. `progress` is called with a `Progress` after each frame,
    `seen` with each frame (H, W, 3) uint8.

    Raises what `Gif.open` and the method raise, `UsageError` for what cannot be, `AlreadyExists` unless `overwrite`,
    and without `out` `TooLarge` where the frames would take over 4 GiB.
    """
    if out is not None:
        check_ending(out)
    loaded = faster_on_cpu(method, device) if half_precision else load_any_method(method)
    check_type("source", source, str | os.PathLike | bytes | bytearray | memoryview | BinaryIO | Gif)
    named = isinstance(source, str | os.PathLike)
    if overwrite and named and out is not None:
        check_other_file(source, out)
    gif = source
    if not isinstance(source, Gif):
        gif = Gif.open(source, limits=limits or GifLimits(), background=background, salvage=salvage)
    if gray:
        _check_takes_videos(loaded, "--gray gives frames without palettes")
    clip, shown = str(os.fspath(source)) if named else "the GIF", GifAsFilm(gif, gray=True) if gray else gif
    timing = restored_timing(gif, fps_factor)
    chosen, batching = on_device(loaded, device), Batching()
    restored = _restored(loaded, shown, timing, clip=clip, device=chosen, batching=batching, told=(progress, seen))
    if out is None:
        frames = _held(gif, timing, clip)
        for i, frame in enumerate(restored):
            frames[i] = frame
        return RestoredVideo(frames, tuple(timing.times), timing.duration, loaded.name, (*gif.damage, *batching.notes))
    with animation(out, width=gif.width, height=gif.height, timing=timing, loop=gif.loop, overwrite=overwrite) as add:
        for frame in restored:
            add(frame)
    seconds, notes = float(gif.duration), (*gif.damage, *batching.notes)
    return Restored(loaded.name, len(gif), len(timing.times), gif.width, gif.height, seconds, notes)


def _held(gif: Gif, timing: Timing, clip: str) -> Pixels:
    """Room for the restored frames."""
    shape = (len(timing.times), gif.height, gif.width, 3)
    if (held := math.prod(shape)) > MOST_HELD:
        raise TooLarge(
            f"{clip}: its {shape[0]} restored frames of {gif.width}×{gif.height} take {held / 1e9:.1f} GB. Give out, "
            "the file to write, or restore a part: Gif.open(path).select(range(100))"
        )
    return np.empty(shape, np.uint8)


@check_types
def restore_video(
    method: Any,  # noqa: ANN401  # what `load_any_method` takes
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    gray: bool = False,
    audio: Audio = "keep",
    fps_factor: int = 1,
    device: str = "auto",
    limits: VideoLimits | None = None,
    half_precision: bool = False,
    overwrite: bool = False,
    progress: ProgressCallback | None = None,
    seen: Callable[[Pixels], None] | None = None,
) -> Restored:
    """Run a method that needs no palettes on the video at `source` and write `out`, each frame at its own time.

    `out` is what `restore_gif` writes. `gray` shows the method the luminance alone. `audio` keeps the sound, in step,
    where `out` is a video: its packets as they are where the container holds their kind, else encoded anew; `"drop"`
    leaves it out. Frames are decoded as they are needed, and one batch of results is held, however long the video is.
    The other options are those of `restore_gif`. Raises what `media.video.decode` and the method raise, `UsageError`,
    also for a method that needs palettes, and `AlreadyExists` unless `overwrite`.
    """
    check_ending(out)
    if overwrite:
        check_other_file(source, out)
    loaded = faster_on_cpu(method, device) if half_precision else load_any_method(method)
    if loaded.declared.needs_palettes:
        probe(source, limits=limits)  # what is no video is told so
    _check_takes_videos(loaded, f"{source} is a video, which has none")
    with Film(source, gray=gray, limits=limits) as film:
        timing, told = restored_timing(film, fps_factor), (progress, seen)
        chosen, batching = on_device(loaded, device), Batching()
        restored = _restored(loaded, film, timing, clip=str(source), device=chosen, batching=batching, told=told)
        notes: list[str] = []
        sound = _sound(film, out, audio, notes)
        size = {"width": film.width, "height": film.height}
        with animation(out, **size, timing=timing, sound=sound, notes=notes, overwrite=overwrite) as add:
            for frame in restored:
                add(frame)
        notes = [*film.notes, *batching.notes, *notes]
        seconds = float(film.duration)
        return Restored(loaded.name, len(film), len(timing.times), film.width, film.height, seconds, tuple(notes))


def is_gif(source: str | os.PathLike[str]) -> bool:
    """Whether the file at `source` begins as a GIF does, or is named as one."""
    with suppress(OSError), Path(source).open("rb") as file:
        if file.read(4) == b"GIF8":
            return True
    return Path(source).suffix.lower() == ".gif"


def _check_takes_videos(loaded: LoadedMethod, why: str) -> None:
    if loaded.declared.needs_palettes:
        raise UsageError(
            f"method {loaded.name} needs the palettes of a GIF: {why}. Choose one that does not, such as colorize, "
            "gaussian-0.5 or dis, or make a GIF first: gifbench make VIDEO OUT.gif"
        )


def _sound(film: Film, out: str | os.PathLike[str], audio: Audio, notes: list[str]) -> Sound | None:
    """The sound that `out` gets, and a note where it cannot have it."""
    if audio == "drop" or not sound_kinds(film.path):
        return None
    ending = Path(out).suffix.lower()
    if ending not in VIDEO_ENDINGS:
        notes.append(f"the sound is left out: {ending or 'a folder of PNGs'} holds none")
        return None
    return Sound(film.path, film.clock, film.duration)


def _restored(
    loaded: LoadedMethod,
    source: FrameSource,
    timing: Timing,
    *,
    clip: str,
    device: str,
    batching: Batching,
    told: tuple[ProgressCallback | None, Callable[[Pixels], None] | None],
) -> Iterator[Pixels]:
    """The frames at the times of `timing`; `told` hear of each, and how many are done of how many, once it is taken."""
    progress, seen = told
    batches = run_method(loaded, source, timing.times, clip=clip, device=device, batching=batching)
    for done, frame in enumerate(chain.from_iterable(batches), start=1):
        rounded = frame if frame.dtype == np.uint8 else np.rint(frame).astype(np.uint8)
        yield rounded
        if seen is not None:
            seen(rounded)
        if progress is not None:
            progress(Progress(done, len(timing.times), "frames"))


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
    for known, offer in installed().items() if kind == "installed" else ():
        if (name == known or name.startswith(f"{known}-")) and offer.entry is not None:
            return offer.entry.restores != "color"
    return True
