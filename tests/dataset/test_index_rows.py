"""A row of the index: the schema, the row in Python, Croissant and the docs say the same, and few rows are believed."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from gifbench.dataset import Dataset
from gifbench.dataset.columns import COLUMNS, INDEX_SCHEMA, columns_of
from gifbench.dataset.index_rows import MEMBERS, IndexRow

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


def test_the_row_of_a_clip_is_believed_also_through_json(tiny_dataset: Dataset) -> None:
    for clip in tiny_dataset:
        values = clip.row.to_dict()
        assert IndexRow.from_dict(values) == IndexRow.from_dict(json.loads(json.dumps(values))) == clip.row


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"frames": 0}, "frames is 0: 1 to"),
        ({"frames": "six"}, "frames: "),
        ({"width": 65_536}, "width is 65536: 1 to 65535"),
        ({"height": 0}, "height is 0: 1 to 65535"),
        ({"end_seconds": float("inf")}, "end_seconds is inf: it must be"),
        ({"fps": "0"}, "fps is 0: it must be above 0"),
        ({"fps": "1/0"}, "Fraction"),
        ({"ticks": [0, 1, 2]}, "there are 3 ticks for 6 frames: one for each, and one for the end"),
        ({"gif_delays": [4, 4, 4, 4, 4, 0]}, "there are 6 delays for 6 frames: one for each, above 0"),
        ({"gif_colors": 257}, "gif_colors is 257: 2 to 256"),
        ({"gif_kmeans_steps": 2_000_000_000}, "gif_kmeans_steps is 2000000000: 0 to 100"),
        ({"crop": [0, 0, 0, 10]}, r"crop is \(0, 0, 0, 10\)"),
        ({"plain_offset": -1}, "plain has the offset -1"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_row_that_cannot_be_says_what_of_it(change: dict[str, object], said: str, tiny_dataset: Dataset) -> None:
    values = tiny_dataset["ant"].row.to_dict()
    assert change.keys() <= values.keys()
    with pytest.raises(ValueError, match=said):
        IndexRow.from_dict({**values, **change})


def test_a_row_without_a_column_names_it(tiny_dataset: Dataset) -> None:
    values = tiny_dataset["ant"].row.to_dict()
    del values["clip_id"]
    with pytest.raises(ValueError, match="clip_id"):
        IndexRow.from_dict(values)


@pytest.mark.parametrize(
    "change", [{"plain_offset": -(10**4000)}, {"crop": [10**4000, -1, 2, 2]}, {"split": "t" * 10_000}]
)
def test_what_is_said_of_a_row_is_bounded(change: dict[str, object], tiny_dataset: Dataset) -> None:
    values = tiny_dataset["ant"].row.to_dict()
    with pytest.raises(ValueError) as caught:
        IndexRow.from_dict({**values, **change})
    assert len(str(caught.value)) <= 400
