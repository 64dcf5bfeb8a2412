"""The rows of a manifest file as they stand there, nothing believed yet, and back: Parquet, CSV or JSON lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from gifbench.errors import ManifestError
from gifbench.parquet import parquet_batches, parquet_bytes, python_rows

Row = dict[str, Any]

MAX_ROWS = 5_000_000
"""A manifest of more rows is refused; a small Parquet file can claim any number of them."""


def raw_rows(data: bytes, *, name: str) -> Iterator[Row]:
    """The rows of a manifest file's bytes; `name` tells its format by its ending and stands in messages.

    Text that is not UTF-8 comes with the wrong bytes as lone surrogates, so that who checks the rows can say where they
    stand. Raises `ManifestError` for what has no rows at all.
    """
    ending = _ending(name)
    try:
        for number, row in enumerate(READERS[ending](data), start=1):
            if number > MAX_ROWS:
                raise ManifestError(f"it has more than {MAX_ROWS} rows")
            yield row
    except ManifestError as error:
        raise ManifestError(f"{name}: {error}") from error
    except (pa.ArrowException, csv.Error) as error:
        raise ManifestError(f"{name}: it cannot be read as {ending} ({error})") from error


def _text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ManifestError("it is UTF-16, as Excel saves it; save it as CSV UTF-8")
    return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="surrogateescape")


def _csv(data: bytes) -> Iterator[Row]:
    for row in csv.DictReader(io.StringIO(_text(data), newline="")):
        # What a row has more than the header is named, so that it is refused by its row's number.
        yield {
            "(beyond the last)" if key is None else key: value for key, value in row.items() if value not in ("", None)
        }


def _json_lines(data: bytes) -> Iterator[Row]:
    # Not by splitlines, which also cuts at characters that may stand in a JSON text.
    for number, line in enumerate(_text(data).split("\n"), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ManifestError(f"line {number} is not JSON ({error})") from error
            if not isinstance(row, dict):
                raise ManifestError(f"line {number} holds {type(row).__name__}, a row is an object")
            yield row


def _parquet(data: bytes) -> Iterator[Row]:
    for batch in parquet_batches(data):
        try:
            yield from python_rows(batch)
        except pa.ArrowException:  # perhaps only for text that is not UTF-8
            columns = [
                each.cast(pa.large_binary()) if each.type in (pa.string(), pa.large_string()) else each
                for each in batch.columns
            ]
            for row in python_rows(pa.RecordBatch.from_arrays(columns, names=batch.schema.names)):
                yield {
                    key: value.decode("utf-8", errors="surrogateescape") if isinstance(value, bytes) else value
                    for key, value in row.items()
                }


READERS: dict[str, Callable[[bytes], Iterator[Row]]] = {
    ".parquet": _parquet,
    ".csv": _csv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}
"""How a manifest may end, and what reads it."""


def file_bytes(rows: Sequence[Row], *, schema: pa.Schema, name: str) -> bytes:
    """Rows as a file, in the format that the ending of `name` tells; raises `ManifestError` for another ending."""
    ending = _ending(name)
    if ending == ".parquet":
        return parquet_bytes(rows, schema)
    if ending == ".csv":
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, schema.names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().encode()
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode()


def _ending(name: str) -> str:
    for ending in READERS:
        if name.lower().endswith(ending):
            return ending
    raise ManifestError(f"{name}: a manifest ends in {', '.join(READERS)}")
