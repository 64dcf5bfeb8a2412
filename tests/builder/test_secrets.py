"""A dataset of signed URLs: shards and index never hold them, sharing is warned of, and the manifest can be cleared."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import Recipe
from gifbench.builder.repack import repack_dataset
from gifbench.builder.strip_dataset_secrets import strip_secrets
from gifbench.dataset import open_dataset, verify_dataset
from gifbench.dataset.shard_format import about_clip
from gifbench.download import MemorySource
from gifbench.download.fetch_queue_and_pauses import fetch_sources
from gifbench.download.resumable_http_source import HttpSource
from gifbench.download.store import Store
from gifbench.errors import DatasetError, Refused
from gifbench.manifest.rows import ManifestRow
from tests.conftest import invoke, succeed

SECRET = "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d"
URLS = (
    f"https://example.org/ant.mp4?X-Amz-Signature={SECRET}&X-Amz-Expires=60",
    f"https://example.org/bee.mp4?token={SECRET}",
    f"https://me:{SECRET}@example.org/cat.mp4",
)


def rows_with(secret: str) -> list[ManifestRow]:
    return [
        ManifestRow(clip_id=name, split="test", source="http", locator=url, note=f"Authorization: Bearer {secret}")
        for name, url in zip(("ant", "bee", "cat"), URLS, strict=True)
    ]


@pytest.fixture
def built(recipe: Recipe, tiny_videos: Path, tmp_path: Path) -> Path:
    rows = rows_with(SECRET)
    videos = {row.locator: (tiny_videos / f"{row.clip_id}.mp4").read_bytes() for row in rows}
    fetch_sources(rows, Store(tmp_path / "store"), {"http": MemorySource(videos)})
    out = tmp_path / "out"
    run_build(recipe, rows, str(out), sources=tmp_path, store=Store(tmp_path / "store"), workers=1)
    return out


def holders(folder: Path) -> set[str]:
    """The files that the secret can be read in."""
    found = set()
    for path in folder.rglob("*"):
        if path.is_file():
            text = (
                str(pq.read_table(path).to_pylist()) if path.suffix == ".parquet" else path.read_text(errors="replace")
            )
            if SECRET in text:
                found.add(path.relative_to(folder).as_posix())
    return found


def run(*arguments: object) -> str:
    result = succeed(*arguments)
    assert SECRET not in result.output + result.stderr
    return result.stderr


def test_only_the_manifest_holds_it_and_sharing_is_warned_of(built: Path, tmp_path: Path) -> None:
    assert holders(built) == {"manifest.parquet"}
    assert "Secrets, such as signed URLs, stand in manifest.parquet (3)" in run("card", built)
    assert "manifest.parquet (3)" in invoke("info", built).output
    assert "manifest.parquet (3)" in run(
        "repack", built, "--out", tmp_path / "made", "--gifs", "made", "--workers", "1"
    )
    (tmp_path / "page").mkdir()
    run("info", built, "--clips", "--html", tmp_path / "page" / "index.html")
    run("info", built, "--clips", "--json")
    run("export", built, "--all", "--out", tmp_path / "clips")
    assert holders(built) == {"manifest.parquet"}
    assert not holders(tmp_path / "page") and not holders(tmp_path / "clips")


def test_a_cleared_dataset_is_the_same_and_goes_on(
    built: Path, recipe: Recipe, tiny_recipe: Path, tmp_path: Path
) -> None:
    before = open_dataset(built).fingerprint
    assert "secrets of 3 rows taken out" in run("card", built, "--strip-secrets")
    assert not holders(built)
    assert open_dataset(built).fingerprint == before
    assert not list(verify_dataset(str(built), workers=1))
    assert "Secrets" not in run("card", built, "--overwrite")
    # The store finds its sources by the hash, so that damage is mended without the secret.
    next((built / "shards").iterdir()).unlink()
    run("verify", built, "--repair", "--workers", "1", "--store", tmp_path / "store", "--recipe", tiny_recipe)
    run("retry", built, "--workers", "1", "--store", tmp_path / "store", "--recipe", tiny_recipe)
    # And who still has the manifest builds on with it.
    store = Store(tmp_path / "store")
    again = run_build(recipe, rows_with("…"), str(built), sources=tmp_path, store=store, workers=1)
    assert again.fingerprint == before and not holders(built)


def test_an_address_without_its_secret_is_not_asked_for(built: Path, tmp_path: Path) -> None:
    run("card", built, "--strip-secrets")
    locator = pq.read_table(built / "manifest.parquet")["locator"][0].as_py()
    assert "sha256-" in locator
    with pytest.raises(Refused, match="its secret was taken out"):
        HttpSource().fetch(locator, tmp_path)


def test_shards_of_an_earlier_version_that_hold_it_are_said(built: Path, tmp_path: Path) -> None:
    """As 0.1.0 wrote them: the locator as it was given, in the index and beside each clip."""
    old = tmp_path / "old"
    shutil.copytree(built, old)
    table = pq.read_table(old / "index.parquet")
    at = table.schema.get_field_index("locator")
    pq.write_table(table.set_column(at, "locator", pa.array(list(URLS))), old / "index.parquet")
    assert "index and shards (3)" in invoke("info", old).output
    with pytest.raises(DatasetError, match="gifbench repack"):
        strip_secrets(str(old))
    repacked = repack_dataset(str(old), str(tmp_path / "new"), gifs="stored", workers=1)
    assert holders(tmp_path / "new") == {"manifest.parquet"}
    row = repacked["ant"].row
    assert SECRET not in about_clip(replace(row)).decode()
    assert json.loads((tmp_path / "new" / "dataset.json").read_text())["fingerprint"] == repacked.fingerprint
