"""`ffmpeg-256-bayer`, `ffmpeg-single-128`: libavfilter's palettegen and paletteuse, written by libav's GIF encoder.

What `ffmpeg -i in.mp4 -vf "split[a][b];[a]palettegen[p];[b][p]paletteuse" out.gif` does, through PyAV.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import accumulate
from typing import Any

import av
import av.error
import av.filter
import numpy as np

from gifbench import MakerClip, MakerError, UsageError

DITHERS = ("none", "bayer", "heckbert", "floyd_steinberg", "sierra2", "sierra2_4a", "sierra3", "burkes", "atkinson")
"""The values of paletteuse's option `dither`; sierra2_4a is its default, which the `single` variants have."""

_VARIANT = re.compile(rf"single-(?P<single>[1-9]\d+)|(?P<colors>[1-9]\d+)-(?P<dither>{'|'.join(DITHERS)})")
_LEAST, _MOST = 16, 256
_CLOCK = Fraction(1, 100)


class FfmpegMaker:
    """`<colors>-<dither>`: one palette for all frames. `single-<colors>`: one for each frame (`stats_mode=single`)."""

    variants = (
        "256-sierra2_4a",
        "256-floyd_steinberg",
        "256-bayer",
        "256-none",
        "128-sierra2_4a",
        "64-bayer",
        "64-none",
        "single-256",
        "single-128",
    )

    def __init__(self, variant: str) -> None:
        found = _VARIANT.fullmatch(variant)
        colors = int(found["single"] or found["colors"]) if found else 0
        if found is None or not _LEAST <= colors <= _MOST:
            raise UsageError(
                f'there is no maker "ffmpeg-{variant[:60]}": name ffmpeg-<colors>-<dither> with {_LEAST} to {_MOST} '
                f"colors and a dither of {', '.join(DITHERS)}, or ffmpeg-single-<colors>"
            )
        self._single, self._colors = bool(found["single"]), colors
        self._dither = found["dither"] or "sierra2_4a"
        self.dithered = self._dither != "none"
        palettes = "a palette a frame" if self._single else "one palette"
        self.summary = f"ffmpeg's palettegen and paletteuse: {palettes}, {self._colors} colors, dither {self._dither}"

    @property
    def version(self) -> str:
        """Of libavfilter and libavcodec."""
        for name in ("palettegen", "paletteuse"):
            if name not in av.filter.filters_available:
                raise MakerError(f"makers ffmpeg: this build of PyAV has no filter {name}; install its wheel")
        parts = {name: ".".join(map(str, av.library_versions[name])) for name in ("libavfilter", "libavcodec")}
        return ", ".join(f"{name} {version}" for name, version in parts.items())

    def make(self, clip: MakerClip) -> bytes:
        """The GIF file."""
        starts = [0, *accumulate(clip.delays)]
        try:
            frames = self._with_own_palettes(clip, starts) if self._single else self._with_one_palette(clip, starts)
            return _encoded(frames, clip)
        except (av.error.FFmpegError, ValueError) as error:
            raise MakerError(
                f"makers ffmpeg: libav failed on {clip.width}×{clip.height}: {' '.join(str(error).split())}"
            ) from error

    def _with_one_palette(self, clip: MakerClip, starts: list[int]) -> Iterator[av.VideoFrame]:
        graph, source, sink = _graph(clip)
        generate = graph.add("palettegen", f"max_colors={self._colors}:stats_mode=full")
        graph.link_nodes(source, generate, sink).configure()
        (palette,) = _through(source, sink, clip, starts)
        palette.pts = 0
        graph, source, sink = _graph(clip)
        colors = graph.add_buffer(width=16, height=16, format=palette.format, time_base=_CLOCK)
        use = graph.add("paletteuse", f"dither={self._dither}")
        colors.link_to(use, 0, 1)
        graph.link_nodes(source, use, sink).configure()
        colors.push(palette)
        colors.push(None)
        yield from _through(source, sink, clip, starts)

    def _with_own_palettes(self, clip: MakerClip, starts: list[int]) -> Iterator[av.VideoFrame]:
        graph, source, sink = _graph(clip)
        split, use = graph.add("split"), graph.add("paletteuse", f"dither={self._dither}:new=1")
        generate = graph.add("palettegen", f"max_colors={self._colors}:stats_mode=single")
        source.link_to(split)
        split.link_to(generate, 0, 0)
        generate.link_to(use, 0, 1)
        split.link_to(use, 1, 0)
        graph.link_nodes(use, sink).configure()
        yield from _through(source, sink, clip, starts)


def _graph(clip: MakerClip) -> tuple[av.filter.Graph, Any, Any]:
    """A graph of filters on one thread, whose frames are timed in hundredths of a second, with its source and sink."""
    graph = av.filter.Graph()
    graph.threads = 1
    kind = av.VideoFormat("rgb24")
    source = graph.add_buffer(width=clip.width, height=clip.height, format=kind, time_base=_CLOCK)
    return graph, source, graph.add("buffersink")


def _through(source: Any, sink: Any, clip: MakerClip, starts: list[int]) -> Iterator[av.VideoFrame]:  # noqa: ANN401
    """What comes out at the sink of a configured graph for the frames of the clip."""
    for start, pixels in zip(starts, clip.frames(), strict=False):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        frame.pts, frame.time_base = start, _CLOCK
        source.push(frame)
        yield from _pulled(sink)
    source.push(None)
    yield from _pulled(sink)


def _pulled(sink: Any) -> Iterator[av.VideoFrame]:  # noqa: ANN401
    while True:
        try:
            frame = sink.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        yield frame


def _encoded(frames: Iterable[av.VideoFrame], clip: MakerClip) -> bytes:
    """A GIF file; libav draws only what changes from frame to frame."""
    file = io.BytesIO()
    with av.open(file, "w", format="gif", options={"final_delay": str(clip.delays[-1])}) as container:
        stream = container.add_stream("gif", rate=100)
        stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, "pal8"
        stream.time_base = stream.codec_context.time_base = _CLOCK
        for frame in frames:
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()
