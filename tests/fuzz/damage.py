"""Strategies for broken input: bytes, JSON and Parquet that were whole before something happened to them."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]

NUMBERS = (0, 1, 2, 3, 0x3B, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1)


@st.composite
def damaged(draw: Draw, seeds: Sequence[bytes], *, most: int = 8) -> bytes:
    """A seed in which up to `most` stretches were overwritten, cut out, repeated or swapped, or that ends early."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, most))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.one_of(st.integers(1, 8), st.integers(1, 600)))
        kind = draw(st.sampled_from(("bytes", "number", "cut", "repeat", "insert", "move", "end")))
        if kind == "bytes":
            data[at : at + length] = draw(st.binary(min_size=1, max_size=8))
        elif kind == "number":
            size = draw(st.sampled_from((1, 2, 4, 8)))
            number = draw(st.sampled_from(NUMBERS)) & ((1 << 8 * size) - 1)
            data[at : at + size] = number.to_bytes(size, draw(st.sampled_from(("little", "big"))))
        elif kind == "cut":
            del data[at : at + length]
        elif kind == "repeat":
            data[at:at] = data[at : at + length] * draw(st.integers(1, 20))
        elif kind == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=40))
        elif kind == "move":
            piece = data[at : at + length]
            del data[at : at + length]
            to = draw(st.integers(0, len(data)))
            data[to:to] = piece
        else:
            del data[at:]
    return bytes(data)


TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ("", " ", "\0", "a\nb", "\r", "\x1b[2J", "\ud800", "\u202e", "\u2028", "../../x", "/", "é" * 300, "x" * 100_000)
    ),
    st.sampled_from(("nan", "inf", "-1", "1e400", "0/0", "1/0", "30000/1001", "None", "true", "[]", "{}", "0x1F")),
)

_DEEP = "\ue000deep {} {}\ue000"
"""Stands for a text that Python's own JSON writer cannot write; `written` puts it in."""

JSON_VALUES: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from((None, True, False, math.nan, math.inf, -math.inf, 1e308, 5e-324, -0.0, 0, -1, 10**18, 2**63)),
    st.sampled_from((10**400, -(10**400), 10**4299, [], {}, [[]], [None], {"": None})),
    st.integers(-(2**70), 2**70),
    st.floats(),
    TEXTS,
    st.lists(st.one_of(st.integers(), TEXTS, st.none()), max_size=4),
    st.builds(
        _DEEP.format, st.sampled_from(("[", '{"a":')), st.one_of(st.integers(800, 1020), st.sampled_from((50, 100_000)))
    ),
    st.builds(_DEEP.format, st.just("9"), st.sampled_from((4300, 4301, 100_000))),
)


@st.composite
def edited(draw: Draw, document: Any, *, most: int = 4) -> Any:
    """A JSON document in which up to `most` values were replaced, removed, added or moved to another key."""
    document = json.loads(json.dumps(document))
    for _ in range(draw(st.integers(0, most))):
        places = list(_places(document))
        if not places:
            break
        inside, key = draw(st.sampled_from(places))
        kind = draw(st.sampled_from(("replace", "replace", "replace", "remove", "add", "swap")))
        if kind == "replace":
            inside[key] = deepcopy(draw(JSON_VALUES))
        elif kind == "remove":
            del inside[key]
        elif kind == "add" and isinstance(inside, dict):
            inside[draw(TEXTS)] = deepcopy(draw(JSON_VALUES))
        elif kind == "add":
            inside.append(deepcopy(draw(JSON_VALUES)))
        else:
            other, at = draw(st.sampled_from(places))
            inside[key] = json.loads(json.dumps(other.get(at) if isinstance(other, dict) else None))
    return document


def _places(value: object) -> Any:
    """Every container in `value` with every key of it."""
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):  # type: ignore[arg-type]
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


def written(document: object) -> bytes:
    """A document as JSON; NaN, lone surrogates and what nests too deep for Python's own writer stand in it as asked."""
    pieces = json.dumps(document).split('"\\ue000')
    text = pieces[0]
    for piece in pieces[1:]:
        about, _, rest = piece.partition('\\ue000"')
        opening, count = about.removeprefix("deep ").replace('\\"', '"').rsplit(" ", 1)
        closing = {"[": "]", '{"a":': "}"}.get(opening, "")
        text += opening * int(count) + ("1" if "{" in opening else "") + closing * int(count) + rest
    return text.encode()


@st.composite
def json_files(draw: Draw, seeds: Sequence[bytes]) -> bytes:
    """A JSON file of the seeds with other values, or with damage to its bytes."""
    if draw(st.integers(0, 3)) == 0:
        return draw(damaged(seeds))
    data = written(draw(edited(json.loads(draw(st.sampled_from(seeds))))))
    return draw(damaged([data], most=1)) if draw(st.integers(0, 7)) == 0 else data


