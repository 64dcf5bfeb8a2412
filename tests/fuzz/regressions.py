"""What the fuzzer found, by target and by what it is: each broke the promise once. This list only grows."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow.parquet as pq

from tests.fuzz.damage import columns

Change = Callable[[bytes], bytes]
"""Makes the input out of a whole one."""


def _column(name: str, kind: str) -> Change:
    """The Parquet file with another type in one column."""

    def change(seed: bytes) -> bytes:
        table, file = pq.read_table(io.BytesIO(seed)), io.BytesIO()
        pq.write_table(table.set_column(table.column_names.index(name), name, columns(table.num_rows)[kind]()), file)
        return file.getvalue()

    return change


def _without(name: str) -> Change:
    def change(seed: bytes) -> bytes:
        file = io.BytesIO()
        pq.write_table(pq.read_table(io.BytesIO(seed)).drop_columns([name]), file)
        return file.getvalue()

    return change


def _json(*path: str | int, value: object) -> Change:
    """The JSON file with another value at `path`."""

    def change(seed: bytes) -> bytes:
        document: Any = json.loads(seed)
        inside = document
        for key in path[:-1]:
            inside = inside[key]
        inside[path[-1]] = value
        return json.dumps(document).encode()

    return change


def _always(data: bytes) -> Change:
    return lambda seed: data


def _bad_thrift(seed: bytes) -> bytes:
    at = len(seed) - 8 - int.from_bytes(seed[-8:-4], "little")
    return seed[:at] + b"\x0f\x0f\x0f" + seed[at + 3 :]


def _zip_that_points_before_itself(seed: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("metadata.txt", seed)
    data = bytearray(file.getvalue())
    at = data.index(b"PK\x05\x06")
    data[at + 12 : at + 16] = (len(data) + 100).to_bytes(4, "little")
    return bytes(data)


def _eight_bits(seed: bytes) -> bytes:
    length = int.from_bytes(seed[:8], "little")
    header = json.loads(seed[8 : 8 + length])
    name = next(name for name in header if name != "__metadata__")
    header[name] |= {"dtype": "F8_E4M3", "shape": [header[name]["data_offsets"][1] - header[name]["data_offsets"][0]]}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + seed[8 + length :]


def _deep_card(seed: bytes) -> bytes:
    length = int.from_bytes(seed[:8], "little")
    header = json.loads(seed[8 : 8 + length])
    header["__metadata__"]["gifbench"] = _BRACKETS.decode()
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + seed[8 + length :]


_BRACKETS = b"[" * 100_000 + b"]" * 100_000
_JOURNAL_OF_A_RUN = {"gifbench_journal": 1, "identity": {"protocols": {"standard": "1"}}}

FOUND: Mapping[str, Mapping[str, Change]] = {
    "manifest-jsonl": {
        "a key with a line break": _always(b'{"a\\u000cb\\nc": 1}\n'),
    },
    "manifest-parquet": {
        "a date that Python's calendar lacks": _column("start", "date"),
    },
    "video2gif": {
        "a zip whose directory lies outside": _zip_that_points_before_itself,
        "a video without end": lambda seed: seed.replace(b"60.0", b"inf"),
    },
    "dataset-json": {
        "brackets 100,000 deep": _always(_BRACKETS),
        "a recipe that is a text": _json("recipe", value="tiny"),
        "a parameter of 4299 digits": _json("recipe", "jpeg", value=10**4298),
        "a count that is a text": _json("outcomes", "built", value="many"),
        "a version without end": _json("format", value=float("inf")),
    },
    "dataset-index": {
        "no column of heights": _without("height"),
        "no number of frames": _column("frames", "null"),
        "offsets that are lists": _column("truth_offset", "lists"),
        "bytes that are times": _column("truth_bytes", "nanosecond"),
        "ticks that are texts": _column("ticks", "texts"),
        "a rate by zero": _column("fps", "texts"),
        "2,147,483,647 frames": _column("frames", "int64"),
    },
    "dataset-outcomes": {
        "an unknown column": _column("attempts", "struct"),
        "no clip ids": _without("clip_id"),
        "days beyond the calendar": _column("seconds", "duration"),
    },
    "dataset-manifest": {
        "a date that Python's calendar lacks": _column("start", "date"),
    },
    "dataset-journal": {
        "no JSON": _always(b"[{"),
        "no UTF-8": _always(b'[{"clip_id": "\xc8"}]'),
        "brackets 100,000 deep": _always(_BRACKETS),
        "a number of 100,000 digits": _always(b"[" + b"9" * 100_000 + b"]"),
        "null where an outcome belongs": _always(b"[null]"),
        "a text where an outcome belongs": _always(b'["ant"]'),
        "an unknown key": _json(0, "U*", value=1),
        "a row that is a text": _json(1, "row", value="ant"),
        "a row without a width": lambda seed: seed.replace(b'"width"', b'"breadth"'),
        "an offset that is a text": _json(1, "row", "truth_offset", value="\r"),
        "bytes that are a mapping": _json(1, "row", "truth_bytes", value={}),
    },
    "results-json": {
        "clips by 4299 digits": _json("clips", value=10**4299 - 1),
    },
    "results-parquet": {
        "a clip id that is not UTF-8": _column("clip_id", "bad text"),
        "seconds beyond the calendar": _column("seconds", "millisecond"),
        "a footer that is no Thrift": _bad_thrift,
    },
    "evaluation-journal": {
        "seconds beyond every float": _always(
            json.dumps(_JOURNAL_OF_A_RUN).encode()
            + b'\n{"clip_id": "a", "scores": {}, "seconds": 1'
            + b"0" * 400
            + b"}\n"
        ),
    },
    "recipe": {
        "a number of 5000 digits": _always(b"gif-faces\0colors=" + b"9" * 5000),
        "brackets 100,000 deep": _always(b"gif-faces\0colors=" + _BRACKETS),
        "mappings 900 deep": _always(b"gif-faces\0quantizer=" + b'{"a":' * 900 + b"1" + b"}" * 900),
    },
    "config": {
        "a number of 5000 digits": _always(b"a = " + b"9" * 5000),
        "a number of 5000 hexadecimal digits": _always(b"trainer = 0x" + b"f" * 5000),
        "brackets 100,000 deep": _always(b"a = " + _BRACKETS),
        "a setting with brackets 100,000 deep": _always(b"\0a=" + _BRACKETS),
        "an option of 100,000 letters": _always(b"[training]\n" + b"x" * 100_000 + b" = 1"),
    },
    "weights": {
        "numbers of eight bits": _eight_bits,
        "a card 100,000 deep": _deep_card,
    },
}
