"""Interlaced pictures made whole."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import av.error
from av.video.frame import VideoFrame

from gifbench.errors import CorruptMedia
from gifbench.media.video.filter_graph import PictureFilter
from gifbench.media.video.frames import TimedPicture


def deinterlaced(frames: Iterator[TimedPicture]) -> Iterator[TimedPicture]:
    """The same frames, those that are interlaced made whole by ffmpeg's `bwdif`, which looks at both neighbors."""
    deinterlace = PictureFilter([("bwdif", "mode=send_frame:deint=interlaced")])
    waiting: deque[TimedPicture] = deque()

    def whole(pictures: Iterator[VideoFrame]) -> Iterator[TimedPicture]:
        for picture in pictures:
            yield replace(waiting.popleft(), picture=picture)

    try:
        for shown in frames:
            if shown.damaged or not deinterlace.fits(shown.picture):
                yield from whole(deinterlace.flush())
            if shown.damaged:  # no other frame is to be made of it
                yield shown
                continue
            waiting.append(shown)
            yield from whole(deinterlace.push(shown.picture))
    except (CorruptMedia, av.error.FFmpegError):
        yield from whole(deinterlace.flush())
        raise
    yield from whole(deinterlace.flush())
