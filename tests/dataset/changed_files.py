"""What tests do to the files of a dataset, and what of them they hold against each other."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gifbench.builder.recipe import Recipe
from gifbench.builder.repair import repair_dataset
from gifbench.dataset import verify_dataset
from gifbench.dataset.table_checksums import checksum_lines
from gifbench.dataset.verify import KNOWN
from gifbench.storage import Folder


def tree(folder: str | Path) -> dict[str, str]:
    """The sha256 of every file of a dataset whose bytes are promised."""
    place = Folder(folder)
    names = [name for name in place.names() if name not in ("outcomes.parquet", "SHA256SUMS")]
    return {name: hashlib.sha256(place.read(name)).hexdigest() for name in names}


def flip(path: Path, *places: int, bits: int = 1) -> None:
    """Turn bits of some bytes of a file."""
    data = bytearray(path.read_bytes())
    for place in places:
        data[place] ^= bits
    path.write_bytes(data)


def change(path: Path, column: str, value: object) -> None:
    """Write `value` into the first row of a table."""
    table = pq.read_table(path)
    values = [value, *table[column].to_pylist()[1:]]
    at = table.schema.get_field_index(column)
    pq.write_table(table.set_column(at, column, pa.array(values, table.schema.field(column).type)), path)


def fit_checksums(folder: Path) -> None:
    """Make `SHA256SUMS` a list of what is there now."""
    sums = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in KNOWN}
    (folder / "SHA256SUMS").write_bytes(checksum_lines(sums))


def mend(folder: str | Path, recipe: Recipe, sources: Path | None = None) -> set[str]:
    """Repair what is damaged, after which nothing is; the places where something was."""
    places = {place for place, _ in verify_dataset(str(folder), workers=1)}
    repair_dataset(str(folder), places, sources=sources, recipe=recipe, workers=1)
    assert list(verify_dataset(str(folder), workers=1)) == []
    return places
