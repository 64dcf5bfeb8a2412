"""What a Parquet file would take in memory, from its page headers, before a page of it is decoded.

A file of two kilobytes may stand for ten gigabytes: a page of equal bytes compresses to nothing, a text in a dictionary
is repeated by a run of one number, and the footer may say anything. The headers of the pages, one after the other, are
what the reader itself goes by: how many bytes each page has when it is unpacked, and how many values are in it.

References: the Parquet format (parquet.thrift) and Thrift's compact protocol.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_DELTA_BYTE_ARRAY = 7  # each value begins with a part of the one before, without end
_DATA, _DICTIONARY, _DATA_V2 = 5, 7, 8
_STOP, _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 0, 1, 2, 3, 7, 8, 9, 10, 11, 12
_MOST_DEPTH = 16


class Budget:
    """The memory that a file of `size` bytes may take: much more than honest tables need, and little for a small file.

    `decoded` counts the bytes of its pages and of its texts, each for itself; `values` and `rows` are numbers of them.
    """

    def __init__(self, size: int) -> None:
        self._left = {"decoded": (64 << 20) + 64 * size, "values": (1 << 20) + 4 * size, "rows": (1 << 16) + size}

    def take(self, **used: int) -> None:
        """Use some of it up; raises `pyarrow.ArrowInvalid` where nothing is left."""
        for what, number in used.items():
            self._left[what] -= number
            if number < 0 or self._left[what] < 0:
                raise pa.ArrowInvalid(
                    "it holds many times more than a table of its size: a bomb, which is not unpacked"
                )


def check_pages(data: bytes, metadata: pq.FileMetaData, budget: Budget) -> None:
    """Take what the pages of a file come to from `budget`; raises `pyarrow.ArrowInvalid` for more, or for no pages."""
    budget.take(rows=metadata.num_rows)
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        budget.take(values=row_group.num_rows)
        for number in range(row_group.num_columns):
            column = row_group.column(number)
            start = column.data_page_offset
            if column.dictionary_page_offset is not None and 0 < column.dictionary_page_offset < start:
                start = column.dictionary_page_offset
            repeats = "BYTE_ARRAY" in column.physical_type and not is_text(metadata, number)
            _check_chunk(data, start, start + column.total_compressed_size, budget, repeats=repeats)


def is_text(metadata: pq.FileMetaData, number: int) -> bool:
    """Whether a column holds texts that can be read as a dictionary, each of which is in memory once."""
    column = metadata.schema.column(number)
    return bool(column.physical_type == "BYTE_ARRAY" and column.max_repetition_level == 0 and "." not in column.path)


def _check_chunk(data: bytes, start: int, end: int, budget: Budget, *, repeats: bool) -> None:
    """`repeats`: each value may be as long as the dictionary, and is in memory each time."""
    dictionary = 0
    while start < min(end, len(data)):
        reader = _Reader(data, start)
        header = reader.struct(0)
        unpacked, packed = header.get(2), header.get(3)
        inner: Any = next((header[kind] for kind in (_DATA, _DICTIONARY, _DATA_V2) if kind in header), {})
        if not (isinstance(unpacked, int) and isinstance(packed, int) and isinstance(inner, dict)) or packed < 0:
            raise pa.ArrowInvalid("a page has no header")
        if inner.get(4 if _DATA_V2 in header else 2) == _DELTA_BYTE_ARRAY:
            raise pa.ArrowInvalid("its texts are encoded by what they share (DELTA_BYTE_ARRAY), which is not read")
        values = inner[1] if isinstance(inner.get(1), int) else 0
        if _DICTIONARY in header:
            dictionary = max(dictionary, unpacked)
        budget.take(decoded=unpacked + (dictionary * values if repeats else 0), values=values)
        start = reader.at + packed


class _Reader:
    """Thrift's compact protocol, as far as page headers go."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self.at = data, at

    def struct(self, depth: int) -> dict[int, Any]:
        """A struct: its numbers and structs by field; others are passed over."""
        if depth > _MOST_DEPTH:
            raise pa.ArrowInvalid("a page header without end")
        fields: dict[int, Any] = {}
        number = 0
        while kind := self._byte():
            delta, kind = kind >> 4, kind & 15
            number = number + delta if delta else self._zigzag()
            fields[number] = self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:  # noqa: ANN401 - of a struct, a number, or nothing
        if kind in (_TRUE, _FALSE):
            return kind == _TRUE
        if kind == _BYTE:
            return self._byte()
        if kind == _DOUBLE:
            self.at += 8
        elif kind == _BINARY:
            length = self._varint()  # which moves on itself
            self.at += length
        elif kind in (_LIST, _SET):
            self._list(depth)
        elif kind == _STRUCT:
            return self.struct(depth + 1)
        elif kind == _MAP:
            raise pa.ArrowInvalid("a page header with a map")
        else:
            return self._zigzag()
        return None

    def _list(self, depth: int) -> None:
        head = self._byte()
        count, kind = head >> 4, head & 15
        if count == 15:
            count = self._varint()
        if count > len(self._data) - self.at:
            raise pa.ArrowInvalid("a page header with a list beyond its end")
        for _ in range(count):
            if kind in (_TRUE, _FALSE):
                self.at += 1
            else:
                self._value(kind, depth + 1)

    def _byte(self) -> int:
        if not 0 <= self.at < len(self._data):
            raise pa.ArrowInvalid("a page header beyond the end of the file")
        self.at += 1
        return self._data[self.at - 1]

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 64, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise pa.ArrowInvalid("a page header with a number without end")

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
