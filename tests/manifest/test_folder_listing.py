"""A clip's id and split follow from its path alone, and what is no video of the folder is passed over and said."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from click.testing import Result

from gifbench.dataset import open_dataset
from gifbench.manifest.folder_listing import find_videos
from gifbench.manifest.own_videos_splits import folder_manifest
from gifbench.manifest.rows import from_folder, read_manifest
from tests.conftest import invoke, moving_picture, succeed, write_video


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def ids(folder: Path) -> dict[str, str]:
    return {row.locator: row.clip_id for row in from_folder(folder)}


def build(recipe: Path, out: Path, source: Path, option: str = "--source") -> Result:
    return succeed("build", recipe, "--out", out, "--workers", 1, option, source)


def test_neighbours_change_neither_id_nor_split(tmp_path: Path) -> None:
    shares = {"train": 1.0, "validation": 1.0, "test": 1.0}
    names = [f"cam{i % 4}/{i:04d}.mpg" for i in range(12)] + ["ant.mp4", "a b.mp4"]
    put(tmp_path, *names)
    before, splits = ids(tmp_path), {row.locator: row.split for row in folder_manifest(tmp_path, splits=shares)}
    put(tmp_path, *[f"cam{(i + 1) % 4}/{i:04d}.mpg" for i in range(12)], "ant.mkv", "x/ant.mp4", "a_b.mp4")
    after = ids(tmp_path)
    assert {name: after[name] for name in names} == before
    assert len(set(after.values())) == len(after)
    now = {row.locator: row.split for row in folder_manifest(tmp_path, splits=shares)}
    assert {name: now[name] for name in names} == splits
    assert after["ant.mp4"] == "ant"
    assert now["ant.mp4"] == now["ant.mkv"]


def test_two_endings_of_one_name_are_said_and_what_is_there_keeps_its_ids(tmp_path: Path) -> None:
    """Alone either file is called by its name; who has the short id of both is said, and no manifest changes for it."""
    put(tmp_path, "ant.mkv")
    assert ids(tmp_path) == {"ant.mkv": "ant"}
    command = ("manifest", "from-folder", tmp_path, "--splits", "train=1,test=1")
    succeed(*command)
    before = {row.locator: row for row in read_manifest(tmp_path / "manifest.csv")}
    put(tmp_path, "ant.mp4", "x/ant.mkv")
    said: list[str] = []
    fresh = {row.locator: row.clip_id for row in from_folder(tmp_path, warn=said.append)}
    assert fresh["ant.mp4"] == "ant" and len(set(fresh.values())) == 3
    (line,) = (each for each in said if "have one name" in each)
    assert "ant.mp4 and ant.mkv have one name: ant.mp4 is the clip ant" in line
    again = invoke(*command, "--overwrite")
    assert again.exit_code == 0 and "have one name" in again.stderr
    after = {row.locator: row for row in read_manifest(tmp_path / "manifest.csv")}
    assert after["ant.mkv"] == before["ant.mkv"]
    assert len({row.clip_id for row in after.values()}) == 3
    (tmp_path / "manifest.csv").write_bytes(b"no manifest")
    succeed(*command, "--overwrite")


@pytest.mark.parametrize(("first", "second"), [("mkv", "mp4"), ("mp4", "mkv")])
def test_a_dataset_keeps_its_clip_when_another_ending_of_its_name_comes(
    first: str, second: str, tmp_path: Path, tiny_recipe: Path, tiny_videos: Path
) -> None:
    videos, out = tmp_path / "videos", tmp_path / "out"
    videos.mkdir()
    shutil.copy(tiny_videos / "ant.mp4", videos / f"ant.{first}")
    build(tiny_recipe, out, videos)
    shutil.copy(tiny_videos / "bee.mp4", videos / f"ant.{second}")
    build(tiny_recipe, out, videos)
    found = {clip.row.locator: clip.clip_id for clip in open_dataset(out)}
    assert found[f"ant.{first}"] == "ant"
    assert found[f"ant.{second}"] != "ant" and len(found) == 2


def test_a_dataset_keeps_the_ids_that_it_has(tmp_path: Path, tiny_recipe: Path, tiny_videos: Path) -> None:
    videos, out = tmp_path / "videos", tmp_path / "out"
    (videos / "b").mkdir(parents=True)
    shutil.copy(tiny_videos / "ant.mp4", videos / "b" / "ant.mp4")
    (videos / "list.csv").write_text("clip_id,split,source,locator\nold,test,file,b/ant.mp4\n")
    build(tiny_recipe, out, videos / "list.csv", "--manifest")
    shutil.copy(tiny_videos / "bee.mp4", videos / "old.mp4")
    build(tiny_recipe, out, videos)
    found = {clip.row.locator: clip.clip_id for clip in open_dataset(out)}
    assert found["b/ant.mp4"] == "old"
    assert found["old.mp4"] != "old"
    assert len(found) == 2


@pytest.mark.parametrize("how", ["another folder", "replaced in place"])
def test_a_file_of_the_same_name_with_other_bytes_is_said(
    how: str, tmp_path: Path, tiny_recipe: Path, tiny_videos: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    shutil.copy(tiny_videos / "ant.mp4", first / "ant.mp4")
    build(tiny_recipe, tmp_path / "out", first)
    assert "other bytes" not in build(tiny_recipe, tmp_path / "out", first).stderr
    if how == "another folder":
        second.mkdir()
        shutil.copy(tiny_videos / "bee.mp4", second / "ant.mp4")
    else:
        shutil.copy(tiny_videos / "bee.mp4", first / "ant.mp4")
        second = first
    done = build(tiny_recipe, tmp_path / "out", second)
    assert "ant.mp4: clip ant was built of a file of this name with other bytes" in done.stderr


def test_another_clip_of_a_file_that_is_built_is_no_other_file(
    tmp_path: Path, tiny_recipe: Path, tiny_videos: Path
) -> None:
    shutil.copy(tiny_videos / "ant.mp4", tmp_path / "ant.mp4")
    listed = tmp_path / "list.csv"
    for spans in (["one,0,5"], ["one,0,5", "two,1,6"]):
        lines = [f"{name},test,file,ant.mp4,{start},{end}" for name, start, end in (each.split(",") for each in spans)]
        listed.write_text("\n".join(["clip_id,split,source,locator,start_frame,end_frame", *lines, ""]))
        assert "other bytes" not in build(tiny_recipe, tmp_path / "out", listed, "--manifest").stderr


def test_what_is_taken_from_a_folder_and_what_is_passed_over(tmp_path: Path) -> None:
    real, top = tmp_path / "elsewhere", tmp_path / "videos"
    put(real, "linked.vob")
    put(top, "a.DV", "b.3g2", "c.264", "d.hevc", "e.f4v", "deep/f.qt", "notes.txt", "g.jpg")
    put(top, ".hidden.mp4", ".cache/h.mp4", "$RECYCLE.BIN/i.mp4", "__MACOSX/j.mp4", "k.mp4.part")
    put(top, "out/staging/README", "out/staging/.x.partial/truth.mkv", "old/dataset.json", "old/index.parquet")
    put(top, "old/extra.mkv", "none/l.mp4")
    (top / "film").write_bytes(b"\x00\x00\x00\x18ftypisom" + bytes(100))
    (top / "picture").write_bytes(b"\x00\x00\x00\x18ftypheic" + bytes(100))
    (top / "stream").write_bytes((b"G" + bytes(187)) * 3)
    (top / "text").write_text("no video")
    (top / "more").symlink_to(real)
    (top / "deep" / "again").symlink_to(top)
    (top / "loop.mp4").symlink_to("loop.mp4")
    os.mkfifo(top / "pipe.mp4")
    files, skipped = find_videos(top, without=[top / "out", top / "none"])
    assert [path.as_posix() for path in files] == [
        *("a.DV", "b.3g2", "c.264", "d.hevc", "deep/f.qt", "e.f4v", "film", "more/linked.vob", "stream")
    ]
    assert skipped == {
        "hidden or unfinished": 3,
        "trash folders": 2,
        "folders of gifbench's own": 3,
        "folders that are here twice, by a link": 1,
        "links that lead nowhere": 1,
        "pipes or devices": 1,
        "that are no videos by their names": 4,
    }
    said: list[str] = []
    from_folder(top, without=[top / "out", top / "none"], warn=said.append)
    assert "2 trash folders" in said[0]


def test_a_dataset_below_its_sources_is_never_a_source(tmp_path: Path, tiny_recipe: Path) -> None:
    write_video(tmp_path / "a.mp4", moving_picture(6, 48, 64))
    put(tmp_path / "data", "staging/.a.x.partial/truth.mkv")
    (tmp_path / "data" / "staging" / "README").write_text("left by a kill")
    build(tiny_recipe, tmp_path / "data", tmp_path)
    assert [clip.clip_id for clip in open_dataset(tmp_path / "data")] == ["a"]
    assert open_dataset(tmp_path / "data").about["wanted"] == 1


def test_more_endings_of_videos_and_more_names_of_trash(tmp_path: Path) -> None:
    put(tmp_path, "a.TRP", "b.mk3d", "c.mjpeg", "d.dvr-ms")
    put(tmp_path, "Trash/x.mp4", "@eaDir/x.mp4", "#snapshot/x.mp4", "Temporary Items/x.mp4")
    files, skipped = find_videos(tmp_path)
    assert [file.name for file in files] == ["a.TRP", "b.mk3d", "c.mjpeg", "d.dvr-ms"]
    assert skipped == {"trash folders": 4}
