"""Frames with times of their own as a file that people open: MP4, Matroska, WebP, GIF, PNG, or a folder of PNGs."""

from __future__ import annotations

import glob
import hashlib
import json
import math
import os
import re
import secrets
import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from gifbench.errors import AlreadyExists, MediaError, UsageError, storage_errors
from gifbench.media.clip import Pixels
from gifbench.media.colors.error_diffusion import damped_floyd_steinberg
from gifbench.media.colors.quantize import minimum_variance
from gifbench.media.gif import GifWriter
from gifbench.media.png import ApngWriter, png_bytes
from gifbench.media.video import Sound, VideoWriter
from gifbench.media.video.sound import join_sound
from gifbench.media.webp import WebpWriter
from gifbench.storage import atomic_write, process_started

VIDEO_ENDINGS = (".mp4", ".webm", ".mov", ".mkv")

PNG_ENDINGS = (".png", ".apng")

ENDINGS = (*VIDEO_ENDINGS, ".webp", ".gif", *PNG_ENDINGS)
"""What a file may end with; a name without an ending is a folder of PNGs."""

_FRAME_FILE = re.compile(r"\d+\.png|times\.json")

_SHORTEST_IN_GIF = Fraction(2, 100)

Add = Callable[[Pixels], None]
"""Takes the next frame, (H, W, 3) uint8."""


@dataclass(frozen=True, slots=True)
class Timing:
    """When frames are shown: `times` from 0 in seconds, increasing; `duration` when the last one ends."""

    times: Sequence[Fraction]
    duration: Fraction

    @property
    def ends(self) -> Sequence[Fraction]:
        """Until when each frame is shown."""
        return (*self.times[1:], self.duration)


def check_ending(out: str | os.PathLike[str]) -> None:
    """Raise `UsageError` for a name that ends in something that cannot be written."""
    ending = Path(out).suffix.lower()
    if ending and ending not in ENDINGS:
        raise UsageError(
            f"{out}: {ending} cannot be written; end it in {', '.join(ENDINGS)}, or name a folder for PNGs"
        )


def check_other_file(source: str | os.PathLike[str], out: str | os.PathLike[str]) -> None:
    """Raise `UsageError` where `out` is the source itself, also by a link: that is never overwritten."""
    with suppress(OSError):
        if Path(source).samefile(out):
            raise UsageError(f"{out} must not be the source itself, {source}. Choose another name for what is made")


@contextmanager
def animation(
    out: str | os.PathLike[str],
    *,
    width: int,
    height: int,
    timing: Timing,
    loop: int = 0,
    sound: Sound | None = None,
    notes: list[str] | None = None,
    overwrite: bool = False,
) -> Iterator[Add]:
    """A function that takes the frames one after the other; `out` appears when the block ends well.

    `loop` is how often GIF, WebP and PNG play, 0 for ever. A GIF has 256 colors a frame, dithered. A video gets the
    `sound` of another; `notes` grows by what must be said of it. Raises `UsageError` for an ending that cannot be
    written, `AlreadyExists` unless `overwrite`.
    """
    check_ending(out)
    ending = Path(out).suffix.lower()
    if not ending:
        with _folder(Path(out), timing, overwrite=overwrite) as add:
            yield add
        return
    if ending == ".gif":
        _check_gif_speed(out, timing)
    if ending in VIDEO_ENDINGS:
        said = [] if notes is None else notes
        size = {"width": width, "height": height}
        with _video(Path(out), **size, timing=timing, overwrite=overwrite, sound=sound, notes=said) as add:
            yield add
        return
    with atomic_write(out, overwrite=overwrite) as file:
        if ending == ".gif":
            gif = GifWriter(file, width=width, height=height, loop=loop)
            starts = iter(timing.times)

            def add_to_gif(pixels: Pixels) -> None:
                palette = minimum_variance(pixels, 256)
                gif.add(damped_floyd_steinberg(pixels, palette), palette, next(starts))

            yield add_to_gif
            gif.close(timing.duration)
        else:
            kind = ApngWriter if ending in PNG_ENDINGS else WebpWriter
            writer = kind(file, width=width, height=height, loop=loop)
            ends = iter(timing.ends)
            yield lambda pixels: writer.add(pixels, next(ends))
            writer.close()


