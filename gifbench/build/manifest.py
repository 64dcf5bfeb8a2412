"""What a dataset should hold: a table with a row a clip, read alike from Parquet, CSV and JSON lines."""

from __future__ import annotations

import csv
import hashlib
import importlib.resources
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gifbench.dataset.shards import CLIP_ID
from gifbench.errors import ManifestError, NotFound, storage_errors
from gifbench.tables import parquet_bytes, parquet_rows

SPLITS = ("train", "validation", "test")

VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"),
    *(".wmv", ".flv", ".ogv", ".3gp", ".y4m", ".mxf"),
)
"""What a file must end in for `from_folder` to take it for a video."""

MAX_BYTES = 1 << 30
"""A manifest file over this size is refused before it is read."""


class ManifestRow(BaseModel):
    """A clip that is wanted: which span of which source, for which split.

    The span is given in seconds or in frame numbers, half open, or not at all: then it is the whole source. `frames`,
    `height` and `width` are what is expected of the clip where that is known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    clip_id: Annotated[str, Field(pattern=f"^{CLIP_ID.pattern}$")]
    split: Literal["train", "validation", "test"]
    source: Literal["file", "http", "youtube", "faceforensics"]
    locator: Annotated[str, Field(min_length=1, max_length=4096)]
    start: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    end: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    start_frame: Annotated[int, Field(ge=0)] | None = None
    end_frame: Annotated[int, Field(gt=0)] | None = None
    frames: Annotated[int, Field(gt=0)] | None = None
    height: Annotated[int, Field(gt=0)] | None = None
    width: Annotated[int, Field(gt=0)] | None = None
    licence: Annotated[str, Field(max_length=1000)] = ""
    note: Annotated[str, Field(max_length=10_000)] = ""

    @model_validator(mode="after")
    def _span_has_a_length(self) -> ManifestRow:
        seconds, frames = (self.start, self.end), (self.start_frame, self.end_frame)
        if seconds != (None, None) and frames != (None, None):
            raise ValueError("the span is given both in seconds and in frames")
        for first, last in (seconds, frames):
            if last is not None and last <= (first or 0):
                raise ValueError(f"the span ends at {last}, at or before its start at {first or 0}")
        return self


MANIFEST_SCHEMA = pa.schema(
    [
        ("clip_id", pa.string()),
        ("split", pa.string()),
        ("source", pa.string()),
        ("locator", pa.string()),
        ("start", pa.float64()),
        ("end", pa.float64()),
        ("start_frame", pa.int64()),
        ("end_frame", pa.int64()),
        ("frames", pa.int32()),
        ("height", pa.int32()),
        ("width", pa.int32()),
        ("licence", pa.string()),
        ("note", pa.string()),
    ]
)


def read_manifest(path: str | Path) -> list[ManifestRow]:
    """Read and check a manifest; rows come in the file's order.

    Raises `NotFound`, or `ManifestError` that names the first bad row by its number (from 1, the header not counted)
    and column, and how many more there are.
    """
    path = Path(path)
    if not path.is_file():
        raise NotFound(f"{path}: there is no such manifest file")
    if path.stat().st_size > MAX_BYTES:
        raise ManifestError(f"{path}: {path.stat().st_size} bytes, manifests of up to {MAX_BYTES} are read")
    with storage_errors(path):
        data = path.read_bytes()
    return parse_manifest(data, name=str(path))


def parse_manifest(data: bytes, *, name: str) -> list[ManifestRow]:
    """The rows of a manifest file's bytes; `name` tells its format by its ending and stands in messages."""
    readers = {".parquet": parquet_rows, ".csv": _csv, ".jsonl": _json_lines, ".ndjson": _json_lines}
    reader = readers.get(Path(name).suffix.lower())
    if reader is None:
        raise ManifestError(f"{name}: a manifest ends in {', '.join(readers)}")
    try:
        return check_rows(reader(data), name=name)
    except (pa.ArrowException, OSError, csv.Error, UnicodeDecodeError) as error:
        raise ManifestError(f"{name}: it cannot be read as {Path(name).suffix} ({error})") from error


