"""The videos of a folder: what is taken, under which names, and what is passed over and why."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"),
    *(".wmv", ".flv", ".ogv", ".3gp", ".y4m", ".mxf"),
    *(".vob", ".dv", ".3g2", ".asf", ".divx", ".f4v", ".qt", ".mpe", ".ivf", ".nut", ".264", ".h264", ".hevc", ".265"),
    *(".h265", ".m1v", ".m2v", ".m2t", ".mpv", ".ogm", ".rm", ".rmvb", ".wtv", ".mod", ".tod", ".nsv", ".amv", ".gxf"),
    *(".mjpeg", ".mjpg", ".avc", ".h261", ".h263", ".mk3d", ".tp", ".trp", ".m4s", ".obu", ".mp4v", ".mpeg4", ".mj2"),
    *(".f4p", ".ismv", ".dvr-ms", ".insv", ".lrv", ".vc1"),
)
"""What a file must end in to be taken for a video; one without an ending is looked into."""

TRASH = {
    *("$recycle.bin", "recycler", "recycled", "#recycle", "@recycle", "trash", "lost+found"),
    *("system volume information", "__macosx", "@eadir", "#snapshot", "@tmp"),
    *("network trash folder", "temporary items", "@recently-snapshot"),
}
"""Folders, in small letters, whose files somebody threw away or a system made."""

_STARTS = (
    *(b"\x1aE\xdf\xa3", b"FLV\x01", b"OggS", b"DKIF", b"YUV4MPEG2", b"nut/multimedia container", b".RMF"),
    *(b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", b"\x06\x0e\x2b\x34"),
    *(b"\x1f\x07\x00", b"\x00\x00\x00\x01\x67", b"\x00\x00\x00\x01\x40\x01"),
)
_STILL = (b"heic", b"heix", b"mif1", b"avif", b"crx ")  # pictures in the container of MP4
_PACKET, _SYNC = 188, 0x47  # of an MPEG transport stream


def find_videos(folder: Path, *, without: Iterable[str | os.PathLike[str]] = ()) -> tuple[list[Path], Counter[str]]:
    """All videos in a folder and below it, by their paths in it, sorted, and how many other files, by what they are.

    Folders that are links are followed, each folder once, under its own name where it has one here. Passed over and
    counted are hidden files and folders, trash, what gifbench has built or is building, the places `without`, and what
    is no video by its ending. Raises `OSError`.
    """
    files, skipped = list[Path](), Counter[str]()
    left_out = {os.path.realpath(place) for place in without}
    seen: set[tuple[int, int]] = set()
    waiting, links = [Path()], list[Path]()
    while waiting or links:
        if not waiting:  # links come last: a folder is taken under its own name where it has one here
            waiting, links = sorted(links, reverse=True), []
        place = waiting.pop()
        try:
            status = (folder / place).stat()
            entries = sorted(os.scandir(folder / place), key=lambda entry: entry.name)
        except OSError:
            if place == Path():
                raise
            skipped["folders that cannot be read"] += 1
            continue
        if (status.st_dev, status.st_ino) in seen:
            skipped["folders that are here twice, by a link"] += 1
            continue
        seen.add((status.st_dev, status.st_ino))
        if place != Path() and (os.path.realpath(folder / place) in left_out or _is_ours(entries)):
            skipped["folders of gifbench's own"] += 1
            continue
        for entry in entries:
            path = place / entry.name
            reason = _why_not(entry)
            if reason:
                skipped[reason] += 1
            elif not entry.is_dir():
                files.append(path)
            elif entry.is_symlink():
                links.append(path)
            else:
                waiting.append(path)
    return sorted(files), skipped


def _why_not(entry: os.DirEntry[str]) -> str:
    """Why a file or folder is passed over; "" for a folder that is looked into, and for a video."""
    if entry.name.startswith(".") or entry.name.endswith((".partial", ".part", ".crdownload", ".ytdl")):
        return "hidden or unfinished"
    try:
        kind = entry.stat().st_mode
    except OSError:  # a link in a circle, or to nothing
        return "links that lead nowhere"
    if stat.S_ISDIR(kind):
        return "trash folders" if entry.name.lower() in TRASH else ""
    if not stat.S_ISREG(kind):
        return "pipes or devices"
    suffix = Path(entry.name).suffix.lower()
    if suffix in VIDEO_SUFFIXES or (not suffix and starts_as_video(Path(entry.path))):
        return ""
    return "that are no videos by their names"


def _is_ours(entries: Sequence[os.DirEntry[str]]) -> bool:
    """Whether a folder is a dataset of gifbench, or one that is being built."""
    names = {entry.name for entry in entries}
    return bool(
        {"dataset.json", "index.parquet"} <= names or ("staging" in names and names & {"shards", "dataset.json"})
    )


def starts_as_video(path: Path) -> bool:
    """Whether the first bytes of a file are those of a video's container or stream."""
    try:
        with path.open("rb") as file:
            head = file.read(2 * _PACKET + 1)
    except OSError:
        return False
    if len(head) == 2 * _PACKET + 1 and head[0] == head[_PACKET] == head[2 * _PACKET] == _SYNC:
        return True
    if head[4:8] == b"ftyp":
        return head[8:12] not in _STILL
    return head[8:12] == b"AVI " or head.startswith(_STARTS)
