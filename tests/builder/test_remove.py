"""A clip that is taken out is gone for good, whatever is built afterwards and whenever the command is killed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import av
import pytest

from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import Recipe, load_recipe
from gifbench.builder.remove import remove_clips
from gifbench.dataset import Dataset, open_dataset, verify_dataset
from gifbench.errors import NoSuchClip, UsageError
from gifbench.evaluation.evaluate import evaluate
from gifbench.manifest.rows import from_folder
from tests.builder.killed_writes import every_kill
from tests.conftest import answer, invoke, succeed


def bytes_of(dataset: Dataset, clip_id: str) -> bytes:
    return dataset[clip_id].read("plain")


def anywhere(folder: Path, data: bytes) -> bool:
    return any(data in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_clip_is_gone_from_index_and_shards_and_stays_out(
    copy: Path, tiny_dataset: Dataset, recipe: Recipe, tiny_videos: Path
) -> None:
    gone = bytes_of(tiny_dataset, "bee")
    assert anywhere(copy, gone)
    said = answer("remove", copy, "bee", "--reason", "taken  down\nby X")
    assert said["removed"] == ["bee"]
    assert said["earlier_fingerprints"] == [{"fingerprint": tiny_dataset.fingerprint, "removed": 1}]
    dataset = open_dataset(copy)
    assert [clip.clip_id for clip in dataset] == ["ant", "cat"]
    assert dataset.fingerprint != tiny_dataset.fingerprint
    assert not anywhere(copy, gone)
    assert list(verify_dataset(str(copy), workers=1)) == []
    assert not (copy / "staging").exists()
    rows = from_folder(tiny_videos)
    renamed = [row.model_copy(update={"clip_id": f"other-{row.clip_id}"}) for row in rows]
    noted = [row.model_copy(update={"note": "another"}) for row in rows if row.clip_id == "bee"]
    for again, overwrite in ((rows, False), (noted, False), (rows, True), ([*rows, *renamed], True), ([], True)):
        dataset = run_build(recipe, again, str(copy), sources=tiny_videos, workers=1, overwrite=overwrite)
        assert not any("bee" in clip.clip_id for clip in dataset)
        assert not anywhere(copy, gone)
        assert dataset.about["outcomes"]["rejected"]["removed"] >= 1
        assert list(verify_dataset(str(copy), workers=1)) == []
    twice = succeed("remove", copy, "bee", "--reason", "again")
    assert "removed before" in twice.stdout


def test_no_recipe_is_needed_and_nothing_else_changes(copy: Path, tiny_dataset: Dataset) -> None:
    remove_clips(str(copy), ["ant"], reason="asked for")
    dataset = open_dataset(copy)
    for clip in dataset:
        assert clip.row.pixels_sha256 == tiny_dataset[clip.clip_id].row.pixels_sha256
    assert dataset.about["recipe"] == tiny_dataset.about["recipe"]
    assert dataset.about["versions"] == tiny_dataset.about["versions"]


def test_wrong_calls_change_nothing(copy: Path) -> None:
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    with pytest.raises(NoSuchClip, match="did you mean bee"):
        remove_clips(str(copy), ["ant", "beee"], reason="x")
    with pytest.raises(UsageError, match="reason"):
        remove_clips(str(copy), ["ant"], reason=" ")
    shutil.rmtree(copy / "staging", ignore_errors=True)
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before


def test_a_removal_that_is_killed_anywhere_loses_no_other_clip_and_goes_on(
    tiny_dataset: Dataset, tmp_path: Path
) -> None:
    out = tmp_path / "copy"
    gone = bytes_of(tiny_dataset, "bee")
    others = {clip.clip_id: clip.row.pixels_sha256 for clip in tiny_dataset if clip.clip_id != "bee"}

    def prepare() -> None:
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(tiny_dataset.url, out)

    def run() -> None:
        remove_clips(str(out), ["bee"], reason="taken down")

    def look() -> None:
        run()
        dataset = open_dataset(out)
        assert {clip.clip_id: clip.row.pixels_sha256 for clip in dataset} == others
        assert list(verify_dataset(str(out), workers=1)) == []
        assert not anywhere(out, gone)
        assert [entry["fingerprint"] for entry in dataset.about["earlier_fingerprints"]] == [tiny_dataset.fingerprint]

    assert every_kill(run, prepare, look) > 8


def test_restored_frames_of_a_removed_clip_leave_the_cache(copy: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for task in ("plain-1", "dithered-2"):
        evaluate("gaussian-0.5", open_dataset(copy), task, protocols=["standard"], cache=cache)
    assert len(list(cache.rglob("*.frames"))) == 6
    assert answer("remove", copy, "bee", "--reason", "gone", "--cache", cache)["forgotten"] == 2
    assert len(list(cache.rglob("*.frames"))) == 4
    missing = invoke("remove", copy, "ant", "--reason", "gone", "--cache", tmp_path / "no")
    assert missing.exit_code == 1


def test_a_removed_clip_comes_back_under_no_other_name(
    copy: Path, tiny_recipe: Path, tiny_videos: Path, tmp_path: Path
) -> None:
    videos = Path(shutil.copytree(tiny_videos, tmp_path / "videos"))
    gone = open_dataset(copy)["bee"].row
    remove_clips(str(copy), ["bee"], reason="taken down")
    earlier = open_dataset(copy).about["earlier_fingerprints"]
    (videos / "bee.mp4").rename(videos / "wasp.mp4")  # the same bytes
    with av.open(str(videos / "wasp.mp4")) as source, av.open(str(videos / "hornet.mkv"), "w") as other:
        stream = other.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):  # the same frames in another container
            if packet.dts is not None:
                packet.stream = stream
                other.mux(packet)
    for settings, overwrite in (({}, False), ({}, True), ({}, False), ({"colors": "16"}, True)):
        recipe = load_recipe(str(tiny_recipe), settings)
        rows = from_folder(videos)
        dataset = run_build(recipe, rows, str(copy), sources=videos, workers=1, overwrite=overwrite)
        assert [clip.clip_id for clip in dataset] == ["ant", "cat"]
        assert gone.pixels_sha256 not in {row.pixels_sha256 for row in dataset.rows}
        assert dataset.about["outcomes"]["rejected"]["removed"] == 3
        assert dataset.about["earlier_fingerprints"] == earlier
        assert list(verify_dataset(str(copy), workers=1)) == []
        assert not (copy / "staging").exists()


def test_an_equal_clip_that_is_left_is_said(recipe: Recipe, tiny_videos: Path, tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    for name in ("one.mp4", "two.mp4"):
        shutil.copy(tiny_videos / "ant.mp4", videos / name)
    out = tmp_path / "out"
    run_build(recipe, from_folder(videos), str(out), sources=videos, workers=1)
    done = invoke("remove", out, "one", "--reason", "taken down", "--json")
    assert json.loads(done.stdout)["equal_clips_left"] == ["two"]
    assert "The very same frames are still in it as two" in done.stderr