def columns(rows: int) -> Mapping[str, Callable[[], Any]]:
    """Columns of every type that Arrow has and a reader may not expect, by a name to choose them by."""
    ends = (0, -1, 1, 2**31 - 1)
    dates = (0, 2**31 - 1, -(2**31), 719_162)
    bad_text = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\3\0\0\0"), pa.py_buffer(b"a\xff\xfe")]
    )

    def repeated(values: Sequence[object], kind: pa.DataType) -> pa.Array:
        return pa.array([values[i % len(values)] for i in range(rows)], kind)

    def cast(values: Sequence[int], kind: pa.DataType) -> pa.Array:
        whole = pa.int32() if kind in (pa.date32(), pa.time32("s")) else pa.int64()
        return repeated(values, whole).view(kind)

    return {
        "null": lambda: pa.nulls(rows),
        "bool": lambda: repeated((True, False, None), pa.bool_()),
        "int8": lambda: repeated((-128, 127, None), pa.int8()),
        "int64": lambda: repeated((*ends, -(2**63), 2**63 - 1), pa.int64()),
        "uint64": lambda: repeated((2**64 - 1, 0), pa.uint64()),
        "float32": lambda: repeated((1.5, math.nan, math.inf), pa.float32()),
        "float64": lambda: repeated((math.nan, -math.inf, 1e308, 5e-324, None), pa.float64()),
        "texts": lambda: repeated(("", "\n", "\x1b[2J", "x" * 5000, "../x", "1/0", "a" * 81), pa.string()),
        "one text": lambda: repeated(("a",), pa.string()),
        "bad text": lambda: pa.concat_arrays([bad_text] * rows) if rows else pa.array([], pa.string()),
        "binary": lambda: repeated((b"", b"\xff\0"), pa.binary()),
        "large text": lambda: repeated(("x" * 200_000,), pa.large_string()),
        "date": lambda: cast(dates, pa.date32()),
        "millisecond": lambda: cast((2**63 - 1, -(2**63), 0), pa.timestamp("ms")),
        "nanosecond": lambda: cast((2**63 - 1, 1, -1), pa.timestamp("ns", "UTC")),
        "zone": lambda: cast((0,), pa.timestamp("us", "No/Where")),
        "time": lambda: cast((-1, 2**63 - 1), pa.time64("us")),
        "duration": lambda: cast((2**63 - 1, -(2**63)), pa.duration("ns")),
        "decimal": lambda: repeated((None, 1), pa.decimal128(38, 2)),
        "list": lambda: repeated(([], None, [1, None, 2**40]), pa.list_(pa.int64())),
        "lists": lambda: repeated(([["a"]], [[]]), pa.list_(pa.list_(pa.string()))),
        "struct": lambda: repeated(({"a": 1},), pa.struct([("a", pa.int32())])),
        "map": lambda: repeated(([("a", 1), ("a", 2)],), pa.map_(pa.string(), pa.int32())),
        "dictionary": lambda: repeated(("a", "b"), pa.string()).dictionary_encode(),
    }


@st.composite
def parquet_files(draw: Draw, seeds: Sequence[bytes]) -> bytes:
    """A Parquet file of the seeds with other types, values, columns or numbers of rows, or with damage to its bytes."""
    seed = draw(st.sampled_from(seeds))
    if draw(st.integers(0, 4)) == 0:
        return draw(damaged([seed]))
    table = pq.read_table(io.BytesIO(seed))
    for _ in range(draw(st.integers(0, 3))):
        table = draw(_edited_table(table))
    file = io.BytesIO()
    try:
        pq.write_table(table, file, compression=draw(st.sampled_from(("zstd", "none", "snappy"))))
    except pa.ArrowException:  # a type that Parquet has not, or columns of one name
        return seed
    data = file.getvalue()
    return draw(damaged([data], most=1)) if draw(st.integers(0, 9)) == 0 else data


@st.composite
def _edited_table(draw: Draw, table: pa.Table) -> pa.Table:
    if not table.num_columns:
        return table
    kind = draw(st.sampled_from(("type", "type", "value", "value", "value", "drop", "add", "twice", "rows", "none")))
    at, rows = draw(st.integers(0, table.num_columns - 1)), table.num_rows
    name, made = table.column_names[at], columns(rows)
    if kind == "drop":
        return table.remove_column(at)
    if kind in ("type", "add", "twice"):
        column = made[draw(st.sampled_from(sorted(made)))]()
        if kind == "type":
            return table.set_column(at, name, column)
        return table.append_column(name if kind == "twice" else draw(st.sampled_from(("", "a\nb", "x" * 300))), column)
    if kind == "rows":
        return pa.concat_tables([table] * draw(st.sampled_from((2, 3, 50))))
    if kind == "none" or not rows:
        return table.slice(0, 0)
    field = table.schema.field(at)
    try:
        values = table.column(at).to_pylist()
        values[draw(st.integers(0, rows - 1))] = draw(_cell(field.type))
        return table.set_column(at, field, pa.array(values, field.type))
    except (pa.ArrowException, UnicodeError, OverflowError, TypeError, ValueError):
        return table  # a type that cannot hold the value, or a column of texts that are none


def _cell(kind: pa.DataType) -> st.SearchStrategy[Any]:
    if pa.types.is_integer(kind):
        least, most = (0 if str(kind).startswith("u") else -(2 ** (kind.bit_width - 1))), 2 ** (kind.bit_width - 1) - 1
        return st.one_of(st.none(), st.sampled_from((0, 1, 2, most, least, 100_000)), st.integers(least, most))
    if pa.types.is_floating(kind):
        return st.one_of(st.none(), st.floats(), st.sampled_from((-1.0, 0.0, 1e308, math.inf)))
    if pa.types.is_list(kind):
        inner = _cell(kind.value_type)
        return st.one_of(st.none(), st.lists(inner, max_size=8))
    if pa.types.is_timestamp(kind):
        return st.sampled_from((None, datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)))
    return st.one_of(st.none(), TEXTS)
