"""From decoded pictures to RGB or gray pixels, exactly as ffmpeg converts them.

RGB is what ffmpeg gives, to the bit, with

    -vf scale=flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact,format=rgb24

Matrix (BT.601, 709, 2020, …), range, chroma siting and depth are as the frame says, BT.601 and limited where it says
nothing. These flags interpolate chroma and round; ffmpeg's default flags repeat each chroma sample over 2×2 pixels and
truncate, in code that differs between processors: 1.2 levels off in the mean of our clips, up to 61 at colored edges.

The way goes through planar GBR, for which ffmpeg has vector code and for packed RGB none: the same numbers come out
three times as fast (640×480: 0.65 ms instead of 2.0, 1280×720: 2.1 instead of 5.8; `benchmarks/video_decode.py`).
"""

from __future__ import annotations

from typing import Literal, cast

import numpy as np
from av.filter import Graph
from av.filter.context import FilterContext
from av.sidedata.sidedata import SideData, Type
from av.video.frame import VideoFrame

from gifbench.media.clip import Pixels

PixelKind = Literal["rgb", "gray"]

SCALE_FLAGS = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"
"""The flags of ffmpeg's scaler that define our RGB."""

COLOR_SPACES = {
    0: "gbr",
    1: "bt709",
    2: "unknown",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    8: "ycgco",
    9: "bt2020nc",
    10: "bt2020c",
    14: "ictcp",
}
"""AVColorSpace, ISO/IEC 23091-2, by the names that ffmpeg gives them."""

COLOR_RANGES = {0: "unknown", 1: "tv", 2: "pc"}
"""AVColorRange: `tv` is limited (16 to 235), `pc` full (0 to 255)."""

_LUMA_FIRST = ("yuv4", "yuvj4", "yuva4", "nv12", "nv21", "nv16", "nv24", "nv42", "gray")
"""Formats whose first plane is luma; those of eight bits a sample are read as they are."""


Orientation = tuple[bool, int]
"""Mirror left to right first?, then quarter turns clockwise."""

_UPRIGHT: Orientation = (False, 0)


class Converter:
    """Converts the frames of one video; it keeps the filter graph for as long as the frames stay alike."""

    def __init__(self, kind: PixelKind) -> None:
        from gifbench.media.video.interleave import interleave  # here, because importing this must not load numba

        self._kind = kind
        self._interleave = interleave
        self._like: tuple[object, ...] = ()
        self._source: FilterContext | None = None
        self._sink: FilterContext | None = None
        self._graph: Graph | None = None
        self._turned: tuple[int, Orientation] | None = None

    def pixels(self, frame: VideoFrame) -> Pixels:
        """RGB (H, W, 3) or gray (H, W) pixels, uint8, turned as the display matrix says, in memory of their own."""
        how = self._orientation_of(frame)
        if self._kind == "gray":
            return np.array(turn(_plane(frame if _has_luma_plane(frame) else self._convert(frame), 0), how), order="C")
        green_blue_red = self._convert(frame)
        rgb = np.empty((frame.height, frame.width, 3), np.uint8)
        self._interleave(*(_plane(green_blue_red, i) for i in (2, 0, 1)), rgb.reshape(frame.height, -1))
        return rgb if how == _UPRIGHT else np.array(turn(rgb, how), order="C")

    def _orientation_of(self, frame: VideoFrame) -> Orientation:
        """That of the first frame until the angle changes: PyAV's side data tie a frame into a reference cycle, which
        keeps its picture in memory until the garbage collector comes by, hundreds of frames later.
        """
        angle = frame.rotation
        if self._turned is None or self._turned[0] != angle:
            self._turned = (angle, orientation(frame))
        return self._turned[1]

    def _convert(self, frame: VideoFrame) -> VideoFrame:
        like = (frame.width, frame.height, frame.format.name, int(frame.colorspace), int(frame.color_range))
        if like != self._like:
            self._build(frame)
            self._like = like
        assert self._source is not None and self._sink is not None  # noqa: S101  (_build sets both)
        self._source.push(frame)
        out = self._sink.pull()
        if not isinstance(out, VideoFrame):
            raise TypeError(f"a video filter gave {type(out).__name__}")
        return out

    def _build(self, frame: VideoFrame) -> None:
        graph = Graph()
        graph.threads = 1
        source = graph.add(
            "buffer",
            f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1000:pixel_aspect=1/1"
            f":colorspace={COLOR_SPACES.get(int(frame.colorspace), 'unknown')}"
            f":range={COLOR_RANGES.get(int(frame.color_range), 'unknown')}",
        )
        scale = graph.add("scale", f"flags={SCALE_FLAGS}")
        wanted = graph.add("format", "pix_fmts=gbrp" if self._kind == "rgb" else "pix_fmts=gray")
        sink = graph.add("buffersink")
        graph.link_nodes(source, scale, wanted, sink)
        graph.configure()
        self._graph, self._source, self._sink = graph, source, sink


def _plane(frame: VideoFrame, number: int) -> Pixels:
    """A view (H, W) of an 8-bit plane of the size of the picture, without the padding of its rows."""
    plane = frame.planes[number]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]


def _has_luma_plane(frame: VideoFrame) -> bool:
    pixel_format = frame.format
    return pixel_format.name.startswith(_LUMA_FIRST) and pixel_format.components[0].bits == 8


# The signs of the display matrix (a b; c d), which takes a stored point (x, y) to (ax + cy, bx + dy).
_ORIENTATIONS: dict[tuple[int, ...], Orientation] = {
    (1, 0, 0, 1): (False, 0),
    (0, 1, -1, 0): (False, 1),
    (-1, 0, 0, -1): (False, 2),
    (0, -1, 1, 0): (False, 3),
    (-1, 0, 0, 1): (True, 0),
    (0, 1, 1, 0): (True, 3),
    (1, 0, 0, -1): (True, 2),
    (0, -1, -1, 0): (True, 1),
}


def orientation(frame: VideoFrame) -> Orientation:
    """How the frame's display matrix wants it shown; upright where there is none or it turns by an odd angle."""
    try:
        items = cast("list[SideData]", list(frame.side_data))  # PyAV's stubs say keys, and it iterates values
    except ValueError:  # PyAV has no name for some kind of side data here; the angle it still gives
        quarters, rest = divmod(-frame.rotation, 90)
        return (False, quarters % 4) if rest == 0 else _UPRIGHT
    matrix = next((item for item in items if item.type is Type.DISPLAYMATRIX), None)
    if matrix is None:
        return _UPRIGHT
    a, b, _, c, d, *_ = np.frombuffer(bytes(matrix), "<i4").tolist()
    largest = max(abs(v) for v in (a, b, c, d)) or 1
    # Within a degree of a quarter turn, as ffmpeg takes it.
    signs = tuple(0 if abs(v) < largest / 57 else (1 if v > 0 else -1) for v in (a, b, c, d))
    return _ORIENTATIONS.get(signs, _UPRIGHT)


def turn(pixels: Pixels, how: Orientation) -> Pixels:
    """`pixels` (H, W, …) mirrored and turned; a view where that is possible."""
    mirror, quarters = how
    return np.rot90(pixels[:, ::-1] if mirror else pixels, -quarters)
