"""Pictures in HEIF files (HEIC, AVIF), box by box: a grid of tiles, a clean aperture, turned and mirrored."""

from __future__ import annotations

import contextlib
import io
import os
import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction

import av
import numpy as np

from gifbench.media.clip import Pixels

CODECS = {
    "hvc1": ("libx265", {"crf": "4", "x265-params": "log-level=none:keyint=1"}),
    "av01": ("libsvtav1", {"crf": "8", "svtav1-params": "avif=1"}),
}


def box(kind: str, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return struct.pack(">I4s", 8 + len(data), kind.encode()) + data


def full(kind: str, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


@contextlib.contextmanager
def scheduling_kept() -> Iterator[None]:
    """As root, SVT-AV1 makes the process that calls it a real-time one, and so all that this starts."""
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


def coded(pixels: Pixels, kind: str) -> tuple[bytes, bytes]:
    """A picture as one packet, and the configuration of its decoder."""
    name, options = CODECS[kind]
    file = io.BytesIO()
    with scheduling_kept(), av.open(file, "w", format="mp4") as container:
        stream = container.add_stream(name, rate=1, options=options)
        stream.height, stream.width = pixels.shape[:2]
        stream.pix_fmt = "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    with av.open(io.BytesIO(file.getvalue())) as container:
        stream = container.streams.video[0]
        packet = next(packet for packet in container.demux(stream) if packet.size)
        return bytes(packet), bytes(stream.codec_context.extradata or b"")


def clap(width: int, height: int, left: Fraction, top: Fraction) -> bytes:
    """A clean aperture; `left` and `top` are how far its center is from the picture's."""
    numbers = [width, 1, height, 1, left.numerator, left.denominator, top.numerator, top.denominator]
    return box("clap", struct.pack(">IIIIiIiI", *numbers))


def picture(pixels: Pixels, *properties: bytes, kind: str = "av01") -> bytes:
    """A file with one picture; `properties` are boxes that change how it is shown."""
    data, config = coded(pixels, kind)
    height, width = pixels.shape[:2]
    return _file([(kind, data, [_config(kind, config), _size(width, height), *properties])], kind)


def grid(pixels: Pixels, rows: int, columns: int, *properties: bytes, kind: str = "hvc1") -> bytes:
    """A file whose picture is laid out of tiles, as telephones write it."""
    height, width = pixels.shape[:2]
    tall, wide = -(-height // rows), -(-width // columns)
    padded = np.pad(pixels, ((0, rows * tall - height), (0, columns * wide - width), (0, 0)), mode="edge")
    layout = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)
    items: list[tuple[str, bytes, list[bytes]]] = [("grid", layout, [_size(width, height), *properties])]
    for row in range(rows):
        for column in range(columns):
            tile = padded[row * tall : (row + 1) * tall, column * wide : (column + 1) * wide]
            data, config = coded(np.ascontiguousarray(tile), kind)
            items.append((kind, data, [_config(kind, config), _size(wide, tall)]))
    return _file(items, kind)


def _config(kind: str, config: bytes) -> bytes:
    return box({"hvc1": "hvcC", "av01": "av1C"}[kind], config)


def _size(width: int, height: int) -> bytes:
    return full("ispe", struct.pack(">II", width, height))


def _file(items: Sequence[tuple[str, bytes, list[bytes]]], kind: str) -> bytes:
    """The first item is the picture, the others its tiles."""
    brands = b"heic" if kind == "hvc1" else b"avif"
    start = box("ftyp", brands, bytes(4), b"mif1", brands)
    properties: list[bytes] = []
    associations = []
    for number, (_, _, of_item) in enumerate(items, start=1):
        places = []
        for one in of_item:
            if one not in properties:
                properties.append(one)
            places.append(0x80 | properties.index(one) + 1)
        associations.append(struct.pack(">HB", number, len(places)) + bytes(places))
    infos = [
        full("infe", struct.pack(">HH4s", number, 0, name.encode()), b"\0", version=2, flags=int(number > 1))
        for number, (name, _, _) in enumerate(items, start=1)
    ]
    tiles = range(2, len(items) + 1)
    reference = box("dimg", struct.pack(f">HH{len(tiles)}H", 1, len(tiles), *tiles))

    def meta(base: int) -> bytes:
        places, offset = [], base
        for number, (name, data, _) in enumerate(items, start=1):
            inside = name == "grid"
            places.append(struct.pack(">HHHHII", number, int(inside), 0, 1, 0 if inside else offset, len(data)))
            offset += 0 if inside else len(data)
        return full(
            "meta",
            full("hdlr", bytes(4), b"pict", bytes(13)),
            full("pitm", struct.pack(">H", 1)),
            full("iloc", b"\x44\x00", struct.pack(">H", len(items)), *places, version=1),
            full("iinf", struct.pack(">H", len(items)), *infos),
            *([full("iref", reference)] if tiles else []),
            box("iprp", box("ipco", *properties), full("ipma", struct.pack(">I", len(associations)), *associations)),
            *(box("idat", data) for name, data, _ in items if name == "grid"),
        )

    base = len(start) + len(meta(0)) + 8
    return start + meta(base) + box("mdat", *(data for name, data, _ in items if name != "grid"))
