"""Small GIFs, each with one oddity that real files have, made byte by byte."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from gifbench.media.gif import lzw_encoder

RED, GREEN, BLUE, GRAY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (9, 9, 9)
COLORS = [RED, GREEN, BLUE, GRAY]
LOOP = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"


def header(width: int = 4, height: int = 4, colors: list | None = COLORS, background: int = 0) -> bytes:
    flags = 0 if colors is None else 0x80 | (len(colors).bit_length() - 2)
    table = np.array(colors or [], np.uint8).tobytes()
    return b"GIF89a" + struct.pack("<HHBBB", width, height, flags, background, 0) + table


def control(delay: int = 10, disposal: int = 0, transparent: int | None = None) -> bytes:
    return struct.pack("<BBBBHBB", 0x21, 0xF9, 4, disposal << 2 | (transparent is not None), delay, transparent or 0, 0)


def descriptor(left: int, top: int, width: int, height: int, colors: list | None = None, flags: int = 0) -> bytes:
    flags |= 0 if colors is None else 0x80 | (len(colors).bit_length() - 2)
    return struct.pack("<BHHHHB", 0x2C, left, top, width, height, flags) + np.array(colors or [], np.uint8).tobytes()


def solid(index: int, width: int = 4, height: int = 4, left: int = 0, top: int = 0, **about: object) -> bytes:
    place = descriptor(left, top, width, height, **about)  # type: ignore[arg-type]
    return place + lzw_encoder.compress(np.full((height, width), index, np.uint8), 2)


def ramp(width: int = 4, height: int = 4, left: int = 0, top: int = 0, **about: object) -> bytes:
    place = descriptor(left, top, width, height, **about)  # type: ignore[arg-type]
    return place + lzw_encoder.compress((np.arange(width * height) // 2 % 3).astype(np.uint8), 2)


def short(image: bytes, keep: int) -> bytes:
    """An image with one sub-block of which only `keep` bytes are left, properly ended."""
    return image[:11] + bytes([keep]) + image[12 : 12 + keep] + b"\x00"


def three(middle: bytes, last: bytes = b"", first: bytes = b"") -> bytes:
    """Three images, the second of them (with its control) given."""
    return header() + LOOP + (first or control() + solid(0)) + middle + (last or control(30) + ramp()) + b";"


def kinds() -> Iterator[tuple[str, bytes]]:
    """Names and files."""
    two = header() + LOOP + control() + solid(0) + control(20) + ramp()
    yield "no trailer", two
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
        yield f"junk {junk[:12]!r} behind the last image", two + junk
        yield f"junk {junk[:12]!r} behind the trailer", two + b";" + junk
        yield f"junk {junk[:12]!r} between images", three(junk + control() + solid(1))
        yield f"junk {junk[:12]!r} between control and image", three(control() + junk + solid(1))
        yield (
            f"junk {junk[:12]!r} before the first image",
            header() + junk + LOOP + control() + solid(0) + control(20) + ramp() + b";",
        )
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
            ("short of data, interlaced", short(ramp(flags=0x40), 3)),
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
                data = (
                    header()
                    + LOOP
                    + b"".join(control(10 * i + 10, transparent=transparent) + each for i, each in enumerate(images))
                    + b";"
                )
                yield f"the {place} image {what}{', see-through' if transparent else ''}", data
    for disposal in range(8):
        for transparent in (None, 0, 3):
            first = control(disposal=1) + solid(0)
            yield (
                f"disposal {disposal}, see-through {transparent}",
                three(
                    control(disposal=disposal, transparent=transparent) + ramp(2, 2, 1, 1),
                    control() + solid(2, 1, 1, 3, 3),
                    first,
                ),
            )
            yield (
                f"disposal {disposal} of the first, see-through {transparent}",
                three(
                    control() + ramp(2, 2, 1, 1),
                    control() + solid(2, 1, 1, 3, 3),
                    control(disposal=disposal, transparent=transparent) + ramp(3, 3),
                ),
            )
            yield (
                f"disposal {disposal} of a zero-size image, see-through {transparent}",
                three(
                    control(disposal=disposal, transparent=transparent) + descriptor(0, 0, 0, 0) + b"\x02\x01\x44\x00",
                    control() + solid(2, 1, 1, 3, 3),
                    first,
                ),
            )
            yield (
                f"disposal {disposal} of all, see-through {transparent}",
                header()
                + b"".join(control(disposal=disposal, transparent=transparent) + ramp(2, 2, i, i) for i in range(3))
                + b";",
            )
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
    for width, height in ((0, 0), (0, 4), (4, 0), (2, 2), (2, 9), (9, 2)):
        for left, top in ((0, 0), (1, 2)):
            yield (
                f"a screen of {width}×{height}, images at {left},{top}",
                header(width, height) + LOOP + control() + ramp(4, 4, left, top) + control() + solid(1, 6, 6) + b";",
            )
            yield (
                f"a screen of {width}×{height}, a first image of no size at {left},{top}",
                header(width, height)
                + LOOP
                + control()
                + descriptor(left, top, 0, 0)
                + b"\x02\x01\x44\x00"
                + control()
                + solid(1, 6, 6)
                + b";",
            )
    for count in (0, 1, 7, 65535):
        for repeat in (1, 2):
            yield (
                f"loop {count}, {repeat} times",
                header()
                + (LOOP[:-3] + struct.pack("<HB", count, 0)) * repeat
                + control()
                + solid(0)
                + control()
                + ramp()
                + b";",
            )
    yield (
        "loops that differ",
        header() + LOOP + LOOP[:-3] + b"\x05\x00\x00" + control() + solid(0) + control() + ramp() + b";",
    )
    yield (
        "a loop behind the first image",
        header() + control() + solid(0) + LOOP[:-3] + b"\x05\x00\x00" + control() + ramp() + b";",
    )
    yield "a loop at the end", header() + control() + solid(0) + control() + ramp() + LOOP[:-3] + b"\x05\x00\x00;"
    yield (
        "a loop of two blocks",
        header() + LOOP[:-1] + b"\x05\x02\x00\x00\x00\x00\x00" + control() + solid(0) + control() + ramp() + b";",
    )
    yield (
        "a buffer size",
        header() + LOOP[:-5] + b"\x05\x02\x00\x00\x00\x00\x00" + control() + solid(0) + control() + ramp() + b";",
    )
    yield (
        "a loop of one byte",
        header() + LOOP[:-5] + b"\x01\x01\x00" + control() + solid(0) + control() + ramp() + b";",
    )
    yield (
        "a loop of other flags",
        header() + LOOP[:-4] + b"\x09\x05\x00\x00" + control() + solid(0) + control() + ramp() + b";",
    )
    for delay in (0, 1, 2, 3, 65535):
        yield f"delay {delay}", header() + control(delay) + solid(0) + control(delay) + ramp() + b";"
    yield (
        "a background color",
        header(background=2)
        + control()
        + ramp(2, 2, 1, 1)
        + control(disposal=2)
        + solid(1, 2, 2)
        + control()
        + ramp(1, 1)
        + b";",
    )
    yield "GIF87a", b"GIF87a" + whole[6:]
    yield "GIF88a", b"GIF88a" + whole[6:]
    yield "only a header", header()
    yield "only a trailer", header() + b";"
