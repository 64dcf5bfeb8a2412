"""Frames that another program wrote: a folder of numbered PNGs or a lossless Matroska file, trusted in nothing.

Links are never followed, only regular files are opened, and what a header declares is held against what is wanted
before a picture is decoded.
"""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from gifbench.errors import GifbenchError, MethodFailed, storage_errors
from gifbench.media.clip import Pixels
from gifbench.media.video import VideoLimits, decode, probe

_FRAME = re.compile(r"\d{1,9}\.png")
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = 33
_KINDS = {0: "gray", 2: "RGB", 3: "with a palette", 4: "gray with alpha", 6: "RGB with alpha"}
_RGB = 2
_RGB_FORMATS = ("bgr0", "0rgb", "rgb0", "0bgr", "rgb24", "bgr24", "gbrp")
_SLACK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class WantedFrames:
    """What must be there: so many frames of this size, for a clip (or part of one) called `name`."""

    name: str
    count: int
    height: int
    width: int

    def fault(self, what: str) -> MethodFailed:
        """The error for something that is wrong with them."""
        return MethodFailed(f"{self.name}: {what}")


def find_frames(folder: Path, wanted: WantedFrames) -> Path | None:
    """The folder `name` or the file `name.mkv` below `folder`, None where neither is there.

    Raises `MethodFailed` where both are, or where it is a link.
    """
    places = [place for place in (folder / wanted.name, folder / f"{wanted.name}.mkv") if os.path.lexists(place)]
    if len(places) > 1:
        raise wanted.fault("both a folder and an .mkv are there; give one")
    for place in places:
        _check_no_link(place, wanted)
    return places[0] if places else None


def check_frames_there(place: Path, wanted: WantedFrames) -> None:
    """Raise `MethodFailed` unless names, number, sizes and kinds are those wanted; no picture is decoded for it."""
    if place.suffix == ".mkv" and not place.is_dir():
        _check_video(place, wanted)
        return
    for path in _listed(place, wanted):
        _check_header(_read(path, wanted, most=_HEADER), path.name, wanted)


def given_frames(place: Path, wanted: WantedFrames) -> Iterator[Pixels]:
    """The frames at `place` in order, batches of one, (1, H, W, 3) uint8; raises `MethodFailed` for any that is bad."""
    if place.suffix == ".mkv" and not place.is_dir():
        yield from _video_frames(place, wanted)
        return
    most = 2 * (wanted.height * (3 * wanted.width + 1)) + _SLACK_BYTES
    for path in _listed(place, wanted):
        data = _read(path, wanted, most=most + 1)
        if len(data) > most:
            raise wanted.fault(f"{path.name} is longer than {most} bytes, twice what its pixels need")
        _check_header(data, path.name, wanted)
        yield _png(data, path.name, wanted)[np.newaxis]


def _listed(place: Path, wanted: WantedFrames) -> list[Path]:
    with storage_errors(place):
        if not stat.S_ISDIR(place.lstat().st_mode):
            raise wanted.fault(f"it is no folder of PNGs; write {wanted.name}/00000.png and so on")
        found = []
        with os.scandir(place) as entries:
            for entry in entries:
                if not _FRAME.fullmatch(entry.name):
                    raise wanted.fault(f"{entry.name[:80]!r} is no frame; only 00000.png, 00001.png, … belong there")
                found.append(Path(entry.path))
                if len(found) > 2 * wanted.count + 16:  # a folder of millions is not read to its end
                    break
    if len(found) != wanted.count:
        more = " or more" if len(found) > 2 * wanted.count + 16 else ""
        raise wanted.fault(f"{len(found)}{more} frames are there, {wanted.count} are wanted")
    found.sort(key=lambda path: int(path.stem))
    numbers = [int(path.stem) for path in found]
    if numbers[0] not in (0, 1) or numbers != list(range(numbers[0], numbers[0] + wanted.count)):
        gap = next((i for i, number in enumerate(numbers) if number != numbers[0] + i), 0)
        missing = gap if numbers[0] not in (0, 1) else numbers[0] + gap
        raise wanted.fault(f"the frames must be numbered in one row from 0 or 1, and {missing} is missing")
    return found


