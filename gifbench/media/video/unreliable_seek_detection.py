"""Whether a seek in a video can be trusted: one look at the time stamps of all its packets, without decoding.

A span that is reached by seeking is the same as from the start only if a frame's time follows from its own stamp. That
holds where every packet has stamps, no two frames have the same, and their order fits the codec's. Where it does not,
the video is read from its start. A video is looked at once in a process; 150,000 packets pass in a second, and all
bytes of the file. Whoever keeps videos can keep the answer with them: `stamp_order` gives it, `know_stamp_order` takes
it back.
"""

from __future__ import annotations

import heapq
import os
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

import av
import av.error

from gifbench.errors import GifbenchError
from gifbench.media.video.container import OpenVideo, VideoLimits, open_video

_SCAN = "1"
"""Changes where `_regular` judges otherwise."""
_DEEPEST = 5
"""Frames that an encoder may put out of order. MP4's demuxer takes a larger number from faulty stamps."""
_LONG_GROUP = 48
"""Packets of a group of pictures without one out of order, which a stream that has such is not likely to hold."""


def stamps_are_regular(video: OpenVideo) -> bool:
    """Whether all time stamps of the video are there, differ, and are in an order that its codec can have written."""
    key = _key(video.path)
    if key not in _known:
        try:
            with open_video(video.path, limits=video.limits) as from_start:
                _remember(key, regular=_regular(from_start))
        except (GifbenchError, av.error.FFmpegError):
            _remember(key, regular=False)  # what is wrong is said by whoever reads it to that place
    return _known[key]


def stamp_order(path: str | os.PathLike[str]) -> str:
    """What a look at the time stamps of the video at `path` says, to be kept with it for `know_stamp_order`.

    `regular` or `irregular`, and the version of the scan and of libav that say so; "" where no seek would be tried.
    """
    try:
        with open_video(path, limits=VideoLimits()) as video:
            if not video.seekable:
                return ""
            return f"{'regular' if stamps_are_regular(video) else 'irregular'} {_versions()}"
    except GifbenchError:
        return ""


def know_stamp_order(path: str | os.PathLike[str], order: str) -> None:
    """Take what `stamp_order` said of the video at `path`, as it is now, instead of looking anew in this process.

    Anything else, or what other versions said, is passed over.
    """
    if order in (f"regular {_versions()}", f"irregular {_versions()}"):
        with suppress(OSError):
            _remember(_key(Path(path)), regular=order.startswith("regular"))


_known: OrderedDict[tuple[Path, int, int], bool] = OrderedDict()
_MOST_KNOWN = 4096


def _key(path: Path) -> tuple[Path, int, int]:
    found = path.stat()
    return path, found.st_size, found.st_mtime_ns


def _remember(key: tuple[Path, int, int], *, regular: bool) -> None:
    _known[key] = regular
    while len(_known) > _MOST_KNOWN:
        _known.popitem(last=False)


def _versions() -> str:
    return "-".join((_SCAN, *map(str, av.library_versions["libavformat"])))


def _regular(video: OpenVideo) -> bool:
    seen: set[int] = set()
    waiting: list[int] = []  # what the decoder still holds, to show it in order
    last_shown = -(2**63)
    depth = min(video.decoder.reorder_depth, _DEEPEST)
    last_dts = largest = -(2**63)
    in_order = 0  # packets since the last key frame or the last one out of order
    longest = reordered = 0
    for packet in video.container.demux(video.stream):
        pts, dts = packet.pts, packet.dts
        if pts is None and dts is None and not packet.size:
            continue  # the end
        if pts is None or dts is None or dts <= last_dts or packet.is_corrupt:
            return False
        last_dts = dts
        if packet.is_discard:
            continue
        if pts in seen or not packet.size:
            return False
        seen.add(pts)
        if len(waiting) >= depth:
            # A frame whose stamp goes back further than the decoder reorders.
            first = heapq.heappushpop(waiting, pts)
            if first < last_shown:
                return False
            last_shown = first
        else:
            heapq.heappush(waiting, pts)
        reordered += pts < largest
        in_order = 0 if pts < largest or packet.is_keyframe else in_order + 1
        longest = max(longest, in_order)
        largest = max(largest, pts)
    if not video.decoder.has_b_frames:
        return not reordered
    return bool(reordered) and longest < _LONG_GROUP
