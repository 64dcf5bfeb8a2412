"""Clips that are the same are named, and are a fault in two splits; such that look alike are named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import load_recipe
from gifbench.dataset.duplicates import alike_pairs, find_duplicates
from gifbench.manifest.rows import ManifestRow
from gifbench.media.perceptual_hash import BITS
from tests.conftest import invoke, moving_picture, write_video


def clip(name: str, locator: str, split: str = "test") -> ManifestRow:
    return ManifestRow(clip_id=name, split=split, source="file", locator=locator)  # type: ignore[arg-type]


def run(*arguments: object) -> tuple[int, str, str]:
    done = invoke(*arguments)
    return done.exit_code, done.stdout, done.stderr


def test_equal_clips_are_named_and_a_fault_in_two_splits(tmp_path: Path, tiny_recipe: Path) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    write_video(videos / "a.mp4", moving_picture(6, 48, 64, seed=1))
    shutil.copy(videos / "a.mp4", videos / "b.mp4")
    write_video(videos / "c.mp4", moving_picture(6, 48, 64, seed=3))
    (videos / "list.csv").write_text(
        "clip_id,split,source,locator\na,train,file,a.mp4\nb,test,file,b.mp4\nc,test,file,c.mp4\n"
    )
    build = ("build", tiny_recipe, "--manifest", videos / "list.csv", "--out", tmp_path / "out", "--workers", 1)
    code, _, err = run(*build)
    assert code == 1
    assert "equal clips are in two splits: a (train), b (test)" in err
    assert run(*build, "--allow-duplicates")[0] == 0
    assert run("verify", tmp_path / "out", "--workers", 1)[0] == 1
    code, out, err = run("verify", tmp_path / "out", "--workers", 1, "--allow-duplicates")
    assert (code, "equal clips" in err) == (0, True)
    code, out, _ = run("info", tmp_path / "out", "--json")
    assert json.loads(out)["duplicates"]["across_splits"] == [["a", "b"]]
    assert "equal clips, frame for frame: a (train), b (test)" in run("info", tmp_path / "out")[1]
    assert run("remove", tmp_path / "out", "b", "--reason", "it is a")[0] == 0
    assert run("verify", tmp_path / "out", "--workers", 1)[0] == 0


def test_another_encoding_of_a_video_is_named_and_no_fault(tmp_path: Path, tiny_recipe: Path) -> None:
    frames = moving_picture(12, 96, 128, seed=1)
    write_video(tmp_path / "a.mp4", frames)
    write_video(tmp_path / "b.mp4", frames, options={"preset": "ultrafast", "crf": "35"})
    write_video(tmp_path / "small.mp4", np.ascontiguousarray(frames[:, ::2, ::2]))
    write_video(tmp_path / "c.mp4", np.ascontiguousarray(frames[:, ::-1, ::-1]))
    rows = [clip(name, f"{name}.mp4") for name in ("a", "b", "c", "small")]
    recipe = load_recipe(str(tiny_recipe), {"min_width": 20})
    found = find_duplicates(run_build(recipe, rows, str(tmp_path / "out"), sources=tmp_path, workers=1))
    assert found.equal == []
    assert found.alike == [("a", "b"), ("a", "small"), ("b", "small")]


def test_alike_pairs_are_those_of_comparing_each_with_each() -> None:
    rng = np.random.default_rng(0)
    bits = {f"{i:04d}": rng.integers(0, 1 << 63, BITS // 64, dtype=np.uint64) for i in range(1100)}
    bits["x"] = bits["0700"] ^ np.uint64(1)
    assert alike_pairs(bits) == [("0700", "x")]


def test_the_check_of_a_manifest_names_equal_files_in_two_splits(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", moving_picture(6, 48, 64, seed=1))
    shutil.copy(tmp_path / "a.mp4", tmp_path / "b.mp4")
    shutil.copy(tmp_path / "a.mp4", tmp_path / "c.mp4")
    (tmp_path / "list.csv").write_text(
        "clip_id,split,source,locator\na,train,file,a.mp4\nb,test,file,b.mp4\nc,train,file,c.mp4\n"
    )
    code, out, _ = run("manifest", "check", tmp_path / "list.csv")
    assert code == 1
    assert "it has the same bytes as a.mp4, row 1, which is in train" in out
    assert "row 3" not in out
