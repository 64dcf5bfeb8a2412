"""A repair that is killed at any moment loses no clip, and verify never calls what it leaves behind whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gifbench.builder.recipe import load_recipe
from gifbench.builder.repair import repair_dataset
from gifbench.dataset import Dataset, open_dataset, verify_dataset
from gifbench.storage import Folder
from tests.builder.killed_writes import every_kill


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
    tiny_recipe: Path,
    tiny_videos: Path,
    tmp_path: Path,
) -> None:
    out, recipe = tmp_path / "copy", load_recipe(str(tiny_recipe))
    whole = {name: Folder(tiny_dataset.url).read(name) for name in Folder(tiny_dataset.url).names("shards")}

    def prepare() -> None:
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(tiny_dataset.url, out)
        row = open_dataset(out)["bee"].row
        if damage == "missing":
            (out / row.shard).unlink()
        else:
            data = bytearray((out / row.shard).read_bytes())
            data[row.truth.offset + 200] ^= 4
            (out / row.shard).write_bytes(data)

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
    tiny_dataset: Dataset, tiny_recipe: Path, tiny_videos: Path, tmp_path: Path
) -> None:
    """What a killed repair of 0.1.0 left: an index without the clip, and no outcome for it."""
    import hashlib
    import json

    import pyarrow.parquet as pq

    from gifbench.dataset.shard_format import fingerprint, index_bytes
    from gifbench.dataset.table_checksums import checksum_lines
    from gifbench.dataset.verify import KNOWN

    out = Path(shutil.copytree(tiny_dataset.url, tmp_path / "copy"))
    rows = [row for row in open_dataset(out).rows if row.clip_id != "cat"]
    (out / "index.parquet").write_bytes(index_bytes(rows))
    table = pq.read_table(out / "outcomes.parquet")
    pq.write_table(table.filter([name != "cat" for name in table["clip_id"].to_pylist()]), out / "outcomes.parquet")
    about = json.loads((out / "dataset.json").read_text())
    (out / "dataset.json").write_text(json.dumps({**about, "fingerprint": fingerprint(rows)}))
    sums = {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in KNOWN}
    (out / "SHA256SUMS").write_bytes(checksum_lines(sums))
    places = {place for place, _ in verify_dataset(str(out), workers=1)}
    assert "cat" in places
    repair_dataset(str(out), places, sources=tiny_videos, recipe=load_recipe(str(tiny_recipe)), workers=1)
    assert list(verify_dataset(str(out), workers=1)) == []
    assert open_dataset(out).fingerprint == tiny_dataset.fingerprint
