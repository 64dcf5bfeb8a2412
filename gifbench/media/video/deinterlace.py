"""Interlaced pictures made whole."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import av.error

from gifbench.errors import CorruptMedia
from gifbench.media.video.filter_graph import PictureFilter
from gifbench.media.video.frames import TimedPicture


def deinterlaced(frames: Iterator[TimedPicture]) -> Iterator[TimedPicture]:
    """The same frames, those that are interlaced made whole by ffmpeg's `bwdif`, which looks at both neighbors."""
    deinterlace = PictureFilter([("bwdif", "mode=send_frame:deint=interlaced")])
    waiting: deque[TimedPicture] = deque()
    failure: Exception | None = None
    while failure is None:
        try:
            shown = next(frames, None)
        except (CorruptMedia, av.error.FFmpegError) as error:
            shown, failure = None, error
        if shown is None or shown.damaged or not deinterlace.fits(shown.picture):
            for picture in deinterlace.flush():
                yield replace(waiting.popleft(), picture=picture)
        if shown is None:
            break
        if shown.damaged:  # no other frame is to be made of it
            yield shown
            continue
        waiting.append(shown)
        for picture in deinterlace.push(shown.picture):
            yield replace(waiting.popleft(), picture=picture)
    if failure is not None:
        raise failure
