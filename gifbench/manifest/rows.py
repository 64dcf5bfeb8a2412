"""What a dataset should hold: a table with a row a clip, read alike from Parquet, CSV and JSON lines."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Annotated, Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from gifbench.dataset.columns import CLIP_ID, SPLITS, Split
from gifbench.entry_points import official_list
from gifbench.errors import AlreadyExists, ManifestError, NotFound, storage_errors
from gifbench.manifest.clip_ids import clip_ids, safe_name, siblings
from gifbench.manifest.folder_listing import VIDEO_SUFFIXES, find_videos
from gifbench.manifest.io import file_bytes, raw_rows
from gifbench.parquet import parquet_bytes, parquet_rows
from gifbench.storage import Folder

MAX_BYTES = 1 << 28
"""A manifest file over this size is refused before it is read."""

MAX_FINDINGS = 100_000
"""After so many wrong cells a file is taken for no manifest at all."""

_NOT_UTF_8 = re.compile("[\ud800-\udfff]")

_LONGEST = 1e7
"""Seconds, four months: a span that reaches further is a slip of the pen."""

_Seconds = Annotated[float, Field(ge=0, le=_LONGEST, allow_inf_nan=False)]
_Number = Annotated[int, Field(ge=0, lt=2**31)]
_Positive = Annotated[int, Field(gt=0, lt=2**31)]


class ManifestRow(BaseModel):
    """A clip that is wanted: which span of which source, for which split.

    The span is given in seconds or in frame numbers, half open, or not at all: then it is the whole source. `frames`,
    `height` and `width` are what is expected of the clip where that is known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    clip_id: Annotated[str, Field(pattern=f"^{CLIP_ID.pattern}$")]
    split: Split
    source: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
    """`file`, or the name of a kind of the entry-point group `gifbench.sources`."""
    locator: Annotated[str, Field(min_length=1, max_length=4096)]
    start: _Seconds | None = None
    end: _Seconds | None = None
    start_frame: _Number | None = None
    end_frame: _Positive | None = None
    frames: _Positive | None = None
    height: _Positive | None = None
    width: _Positive | None = None
    licence: Annotated[str, Field(max_length=1000)] = ""
    note: Annotated[str, Field(max_length=10_000)] = ""

    @property
    def is_whole(self) -> bool:
        """Whether no span is given, so that the clip is the whole source."""
        return (self.start, self.end, self.start_frame, self.end_frame) == (None, None, None, None)

    @model_validator(mode="after")
    def _span_has_a_length(self) -> ManifestRow:
        by_seconds, by_frames = (self.start, self.end), (self.start_frame, self.end_frame)
        if by_seconds != (None, None) and by_frames != (None, None):
            raise _span_error("start_frame", "the span is given both in seconds and in frames")
        for column, (first, last) in (("end", by_seconds), ("end_frame", by_frames)):
            if last is not None and last <= (first or 0):
                raise _span_error(column, f"the span ends at {last}, at or before its start at {first or 0}")
        return self


def _span_error(column: str, text: str) -> PydanticCustomError:
    return PydanticCustomError("span", "{text}", {"column": column, "text": text})


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with one cell of a manifest."""

    row: int
    """Its number, from 1, the header not counted."""
    column: str
    what: str
    value: str | None = None
    """What stands there, as Python writes it; None where that says nothing."""
    clip_id: str = ""
    """The clip's name, where the row has a good one."""

    def __str__(self) -> str:
        clip = f" ({self.clip_id})" if self.clip_id else ""
        value = "" if self.value is None else f" is {self.value}"
        return f"row {self.row}{clip}, column {self.column}{value}: {self.what}"


_NUMBERS = {
    **dict.fromkeys(("start", "end"), pa.float64()),
    **dict.fromkeys(("start_frame", "end_frame"), pa.int64()),
    **dict.fromkeys(("frames", "height", "width"), pa.int32()),
}
MANIFEST_SCHEMA = pa.schema([(name, _NUMBERS.get(name, pa.string())) for name in ManifestRow.model_fields])


def read_manifest(path: str | Path) -> list[ManifestRow]:
    """Read and check a manifest; rows come in the file's order.

    Raises `NotFound`, or `ManifestError` that names the first bad row by its number (from 1, the header not counted)
    and column, and how many more there are.
    """
    checked, findings = read_rows(path)
    refuse(findings, name=str(path))
    return list(checked.values())


