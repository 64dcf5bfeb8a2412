"""`gifbench.build_dataset` takes what a user names, builds what the command builds, and goes on where it was."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import gifbench
from gifbench.builder.recipe import load_recipe
from gifbench.dataset import Dataset
from gifbench.errors import DatasetError, ManifestError, NoSuchRecipe, NotFound, RecipeError
from gifbench.manifest.rows import from_folder, write_manifest
from tests.builder.killed_writes import Pulled, pull
from tests.builder.servers import s3
from tests.conftest import invoke, moving_picture, succeed, write_video
from tests.dataset.changed_files import tree


@pytest.fixture
def place(tmp_path: Path, tiny_videos: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "videos").symlink_to(tiny_videos)
    return tmp_path


def test_a_recipe_a_folder_and_a_place_are_enough(
    tiny_recipe: Path, tiny_videos: Path, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    told, warned = [], []
    ds = gifbench.build_dataset(
        tiny_recipe, out=tmp_path / "a", videos=tiny_videos, workers=1, progress=told.append, warn=warned.append
    )
    assert tree(ds.url) == tree(tiny_dataset.url), "what the builder and the command make"
    assert [now.done for now in told] == [0, 1, 2, 3, 4, 5]
    again = gifbench.build_dataset(str(tiny_recipe), out=str(tmp_path / "a"), videos=str(tiny_videos), workers=1)
    assert again.fingerprint == ds.fingerprint


def test_the_command_builds_the_same(tiny_recipe: Path, tiny_videos: Path, tmp_path: Path) -> None:
    ds = gifbench.build_dataset(tiny_recipe, out=tmp_path / "a", videos=tiny_videos, workers=1, settings={"colors": 8})
    arguments = [str(tiny_recipe), "--source", str(tiny_videos), "--workers", "1", "--set", "colors=8"]
    succeed("build", *arguments, "--out", tmp_path / "b")
    assert tree(str(tmp_path / "b")) == tree(ds.url)


def test_an_interrupted_call_goes_on(
    tiny_recipe: Path, tiny_videos: Path, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    for _ in range(2):
        with pytest.raises(Pulled):
            gifbench.build_dataset(tiny_recipe, out=tmp_path / "a", videos=tiny_videos, workers=1, progress=pull)
    ds = gifbench.build_dataset(tiny_recipe, out=tmp_path / "a", videos=tiny_videos, workers=1)
    assert tree(ds.url) == tree(tiny_dataset.url)


def test_a_manifest_comes_in_every_form(tiny_recipe: Path, tiny_videos: Path, place: Path) -> None:
    rows = [row.model_copy(update={"locator": f"videos/{row.locator}"}) for row in from_folder(tiny_videos)]
    write_manifest(place / "m.parquet", rows)
    frame = pd.read_parquet("m.parquet")
    mappings = [{"clip_id": r.clip_id, "split": r.split, "source": "file", "locator": r.locator} for r in rows]
    made = {
        gifbench.build_dataset(
            tiny_recipe, out=f"ds{number}", manifest=manifest, workers=1, trust_manifest=True
        ).fingerprint
        for number, manifest in enumerate(("m.parquet", Path("m.parquet"), frame, rows, mappings))
    }
    assert len(made) == 1
    assert (
        len(gifbench.build_dataset(tiny_recipe, out="few", manifest=rows, workers=1, trust_manifest=True, limit=2)) == 2
    )


def test_a_store_is_a_place_too(tiny_recipe: Path, tmp_path: Path) -> None:
    rows = [{"clip_id": "far", "split": "test", "source": "http", "locator": "https://example.org/far.mp4"}]
    ds = gifbench.build_dataset(tiny_recipe, out=tmp_path / "ds", manifest=rows, store=tmp_path / "store", workers=1)
    (outcome,) = ds.outcomes
    assert (outcome.state, outcome.reason) == ("failed", "not_fetched")


def test_a_dataset_on_an_object_store(tiny_recipe: Path, tiny_videos: Path, tiny_dataset: Dataset) -> None:
    with s3() as bucket:
        ds = gifbench.build_dataset(tiny_recipe, out=f"{bucket}/tiny", videos=tiny_videos, workers=1)
        assert ds.fingerprint == tiny_dataset.fingerprint
        assert len(ds.outcomes.to_pandas()) == 5


def test_a_recipe_is_a_name_an_object_or_a_file(tiny_recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "faces.toml").write_text('recipe = "gif-faces"\nexpand = 2.25\ncolors = 8\n')
    recipe = load_recipe(tmp_path / "faces.toml", {"colors": 16})
    assert (recipe.name, recipe.expand, recipe.colors) == ("gif-faces", 2.25, 16)
    (tmp_path / "code.toml").write_text(f'recipe = "{tiny_recipe}"\n')
    with pytest.raises(NoSuchRecipe, match="no recipe is called"):
        load_recipe(tmp_path / "code.toml")
    (tmp_path / "none.toml").write_text("colors = 8\n")
    with pytest.raises(gifbench.UsageError, match="must be the name of an installed recipe"):
        load_recipe(tmp_path / "none.toml")
    (tmp_path / "wrong.toml").write_text('recipe = "gif-faces"\ncolours = 8\n')
    with pytest.raises(RecipeError, match=r"did you mean .colors"):
        load_recipe(tmp_path / "wrong.toml")


def test_a_recipe_object_takes_settings(tiny_recipe: Path, tiny_videos: Path, tmp_path: Path) -> None:
    recipe = load_recipe(str(tiny_recipe), {"min_width": 1})
    ds = gifbench.build_dataset(recipe, out=tmp_path / "a", videos=tiny_videos, workers=1, settings={"min_frames": 1})
    assert len(ds) == 5


def test_a_recipe_object_with_settings_goes_on_with_the_codec_of_a_dataset(
    tiny_recipe: Path, tiny_videos: Path, tmp_path: Path
) -> None:
    began = load_recipe(str(tiny_recipe), {"min_width": 1, "min_frames": 1, "truth_codec": "ffv1"})
    gifbench.build_dataset(began, out=tmp_path / "a", videos=tiny_videos, workers=1, limit=2)
    recipe = load_recipe(str(tiny_recipe), {"min_width": 1})
    ds = gifbench.build_dataset(recipe, out=tmp_path / "a", videos=tiny_videos, workers=1, settings={"min_frames": 1})
    assert (len(ds), ds.about["recipe"]["truth_codec"]) == (5, "ffv1")


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"recipe": "gif-face"}, gifbench.UsageError, 'did you mean "gif-faces"'),
        ({"recipe": "nothing like it"}, gifbench.UsageError, "choose from: gif-faces, gif-moments"),
        ({"recipe": "none.py"}, gifbench.UsageError, "no such recipe file"),
        ({"recipe": "none.toml"}, NotFound, "none.toml"),
        ({"videos": None}, gifbench.UsageError, "either videos, a folder, or manifest"),
        ({"manifest": "m.csv"}, gifbench.UsageError, "either videos, a folder, or manifest"),
        ({"videos": "none"}, NotFound, "there is no such folder"),
        ({"split": "tset"}, gifbench.UsageError, "split must be one of train, validation, test, got 'tset'"),
        ({"limit": 0}, gifbench.UsageError, "limit must be at least 1, got 0"),
        ({"workers": 0}, gifbench.UsageError, "workers must be 1 to 1024, got 0"),
        ({"workers": 1, "cluster": "tcp://h:1"}, gifbench.UsageError, "give one of the two"),
        ({"videos": None, "manifest": [{}]}, ManifestError, "row 1"),
        ({"videos": None, "manifest": [5]}, gifbench.UsageError, "a row of manifest must be"),
        ({"settings": {"colours": 3}}, RecipeError, "did you mean .colors"),
    ],
    ids=str,
)
def test_what_cannot_be_is_one_line_and_builds_nothing(tiny_recipe, place: Path, arguments, error, said) -> None:
    with pytest.raises(error, match=said):
        gifbench.build_dataset(**{"recipe": tiny_recipe, "out": "out", "videos": "videos", **arguments})
    assert not Path("out").exists()


def test_an_unknown_recipe_on_the_command_line_is_wrong_usage(tmp_path: Path) -> None:
    result = invoke("build", "gif-face", "--source", tmp_path, "--out", tmp_path / "o")
    assert result.exit_code == 2
    assert 'did you mean "gif-faces"?' in result.output


def test_equal_clips_in_two_splits_are_a_fault_unless_allowed(tiny_recipe: Path, place: Path) -> None:
    file = write_video(place / "a.mp4", moving_picture(6, 48, 64))
    rows = [{"clip_id": split, "split": split, "source": "file", "locator": file.name} for split in ("train", "test")]
    with pytest.raises(DatasetError, match="two splits"):
        gifbench.build_dataset(tiny_recipe, out="out", manifest=rows, workers=1)
    assert len(gifbench.build_dataset(tiny_recipe, out="out", manifest=rows, workers=1, allow_duplicates=True)) == 2


def test_what_else_there_is_to_know_goes_to_the_log(
    tiny_recipe: Path, place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Path("more").mkdir()
    write_video(Path("more/a.mp4"), moving_picture(6, 48, 64))
    Path("more/b.txt").write_text("no video")
    gifbench.build_dataset(tiny_recipe, out="out", videos="more", workers=1)
    assert "passed over" in caplog.text
