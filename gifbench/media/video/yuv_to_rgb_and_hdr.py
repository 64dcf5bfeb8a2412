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

from dataclasses import KW_ONLY, dataclass, field
from typing import Literal

import cv2
import numpy as np
from av.video.frame import VideoFrame

from gifbench.errors import CorruptMedia
from gifbench.media.clip import Pixels
from gifbench.media.video.codecs import PLANAR
from gifbench.media.video.filter_graph import FfmpegFilter, PictureFilter
from gifbench.media.video.orientation_and_aspect import UPRIGHT, Orientation, orientation, turn

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
    11: "smpte2085",
    12: "chroma-derived-nc",
    13: "chroma-derived-c",
    14: "ictcp",
    15: "ipt-c2",
    16: "ycgco-re",
    17: "ycgco-ro",
}
"""AVColorSpace, ISO/IEC 23091-2, by the names that ffmpeg gives them."""

_CONVERTED = {0, 1, 2, 4, 5, 6, 7, 9}
"""Matrices that ffmpeg converts to RGB."""
_DERIVED = {1: 1, 9: 9}
"""The matrix that follows from the primaries of BT.709 and of BT.2020, which `chroma-derived-nc` leaves to them."""

COLOR_RANGES = {0: "unknown", 1: "tv", 2: "pc"}
"""AVColorRange: `tv` is limited (16 to 235), `pc` full (0 to 255)."""

HDR = {16: "PQ", 18: "HLG"}
"""Transfer curves of high dynamic range, AVColorTransferCharacteristic."""

_LUMA_FIRST = ("yuv4", "yuvj4", "yuva4", "nv12", "nv21", "nv16", "nv24", "nv42", "gray")
"""Formats whose first plane is luma; those of eight bits a sample are read as they are."""

_RED_GREEN_BLUE = (2, 0, 1)
"""The numbers of the planes of `gbrp` in that order."""

Color = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""
WHITE: Color = (255, 255, 255)


@dataclass(slots=True)
class ColorConverter:
    """Converts the frames of one video; it keeps the filters for as long as the frames stay alike."""

    kind: PixelKind
    _: KW_ONLY
    place: object = "the video"
    """What is named in errors."""
    size: tuple[int, int] | None = None
    """Width and height before turning, that pictures are scaled to where they differ from it."""
    tonemap: bool = False
    """Whether PQ and HLG are brought to BT.709."""
    background: Color = WHITE
    """What see-through pixels show."""
    _filters: dict[tuple[FfmpegFilter, ...], PictureFilter] = field(default_factory=dict, init=False)
    _turned: tuple[int, Orientation] | None = field(default=None, init=False)

    def pixels(self, frame: VideoFrame) -> Pixels:
        """RGB (H, W, 3) or gray (H, W) pixels, uint8, turned as the display matrix says, in memory of their own.

        Raises `CorruptMedia` for a color matrix that ffmpeg cannot convert.
        """
        how = self._orientation_of(frame)
        if self.kind == "gray":
            return np.array(turn(self._gray(frame), how), order="C")
        rgb = self._rgb(frame)
        return rgb if how == UPRIGHT else np.array(turn(rgb, how), order="C")

    def _orientation_of(self, frame: VideoFrame) -> Orientation:
        """That of the first frame until the angle changes: PyAV's side data tie a frame into a reference cycle, which
        keeps its picture in memory until the garbage collector comes by, hundreds of frames later.
        """
        angle = frame.rotation
        if self._turned is None or self._turned[0] != angle:
            self._turned = (angle, orientation(frame))
        return self._turned[1]

    def _rgb(self, frame: VideoFrame) -> Pixels:
        if not _has_alpha(frame):
            return interleaved(self._converted(frame, "gbrp"))
        planes = self._converted(frame, "gbrap")
        return _over(interleaved(planes), _plane(planes, 3), np.array(self.background, np.uint8))

    def _gray(self, frame: VideoFrame) -> Pixels:
        if not _has_luma_plane(frame) or self._maps(frame):
            gray = _plane(self._converted(frame, "gray"), 0)
        elif self.size not in (None, (frame.width, frame.height)):
            gray = _plane(self._filtered(frame, ("extractplanes", "planes=y"), self._scale(frame)), 0)
        else:
            gray = _plane(frame, 0)
        if not _has_alpha(frame):
            return gray
        alpha = _plane(self._converted(frame, "gbrap"), 3)
        red, green, blue = self.background
        return _over(gray, alpha, np.uint8(round(0.299 * red + 0.587 * green + 0.114 * blue)))

    def _converted(self, frame: VideoFrame, pixel_format: str) -> VideoFrame:
        return self._filtered(frame, self._scale(frame), ("format", f"pix_fmts={pixel_format}"))

    def _scale(self, frame: VideoFrame) -> FfmpegFilter:
        options = f"flags={SCALE_FLAGS}"
        if self.size is not None and self.size != (frame.width, frame.height):
            options = f"w={self.size[0]}:h={self.size[1]}:{options}"
        if self._maps(frame):
            options += ":out_transfer=bt709:out_primaries=bt709:intent=perceptual"
        return "scale", options

    def _maps(self, frame: VideoFrame) -> bool:
        return self.tonemap and int(frame.color_trc) in HDR

    def _filtered(self, frame: VideoFrame, *filters: FfmpegFilter) -> VideoFrame:
        matrix = int(frame.colorspace)
        if matrix == 12 and int(frame.color_primaries) in _DERIVED:
            matrix = frame.colorspace = _DERIVED[int(frame.color_primaries)]
        if matrix not in _CONVERTED and not frame.format.is_rgb:
            name = COLOR_SPACES.get(matrix, "reserved")
            raise CorruptMedia(
                f"{self.place}: its colors are coded with the matrix {matrix} ({name}), which ffmpeg cannot convert "
                "to RGB: make a copy in BT.709 with another program"
            )
        if filters not in self._filters:
            self._filters[filters] = PictureFilter(filters)
        return self._filters[filters].one(frame)


def interleaved(planar: VideoFrame) -> Pixels:
    """RGB pixels (H, W, 3) of a picture in the planes of `gbrp` or `gbrap`, in memory of their own."""
    return np.asarray(cv2.merge([_plane(planar, number) for number in _RED_GREEN_BLUE]))


def planar(pixels: Pixels) -> VideoFrame:
    """A picture in the planes of `PLANAR` with the pixels (H, W, 3), uint8: the way back from `interleaved`."""
    height, width, _ = pixels.shape
    frame = VideoFrame(width, height, PLANAR)
    cv2.split(pixels, [_plane(frame, number) for number in _RED_GREEN_BLUE])
    return frame


def _over(pixels: Pixels, alpha: Pixels, background: Pixels | np.uint8) -> Pixels:
    """`pixels` laid over a background, rounded."""
    if pixels.ndim == 3:
        alpha = alpha[..., None]
    weight = alpha.astype(np.uint32)
    mixed = pixels * weight + background * (255 - weight)
    return ((mixed + 127) // 255).astype(np.uint8)


def _plane(frame: VideoFrame, number: int) -> Pixels:
    """A view (H, W) of an 8-bit plane of the size of the picture, without the padding of its rows."""
    plane = frame.planes[number]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]


def _has_luma_plane(frame: VideoFrame) -> bool:
    return frame.format.name.startswith(_LUMA_FIRST) and frame.format.components[0].bits == 8


def _has_alpha(frame: VideoFrame) -> bool:
    return frame.format.has_palette or any(component.is_alpha for component in frame.format.components)