@contextmanager
def _video(
    out: Path, *, width: int, height: int, timing: Timing, overwrite: bool, sound: Sound | None, notes: list[str]
) -> Iterator[Add]:
    """Written beside `out` under a name with the same ending, joined by its sound, then put in its place."""
    if os.path.lexists(out) and not overwrite:
        raise AlreadyExists(f"{out}: it is there already; choose another name or ask to overwrite it")
    with storage_errors(out.parent):
        out.parent.stat()
    beside, joined = (_unfinished(out, out.suffix) for _ in range(2))
    ticks = math.lcm(*(time.denominator for time in (*timing.times, timing.duration)))
    rate = len(timing.times) / timing.duration
    try:
        with VideoWriter(
            beside, width=width, height=height, frame_rate=rate, tick=Fraction(1, min(ticks, 90_000))
        ) as writer:
            spans = iter(zip(timing.times, timing.ends, strict=True))

            def add(pixels: Pixels) -> None:
                start, end = next(spans)
                writer.add(pixels, start, end - start)

            yield add
        if sound is not None:
            try:
                notes += join_sound(beside, sound, joined)
            except MediaError as error:  # the pictures took hours, perhaps
                notes.append(f"the sound is left out, because it cannot be joined: {error}")
            else:
                beside.unlink()
                beside = joined
        with storage_errors(out):
            beside.replace(out)
    finally:
        beside.unlink(missing_ok=True)
        joined.unlink(missing_ok=True)


def _unfinished(out: Path, ending: str) -> Path:
    """A new name beside `out` for what becomes it; what processes of this machine left there that were killed goes."""
    host, stem = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8], out.stem[:100]
    for left in out.parent.glob(f".{glob.escape(stem)}.{host}-*.unfinished*"):
        number = left.name.removeprefix(f".{stem}.{host}-").partition("-")[0]
        if number.isdecimal() and not process_started(int(number)):
            with suppress(OSError):
                left.unlink() if left.is_symlink() or not left.is_dir() else shutil.rmtree(left)
    return out.with_name(f".{stem}.{host}-{os.getpid()}-{secrets.token_hex(4)}.unfinished{ending}")


def _check_gif_speed(out: str | os.PathLike[str], timing: Timing) -> None:
    shortest = min(end - start for start, end in zip(timing.times, timing.ends, strict=True))
    if shortest < _SHORTEST_IN_GIF:
        raise UsageError(
            f"{out}: a frame is shown for {float(1000 * shortest):g} ms, and a GIF shows none for less than 20 ms; "
            "choose .mp4, .mkv or .webp, or a smaller factor"
        )


@contextmanager
def _folder(out: Path, timing: Timing, *, overwrite: bool) -> Iterator[Add]:
    _check_replaceable(out, overwrite=overwrite)
    unfinished = _unfinished(out, "")
    with storage_errors(out):
        try:
            unfinished.mkdir(parents=True)
            numbers = iter(range(len(timing.times)))

            def add(pixels: Pixels) -> None:
                (unfinished / f"{next(numbers):05d}.png").write_bytes(png_bytes(pixels))

            yield add
            about = {"times": [str(time) for time in timing.times], "duration": str(timing.duration)}
            (unfinished / "times.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
            if out.exists():
                shutil.rmtree(out)
            unfinished.rename(out)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


def _check_replaceable(out: Path, *, overwrite: bool) -> None:
    """A folder is replaced only if asked to, and only if it holds nothing but frames."""
    if not out.exists():
        return
    if not overwrite:
        raise AlreadyExists(f"{out}: it is there already; choose another name or ask to overwrite it")
    if out.is_symlink() or not out.is_dir():
        raise AlreadyExists(f"{out}: it is no folder of its own; choose another name for the PNGs")
    if other := next((each.name for each in out.iterdir() if not _FRAME_FILE.fullmatch(each.name)), None):
        raise AlreadyExists(f"{out}: it holds {other!r}, which is no frame; choose another folder for the PNGs")
