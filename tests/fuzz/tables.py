"""Tables of clips that people write: manifests in three formats, and the table of Video2GIF."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gifbench_pipelines.gif_moments.video2gif_list import _COLUMNS, read_metadata
from hypothesis import strategies as st

from gifbench.manifest.io import file_bytes
from gifbench.manifest.rows import MANIFEST_SCHEMA, parse_manifest
from tests.fuzz.damage import TEXTS, Draw, damaged, edited, parquet_files, written
from tests.fuzz.target import Target, ends_well

_ROWS: list[dict[str, Any]] = [
    {"clip_id": "a", "split": "train", "source": "file", "locator": "a.mp4", "start": 0.5, "end": 2.0},
    {"clip_id": "b", "split": "test", "source": "youtube", "locator": "aaaaaaaaaaa", "frames": 40, "note": 'Ä "x", y'},
    {"clip_id": "c", "split": "test", "source": "http", "locator": "https://e.org/c", "start_frame": 3, "end_frame": 9},
]
_CELLS = st.one_of(TEXTS, st.integers(-(2**70), 2**70).map(str), st.floats().map(str))


def _manifest(ending: str) -> Target:
    def read(data: bytes) -> None:
        ends_well(lambda: parse_manifest(data, name=f"clips.{ending}"))

    def seeds() -> list[bytes]:
        rows = [dict.fromkeys(MANIFEST_SCHEMA.names) | row for row in _ROWS]
        return [file_bytes(rows, schema=MANIFEST_SCHEMA, name=f"clips.{ending}")]

    crafted: dict[str, Callable[[Sequence[bytes]], st.SearchStrategy[bytes]]]
    crafted = {"csv": _csv, "jsonl": _json_lines, "parquet": parquet_files}
    return Target(f"manifest-{ending}", read, seeds, crafted[ending])


@st.composite
def _csv(draw: Draw, seeds: Sequence[bytes]) -> bytes:
    lines = [line.split(",") for line in draw(st.sampled_from(seeds)).decode().splitlines()]
    for _ in range(draw(st.integers(0, 5))):
        row = draw(st.sampled_from(lines))
        row[draw(st.integers(0, len(row) - 1))] = draw(_CELLS)
    text = draw(st.sampled_from(("\n", "\r\n", "\r"))).join(",".join(row) for row in lines)
    data = draw(st.sampled_from((b"", b"\xef\xbb\xbf"))) + text.encode("utf-8", "surrogatepass")
    return draw(damaged([data], most=3))


@st.composite
def _json_lines(draw: Draw, seeds: Sequence[bytes]) -> bytes:
    documents = draw(edited([json.loads(line) for line in draw(st.sampled_from(seeds)).splitlines()]))
    data = b"\n".join(written(document) for document in documents)
    return draw(damaged([data], most=2)) if draw(st.integers(0, 3)) == 0 else data


def _read_video2gif(data: bytes) -> None:
    with TemporaryDirectory(prefix="gifbench-") as folder:
        path = Path(folder) / "metadata.txt"
        path.write_bytes(data)
        ends_well(lambda: read_metadata(path))


def _video2gif_seeds() -> list[bytes]:
    values = ("aaaaaaaaaaa", "0", "17", "100", "150", "4.0", "6.0", "60.0", "1500.0")
    table = ";\t".join(_COLUMNS) + "\n" + ";\t".join(values) + "\n"
    zipped = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as archive:
            archive.writestr("metadata.txt", table * 3)
        zipped.append(file.getvalue())
    return [table.encode(), *zipped]


@st.composite
def _video2gif(draw: Draw, seeds: Sequence[bytes]) -> bytes:
    if draw(st.booleans()):
        return draw(damaged(seeds))
    header, row = seeds[0].decode().splitlines()
    cells = row.split(";\t")
    for _ in range(draw(st.integers(0, 4))):
        cells[draw(st.integers(0, len(cells) - 1))] = draw(_CELLS)
    return "\n".join((header, ";\t".join(cells), "")).encode("utf-8", "surrogatepass")


TARGETS = (
    *(_manifest(ending) for ending in ("csv", "jsonl", "parquet")),
    Target("video2gif", _read_video2gif, _video2gif_seeds, _video2gif),
)
