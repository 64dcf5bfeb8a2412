"""ffmpeg's filters on decoded pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import av.error
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.frame import VideoFrame

FfmpegFilter = tuple[str, str]
"""The name of a filter of ffmpeg, and its options."""


def _alike(frame: VideoFrame) -> tuple[object, ...]:
    return frame.width, frame.height, frame.format.name, int(frame.colorspace), int(frame.color_range)


class PictureFilter:
    """A chain of filters that gives a picture for each picture; it is built anew when the pictures change their kind.

    A filter that looks at neighbors gives each picture later, and the last ones at `flush`.
    """

    def __init__(self, filters: Sequence[FfmpegFilter]) -> None:
        self._filters = filters
        self._like: tuple[object, ...] = ()
        self._graph: Graph | None = None
        self._source: FilterContext | None = None
        self._sink: FilterContext | None = None

    def fits(self, frame: VideoFrame) -> bool:
        """Whether `frame` is of the same kind as the one before."""
        return not self._like or _alike(frame) == self._like

    def push(self, frame: VideoFrame) -> Iterator[VideoFrame]:
        """What the filters give after `frame`."""
        if _alike(frame) != self._like:
            self._build(frame)
        assert self._source is not None  # noqa: S101  (_build sets it)
        self._source.push(frame)
        return self._pull()

    def one(self, frame: VideoFrame) -> VideoFrame:
        """What the filters make of `frame` alone."""
        return next(self.push(frame))

    def flush(self) -> Iterator[VideoFrame]:
        """The pictures that are still inside; the next picture begins anew."""
        if self._source is None:
            return
        self._source.push(None)
        yield from self._pull()
        self._like, self._source = (), None

    def _pull(self) -> Iterator[VideoFrame]:
        assert self._sink is not None  # noqa: S101  (_build sets it)
        while True:
            try:
                out = self._sink.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            if not isinstance(out, VideoFrame):
                raise TypeError(f"a video filter gave {type(out).__name__}")
            yield out

    def _build(self, frame: VideoFrame) -> None:
        graph = Graph()
        graph.threads = 1
        source = graph.add(
            "buffer",
            f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1000:pixel_aspect=1/1"
            f":colorspace={int(frame.colorspace)}:range={int(frame.color_range)}",
        )
        sink = graph.add("buffersink")
        graph.link_nodes(source, *(graph.add(name, options) for name, options in self._filters), sink)
        graph.configure()
        self._graph, self._source, self._sink, self._like = graph, source, sink, _alike(frame)
