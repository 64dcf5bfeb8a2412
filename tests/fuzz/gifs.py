"""GIFs: the blocks of the format in any order and with any content, and real files with damage."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from pathlib import Path

import numba
import numpy as np
from hypothesis import strategies as st

from gifbench.media.gif import Gif, GifLimits, lzw_encoder
from tests.fuzz.damage import Draw, damaged
from tests.fuzz.target import Target, ends_well

_COMPILED = not numba.config.DISABLE_JIT  # a fuzzer that looks into the loops has them as Python, 1000 times slower
_MOST_PIXELS, _LARGEST_SEED = (1 << 22, 1 << 14) if _COMPILED else (1 << 13, 300)
LIMITS = GifLimits(max_pixels=1 << 20, max_frames=2000, max_total_pixels=_MOST_PIXELS, max_bytes=1 << 20)

_SIDES = st.one_of(st.integers(1, 12), st.sampled_from((0, 1, 255, 256, 1024, 65535)))


def read(data: bytes) -> None:
    """Read a GIF as it is and what can be salvaged of it, look at every frame, and write it again."""
    for salvage in (False, True):
        gif = ends_well(lambda salvage=salvage: Gif.read(data, limits=LIMITS, salvage=salvage))  # type: ignore[misc]
    if gif is None:
        return
    for number in range(len(gif)):
        gif.frame(number)
    if gif.indices.size <= 1 << 14:
        again = Gif.read(gif.to_bytes(optimize=True))
        assert np.array_equal(again.frames, gif.frames) and again.times == gif.times


def seeds() -> list[bytes]:
    """Small GIFs from the wild, where there are any, and one that shows most of what the format can do."""
    made = [
        b"GIF89a" + struct.pack("<HHBBB", 5, 4, 0x91, 1, 0) + bytes(range(12)) + _loop(0) + _every_disposal() + b";"
    ]
    folder = os.environ.get("GIFBENCH_TEST_DATA")
    files = sorted((Path(folder) / "clips" / "gifs").glob("*.gif")) if folder else []
    return made + [path.read_bytes() for path in files if path.stat().st_size <= _LARGEST_SEED]


def _every_disposal() -> bytes:
    pictures = b""
    for disposal in range(4):
        pixels = (np.arange(12, dtype=np.uint8).reshape(3, 4) + disposal) % 4
        control = struct.pack("<BBBBHBB", 0x21, 0xF9, 4, disposal << 2 | 1, disposal, 3, 0)
        flags = 0x40 if disposal == 2 else 0x81 if disposal == 3 else 0
        place = struct.pack("<BHHHHB", 0x2C, disposal % 2, disposal % 2, 4, 3, flags)
        pictures += (
            control + place + (bytes(range(100, 112)) if disposal == 3 else b"") + lzw_encoder.compress(pixels, 2)
        )
    return pictures


def _loop(count: int) -> bytes:
    return b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<HB", count, 0)


@st.composite
def crafted(draw: Draw, seeds: Sequence[bytes]) -> bytes:
    """A file of the right blocks with any numbers in them, or a whole file that was damaged."""
    if draw(st.booleans()):
        return draw(damaged(seeds))
    width, height = draw(_SIDES), draw(_SIDES)
    flags = draw(st.sampled_from((0, 0x80, 0x81, 0x91, 0x87)))
    data = draw(st.sampled_from((b"GIF89a", b"GIF87a")))
    data += struct.pack("<HHBBB", width, height, flags, draw(st.integers(0, 255)), 0)
    data += draw(_palette(flags))
    data += b"".join(draw(st.lists(_block(min(width, 40), min(height, 40)), max_size=8)))
    return data + draw(st.sampled_from((b";", b"", b";;GIF89a")))


def _palette(flags: int) -> st.SearchStrategy[bytes]:
    size = 3 << (flags & 7) + 1 if flags & 0x80 else 0
    return st.just(bytes(np.random.default_rng(flags).integers(0, 256, size, np.uint8)))


@st.composite
def _block(draw: Draw, width: int, height: int) -> bytes:
    kind = draw(st.sampled_from(("image", "image", "image", "control", "extension", "loop", "bytes")))
    if kind == "control":
        bits, delay, index = draw(st.integers(0, 255)), draw(st.integers(0, 65535)), draw(st.integers(0, 255))
        return struct.pack("<BBBBHBB", 0x21, 0xF9, draw(st.sampled_from((4, 4, 4, 3, 0, 255))), bits, delay, index, 0)
    if kind == "loop":
        return _loop(draw(st.integers(0, 65535)))
    if kind == "extension":
        return b"\x21" + draw(st.binary(min_size=1, max_size=20)) + b"\0"
    if kind == "bytes":
        return draw(st.binary(max_size=12))
    left, top = draw(st.one_of(st.just(0), _SIDES)), draw(st.one_of(st.just(0), _SIDES))
    w, h = draw(st.one_of(st.just(max(width, 1)), _SIDES)), draw(st.one_of(st.just(max(height, 1)), _SIDES))
    flags = draw(st.sampled_from((0, 0, 0x40, 0x81, 0xC7)))
    place = struct.pack("<BHHHHB", 0x2C, left, top, w, h, flags) + draw(_palette(flags))
    return place + draw(_pixels(min(w * h, 2000)))


@st.composite
def _pixels(draw: Draw, count: int) -> bytes:
    """Compressed pixels, about `count` of them; or codes drawn one by one, which may stand for nothing."""
    code_size = draw(st.sampled_from((2, 2, 4, 8)))
    if count and draw(st.integers(0, 2)):
        steps = draw(st.integers(1, 7))
        data = lzw_encoder.compress((np.arange(count) // steps % (1 << code_size)).astype(np.uint8), code_size)
        return draw(damaged([data], most=2)) if draw(st.booleans()) else data
    codes = draw(st.binary(max_size=200))
    return bytes([draw(st.integers(0, 13))]) + b"".join(
        bytes([len(part)]) + part for part in (codes[i : i + 60] for i in range(0, len(codes), 60))
    ) + draw(st.sampled_from((b"\0", b"")))  # fmt: skip


TARGETS = (Target("gif", read, seeds, crafted),)
