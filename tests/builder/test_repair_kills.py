"""A repair that is killed at any moment loses no clip, and verify never calls what it leaves behind whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from gifbench.builder.recipe import Recipe
from gifbench.builder.repair import repair_dataset
from gifbench.dataset import Dataset, open_dataset, verify_dataset
from gifbench.dataset.fingerprint import fingerprint
from gifbench.dataset.index_rows import index_bytes
from gifbench.storage import Folder
from tests.builder.killed_writes import every_kill
from tests.dataset.changed_files import fit_checksums, flip, mend


@pytest.mark.parametrize(
    ("damage", "first", "step"),
    [  # of two kills, one with either damage; all with both where there is time
        ("bit", 0, 2),
        ("missing", 1, 2),
        pytest.param("bit", 1, 2, marks=pytest.mark.slow),
        pytest.param("missing", 0, 2, marks=pytest.mark.slow),
    ],
)
def test_a_repair_that_is_killed_anywhere_loses_no_clip(
    damage: str,
    first: int,
    step: int,
    tiny_dataset: Dataset,
    recipe: Recipe,
    tiny_videos: Path,
    tmp_path: Path,
) -> None:
    out = tmp_path / "copy"
    whole = {name: Folder(tiny_dataset.url).read(name) for name in Folder(tiny_dataset.url).names("shards")}

    def prepare() -> None:
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(tiny_dataset.url, out)
        row = open_dataset(out)["bee"].row
        if damage == "missing":
            (out / row.shard).unlink()
        else:
            flip(out / row.shard, row.truth.offset + 200, bits=4)

    def damaged() -> set[str]:
        return {place for place, _ in verify_dataset(str(out), workers=1)}

    def repair(places: set[str]) -> None:
        repair_dataset(str(out), places, sources=tiny_videos, recipe=recipe, workers=1)

    prepare()
    before = damaged()

    def look() -> None:
        places = damaged()
        if not places:
            assert open_dataset(out).fingerprint == tiny_dataset.fingerprint
            assert {name: Folder(out).read(name) for name in whole} == whole
            return
        repair(places)
        assert damaged() == set()
        assert open_dataset(out).fingerprint == tiny_dataset.fingerprint
        assert {name: Folder(out).read(name) for name in Folder(out).names("shards")} == whole

    assert every_kill(lambda: repair(before), prepare, look, first=first, step=step) > 10


def test_a_clip_that_the_tables_do_not_tell_of_is_missed(
    tiny_dataset: Dataset, recipe: Recipe, tiny_videos: Path, copy: Path
) -> None:
    """What a killed repair of 0.1.0 left: an index without the clip, and no outcome for it."""
    rows = [row for row in open_dataset(copy).rows if row.clip_id != "cat"]
    (copy / "index.parquet").write_bytes(index_bytes(rows))
    table = pq.read_table(copy / "outcomes.parquet")
    pq.write_table(table.filter([name != "cat" for name in table["clip_id"].to_pylist()]), copy / "outcomes.parquet")
    about = json.loads((copy / "dataset.json").read_text())
    (copy / "dataset.json").write_text(json.dumps({**about, "fingerprint": fingerprint(rows)}))
    fit_checksums(copy)
    assert "cat" in mend(copy, recipe, tiny_videos)
    assert open_dataset(copy).fingerprint == tiny_dataset.fingerprint
