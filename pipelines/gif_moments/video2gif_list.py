"""The table of Video2GIF (Gygli, Song and Cao, CVPR 2016): which part of which YouTube video somebody made a GIF of.

`metadata.txt` has a header and a line a GIF, 21 fields apart by ";" and a tab. Its frame numbers, half open and
sometimes written as floats, are of the copy that was downloaded in 2015; its seconds are the safer key. A row where
the two disagree by more than half a second is not used.
"""

from __future__ import annotations

import io
import math
import re
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gifbench.download import HttpSource
from gifbench.errors import ManifestError, NotFound, SourceError, storage_errors

URL = "https://raw.githubusercontent.com/gyglim/video2gif_dataset/master/metadata.txt"
"""Where its authors keep the table."""

MAX_BYTES = 1 << 30

_SPAN = ("gif_start_frame", "gif_end_frame", "gif_start_sec", "gif_end_sec")
_COLUMNS = ("youtube_id", "is_creative_commons", "gif_id", *_SPAN, "video_duration", "video_frame_count")
_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_TRUE = ("1", "1.0", "true", "t", "yes")
_AGREE = 0.5
"""Seconds by which a span's frame numbers may differ from its seconds."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A row of the table."""

    line: int
    """Its line in the file, from 1."""
    youtube_id: str
    gif_id: str
    creative_commons: bool
    start_frame: int
    end_frame: int
    start: float
    end: float
    """Seconds."""
    problem: str = ""
    """Why it cannot be used, if it cannot."""

    @property
    def frames(self) -> int:
        """How many frames of the copy of 2015 it holds."""
        return self.end_frame - self.start_frame

    @property
    def span(self) -> tuple[int, int]:
        """What tells it from the video's other moments."""
        return self.start_frame, self.end_frame


def download_metadata(url: str) -> list[Moment]:
    """The rows of the table behind an http(s) URL; a transfer that breaks off is gone on with.

    Raises a `SourceError` by cause, or what `read_metadata` raises.
    """
    with tempfile.TemporaryDirectory(prefix="gifbench-") as scratch:
        # A person has named this URL, or gifbench has; no manifest from elsewhere did.
        source = HttpSource(trusted=True, max_size=MAX_BYTES, tries=20, expect="anything")
        try:
            fetched = source.fetch(url, Path(scratch))
        except SourceError as error:
            raise type(error)(f"{error}; with a copy of the table at hand: --metadata FILE") from error
        return read_metadata(fetched.path)


def read_metadata(path: Path) -> list[Moment]:
    """The rows of `metadata.txt`, or of a zip that holds it, in their order.

    Raises `NotFound`, or `ManifestError` where it is not that table; a single bad row has a `problem` instead.
    """
    if not path.is_file():
        raise NotFound(f"{path}: there is no such file; without --metadata the table is downloaded")
    with storage_errors(path):
        if path.stat().st_size > MAX_BYTES:
            raise ManifestError(f"{path}: {path.stat().st_size} bytes, a table of up to {MAX_BYTES} is read")
        data = path.read_bytes()
    return parse_metadata(_unzipped(data, path), name=str(path))


def parse_metadata(data: bytes, *, name: str) -> list[Moment]:
    """The rows of the table in `data`; `name` stands in messages."""
    # Titles and descriptions are in whatever encoding people had; nothing is taken from them.
    lines = io.StringIO(data.decode("utf-8", errors="replace"))
    header = _fields(next(lines, "").removeprefix("\ufeff"))
    if missing := [column for column in _COLUMNS if column not in header]:
        raise ManifestError(
            f"{name}: its first line has no column {missing[0]}; metadata.txt of Video2GIF begins with the names of 21 "
            'columns, apart by ";" and a tab'
        )
    places = {column: header.index(column) for column in _COLUMNS}
    moments = []
    for number, line in enumerate(lines, start=2):
        fields = _fields(line.rstrip("\r\n").rstrip(";"))
        if not _YOUTUBE_ID.fullmatch(fields[0]) or len(fields) <= places["gif_end_sec"]:
            continue  # a description went on over the end of its line
        moments.append(_moment(number, fields, places))
    if not moments:
        raise ManifestError(f"{name}: it holds no row of a YouTube video")
    return moments


def _fields(line: str) -> list[str]:
    return [field.strip() for field in line.split(";\t")]


def _moment(line: int, fields: list[str], places: Mapping[str, int]) -> Moment:
    values = {column: fields[place] if place < len(fields) else "" for column, place in places.items()}
    about = (line, values["youtube_id"], values["gif_id"][:100], values["is_creative_commons"].lower() in _TRUE)
    numbers = [_number(values[column]) for column in _SPAN]
    if not all(0 <= number < 1e9 for number in numbers):
        return Moment(*about, 0, 0, 0.0, 0.0, "its span is not written in numbers")
    start_frame, end_frame, start, end = numbers
    duration, frame_count = _number(values["video_duration"]), _number(values["video_frame_count"])
    problem = _problem(numbers, duration, frame_count)
    return Moment(*about, round(start_frame), round(end_frame), start, end, problem)


def _problem(span: list[float], duration: float, frame_count: float) -> str:
    start_frame, end_frame, start, end = span
    if end <= start or end_frame <= start_frame:
        return f"its span ends at {end:g} s, at or before its start at {start:g} s"
    if not (0 < duration < math.inf and 0 < frame_count < math.inf):
        return "it does not say how long the video was, so that nothing holds its seconds against its frames"
    fps = frame_count / duration
    for frame, second in ((start_frame, start), (end_frame, end)):
        if abs(frame / fps - second) > _AGREE:
            return f"its frame {frame:g} was at {frame / fps:.2f} s, and it says {second:g} s"
    return ""


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _unzipped(data: bytes, path: Path) -> bytes:
    if not data.startswith(b"PK\x03\x04"):
        return data
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            found = [info for info in archive.infolist() if Path(info.filename).name == "metadata.txt"]
            if len(found) == 1 and found[0].file_size <= MAX_BYTES:
                return archive.read(found[0])
    except Exception as error:  # zipfile and what it unpacks with answer damage in many ways
        raise ManifestError(f"{path}: the zip cannot be read ({error})") from error
    raise ManifestError(f"{path}: a zip with one metadata.txt in it is wanted, of at most {MAX_BYTES} bytes")
