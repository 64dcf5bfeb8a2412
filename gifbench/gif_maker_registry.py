"""GIFs as people make them: named makers of GIFs beside the dataset's own, offered by installed packages.

A maker is called `<family>` or `<family>-<variant>`: `pillow`, `ffmpeg-256-bayer`. A package offers a family by the
entry-point group `gifbench.makers`: its name (a-z, digits and _), and a class that is made with the variant, "" where
there is none, and is a `Maker`. Those that come with gifbench are in `baselines/makers/`.
"""

from __future__ import annotations

import functools
import hashlib
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import accumulate
from typing import Any, Protocol

import numpy as np

from gifbench.did_you_mean import known_names
from gifbench.entry_points import entry_points
from gifbench.errors import GifbenchError, MakerError, MediaError, UsageError
from gifbench.media.clip import Pixels
from gifbench.media.gif import Gif, GifLimits, frame_delays, retimed
from gifbench.user_code_import import import_errors, one_line

GROUP = "gifbench.makers"
"""The entry points by which an installed package offers families of makers."""

_NAME = re.compile(r"(?P<family>[a-z][a-z0-9_]{0,31})(?:-(?P<variant>[a-z0-9][a-z0-9_.-]{0,47}))?")
_RESERVED = frozenset({"all", "plain", "dithered"})
_TASK_ENDS = ("-1", "-2", "-4", "-8")
_TEST_FRAMES, _TEST_HEIGHT, _TEST_WIDTH = 3, 48, 64

Pictures = Callable[[], Iterator[Pixels]]
"""Gives the frames from the first on, (H, W, 3) uint8 RGB, one at a time; it may be called again."""


@dataclass(frozen=True, slots=True, eq=False)
class MakerClip:
    """What a maker makes a GIF of.

    `frames()` gives the frames from the first on, (H, W, 3) uint8 RGB of `height` and `width`, one at a time; it may be
    called again. `delays` has how long each is shown, in hundredths of a second, 2 or more.
    """

    frames: Pictures
    delays: tuple[int, ...]
    height: int
    width: int


