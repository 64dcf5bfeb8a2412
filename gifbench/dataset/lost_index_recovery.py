"""The index of a dataset whose `index.parquet` is lost, from its shards: each clip's last member is its row."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

from gifbench.dataset.dataset_reader import read_index
from gifbench.dataset.index_rows import MEMBERS, IndexRow, index_bytes
from gifbench.dataset.shard_format import about_clip, padding
from gifbench.dataset.table_checksums import CHECKSUMS, read_checksums
from gifbench.errors import DatasetDamaged, NotFound
from gifbench.storage import Folder

INDEX = "index.parquet"

_BLOCK = tarfile.BLOCKSIZE
_MAX_ABOUT = 1 << 26
"""Bytes of the longest description that is read; a clip whose rate varies has some ten bytes a frame in it."""


def best_index(folder: Folder) -> tuple[list[IndexRow], str]:
    """The rows of the index, and why they come from the shards: "" if they are those of `index.parquet`.

    The shards are asked where the file is not the one of `SHA256SUMS`. They are believed where what they give is that
    file, byte for byte, and else where the file is missing or cannot be read; clips whose description is damaged too
    are then not among the rows.
    """
    expected = read_checksums(folder).get(INDEX)
    pending = read_checksums(folder, pending=True).get(INDEX)
    try:
        data = folder.read(INDEX)
    except NotFound:
        return rows_in_shards(folder), "the file is missing"
    if hashlib.sha256(data).hexdigest() in (expected, pending):
        return read_index(folder), ""
    rows = rows_in_shards(folder)
    if hashlib.sha256(index_bytes(rows)).hexdigest() == expected:
        return rows, f"its bytes differ from their sha256 in {CHECKSUMS}"
    try:
        return read_index(folder), ""
    except DatasetDamaged as error:
        return rows, str(error)


def rows_in_shards(folder: Folder) -> list[IndexRow]:
    """The row of each clip whose description can be found in a shard, by name.

    A clip that is found twice is left out: which of the two the index meant, only the index knew.
    """
    rows: list[IndexRow] = []
    for shard in folder.names("shards"):
        if shard.endswith(".tar"):
            with folder.open(shard) as file:
                rows += _rows_in_shard(file, shard, folder.size(shard) or 0)
    found = Counter(row.clip_id for row in rows)
    return sorted((row for row in rows if found[row.clip_id] == 1), key=lambda row: row.clip_id)


def _rows_in_shard(file: BinaryIO, shard: str, size: int) -> Iterator[IndexRow]:
    at = 0
    while at + _BLOCK <= size:
        file.seek(at)
        header = _header(file.read(_BLOCK))
        if header is None or at + _BLOCK + header.size > size:
            at += _BLOCK  # the end, or damage: the next header is at the start of some block
            continue
        if header.name.endswith(".json") and header.size <= _MAX_ABOUT:
            row = _row(file.read(header.size), shard, at)
            if row is not None and header.name == f"{row.clip_id}.json":
                yield row
        at += _BLOCK + header.size + len(padding(header.size))


def _header(block: bytes) -> tarfile.TarInfo | None:
    """The header of a member, or None for other bytes; its checksum tells them apart."""
    if block[257:262] != b"ustar":
        return None
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return None


def _row(about: bytes, shard: str, at: int) -> IndexRow | None:
    """The row that a description holds, whose header begins at byte `at`; the members lie before it, without gaps."""
    try:
        values = json.loads(about)
        made = values.get("gif_colors") is not None  # then the GIFs are no members
        for name in ("truth",) if made else tuple(reversed(MEMBERS)):
            size = int(values[f"{name}_bytes"])
            at -= size + len(padding(size))
            values[f"{name}_offset"] = at
            at -= _BLOCK
        row = IndexRow.from_dict({**values, "shard": shard})
        whole = at >= 0 and about_clip(row) == about
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return None
    return row if whole else None