def check_rows(rows: Iterable[Mapping[str, Any]], *, name: str) -> list[ManifestRow]:
    """Check rows that came from outside; raises `ManifestError` as `read_manifest` does."""
    checked: list[ManifestRow] = []
    wrong: list[str] = []
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        try:
            entry = ManifestRow.model_validate({key: value for key, value in row.items() if value is not None})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            column = ".".join(str(part) for part in first["loc"][:1]) or "start/end"
            value = "" if first["type"] in ("missing", "value_error") else f" is {str(first['input'])[:100]!r}"
            wrong.append(f"row {number}, column {column}{value}: {first['msg']}")
            continue
        if entry.clip_id in seen:
            wrong.append(f"row {number}, column clip_id: {entry.clip_id!r} is also in row {seen[entry.clip_id]}")
        seen[entry.clip_id] = number
        checked.append(entry)
    if wrong:
        more = f" (and {len(wrong) - 1} more bad rows)" if len(wrong) > 1 else ""
        raise ManifestError(f"{name}: {wrong[0]}{more}")
    return checked


def manifest_bytes(rows: Iterable[ManifestRow]) -> bytes:
    """A manifest as a Parquet file."""
    return parquet_bytes((row.model_dump() for row in rows), MANIFEST_SCHEMA)


def from_folder(folder: str | Path, *, split: str = "test", known: Sequence[ManifestRow] = ()) -> list[ManifestRow]:
    """A row for every video in a folder and the folders below it.

    A file whose name, without its ending, is the clip id of a row of `known` takes split and expectations from there,
    others take `split`. Locators are relative to the folder. Raises `ManifestError` if there is no video.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise NotFound(f"{folder}: there is no such folder")
    if split not in SPLITS:
        raise ManifestError(f"split is {split!r}: it must be one of {', '.join(SPLITS)}")
    files = sorted(
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file() and not path.name.startswith(".")
    )
    if not files:
        raise ManifestError(f"{folder}: no video is in it; a video's name ends in {' '.join(VIDEO_SUFFIXES)}")
    by_id = {row.clip_id: row for row in known}
    rows = []
    for clip_id, file in _clip_ids(files):
        about: dict[str, Any] = {"split": split}
        if clip_id in by_id:
            row = by_id[clip_id]
            about = row.model_dump(include={"split", "frames", "licence", "note"})
        rows.append(ManifestRow(clip_id=clip_id, source="file", locator=file.as_posix(), **about))
    return rows


def official_rows(name: str | None) -> list[ManifestRow]:
    """The official list that a recipe names, shipped with gifbench; empty for None or where it is not shipped."""
    if name is None:
        return []
    file = importlib.resources.files("gifbench_manifests") / f"{name}.parquet"
    return parse_manifest(file.read_bytes(), name=f"{name}.parquet") if file.is_file() else []


def _clip_ids(files: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """A name for each file: its own without the ending, told apart by ending and folder only where it must be."""
    stems = [_safe(file.stem) for file in files]
    names = [
        stem if stems.count(stem) == 1 else _safe(file.as_posix()) for stem, file in zip(stems, files, strict=True)
    ]
    return zip(names, files, strict=True)


def _safe(name: str) -> str:
    if CLIP_ID.fullmatch(name):
        return name
    # Different names must not become one: what was replaced is kept apart by a few digits of the name's hash.
    return f"{re.sub('[^A-Za-z0-9_-]', '_', name)[:70]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _csv(data: bytes) -> Iterator[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    for row in reader:
        # What stands beyond the last column comes under the key None: named, so that it is refused by its number.
        yield {str(key): value for key, value in row.items() if value not in ("", None)}


def _json_lines(data: bytes) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(data.decode("utf-8").splitlines(), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise ManifestError(f"line {number} is not JSON ({error})") from error
            if not isinstance(row, dict):
                raise ManifestError(f"line {number} holds {type(row).__name__}, a row is an object")
            yield row
