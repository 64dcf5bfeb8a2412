"""What version 0.1.0 wrote (tests/data/v0_1_0, made by its make.py) opens, verifies and goes on being built."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import load_recipe, recorded_recipe
from gifbench.builder.repack import repack_dataset
from gifbench.dataset import open_dataset, verify_dataset
from gifbench.download.store import Store
from gifbench.download.store_verify import verify_store
from gifbench.errors import UsageError
from gifbench.manifest.rows import from_folder
from gifbench.media.video import lossless_codec
from gifbench.results.io import load_results
from tests.conftest import moving_picture, write_video

WRITTEN = Path(__file__).parent.parent / "data" / "v0_1_0"
FINGERPRINTS = json.loads((WRITTEN / "fingerprints.json").read_text())


@pytest.mark.parametrize("name", FINGERPRINTS)
def test_a_dataset_opens_and_verifies_with_the_fingerprint_that_it_had(name: str) -> None:
    dataset = open_dataset(WRITTEN / "datasets" / name)
    assert dataset.fingerprint == FINGERPRINTS[name]
    assert list(verify_dataset(dataset.url, workers=1)) == []
    assert {clip.clip_id for clip in dataset} <= {
        "ant",
        "0001",
        "a_run_mp4-95092b08",
        "b_run_mp4-8cdf08f7",
        "far",
        "narrow",
    }


@pytest.mark.parametrize("name", [name for name in FINGERPRINTS if name not in ("faces", "from-store")])
def test_the_same_rows_give_the_same_clips_today(name: str, tmp_path: Path) -> None:
    """All clips made anew; `faces` was made with a detector that is not installed."""
    out = Path(shutil.copytree(WRITTEN / "datasets" / name, tmp_path / "out"))
    before = open_dataset(out)
    file = WRITTEN / "tiny.py" if before.name == "tiny" else None
    recipe = recorded_recipe(before.name, before.about["recipe"], file=file)
    clips = [clip.clip_id for clip in before]
    after = run_build(recipe, [], str(out), sources=WRITTEN / "videos", remake=clips, workers=1)
    assert after.fingerprint == FINGERPRINTS[name]
    assert after.about["outcomes"] == before.about["outcomes"]
    assert {path.name: path.read_bytes() for path in (out / "shards").iterdir()} == {
        path.name: path.read_bytes() for path in (WRITTEN / "datasets" / name / "shards").iterdir()
    }


def test_a_build_that_was_killed_goes_on(tmp_path: Path) -> None:
    shutil.copytree(WRITTEN / "datasets" / "unfinished", tmp_path / "out")
    recipe = load_recipe(str(WRITTEN / "tiny.py"))
    made: list[str] = []
    dataset = run_build(
        recipe,
        [],
        str(tmp_path / "out"),
        sources=WRITTEN / "videos",
        workers=1,
        progress=lambda now: made.append(now.what),
    )
    assert list(verify_dataset(dataset.url, workers=1)) == []
    assert [clip.clip_id for clip in dataset] == ["0001", "a_run_mp4-95092b08", "ant", "b_run_mp4-8cdf08f7"]
    assert {lossless_codec(clip.read("truth")) for clip in dataset} == {"ffv1"}
    assert 0 < len(made) - 1 < 6  # what the journal tells of is not made again


def test_a_store_is_whole_and_gives_its_video() -> None:
    store = Store(WRITTEN / "store")
    assert store.is_there()
    assert list(verify_store(store, workers=1)) == []
    with store.borrowed("http", "http://example.org/far.mp4") as path:
        assert path is not None and path.read_bytes() == (WRITTEN / "videos" / "ant.mp4").read_bytes()


def test_results_open_with_the_scores_that_they_had() -> None:
    results = load_results(WRITTEN / "results")
    scores = {(result.method.name, result.task, result.protocol.name): result.scores["psnr"].mean for result in results}
    assert len(scores) == 8
    assert scores["gif", "plain-1", "standard"] == pytest.approx(28.615, abs=5e-4)
    assert scores["gaussian-0.5", "dithered-2", "gif2video"] == pytest.approx(27.047, abs=5e-4)


def test_weights_open() -> None:
    weights = pytest.importorskip("gifbench.training.weights_file")
    found = weights.read_weights(WRITTEN / "weights" / "linear.safetensors")
    assert found.architecture == {"kind": "linear"}
    assert {name: tuple(tensor.shape) for name, tensor in found.tensors.items()} == {"weight": (2, 3), "bias": (2,)}


def test_videos_are_added_to_a_dataset_whose_clips_stay(tmp_path: Path) -> None:
    shutil.copytree(WRITTEN / "datasets" / "custom", tmp_path / "out")
    videos = Path(shutil.copytree(WRITTEN / "videos", tmp_path / "videos"))
    write_video(videos / "cam2-0001.mp4", moving_picture(5, 36, 48, seed=9))
    rows = [row for row in from_folder(videos) if row.locator == "cam2-0001.mp4"]
    before = {clip.clip_id: clip.row.pixels_sha256 for clip in open_dataset(tmp_path / "out")}
    recipe = load_recipe(str(WRITTEN / "tiny.py"))
    after = run_build(recipe, rows, str(tmp_path / "out"), sources=videos, workers=1)
    assert {clip.clip_id: clip.row.pixels_sha256 for clip in after if clip.clip_id in before} == before
    assert len(after) == len(before) + 1
    assert list(verify_dataset(after.url, workers=1)) == []


def test_gifs_that_were_called_made_are_generated(tmp_path: Path) -> None:
    """The old word is read and taken; what is written has the new one, and the dataset is the same."""
    out = Path(shutil.copytree(WRITTEN / "datasets" / "moments-made", tmp_path / "out"))
    assert json.loads((out / "dataset.json").read_text())["recipe"]["gifs"] == "made"
    before = open_dataset(out)
    assert before.about["recipe"]["gifs"] == "generated"
    recipe = recorded_recipe(before.name, json.loads((out / "dataset.json").read_text())["recipe"])
    assert recipe == recorded_recipe(before.name, before.about["recipe"])
    after = run_build(recipe, [], str(out), sources=WRITTEN / "videos", workers=1)
    assert after.fingerprint == FINGERPRINTS["moments-made"]
    assert json.loads((out / "dataset.json").read_text())["recipe"]["gifs"] == "generated"
    again = repack_dataset(str(out), str(tmp_path / "again"), gifs="made", workers=1)  # type: ignore[arg-type]
    assert (again.fingerprint, again.about["recipe"]) == (after.fingerprint, after.about["recipe"])
    with pytest.raises(UsageError, match="gifs must be stored or generated, got 'kept'"):
        repack_dataset(str(out), str(tmp_path / "third"), gifs="kept", workers=1)  # type: ignore[arg-type]
