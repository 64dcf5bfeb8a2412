"""Commands that write into or beside a dataset, killed at any moment: what was there stays, the same call goes on."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Literal

import pytest

from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import Recipe
from gifbench.builder.repack import repack_dataset
from gifbench.dataset import Dataset, export_clip, open_dataset, verify_dataset
from gifbench.dataset.card import write_card
from gifbench.errors import DatasetError
from gifbench.manifest.rows import from_folder
from tests.builder.killed_writes import every_kill
from tests.dataset.changed_files import tree


def test_repacking(tiny_dataset: Dataset, tmp_path: Path) -> None:
    out, gifs = tmp_path / "out", "generated"
    before = tree(tiny_dataset.url)
    calm = tree(repack_dataset(tiny_dataset.url, str(tmp_path / "calm"), gifs="generated", workers=1).url)

    def run() -> None:
        if not (out / "dataset.json").exists():
            repack_dataset(tiny_dataset.url, str(out), gifs=gifs, workers=1)  # type: ignore[arg-type]

    def look() -> None:
        with suppress(DatasetError):
            assert len(open_dataset(out)) == len(tiny_dataset)
        run()
        assert list(verify_dataset(str(out), workers=1)) == []
        assert {name: data for name, data in tree(out).items() if "staging" not in name} == calm
        assert tree(tiny_dataset.url) == before

    assert every_kill(run, lambda: shutil.rmtree(out, ignore_errors=True), look) > 6


@pytest.mark.parametrize("what", ["card", "export"])
def test_cards_and_exports(what: Literal["card", "export"], tiny_dataset: Dataset, tmp_path: Path) -> None:
    out, copy = tmp_path / "out", tmp_path / "copy"

    def prepare() -> None:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(tiny_dataset.url, copy)

    def run() -> None:
        if what == "card":
            write_card(open_dataset(copy), picture=False, overwrite=True)
        else:
            export_clip(open_dataset(copy)["bee"], out, overwrite=True)

    prepare()
    run()
    place = copy if what == "card" else out
    calm = tree(place)

    def look() -> None:
        for name, data in tree(place).items() if place.exists() else []:
            assert data == calm[name]  # whole, or not there
        assert list(verify_dataset(str(copy), workers=1)) == []
        run()
        assert tree(place) == calm

    assert every_kill(run, prepare, look) >= 3


def test_trying_failed_clips_again(recipe: Recipe, tiny_videos: Path, tmp_path: Path) -> None:
    out, some = tmp_path / "out", tmp_path / "some"
    some.mkdir()
    for name in ("ant", "bee"):
        shutil.copy(tiny_videos / f"{name}.mp4", some / f"{name}.mp4")
    rows = [row for row in from_folder(tiny_videos) if row.clip_id in ("ant", "bee", "cat")]
    first = run_build(recipe, rows, str(tmp_path / "first"), sources=some, workers=1)
    assert first.about["outcomes"]["failed"] == {"not_found": 1}
    built = {clip.clip_id: clip.row.pixels_sha256 for clip in first}

    def prepare() -> None:
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(first.url, out)

    def run() -> None:
        run_build(recipe, (), str(out), sources=tiny_videos, retry=("not_found",), workers=1)

    def look() -> None:
        run()
        again = {clip.clip_id: clip.row.pixels_sha256 for clip in open_dataset(out)}
        assert {name: again[name] for name in built} == built
        assert set(again) == {"ant", "bee", "cat"}
        assert list(verify_dataset(str(out), workers=1)) == []

    assert every_kill(run, prepare, look) > 8
