"""Datasets of strangers: what their files say leads neither to code nor to files outside of them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import Recipe
from gifbench.builder.repack import repack_dataset
from gifbench.dataset import open_dataset
from gifbench.errors import DatasetDamaged, GifbenchError, ManifestError, StorageError
from gifbench.manifest.rows import ManifestRow
from tests.conftest import invoke, succeed
from tests.dataset.changed_files import change, fit_checksums, flip


@pytest.fixture(autouse=True)
def _victim(tmp_path: Path) -> None:
    """A folder beside the dataset that is none of its business."""
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "secret").write_bytes(b"secret" * 1000)


BAD_NAMES = ("../victim/secret", "/etc/passwd", "../../x", "a\nb", "a/b", "..", "", "x" * 300, "é", "a.b")


@pytest.mark.parametrize("column", ["clip_id", "split"])
@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_in_the_index_that_is_no_name_is_refused(column: str, name: str, copy: Path) -> None:
    change(copy / "index.parquet", column, name)
    with pytest.raises(DatasetDamaged, match=column):
        open_dataset(copy)


@pytest.mark.parametrize(
    "shard", ["../victim/secret", "/etc/passwd", "shards/../../victim/secret", "index.parquet", "x"]
)
def test_a_shard_in_the_index_that_is_no_shard_is_refused(shard: str, copy: Path) -> None:
    change(copy / "index.parquet", "shard", shard)
    for call in (open_dataset, lambda url: repack_dataset(str(url), str(url) + "-2", gifs="generated", workers=1)):
        with pytest.raises(DatasetDamaged, match="shard"):
            call(copy)


@pytest.mark.parametrize("what", ["shard", "shards", "index.parquet", "dataset.json", "manifest.parquet"])
def test_a_link_out_of_the_dataset_is_not_followed(what: str, copy: Path, recipe: Recipe, tiny_videos: Path) -> None:
    path = next((copy / "shards").iterdir()) if what == "shard" else copy / what
    moved = copy.parent / "victim" / path.name
    path.rename(moved)
    path.symlink_to(moved)
    with pytest.raises(GifbenchError, match="leads out of the folder"):
        for clip in open_dataset(copy):
            clip.read("truth")
            list(clip.iter_truth())
        run_build(recipe, [], str(copy), sources=tiny_videos, workers=1)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_staging_folder_that_is_a_link_is_refused_and_nothing_is_emptied(
    overwrite: bool, copy: Path, recipe: Recipe, tiny_videos: Path
) -> None:
    victim = copy.parent / "victim"
    (victim / "lock").write_bytes(b"precious")
    (victim / "mine.json").write_bytes(b"precious")
    (copy / "staging").symlink_to(victim)
    with pytest.raises(StorageError, match="leads out of the folder"):
        run_build(recipe, [], str(copy), sources=tiny_videos, workers=1, overwrite=overwrite)
    assert (victim / "lock").read_bytes() == (victim / "mine.json").read_bytes() == b"precious"
    assert sorted(path.name for path in victim.iterdir()) == ["lock", "mine.json", "secret"]


def test_overwriting_empties_no_folder_through_a_link(copy: Path, recipe: Recipe, tiny_videos: Path) -> None:
    shutil.rmtree(copy / "shards")
    (copy / "shards").symlink_to(copy.parent / "victim")
    rows = [ManifestRow(clip_id="ant", split="test", source="file", locator="ant.mp4")]
    run_build(recipe, rows, str(copy), sources=tiny_videos, workers=1, overwrite=True)
    assert [path.name for path in (copy.parent / "victim").iterdir()] == ["secret"]
    assert (copy / "shards").is_dir() and not (copy / "shards").is_symlink()


def test_a_lock_that_is_a_link_truncates_nothing(copy: Path, recipe: Recipe, tiny_videos: Path) -> None:
    (copy / "staging").mkdir()
    (copy / "staging" / "lock").symlink_to(copy.parent / "victim" / "secret")
    with pytest.raises(StorageError):
        run_build(recipe, [], str(copy), sources=tiny_videos, workers=1)
    assert (copy.parent / "victim" / "secret").stat().st_size == 6000


@pytest.mark.parametrize(("column", "value"), [("split", "../../x"), ("clip_id", "../x"), ("source", "../evil")])
def test_a_dataset_s_own_manifest_is_checked_as_any_other(
    column: str, value: str, copy: Path, recipe: Recipe, tiny_videos: Path
) -> None:
    change(copy / "manifest.parquet", column, value)
    with pytest.raises(ManifestError, match=column):
        run_build(recipe, [], str(copy), sources=tiny_videos, workers=1)


@pytest.mark.parametrize("how", ["absolute", "up", "link", "pipe"])
@pytest.mark.parametrize("trust", ["nothing", "rows", "everything"])
def test_a_locator_that_leads_out_of_the_sources_is_followed_for_those_who_are_trusted(
    how: str, trust: str, recipe: Recipe, tiny_videos: Path, tmp_path: Path
) -> None:
    (tmp_path / "videos").mkdir()
    private = tmp_path / "private.mp4"
    shutil.copy(tiny_videos / "ant.mp4", private)
    locator = {"absolute": str(private), "up": "../private.mp4"}.get(how, "link.mp4")
    if how == "link":
        (tmp_path / "videos" / "link.mp4").symlink_to(private)
    elif how == "pipe":
        os.mkfifo(tmp_path / "videos" / "link.mp4")
    rows = [ManifestRow(clip_id="ant", split="test", source="file", locator=locator)]
    out = str(tmp_path / "out")
    built = run_build(recipe, rows, out, sources=tmp_path / "videos", workers=1, trust=trust)  # type: ignore[arg-type]
    expected = {"built": 0, "rejected": {}, "failed": {"refused": 1}}
    if how != "pipe" and trust != "nothing":
        expected = {"built": 1, "rejected": {}, "failed": {}}
    assert built.about["outcomes"] == expected


def test_a_manifest_s_file_that_is_a_link_out_is_found_by_the_check(tiny_videos: Path, tmp_path: Path) -> None:
    (tmp_path / "list").mkdir()
    shutil.copy(tiny_videos / "ant.mp4", tmp_path / "private.mp4")
    (tmp_path / "list" / "a.mp4").symlink_to(tmp_path / "private.mp4")
    (tmp_path / "list" / "rows.csv").write_text("clip_id,split,source,locator\nant,test,file,a.mp4\n")
    found = invoke("manifest", "check", tmp_path / "list" / "rows.csv")
    assert found.exit_code == 1
    assert "leads out" in found.output


@pytest.mark.parametrize("command", ["verify", "retry"])
def test_a_recipe_file_is_never_run_because_a_dataset_names_it(
    command: str, copy: Path, tiny_recipe: Path, tiny_videos: Path
) -> None:
    evil = copy / "evil.py"
    evil.write_text(f"open({str(copy / 'ran')!r}, 'w')\n" + tiny_recipe.read_text())
    about = json.loads((copy / "dataset.json").read_text())
    (copy / "dataset.json").write_text(json.dumps({**about, "name": str(evil)}))
    fit_checksums(copy)
    (copy / "shards" / "test-00077.tar").write_bytes(b"stray")
    arguments = {"verify": ["--repair"], "retry": []}[command]
    done = invoke(command, copy, *arguments, "--source", tiny_videos)
    assert done.exit_code == 1
    assert "--recipe FILE.py" in done.stderr
    assert not (copy / "ran").exists()


def test_a_recipe_file_that_is_given_each_time_is_used(copy: Path, tiny_recipe: Path, tiny_videos: Path) -> None:
    stray = copy / "shards" / "test-00077.tar"
    stray.write_bytes(b"stray")
    arguments = ["--source", str(tiny_videos), "--recipe", str(tiny_recipe)]
    succeed("verify", copy, "--repair", "--workers", "1", *arguments)
    assert not stray.exists()
    succeed("retry", copy, "--workers", "1", *arguments)
    other = copy.parent / "other.py"
    other.write_text(tiny_recipe.read_text().replace('name = "tiny"', 'name = "other"'))
    refused = invoke("retry", copy, "--source", tiny_videos, "--recipe", other)
    assert refused.exit_code == 1
    assert "'other'" in refused.stderr


def test_an_index_of_another_dataset_under_the_official_fingerprint_is_refused(copy: Path) -> None:
    change(copy / "index.parquet", "pixels_sha256", "0" * 64)
    with pytest.raises(DatasetDamaged, match="fingerprint"):
        open_dataset(copy)
    (copy / "staging").mkdir()  # as while a build is at work: then the fingerprint is that of the index
    assert open_dataset(copy).fingerprint != json.loads((copy / "dataset.json").read_text())["fingerprint"]


def test_a_clip_that_is_twice_in_the_index_is_refused(copy: Path) -> None:
    table = pq.read_table(copy / "index.parquet")
    pq.write_table(pa.concat_tables([table, table]), copy / "index.parquet")
    with pytest.raises(DatasetDamaged, match="twice"):
        open_dataset(copy)


@pytest.mark.parametrize("member", ["truth", "plain", "dithered"])
def test_flipped_bits_of_a_member_are_not_scored(member: str, copy: Path) -> None:
    row = open_dataset(copy)["bee"].row
    place = row.members[member]
    flip(copy / row.shard, place.offset + place.bytes // 2)
    clip = open_dataset(copy)["bee"]
    reads = {
        "truth": [lambda: clip.truth, lambda: list(clip.iter_truth()), lambda: clip.truth_frames([0])],
        "plain": [clip.gif, lambda: clip.gif_frames([0])],
        "dithered": [lambda: clip.gif(dithered=True), lambda: clip.gif_frames([0], dithered=True)],
    }
    for read in reads[member]:
        with pytest.raises(DatasetDamaged, match=f"{member}: its bytes differ"):
            read()
