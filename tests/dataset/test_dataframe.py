"""A dataset as tables: a row a clip, and what became of each row that was asked for."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import gifbench
from gifbench.dataset import Dataset, open_dataset
from gifbench.errors import DatasetDamaged, NotFound


def test_a_row_a_clip(tiny_dataset: Dataset) -> None:
    table = tiny_dataset.to_pandas()
    assert list(table["clip_id"]) == [clip.clip_id for clip in tiny_dataset]
    assert list(table.columns[:7]) == ["clip_id", "split", "frames", "height", "width", "fps", "seconds"]
    assert table["frames"].sum() == 6 + 7 + 8
    assert table["seconds"].tolist() == pytest.approx([6 / 25, 7 / 25, 8 / 25])
    assert table["truth_bytes"].tolist() == [len(clip.read("truth")) for clip in tiny_dataset]
    assert table["plain_bytes"].tolist() == [len(clip.read("plain")) for clip in tiny_dataset]
    assert table.set_index("clip_id").loc["bee", "locator"] == "bee.mp4"


def test_the_duration_is_that_of_the_times(tiny_dataset: Dataset) -> None:
    from dataclasses import replace

    for row in (tiny_dataset[0].row, replace(tiny_dataset[0].row, ticks=(0, 1, 2, 3, 5, 8, 13), time_base="1/90")):
        assert row.duration == row.times()[1]


def test_a_split_and_a_part_are_tables_too(tiny_dataset: Dataset) -> None:
    assert len(tiny_dataset.split("test").to_pandas()) == 3
    assert len(tiny_dataset[:2].to_pandas()) == 2


def test_nothing_is_a_table_of_the_same_columns(tiny_dataset: Dataset) -> None:
    whole, nothing = tiny_dataset.to_pandas(), tiny_dataset[:0].to_pandas()
    assert nothing.empty
    assert nothing.dtypes.equals(whole.dtypes)
    assert gifbench.Outcomes().to_pandas().dtypes.equals(tiny_dataset.outcomes.to_pandas().dtypes)


def test_what_became_of_each_row(tiny_dataset: Dataset) -> None:
    outcomes = tiny_dataset.outcomes
    table = outcomes.to_pandas().set_index("clip_id")
    assert table["state"].to_dict() == {
        "ant": "built",
        "bee": "built",
        "cat": "built",
        "narrow": "rejected",
        "short": "rejected",
    }
    assert table.loc["narrow", "reason"] == "too_small"
    assert table.loc["ant", "reason"] == ""
    assert repr(outcomes) == "Outcomes(5: 3 built, 2 rejected)"
    assert [each.clip_id for each in outcomes[3:]] == ["narrow", "short"]
    joined = tiny_dataset.to_pandas().merge(outcomes.to_pandas(), on="clip_id", how="right")
    assert len(joined) == 5


@pytest.mark.parametrize("name", ["faces", "moments", "custom-made-source", "unfinished"])
def test_what_an_earlier_version_wrote_is_a_table(name: str) -> None:
    old = open_dataset(Path(__file__).parent.parent / "data" / "v0_1_0" / "datasets" / name)
    assert len(old.to_pandas()) == len(old)
    assert isinstance(old.outcomes.to_pandas(), pd.DataFrame)
    assert old._repr_html_()


def test_outcomes_that_are_missing_or_damaged_are_said(copy: Path) -> None:
    (copy / "outcomes.parquet").write_bytes(b"PAR1")
    with pytest.raises(DatasetDamaged, match=r"outcomes\.parquet"):
        _ = open_dataset(copy).outcomes
    (copy / "outcomes.parquet").unlink()
    with pytest.raises(NotFound):
        _ = open_dataset(copy).outcomes
