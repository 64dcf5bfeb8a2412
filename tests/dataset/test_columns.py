"""One table of columns: the schema, the row in Python, Croissant and the docs say the same."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from gifbench.dataset import Dataset
from gifbench.dataset.columns import COLUMNS, INDEX_SCHEMA, columns_of
from gifbench.dataset.shard_format import MEMBERS, IndexRow

ROOT = Path(__file__).parent.parent.parent


def test_a_row_has_the_columns_of_the_table(tiny_dataset: Dataset) -> None:
    names = {column.name for column in COLUMNS}
    assert names == set(INDEX_SCHEMA.names) == tiny_dataset.rows[0].to_dict().keys()
    of_members = {f"{member}_{what}" for member in MEMBERS for what in ("offset", "bytes", "sha256")}
    assert {field.name for field in fields(IndexRow)} == (names - of_members) | MEMBERS.keys()
    # A column that a dataset may be older than has a default, and no other has.
    optional = {field.name for field in fields(IndexRow) if field.default is None}
    assert optional == {*columns_of("kept truth"), *columns_of("generated gifs"), *columns_of("widened source")}


def test_the_docs_show_the_table() -> None:
    lines = ["| column | type | |", "|---|---|---|"]
    for column in COLUMNS:
        kind = str(column.type).replace("list<item: ", "list of ").replace("list<element: ", "list of ").rstrip(">")
        lines.append(f"| `{column.name}` | {kind} | {column.meaning} |")
    assert "\n".join(lines) + "\n" in (ROOT / "docs" / "formats.md").read_text()