class Maker(Protocol):
    """Makes GIFs. A class is made as `Maker(variant)`, and raises `UsageError` for a variant that it does not know.

    `variants` of the class are those that lists show, "" for the family's name alone. `fixed_delay`, where a maker has
    it, is the only delay that it can give a frame, in hundredths: then `MakerClip.delays` holds nothing else.
    """

    variants: tuple[str, ...]
    summary: str
    """What it is, in half a sentence."""
    dithered: bool | None
    """Whether its GIFs are dithered; None where that depends."""

    @property
    def version(self) -> str:
        """Of the library or program; raises `MakerError` where it is not installed, with the way out."""

    def make(self, clip: MakerClip) -> bytes:
        """The GIF file. A frame that equals the one before may be left out, and that one shown longer."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadedMaker:
    """A maker by its name."""

    name: str
    maker: Maker = field(repr=False)

    @property
    def facts(self) -> dict[str, str]:
        """Name, version and signature: one that makes other GIFs has others. Raises `MakerError` as `version` does."""
        version = str(self.maker.version)
        return {"name": self.name, "version": version, "signature": _signature(self.name, version)}

    @property
    def dithered(self) -> bool | None:
        """Whether its GIFs are dithered; None where that depends."""
        return self.maker.dithered


@dataclass(frozen=True, slots=True)
class ListedMaker:
    """A line of `gifbench tasks`; `problem` says why the maker cannot be used here, None where it can."""

    name: str
    summary: str
    dithered: bool | None = None
    version: str = ""
    problem: str | None = None


@functools.cache
def load_maker(name: str) -> LoadedMaker:
    """The maker of that name; its program need not be installed yet.

    Raises `UsageError` for a name that no installed package knows, `MakerError` for a package that cannot be imported.
    """
    found = _NAME.fullmatch(name)
    family, variant = (found["family"], found["variant"] or "") if found else (name, "")
    families = {point.name for point in entry_points(group=GROUP)}
    if not found or name in _RESERVED or name.endswith(_TASK_ENDS) or family not in families:
        raise UsageError(f'there is no maker "{name[:80]}": {known_names(name, _listed_names())}')
    return LoadedMaker(name, _factory(family)(variant))


def is_maker(name: str) -> bool:
    """Whether an installed package knows a maker of that name; raises `MakerError` as `load_maker` does."""
    try:
        load_maker(name)
    except UsageError:
        return False
    return True


def list_makers() -> list[ListedMaker]:
    """The makers that installed packages list; one that cannot be used here says why."""
    listed = []
    for name in _listed_names():
        summary, dithered, version, problem = "", None, "", None
        try:
            maker = load_maker(name).maker
            summary, dithered = maker.summary, maker.dithered
            version = str(maker.version)
        except GifbenchError as error:
            problem = str(error)
        listed.append(ListedMaker(name, summary, dithered, version, problem))
    return listed


def generated_gif(maker: LoadedMaker, frames: Pictures, times: Sequence[Fraction], duration: Fraction) -> Gif:
    """The GIF that a maker makes of a clip's frames, as `Gif.read` shows it, with the clip's exact times.

    A frame that the maker left out is what is shown at its time. Raises `MakerError` where the maker fails or makes
    something else.
    """
    _, gif, delays = _made(maker, frames, times, duration)
    shown = [bisect_right(gif.times, Fraction(start, 100)) - 1 for start in accumulate(delays[:-1], initial=0)]
    if len(gif) > max(len(times), 2):
        raise MakerError(f"maker {maker.name} made {len(gif)} frames of {len(times)}; it must make as many at most")
    return replace(retimed(gif, shown, tuple(times), duration), dithered=maker.dithered, loop=0)


def generated_file(maker: LoadedMaker, frames: Pictures, times: Sequence[Fraction], duration: Fraction) -> bytes:
    """The file of `generated_gif` as the maker wrote it; raises `MakerError` likewise."""
    return _made(maker, frames, times, duration)[0]


def made_frames(maker: LoadedMaker, frames: Iterable[Pixels]) -> list[tuple[Pixels, Pixels]]:
    """A GIF of just these frames, (H, W, 3) uint8: each as it is shown, (H, W, 3), with its palette (K, 3).

    Raises `MakerError` as `generated_gif` does.
    """
    held = list(frames)
    times = [Fraction(i, 25) for i in range(len(held) + 1)]
    gif = generated_gif(maker, lambda: iter(held), times[:-1], times[-1])
    return [(gif.frame(i), gif.palettes[i]) for i in range(len(gif))]


def _made(
    maker: LoadedMaker, frames: Pictures, times: Sequence[Fraction], duration: Fraction
) -> tuple[bytes, Gif, tuple[int, ...]]:
    """The file that the maker makes, what it shows, and the delays that were asked for."""
    fixed = getattr(maker.maker, "fixed_delay", None)
    delays = (int(fixed),) * len(times) if fixed else frame_delays(times, duration)
    _ = maker.maker.version  # a program that is missing is said before anything is made
    height, width = next(frames()).shape[:2]
    clip = MakerClip(frames, delays, height, width)
    try:
        data = maker.maker.make(clip)
    except GifbenchError:
        raise
    except (Exception, SystemExit) as error:  # whatever somebody's maker raises
        raise MakerError(f"maker {maker.name} failed: {one_line(error)}") from error
    return data, _read(maker, data, clip), delays


def _read(maker: LoadedMaker, data: Any, clip: MakerClip) -> Gif:  # noqa: ANN401  # what a maker gives is looked at
    if not isinstance(data, bytes):
        raise MakerError(f"maker {maker.name} must give bytes, got {type(data).__name__}")
    pixels, count = clip.height * clip.width, len(clip.delays)
    limits = GifLimits(
        max_pixels=pixels,
        max_frames=2 * count + 2,
        max_total_pixels=pixels * (8 * count + 32),  # frames of images laid over each other have more than 256 colors
        max_bytes=max(1, len(data)),
    )
    try:
        gif = Gif.read(data, limits=limits)
    except MediaError as error:
        raise MakerError(f"maker {maker.name} made what is not the GIF of its clip: {error}") from error
    if gif.damage:
        raise MakerError(f"maker {maker.name} made a damaged GIF: {gif.damage[-1]}")
    if (gif.width, gif.height) != (clip.width, clip.height):
        raise MakerError(
            f"maker {maker.name} made {gif.width}×{gif.height} pixels of {clip.width}×{clip.height}; the size must stay"
        )
    return gif


@functools.cache
def _signature(name: str, _version: str) -> str:
    """What a maker makes of a few test frames, in 16 hexadecimal digits."""
    y, x = np.mgrid[:_TEST_HEIGHT, :_TEST_WIDTH]
    grain = (x * 7919 + y * 104_729 + x * y * 31) % 23  # nothing that depends on a library's random numbers
    frames = [
        np.stack([3 * x + grain + 9 * t, 4 * y + grain, 2 * x + 2 * y + 5 * t], axis=-1).astype(np.uint8)
        for t in range(_TEST_FRAMES)
    ]
    digest = hashlib.sha256()
    for shown, palette in made_frames(load_maker(name), frames):
        digest.update(shown.tobytes() + palette.tobytes())
    return digest.hexdigest()[:16]


def _factory(family: str) -> Callable[[str], Maker]:
    points = {point.value: point for point in entry_points(group=GROUP) if point.name == family}
    if len(points) > 1:
        raise UsageError(f"several packages offer makers {family} ({', '.join(sorted(points))}); uninstall all but one")
    ((value, point),) = points.items()
    with import_errors(f"maker {family} ({value})", MakerError):
        factory: Callable[[str], Maker] = point.load()
    return factory


def _listed_names() -> list[str]:
    names = []
    for family in dict.fromkeys(point.name for point in entry_points(group=GROUP)):
        try:
            variants = getattr(_factory(family), "variants", ("",))
        except GifbenchError:
            variants = ("",)
        names += [f"{family}-{variant}" if variant else family for variant in variants]
    return [name for name in names if name not in _RESERVED and not name.endswith(_TASK_ENDS)]
