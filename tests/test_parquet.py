"""Small files that stand for gigabytes are refused before they are unpacked; honest tables are read as they are."""

from __future__ import annotations

import io
import resource
import subprocess
import sys
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gifbench.dataset.columns import INDEX_SCHEMA
from gifbench.dataset.index_rows import table_rows
from gifbench.parquet import parquet_bytes, parquet_rows


def written(table: pa.Table, **options: object) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd", write_statistics=False, **options)
    return file.getvalue()


def repeated(value: object, times: int) -> pa.Array:
    """One value of a dictionary, many times."""
    return pa.DictionaryArray.from_arrays(pa.nulls(times, pa.int32()).fill_null(0), pa.array([value]))


def long_list(times: int) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array([0, times], pa.int32()), pa.nulls(times, pa.int64()).fill_null(7))


BOMBS = {
    "strings in a dictionary": lambda: written(pa.table({"clip_id": repeated("x" * 1_000_000, 10_000)})),
    "strings in a column with a dot": lambda: written(pa.table({"a.b": repeated("x" * 1_000_000, 10_000)})),
    "binary in a list": lambda: written(
        pa.table({"a": pa.ListArray.from_arrays([0, 9000], repeated("x" * 1_000_000, 9000))})
    ),
    "fixed binary": lambda: written(pa.table({"a": pa.array([b"x" * 1_000_000] * 100, pa.binary(1_000_000))})),
    "ten million rows": lambda: written(pa.table({"split": repeated("test", 10_000_000)})),
    "a list without end": lambda: written(pa.table({"ticks": long_list(5_000_000)})),
    "strings of what they share": lambda: written(
        pa.table({"a": ["x" * 1_000_000] * 200}), use_dictionary=False, column_encoding={"a": "DELTA_BYTE_ARRAY"}
    ),
    "a page of equal bytes": lambda: written(pa.table({"a": ["x" * 200_000_000]}), use_dictionary=False),
}


@cache
def bomb(name: str) -> bytes:
    """The large ones take seconds to write."""
    return BOMBS[name]()


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_that_stands_for_gigabytes_is_refused(name: str, tmp_path: Path) -> None:
    data = bomb(name)
    assert len(data) < 1 << 20
    (tmp_path / "bomb.parquet").write_bytes(data)
    # In a process of its own, which may take 512 MiB, as docs/robustness.md promises.
    code = (
        "import sys, resource, pyarrow\nfrom pathlib import Path\nfrom gifbench.parquet import parquet_rows\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    for row in parquet_rows(Path(sys.argv[1]).read_bytes()): pass\n"
        "except pyarrow.ArrowException as error:\n    print(error)\nelse:\n    print('read')\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    limit = lambda: resource.setrlimit(resource.RLIMIT_CPU, (20, 20))  # noqa: E731
    command = [sys.executable, "-c", code, str(tmp_path / "bomb.parquet")]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, check=True)
    what, kilobytes = done.stdout.splitlines()
    assert "a bomb" in what or "not read" in what
    assert int(kilobytes) < 512 << 10


def footer_that_lies(data: bytes) -> bytes:
    """A Parquet file whose footer says that its page unpacks to 1000 bytes."""

    def number(value: int) -> bytes:
        value, out = value << 1, bytearray()
        while value > 127:
            out.append(value & 127 | 128)
            value >>= 7
        return bytes([*out, value])

    size = pq.read_metadata(pa.BufferReader(data)).row_group(0).column(0).total_uncompressed_size
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    small = number(1000)
    longer = bytes([*(byte | 128 for byte in small), *[128] * (len(number(size)) - len(small) - 1), 0])
    return data[:footer] + data[footer:].replace(number(size), longer)


def test_a_page_that_says_less_than_it_holds_is_not_believed() -> None:
    """The footer is a summary that its writer may have changed; the pages are what is read."""
    changed = footer_that_lies(bytes(bomb("a page of equal bytes")))
    assert pq.read_metadata(pa.BufferReader(changed)).row_group(0).column(0).total_uncompressed_size == 1000
    with pytest.raises(pa.ArrowException, match="bomb"):
        list(parquet_rows(changed))


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "brotli", "lz4", "zstd"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_honest_tables_of_others_are_read(compression: str, version: str) -> None:
    count = 30_000 if compression == "zstd" else 3_000
    rows = [
        {"clip_id": f"c{i}", "n": i, "x": i / 3, "note": "the same text for all " * 20, "t": [i, 1]}
        for i in range(count)
    ]
    rows[7]["note"] = None
    pages = {} if compression == "zstd" else {"data_page_size": 4096, "row_group_size": 1100}
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), file, compression=compression, data_page_version=version, **pages)
    assert list(parquet_rows(file.getvalue())) == rows
    assert [row["n"] for row in parquet_rows(file.getvalue(), columns=["n"])] == list(range(count))


def test_an_empty_table_and_one_of_the_index_are_read() -> None:
    assert table_rows(parquet_bytes([], INDEX_SCHEMA), place="x") == []


def test_a_number_where_a_header_describes_its_page_is_refused() -> None:
    data = written(pa.table({"a": pa.array([1, 2, 3])}), use_dictionary=False)
    described = data.index(b"\x2c", pq.read_metadata(pa.BufferReader(data)).row_group(0).column(0).data_page_offset)
    with pytest.raises(pa.ArrowInvalid, match="no header"):
        list(parquet_rows(data[:described] + b"\x25" + data[described + 1 :]))