def read_rows(path: str | Path) -> tuple[dict[int, ManifestRow], list[Finding]]:
    """The good rows of a manifest by number, from 1, and all that is wrong with the others.

    Raises `NotFound`, or `ManifestError` for a file that has no rows at all.
    """
    path = Path(path)
    if not path.is_file() and path.name == str(path) and path.suffix in ("", ".parquet"):
        path = official_list(path.stem) or path  # which a package ships for a bare name such as gif-moments
    if not path.is_file():
        raise NotFound(f"{path}: there is no such manifest file, nor an official list of that name")
    if path.stat().st_size > MAX_BYTES:
        raise ManifestError(f"{path}: {path.stat().st_size} bytes, manifests of up to {MAX_BYTES} are read")
    with storage_errors(path):
        data = path.read_bytes()
    checked, findings = split_rows(raw_rows(data, name=str(path)))
    if not checked and not findings:
        raise ManifestError(f"{path}: no row is in it")
    return checked, findings


def parse_manifest(data: bytes, *, name: str) -> list[ManifestRow]:
    """The rows of a manifest file's bytes; `name` tells its format by its ending and stands in messages."""
    return check_rows(raw_rows(data, name=name), name=name)


def check_rows(rows: Iterable[Mapping[str, Any]], *, name: str) -> list[ManifestRow]:
    """Check rows that came from outside; raises `ManifestError` as `read_manifest` does."""
    checked, findings = split_rows(rows)
    refuse(findings, name=name)
    return list(checked.values())


def refuse(findings: Sequence[Finding], *, name: str) -> None:
    """Raise the `ManifestError` that names the first of some findings and counts the rows of the others."""
    if findings:
        others = len({finding.row for finding in findings} - {findings[0].row})
        more = f" (and {others} more bad rows; gifbench manifest check lists them)" if others else ""
        raise ManifestError(f"{name}: {findings[0]}{more}")


def split_rows(rows: Iterable[Mapping[str, Any]]) -> tuple[dict[int, ManifestRow], list[Finding]]:
    """The good rows by number, from 1, and what is wrong with the others, in the order of the rows."""
    checked: dict[int, ManifestRow] = {}
    findings: list[Finding] = []
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        wrong = list(_cell_findings(number, row))
        if not wrong:
            try:
                entry = ManifestRow.model_validate({key: value for key, value in row.items() if value is not None})
            except ValidationError as error:
                wrong = [_finding(number, detail) for detail in error.errors(include_url=False)]
        if not wrong and entry.clip_id in seen:
            wrong = [Finding(number, "clip_id", f"it is also in row {seen[entry.clip_id]}", repr(entry.clip_id))]
        if wrong:
            findings += wrong
            if len(findings) > MAX_FINDINGS:
                raise ManifestError(f"more than {MAX_FINDINGS} cells are wrong, {findings[0]}: is it a manifest?")
        else:
            seen[entry.clip_id] = number
            checked[number] = entry
    return checked, findings


def _cell_findings(number: int, row: Mapping[str, Any]) -> Iterator[Finding]:
    """What no type would refuse: text that is not UTF-8, and true or false where a number belongs."""
    for key, value in row.items():
        if isinstance(value, bool):
            yield Finding(number, _printable(key), "a text or a number belongs here", repr(value))
        for text in (key, value):
            if isinstance(text, str) and not text.isascii() and _NOT_UTF_8.search(text):
                yield Finding(number, _printable(key), "it is not UTF-8 text", repr(text)[:100])


def _finding(number: int, detail: Mapping[str, Any]) -> Finding:
    """What pydantic says of a cell."""
    if detail["type"] == "span":
        return Finding(number, detail["ctx"]["column"], detail["msg"])
    column = _printable(".".join(str(part) for part in detail["loc"][:1]))
    value = None if detail["type"] == "missing" else repr(str(detail["input"])[:100])
    if detail["type"] == "extra_forbidden":
        return Finding(number, column, f"no column is called so; there are {', '.join(MANIFEST_SCHEMA.names)}", value)
    return Finding(number, column, detail["msg"], value)


def _printable(text: object) -> str:
    return str(text)[:100].encode("ascii", errors="backslashreplace").decode()


def manifest_bytes(rows: Iterable[ManifestRow]) -> bytes:
    """A manifest as a Parquet file."""
    return parquet_bytes((row.model_dump() for row in rows), MANIFEST_SCHEMA)


