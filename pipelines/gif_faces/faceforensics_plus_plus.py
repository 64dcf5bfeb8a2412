"""GIF-Faces from a folder of FaceForensics++, since the first version's server is often gone.

Its originals are called by a number, `original_sequences/youtube/<compression>/videos/NNN.mp4`, and a table that comes
with it says of which YouTube video each is. All 881 videos of GIF-Faces are among them, but their parts are numbered in
another way. So a clip is the original of the same YouTube video that has as many frames, if there is exactly one.
"""

from __future__ import annotations

import importlib.resources
import io
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq

from gifbench import ManifestRow, count_frames, probe
from gifbench.download import Fetched
from gifbench.errors import GifbenchError, NotFound, Unmatched
from gifbench.manifest import official_rows
from gifbench.progress import Progress, ProgressCallback, silent

from .faceforensics import linked

COMPRESSIONS = ("raw", "c0", "c23", "c40")
"""From the best picture to the worst."""

_LAYOUTS = ("original_sequences/youtube/*/videos", "youtube/*/videos", "*/videos", "videos", "")
_NAME = re.compile(r"\d{3}\.mp4")
_TARGET = re.compile(r"(?P<id>[A-Za-z0-9_-]{11})_\d+_[A-Za-z0-9_-]{11}_\d+\.avi")


@dataclass(frozen=True, slots=True)
class FaceMatch:
    """What a clip of GIF-Faces is in FaceForensics++."""

    locator: str
    state: Literal["certain", "ambiguous", "missing"]
    video: str = ""
    """The number of the original, if it is certain."""
    why: str = ""
    """Otherwise why not, with the frame counts."""


class FaceForensicsPlusPlus:
    """Videos named as in FaceForensics, `<target id>_<n>_<source id>_<n>.avi`, taken from FaceForensics++.

    `folder` is where its official script downloaded to, or any folder on the way to the videos; of several compressions
    the best is taken, unless `compression` names one. `rows` are the clips that are wanted; their column `frames` is
    what they are found by. `progress` hears how many of them are matched. Raises `NotFound` where there is no original.
    """

    def __init__(
        self,
        folder: Path,
        rows: Iterable[ManifestRow],
        *,
        compression: str | None = None,
        progress: ProgressCallback = silent,
    ) -> None:
        self._videos = _videos(folder, compression)
        self.compression = _compression(self._videos)
        self._numbers = _numbers()
        self._counts: dict[str, int | None] = {}
        wanted = [row for row in rows if row.source == "faceforensics"]
        # Clips that are not wanted can still be what an original is.
        self._frames = {row.locator: row.frames for row in (*official_rows("gif-faces"), *wanted)}
        self._clips_of: dict[str, list[str]] = defaultdict(list)
        for locator in self._frames:
            if target := _TARGET.fullmatch(locator):
                self._clips_of[target["id"]].append(locator)
        self.matches: dict[str, FaceMatch] = {}
        for done, row in enumerate(wanted, start=1):
            self.matches[row.locator] = self._match(row.locator)
            progress(Progress(done, len(wanted), row.clip_id))

    def group(self, locator: str) -> str:  # all of it is one folder
        """The folder."""
        return "faceforensics"

    def fetch(self, locator: str, scratch: Path) -> Fetched:
        """Link or copy the original of a clip; raises `Unmatched` for one that is not certain."""
        match = self.matches.get(locator) or self._match(locator)
        if match.state != "certain":
            raise Unmatched(f"{locator}: {match.state} in FaceForensics++: {match.why}")
        path = self._videos / f"{match.video}.mp4"
        counted = count_frames(path)
        if counted != self._frames[locator]:
            raise Unmatched(f"{locator}: {path.name} has {counted} frames, other than its header says")
        about = {"file": path.name, "dataset": f"FaceForensics++ {self.compression}"}
        return Fetched(linked(path, scratch / "video.mp4"), about)

    def _match(self, locator: str) -> FaceMatch:
        target, frames = _TARGET.fullmatch(locator), self._frames.get(locator)
        if target is None or frames is None:
            return FaceMatch(locator, "missing", why="its name is none of FaceForensics, or its frame count is unknown")
        numbers = self._numbers.get(target["id"], [])
        there = [number for number in numbers if (self._videos / f"{number}.mp4").is_file()]
        if not there:
            what = f"its original would be one of {', '.join(numbers)}" if numbers else "no original is of that video"
            return FaceMatch(locator, "missing", why=f"{what}, and none is in {self._videos}")
        counts = {number: self._count(number) for number in there}
        fit = [number for number, count in counts.items() if count == frames]
        said = ", ".join(f"{number} has {count}" for number, count in counts.items())
        rivals = [other for other in self._clips_of[target["id"]] if self._frames[other] == frames and other != locator]
        if len(fit) != 1:
            return FaceMatch(locator, "ambiguous", why=f"it has {frames} frames, and of that YouTube video {said}")
        if rivals:
            return FaceMatch(locator, "ambiguous", why=f"{fit[0]} fits {rivals[0]} as well: both have {frames} frames")
        if len(there) < len(numbers):
            absent = ", ".join(sorted(set(numbers) - set(there)))
            return FaceMatch(locator, "ambiguous", why=f"{said}, but {absent} is not here and could fit as well")
        return FaceMatch(locator, "certain", fit[0])

    def _count(self, number: str) -> int | None:
        """How many frames a video has by its header; None for one that cannot be opened."""
        if number not in self._counts:
            try:
                self._counts[number] = probe(self._videos / f"{number}.mp4").num_frames
            except GifbenchError:
                self._counts[number] = None
        return self._counts[number]


def _videos(folder: Path, compression: str | None) -> Path:
    """The folder that holds the originals of one compression."""
    if not folder.is_dir():
        raise NotFound(f"{folder}: there is no such folder")
    for layout in _LAYOUTS:
        places = sorted(folder.glob(layout)) if layout else [folder]
        held = (place for place in places if any(_NAME.fullmatch(path.name) for path in place.iterdir()))
        found = {_compression(place): place for place in held}
        if compression is not None and found and compression not in found:
            raise NotFound(f"{folder}: compression {compression} is not there; there is {', '.join(found)}")
        if found:
            return found[compression or next(name for name in (*COMPRESSIONS, *found) if name in found)]
    raise NotFound(f"{folder}: no original of FaceForensics++ is in it (original_sequences/youtube/c23/videos/000.mp4)")


def _compression(place: Path) -> str:
    whole = place.resolve()
    return whole.parent.name if whole.name == "videos" else whole.name


def _numbers() -> dict[str, list[str]]:
    """The originals of each YouTube video, from the table that is shipped with gifbench."""
    file = importlib.resources.files("gifbench_manifests") / "faceforensics-plus-plus.parquet"
    numbers: dict[str, list[str]] = defaultdict(list)
    with pq.ParquetFile(io.BytesIO(file.read_bytes()), pre_buffer=False) as table:
        for row in table.read(use_threads=False).to_pylist():
            numbers[row["youtube_id"]].append(row["video"])
    return numbers