def _check_no_link(place: Path, wanted: WantedFrames) -> None:
    if place.is_symlink():
        raise wanted.fault(f"{place.name} is a symbolic link, which is not followed; give the frames themselves")


def _read(path: Path, wanted: WantedFrames, *, most: int) -> bytes:
    """At most `most` bytes of a regular file; a link, pipe or device is refused without being opened for real."""
    with storage_errors(f"{wanted.name}/{path.name}"):
        _check_no_link(path, wanted)
        if not stat.S_ISREG(path.lstat().st_mode):
            raise wanted.fault(f"{path.name} is no regular file")
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb") as file:
            return file.read(most)


def _check_header(data: bytes, file: str, wanted: WantedFrames) -> None:
    if len(data) < _HEADER or data[:8] != _SIGNATURE or data[12:16] != b"IHDR":
        raise wanted.fault(f"{file} is no PNG")
    width, height, bits, kind = struct.unpack_from(">IIBB", data, 16)
    if (width, height) != (wanted.width, wanted.height):
        raise wanted.fault(f"{file} has {width}×{height} pixels, {wanted.width}×{wanted.height} are wanted")
    if kind != _RGB or bits != 8:
        what = f"{bits}-bit, {_KINDS.get(kind, f'of color type {kind}')}"
        raise wanted.fault(f"{file} is {what}; 8-bit RGB is wanted")


def _check_chunks(data: bytes, file: str, wanted: WantedFrames) -> None:
    """A PNG has one header: a decoder believes the last one, which may name any size."""
    place, headers = len(_SIGNATURE), 0
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        headers += kind == b"IHDR"
        if headers > 1 or not kind.isalpha() or length > len(data):
            raise wanted.fault(f"{file} is no whole PNG, or has more than one header")
        if kind == b"IEND":
            return
        place += 12 + length


def _png(data: bytes, file: str, wanted: WantedFrames) -> Pixels:
    _check_chunks(data, file, wanted)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
                image.load()
                pixels = np.array(image)
    except Exception as error:  # a decoder may raise anything at bytes that somebody made up
        first = " ".join(str(error).split())[:200]
        raise wanted.fault(f"{file} cannot be decoded ({first})") from error
    if pixels.dtype != np.uint8 or pixels.shape != (wanted.height, wanted.width, 3):
        raise wanted.fault(f"{file} decodes to {pixels.dtype} {pixels.shape}, not 8-bit RGB")
    return pixels


def _limits(wanted: WantedFrames) -> VideoLimits:
    return VideoLimits(max_side=max(wanted.width, wanted.height), max_pixels=wanted.width * wanted.height)


def _check_video(place: Path, wanted: WantedFrames) -> None:
    if not stat.S_ISREG(place.lstat().st_mode):
        raise wanted.fault(f"{place.name} is no regular file")
    try:
        info = probe(place, limits=_limits(wanted), square_pixels=False)
    except GifbenchError as error:
        raise wanted.fault(str(error)) from error
    if (info.width, info.height) != (wanted.width, wanted.height):
        size = f"{info.width}×{info.height}"
        raise wanted.fault(f"{place.name} is {size}, {wanted.width}×{wanted.height} is wanted")
    if info.pixel_format not in _RGB_FORMATS:
        raise wanted.fault(
            f"{place.name} holds {info.pixel_format} pixels, which is no 8-bit RGB; "
            "write it with ffmpeg -c:v ffv1 -pix_fmt bgr0"
        )


def _video_frames(place: Path, wanted: WantedFrames) -> Iterator[Pixels]:
    _check_video(place, wanted)
    try:
        for frame in decode(place, limits=_limits(wanted), square_pixels=False):
            yield frame.pixels[np.newaxis]
    except GifbenchError as error:
        raise wanted.fault(str(error)) from error
