"""A dataset on a real S3 server is the one on this disk: built, gone on with, verified, repaired, scored from there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import Recipe, load_recipe
from gifbench.builder.repair import repair_dataset
from gifbench.builder.staging_folder_and_build_lock import begin_run
from gifbench.dataset import Dataset, open_dataset, verify_dataset
from gifbench.download import MemorySource
from gifbench.download.fetch_queue_and_pauses import fetch_sources
from gifbench.download.store import Store
from gifbench.errors import StorageError
from gifbench.manifest.rows import ManifestRow, from_folder
from gifbench.progress import Progress
from gifbench.storage import Folder
from tests.builder.killed_writes import Pulled, pull
from tests.builder.servers import s3
from tests.conftest import answer
from tests.dataset.changed_files import tree


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3() as bucket:
        yield bucket


def test_a_build_on_s3_is_gone_on_with_and_gives_the_same_bytes(
    bucket: str, recipe: Recipe, tiny_videos: Path, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    out, rows = f"{bucket}/{tmp_path.name}", from_folder(tiny_videos)
    for _ in range(2):
        with pytest.raises(Pulled):
            run_build(recipe, rows, out, sources=tiny_videos, workers=1, progress=pull)
    dataset = run_build(recipe, rows, out, sources=tiny_videos, workers=2)
    assert tree(out) == tree(tiny_dataset.url)
    assert dataset.fingerprint == tiny_dataset.fingerprint
    assert list(verify_dataset(out, workers=1)) == []
    np.testing.assert_array_equal(open_dataset(out)["bee"].truth.frames, tiny_dataset["bee"].truth.frames)


def test_damage_on_s3_is_found_and_repaired_from_a_store_on_s3(
    bucket: str, tiny_recipe: Path, tiny_videos: Path, tmp_path: Path
) -> None:
    """A flipped bit, a shard that is cut off, and one that is missing, at once."""
    names = ("ant.mp4", "bee.mp4", "cat.mp4")
    rows = [ManifestRow(clip_id=name[:3], split="test", source="http", locator=name) for name in names]
    store, out = Store(f"{bucket}/{tmp_path.name}/store"), f"{bucket}/{tmp_path.name}/out"
    fetch_sources(rows, store, {"http": MemorySource({name: (tiny_videos / name).read_bytes() for name in names})})
    one_each = load_recipe(str(tiny_recipe), {"clips_per_shard": 1})
    built = run_build(one_each, rows, out, sources=Path(), store=store, workers=1)
    before, folder = tree(out), Folder(out)
    flipped, short, missing = (built[clip].row.shard for clip in ("ant", "bee", "cat"))
    data, place = bytearray(folder.read(flipped)), built["ant"].row.plain.offset + 50
    data[place] ^= 1
    folder.write(flipped, bytes(data))
    folder.write(short, folder.read(short)[:-2000])
    folder.delete(missing)
    found = {place for place, _ in verify_dataset(out, workers=1)}
    assert found >= {"ant", short, missing}
    repair_dataset(out, found, sources=Path(), store=store, recipe=one_each, workers=1)
    assert list(verify_dataset(out, workers=1)) == []
    assert tree(out) == before


def test_methods_are_scored_from_s3(bucket: str, recipe: Recipe, tiny_videos: Path, tmp_path: Path) -> None:
    out = f"{bucket}/{tmp_path.name}"
    run_build(recipe, from_folder(tiny_videos), out, sources=tiny_videos, workers=1)
    assert answer("evaluate", "gif", "--task", "plain-1", "--data", out, "--out", tmp_path)[0]["clips"] == 3


def test_of_two_builds_where_there_is_no_lock_the_later_goes_on(
    bucket: str, recipe: Recipe, tiny_videos: Path, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    out, rows = f"{bucket}/{tmp_path.name}", from_folder(tiny_videos)

    def another(now: Progress) -> None:
        if not now.what:
            begin_run(Folder(out))

    with pytest.raises(StorageError, match="another gifbench build has begun here"):
        run_build(recipe, rows, out, sources=tiny_videos, workers=1, progress=another)
    run_build(recipe, rows, out, sources=tiny_videos, workers=1)
    assert tree(out) == tree(tiny_dataset.url)


def test_a_server_that_goes_away_stops_the_build_and_blames_no_clip(
    recipe: Recipe, tiny_videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with s3() as bucket:
        out = f"{bucket}/{tmp_path.name}"
        folder = Folder(out)
        folder.write("x", b"y")
        folder.delete("x")

        def break_it(now: Progress) -> None:
            monkeypatch.setattr(
                type(folder._file_system), "_call_s3", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("no route"))
            )

        with pytest.raises(StorageError, match=r"s3://.*no route"):
            run_build(recipe, from_folder(tiny_videos), out, sources=tiny_videos, workers=1, progress=break_it)
