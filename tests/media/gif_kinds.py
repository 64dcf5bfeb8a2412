"""Small GIFs, as values and made byte by byte; `kinds` are files with one oddity each that real ones have."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from gifbench.media.clip import constant_times
from gifbench.media.gif import Gif, lzw_encoder

RED, GREEN, BLUE, GRAY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (9, 9, 9)
COLORS = [RED, GREEN, BLUE, GRAY]
LOOP = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"


def make_gif(num_frames: int = 6, height: int = 9, width: int = 13, colors: int = 7, seed: int = 0, **fields) -> Gif:
    rng = np.random.default_rng(seed)
    indices = rng.integers(0, colors, (num_frames, height, width)).astype(np.uint8)
    palettes = tuple(rng.integers(0, 256, (colors, 3)).astype(np.uint8) for _ in range(num_frames))
    times, duration = constant_times(num_frames, Fraction(25))
    return Gif(**{"indices": indices, "palettes": palettes, "times": times, "duration": duration} | fields)


def see_through(gif: Gif, i: int) -> np.ndarray:
    """Where frame `i` is see-through, (H, W)."""
    index = gif.transparent[i] if gif.transparent else None
    return np.zeros(gif.indices[i].shape, bool) if index is None else gif.indices[i] == index


def same(a: Gif, b: Gif, name: str = "") -> None:
    """Fails unless two GIFs show the same, see-through pixels too, as long and as often."""
    assert (a.times, a.duration, a.loop) == (b.times, b.duration, b.loop), name
    for i in range(len(a)):
        np.testing.assert_array_equal(a.frame(i), b.frame(i), f"{name}, frame {i}")
        np.testing.assert_array_equal(see_through(a, i), see_through(b, i), f"{name}, frame {i}")


READ_ALL = """
import sys, time
from pathlib import Path
from gifbench.errors import GifbenchError
from gifbench.media.gif import Gif

Gif.read(sys.argv[1])  # numba compiles
for path in sys.argv[2:]:
    start = time.process_time()
    try:
        print(type(Gif.read(path)).__name__)
    except GifbenchError as error:
        assert str(error).startswith(path) and "\\n" not in str(error)
        print(type(error).__name__)
    took = time.process_time() - start
    assert took < 2, (took, path)
