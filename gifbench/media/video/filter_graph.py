"""ffmpeg's filters on decoded pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import av.error
from av.filter import Graph
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

    def fits(self, frame: VideoFrame) -> bool:
        """Whether `frame` is of the same kind as the one before."""
        return self._graph is None or _alike(frame) == self._like

    def push(self, frame: VideoFrame) -> Iterator[VideoFrame]:
        """What the filters give after `frame`."""
        if self._graph is None or _alike(frame) != self._like:
            self._graph, self._like = self._built(frame), _alike(frame)
        self._graph.vpush(frame)
        return _pulled(self._graph)

    def one(self, frame: VideoFrame) -> VideoFrame:
        """What the filters make of `frame` alone."""
        return next(self.push(frame))

    def flush(self) -> Iterator[VideoFrame]:
        """The pictures that are still inside; the next picture begins anew."""
        if self._graph is not None:
            self._graph.vpush(None)
            yield from _pulled(self._graph)
            self._graph = None

    def _built(self, frame: VideoFrame) -> Graph:
        graph = Graph()
        graph.threads = 1
        source = graph.add(
            "buffer",
            f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1000:pixel_aspect=1/1"
            f":colorspace={int(frame.colorspace)}:range={int(frame.color_range)}",
        )
        filters = (graph.add(name, options) for name, options in self._filters)
        graph.link_nodes(source, *filters, graph.add("buffersink")).configure()
        return graph


def _pulled(graph: Graph) -> Iterator[VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