def write_manifest(path: str | Path, rows: Iterable[ManifestRow], *, overwrite: bool = False) -> None:
    """Write a manifest, in the format that the ending of its name tells; it appears when it is whole.

    Raises `ManifestError` for another ending, `AlreadyExists` unless `overwrite`, `StorageError`.
    """
    path = Path(path)
    data = file_bytes([row.model_dump() for row in rows], schema=MANIFEST_SCHEMA, name=str(path))
    if path.exists() and not overwrite:
        raise AlreadyExists(f"{path}: it is there already; --overwrite replaces it")
    Folder(path.absolute().parent).write(path.name, data)


def from_folder(
    folder: str | Path,
    *,
    split: str = "test",
    known: Sequence[ManifestRow] = (),
    without: Iterable[str | os.PathLike[str]] = (),
    warn: Callable[[str], None] = lambda text: None,
) -> list[ManifestRow]:
    """A row for every video in a folder and the folders below it; locators are relative to the folder.

    A clip's id follows from the file's path in the folder and from nothing else: its name without the ending for a
    file of the folder itself, the whole path for one of a folder below. The one exception is said to `warn`: of files
    of the folder itself whose names differ in the ending alone the first, in the order of `VIDEO_SUFFIXES`, has the
    short id; `keep_ids` keeps those that a dataset or a manifest has. A file whose name, without its ending, is the
    clip id of a row of `known` has that id, wherever it lies, and takes split and expectations from there; others take
    `split`. `without` are places that are passed over, such as the dataset that is built; `warn` is told of what is.
    Raises `ManifestError` if there is no video, or if two files have the name of one clip of `known`.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise NotFound(f"{folder}: there is no such folder")
    if split not in SPLITS:
        raise ManifestError(f"split is {split!r}: it must be one of {', '.join(SPLITS)}")
    with storage_errors(folder):
        files, skipped = find_videos(folder, without=without)
    for file in files:
        check_name(file)
    if skipped:
        what = ", ".join(f"{count:,} {kind}" for kind, count in sorted(skipped.items()))
        warn(f"{folder}: passed over: {what}")
    for short, others in siblings(files):
        names = ", ".join(other.name for other in others)
        warn(
            f"{folder}: {short.name} and {names} have one name: {short.name} is the clip {safe_name(short.stem)}, "
            "the others have their ending in the id. A dataset or a manifest that exists keeps its ids; elsewhere, to "
            "be sure of them, give each file a name of its own"
        )
    if not files:
        raise ManifestError(f"{folder}: no video is in it; a video's name ends in {' '.join(VIDEO_SUFFIXES)}")
    by_id = {row.clip_id: row for row in known}
    rows: dict[str, ManifestRow] = {}
    for clip_id, file in clip_ids(files, by_id):
        about: dict[str, Any] = {"split": split}
        if clip_id in by_id:
            about = by_id[clip_id].model_dump(include={"split", "frames", "licence", "note"})
        if clip_id in rows:
            raise ManifestError(
                f"{folder}: {rows[clip_id].locator} and {file.as_posix()} would both be the clip {clip_id}; "
                "rename one, or move it away"
            )
        rows[clip_id] = ManifestRow(clip_id=clip_id, source="file", locator=file.as_posix(), **about)
    return sorted(rows.values(), key=lambda row: row.locator)


def check_name(path: PurePath) -> None:
    """Raise `ManifestError` for a path that no table can hold."""
    if _NOT_UTF_8.search(str(path)):
        raise ManifestError(
            f"the name {str(path)!r} is not UTF-8, which no table can hold; rename it, "
            "or set PYTHONUTF8=1 where it only looks so in this locale"
        )


def official_rows(name: str | None) -> list[ManifestRow]:
    """The official list that a recipe names, shipped with its package; empty for None or where it is not shipped."""
    file = official_list(name) if name is not None else None
    return [] if file is None else parse_manifest(file.read_bytes(), name=file.name)


def official_splits(name: str | None) -> dict[str, str]:
    """The split of each clip id of an official list, much faster than its rows."""
    file = official_list(name) if name is not None else None
    if file is None:
        return {}
    return {row["clip_id"]: row["split"] for row in parquet_rows(file.read_bytes(), columns=("clip_id", "split"))}