status = Path("/proc/self/status").read_text()  # unlike ru_maxrss, this begins anew with each program
peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
assert peak < 500, f"{peak:.0f} MB"
"""


def read_apart(good: Path, paths: Iterable[Path]) -> list[str]:
    """The class of what reading each of `paths` gives or raises, in a process of its own, where `good` is read first.

    Fails where one takes 2 seconds, or all together 500 megabytes.
    """
    command = [sys.executable, "-c", READ_ALL, str(good), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split()


def header(
    width: int = 4, height: int = 4, colors: list | None = COLORS, background: int = 0, version: bytes = b"89a"
) -> bytes:
    flags, table = palette(colors)
    return b"GIF" + version + struct.pack("<HHBBB", width, height, flags, background, 0) + table


def palette(colors: list | None) -> tuple[int, bytes]:
    """The flags and the bytes of a table of colors, a power of two of them, or of none."""
    flags = 0 if colors is None else 0x80 | (len(colors).bit_length() - 2)
    return flags, np.array(colors or [], np.uint8).tobytes()


def control(delay: int = 10, disposal: int = 0, transparent: int | None = None) -> bytes:
    return struct.pack("<BBBBHBB", 0x21, 0xF9, 4, disposal << 2 | (transparent is not None), delay, transparent or 0, 0)


def descriptor(left: int, top: int, width: int, height: int, colors: list | None = None, flags: int = 0) -> bytes:
    more, table = palette(colors)
    return struct.pack("<BHHHHB", 0x2C, left, top, width, height, flags | more) + table


def image(indices: object, left: int = 0, top: int = 0, colors: list | None = None, interlaced: bool = False) -> bytes:
    pixels = np.array(indices, np.uint8)
    place = descriptor(left, top, *pixels.shape[::-1], colors, interlaced << 6)
    if interlaced:
        pixels = np.concatenate([pixels[0::8], pixels[4::8], pixels[2::4], pixels[1::2]])
    return place + lzw_encoder.compress(pixels, max(2, int(pixels.max()).bit_length()))


def solid(index: int, width: int = 4, height: int = 4, left: int = 0, top: int = 0) -> bytes:
    return image(np.full((height, width), index), left, top)


def ramp(width: int = 4, height: int = 4, left: int = 0, top: int = 0, colors: list | None = None) -> bytes:
    return image((np.arange(width * height) // 2 % 3).reshape(height, width), left, top, colors)


def short(image: bytes, keep: int) -> bytes:
    """An image with one sub-block of which only `keep` bytes are left, properly ended."""
    return image[:11] + bytes([keep]) + image[12 : 12 + keep] + b"\x00"


def three(middle: bytes, last: bytes = b"", first: bytes = b"") -> bytes:
    """Three images, the second of them (with its control) given."""
    return header() + LOOP + (first or control() + solid(0)) + middle + (last or control(30) + ramp()) + b";"


def two(before: bytes = b"", between: bytes = b"", behind: bytes = b"") -> bytes:
    """Two images, with what stands around them."""
    return header() + before + control() + solid(0) + between + control() + ramp() + behind + b";"


def kinds() -> Iterator[tuple[str, bytes]]:
    """Names and files."""
    pair = control() + solid(0) + control(20) + ramp()
    open_end = header() + LOOP + pair
    yield "no trailer", open_end
    for junk in (
        b"<!-- text behind -->",
        b"\x00",
        b"\x00\x00\x00",
        b"\x99\x98",
        b",",
        b"!",
        b"!\xfe",
        b"!\xf9\x04\x00",
        b"!\xff\x0bNETS",
        b", and text that begins as an image does, and goes on",
        b"! and text that begins as an extension does" * 9,
        b"#;text",
        b"\x3c\x2c\x00\x00\x00\x00\x04\x00\x04\x00\x00\x02\x01",
    ):
        yield f"junk {junk[:12]!r} behind the last image", open_end + junk
        yield f"junk {junk[:12]!r} behind the trailer", open_end + b";" + junk
        yield f"junk {junk[:12]!r} between images", three(junk + control() + solid(1))
        yield f"junk {junk[:12]!r} between control and image", three(control() + junk + solid(1))
        yield f"junk {junk[:12]!r} before the first image", header() + junk + LOOP + pair + b";"
    whole = three(control(20) + solid(1))
    for length in range(13, len(whole)):
        yield f"cut off at byte {length} of {len(whole)}", whole[:length]
    for place, parts in (("first", 0), ("middle", 1), ("last", 2)):
        for what, image in (
            ("of width 0", descriptor(0, 0, 0, 4) + b"\x02\x01\x44\x00"),
            ("of height 0", descriptor(0, 0, 4, 0) + b"\x02\x01\x44\x00"),
            ("of no size", descriptor(0, 0, 0, 0) + b"\x02\x01\x44\x00"),
            ("of no size beyond the screen", descriptor(9, 9, 0, 0) + b"\x02\x01\x44\x00"),
            ("of no size, without data", descriptor(0, 0, 0, 0) + b"\x02\x00"),
            ("without data", descriptor(0, 0, 4, 4) + b"\x02\x00"),
            ("with an end code only", descriptor(0, 0, 4, 4) + b"\x02\x01\x05\x00"),
            ("with a clear code only", descriptor(0, 0, 4, 4) + b"\x02\x01\x04\x00"),
            ("short of data", short(ramp(), 3)),
            ("short of data, interlaced", short(descriptor(0, 0, 4, 4, flags=0x40) + ramp()[10:], 3)),
            ("with a code that cannot be", descriptor(0, 0, 4, 4) + b"\x02\x03\x84\xff\xff\x00"),
            ("with a code that cannot be at once", descriptor(0, 0, 4, 4) + b"\x02\x01\x3f\x00"),
            ("with too many pixels", descriptor(0, 0, 2, 2) + ramp()[10:]),
            ("with data behind the end code", ramp()[:-1] + b"\x05hello\x00"),
            ("with another image's bytes as data", descriptor(0, 0, 4, 4) + b"\x02\x05hello\x00"),
            ("of code size 0", descriptor(0, 0, 4, 4) + b"\x00\x01\x44\x00"),
            ("of code size 1", descriptor(0, 0, 4, 4) + b"\x01\x03\x22\x44\x08\x00"),
            ("of code size 9", descriptor(0, 0, 4, 4) + b"\x09\x04\x00\x02\x04\x08\x00"),
            ("of code size 12", descriptor(0, 0, 4, 4) + b"\x0c\x04\x00\x02\x04\x08\x00"),
            ("beyond the screen", ramp(8, 8)),
            ("partly beyond the screen", ramp(4, 4, 2, 2)),
            ("wholly beyond the screen", ramp(4, 4, 7, 7)),
            ("smaller than the screen", ramp(2, 2, 1, 1)),
            ("with indices beyond its palette", ramp(colors=[BLUE, GRAY])),
            ("with its own palette", ramp(colors=[BLUE, GRAY, RED, GREEN])),
        ):
            images = [solid(0), solid(1), solid(2)]
            images[parts] = image
            for transparent in (None, 1):
                shown = [control(10 * i + 10, transparent=transparent) + each for i, each in enumerate(images)]
                name = f"the {place} image {what}{', see-through' if transparent else ''}"
                yield name, header() + LOOP + b"".join(shown) + b";"
    no_size = descriptor(0, 0, 0, 0) + b"\x02\x01\x44\x00"
    dot = control() + solid(2, 1, 1, 3, 3)
    for disposal in range(8):
        for transparent in (None, 0, 3):
            how, first = control(disposal=disposal, transparent=transparent), control(disposal=1) + solid(0)
            of_all = b"".join(how + ramp(2, 2, i, i) for i in range(3))
            for what, data in (
                ("", three(how + ramp(2, 2, 1, 1), dot, first)),
                (" of the first", three(control() + ramp(2, 2, 1, 1), dot, how + ramp(3, 3))),
                (" of a zero-size image", three(how + no_size, dot, first)),
                (" of all", header() + of_all + b";"),
            ):
                yield f"disposal {disposal}{what}, see-through {transparent}", data
    yield "two controls", three(control(50, 2, 0) + control(20) + solid(1))
    yield "a control of 3 bytes", three(b"!\xf9\x03\x00\x32\x00\x00" + solid(1))
    yield "a control of 5 bytes", three(b"!\xf9\x05\x00\x32\x00\x00\x07\x00" + solid(1))
    yield "a control without terminator", three(b"!\xf9\x04\x00\x32\x00\x00" + solid(1))
    yield "a control of two blocks", three(b"!\xf9\x04\x00\x32\x00\x00\x02ab\x00" + solid(1))
    yield "a control of no bytes", three(b"!\xf9\x00" + solid(1))
    yield "a control, then plain text", three(control(50) + b"!\x01\x0c" + bytes(12) + b"\x02ab\x00" + solid(1))
    yield "no palette at all", header(colors=None) + control() + ramp() + b";"
    yield "no palette at all, see-through", header(colors=None) + control(transparent=1) + ramp() + b";"
    yield "no palette for the second", header(colors=None) + control() + ramp(colors=COLORS) + control() + ramp() + b";"
    large = control() + solid(1, 6, 6) + b";"
    for width, height in ((0, 0), (0, 4), (4, 0), (2, 2), (2, 9), (9, 2)):
        for left, top in ((0, 0), (1, 2)):
            head, name = header(width, height) + LOOP + control(), f"a screen of {width}×{height}"
            yield f"{name}, images at {left},{top}", head + ramp(4, 4, left, top) + large
            empty = descriptor(left, top, 0, 0) + b"\x02\x01\x44\x00"
            yield f"{name}, a first image of no size at {left},{top}", head + empty + large
    for count in (0, 1, 7, 65535):
        for repeat in (1, 2):
            yield f"loop {count}, {repeat} times", two((LOOP[:-3] + struct.pack("<HB", count, 0)) * repeat)
    five = LOOP[:-3] + b"\x05\x00\x00"
    yield "loops that differ", two(LOOP + five)
    yield "a loop behind the first image", two(between=five)
    yield "a loop at the end", two(behind=five)
    yield "a loop of two blocks", two(LOOP[:-1] + b"\x05\x02\x00\x00\x00\x00\x00")
    yield "a buffer size", two(LOOP[:-5] + b"\x05\x02\x00\x00\x00\x00\x00")
    yield "a loop of one byte", two(LOOP[:-5] + b"\x01\x01\x00")
    yield "a loop of other flags", two(LOOP[:-4] + b"\x09\x05\x00\x00")
    for delay in (0, 1, 2, 3, 65535):
        yield f"delay {delay}", header() + control(delay) + solid(0) + control(delay) + ramp() + b";"
    parts = control() + ramp(2, 2, 1, 1) + control(disposal=2) + solid(1, 2, 2) + control() + ramp(1, 1)
    yield "a background color", header(background=2) + parts + b";"
    yield "GIF87a", b"GIF87a" + whole[6:]
    yield "GIF88a", b"GIF88a" + whole[6:]
    yield "only a header", header()
    yield "only a trailer", header() + b";"
