"""Parquet tables in memory: all that gifbench reads and writes are small enough for that."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gifbench.parquet_memory_limit import Budget, check_pages, is_text

_BATCH = 10_000


def parquet_bytes(rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> bytes:
    """Rows as a Parquet file."""
    file = io.BytesIO()
    left = iter(rows)
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        while batch := list(itertools.islice(left, _BATCH)):  # rows as Python objects take many times their bytes
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
    return file.getvalue()


def parquet_rows(data: bytes, *, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file, all columns or some; raises `pyarrow.ArrowException` where they cannot be read.

    A file that holds many times more than its size is refused before its pages are unpacked.
    """
    for batch in parquet_batches(data, columns=columns):
        yield from python_rows(batch)


def parquet_batches(data: bytes, *, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """The same as Arrow holds them, some thousand rows at a time."""
    # Not pq.read_table: its readahead frees Python's buffers in threads of its own, and one that does so while the
    # interpreter ends takes the process down ("terminate called without an active exception").
    try:
        metadata = pq.read_metadata(pa.BufferReader(data))
        budget = Budget(len(data))
        check_pages(data, metadata, budget)
        # A text that thousands of rows share stays one, until it is known what they come to.
        texts = [metadata.schema.column(i).path for i in range(metadata.num_columns) if is_text(metadata, i)]
        with pq.ParquetFile(pa.BufferReader(data), pre_buffer=False, read_dictionary=texts) as file:
            for batch in file.iter_batches(_BATCH, columns=columns, use_threads=False):
                yield _plain(batch, budget)
    except OSError as error:  # what Arrow raises for Thrift that is none
        raise pa.ArrowInvalid(str(error)) from error


def _plain(batch: pa.RecordBatch, budget: Budget) -> pa.RecordBatch:
    """The batch with each text for itself; raises `pyarrow.ArrowInvalid` where that is over the budget."""
    columns = []
    for column in batch.columns:
        if pa.types.is_dictionary(column.type):
            lengths = pc.binary_length(column.dictionary).take(column.indices)
            budget.take(decoded=int(pc.sum(pc.cast(lengths, pa.int64())).as_py() or 0))
            columns.append(column.dictionary_decode())
        else:
            columns.append(column)
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def python_rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Rows as Python's values; raises `pyarrow.ArrowException` for those that Python has none for."""
    try:
        rows: list[dict[str, Any]] = batch.to_pylist()
    except (ValueError, OverflowError, KeyError) as error:  # no UTF-8, a date that Python's calendar lacks
        raise pa.ArrowInvalid(f"{type(error).__name__}: {error}") from error
    return rows
