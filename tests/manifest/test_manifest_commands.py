"""`gifbench manifest from-folder` and `check`, as a person uses them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import load_recipe
from gifbench.download import Fetched
from gifbench.download.store import Store
from gifbench.errors import AlreadyExists, ManifestError, UsageError
from gifbench.manifest.own_videos_splits import folder_manifest, parse_splits
from gifbench.manifest.rows import ManifestRow, read_manifest, write_manifest
from tests.conftest import invoke, moving_picture, write_video


@pytest.fixture
def videos(tiny_videos: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_videos, tmp_path / "videos"))


def run(*arguments: object) -> tuple[int, str, str]:
    result = invoke("manifest", *arguments)
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_folder_s_manifest_builds_what_the_folder_builds(
    ending: str, videos: Path, tiny_recipe: Path, tmp_path: Path
) -> None:
    out = videos / f"list.{ending}"
    code, said, _ = run("from-folder", videos, "--out", out, "--licence", "CC0")
    assert (code, "5 test" in said) == (0, True)
    rows = read_manifest(out)
    assert {row.licence for row in rows} == {"CC0"}
    built = invoke("build", tiny_recipe, "--manifest", out, "--out", tmp_path / "data", "--workers", 1)
    assert "3 clips built, 2 rejected" in built.output, built.output
    code, _, said = run("from-folder", videos, "--out", out)
    assert (code, "--overwrite" in said) == (1, True)


def test_a_split_is_drawn_by_name_and_stays_when_others_come(tmp_path: Path) -> None:
    for i in range(400):
        (tmp_path / f"video-{i}.mp4").touch()
    shares = parse_splits("train=8,validation=1,test=1")
    before = {row.clip_id: row.split for row in folder_manifest(tmp_path, splits=shares)}
    counts = {name: list(before.values()).count(name) for name in ("train", "validation", "test")}
    assert abs(counts["train"] - 320) < 40
    assert abs(counts["test"] - 40) < 25
    for i in range(400, 500):
        (tmp_path / f"video-{i}.mp4").touch()
    after = {row.clip_id: row.split for row in folder_manifest(tmp_path, splits=shares)}
    assert all(after[name] == split for name, split in before.items())


def test_splits_can_be_folders_and_licences_a_table(tmp_path: Path) -> None:
    for name in ("train/a.mp4", "Val/b.mp4", "test/deep/c.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "licences.csv").write_text("file,licence,by\ntrain/a.mp4,CC BY 4.0,me\nother.mp4,MIT,me\n")
    code, said, _ = run(
        "from-folder", tmp_path, "--splits", "folders", "--licences", tmp_path / "licences.csv", "--licence", "mine"
    )
    assert code == 0, said
    rows = {row.locator: (row.split, row.licence) for row in read_manifest(tmp_path / "manifest.csv")}
    expected = {"train/a.mp4": ("train", "CC BY 4.0"), "Val/b.mp4": ("validation", "mine")}
    assert rows == {**expected, "test/deep/c.mp4": ("test", "mine")}
    (tmp_path / "loose.mp4").touch()
    with pytest.raises(ManifestError, match=r"loose\.mp4: the first folder"):
        folder_manifest(tmp_path, splits="folders")


def test_a_manifest_elsewhere_finds_its_videos(videos: Path, tmp_path: Path) -> None:
    code, said, _ = run("from-folder", videos, "--out", tmp_path / "list.csv")
    assert code == 0
    assert {row.locator for row in read_manifest(tmp_path / "list.csv")} > {"videos/ant.mp4"}
    assert "--trust-manifest" not in said
    (tmp_path / "sub").mkdir()
    code, said, _ = run("from-folder", videos, "--out", tmp_path / "sub" / "list.csv")
    assert "--trust-manifest" in said
    code, said, _ = run("check", tmp_path / "sub" / "list.csv", "--trust-manifest")
    assert (code, "5 rows, nothing wrong" in said) == (0, True)


@pytest.mark.parametrize("text", ["train", "train=0", "train=1,train=2", "valid=1", "train=x", ""])
def test_shares_that_cannot_be_are_said(text: str) -> None:
    with pytest.raises(UsageError, match="train=8"):
        parse_splits(text)


def test_writing_is_refused_over_a_file_and_for_another_ending(tmp_path: Path) -> None:
    row = ManifestRow(clip_id="a", split="test", source="file", locator="a, b.mp4", start=0.1, note='"quoted"\nlines')
    for name in ("m.csv", "m.jsonl", "m.parquet"):
        write_manifest(tmp_path / name, [row])
        assert read_manifest(tmp_path / name) == [row]
        with pytest.raises(AlreadyExists):
            write_manifest(tmp_path / name, [row])
    with pytest.raises(ManifestError, match="ends in"):
        write_manifest(tmp_path / "m.xlsx", [row])


BAD = """clip_id,split,source,locator,start,end,start_frame,end_frame,frames
good,test,file,ant.mp4,,,,,
pass,test,file,../../etc/passwd,,,,,
etc,test,file,file:///etc/passwd,,,,,
net,test,http,http://192.168.0.1/a.mp4,,,,,
odd,test,ftp,a.mp4,,,,,
../up,test,file,ant.mp4,,,,,
good,test,file,ant.mp4,,,,,
back,test,file,ant.mp4,3,2,,,
late,test,file,ant.mp4,,99,,,
more,test,file,ant.mp4,,,0,99,
none,test,file,nothing.mp4,,,,,
text,test,file,list.csv,,,,,
both,train,file,ant.mp4,,,,,
when,test,youtube,dQw4w9WgXcQ,,,,,100
"""

FOUND = [
    (2, "locator", "leads out of the manifest's folder"),
    (3, "locator", "is a URL"),
    (4, "locator", "private network"),
    (5, "source", "choose from: faceforensics, file, http, youtube"),
    (6, "clip_id", "match pattern"),
    (7, "clip_id", "also in row 1"),
    (8, "end", "ends at 2.0, at or before its start at 3.0"),
    (9, "end", "reaches beyond the video, which is 0.24 s long"),
    (10, "end_frame", "which has 6 frames"),
    (11, "locator", "it is not there"),
    (12, "locator", "list.csv"),
    (13, "split", "row 1 is in test"),
    (14, "start", "gifbench manifest import-video2gif"),
]


def test_check_names_every_finding_by_row_and_column(videos: Path) -> None:
    path = videos / "list.csv"
    path.write_text(BAD)
    code, out, err = run("check", path, "--json")
    assert code == 1
    said = json.loads(out)
    assert (said["rows"], said["error"]["code"]) == (14, "manifest")
    assert [(finding["row"], finding["column"]) for finding in said["findings"]] == [found[:2] for found in FOUND]
    for finding, (_, _, what) in zip(said["findings"], FOUND, strict=True):
        assert what in finding["what"]
    assert "13 cells of 14 rows are wrong" in err
    code, out, _ = run("check", path)
    assert code == 1
    assert "row 9 (late), column end is 99: the span reaches beyond the video, which is 0.24 s long" in out


@pytest.mark.parametrize("command", ["fetch", "build"])
@pytest.mark.parametrize("line", BAD.splitlines()[2:9])
def test_a_bad_row_stops_fetch_and_build_before_anything_is_done(
    command: str, line: str, videos: Path, tiny_recipe: Path
) -> None:
    lines = BAD.splitlines()
    (videos / "list.csv").write_text("\n".join([*lines[:2], line]))
    place = videos.parent / "out"
    where = ["fetch", "--store", place] if command == "fetch" else ["build", tiny_recipe, "--out", place]
    result = invoke(*where, "--manifest", videos / "list.csv")
    assert result.exit_code == 1
    assert "row 2" in result.stderr
    assert "column" in result.stderr
    assert not place.exists()


def store_with(place: Path, video: Path) -> Store:
    """A store with one video of YouTube."""
    store = Store(place)
    store.make()
    path = Path(shutil.copy(video, store.scratch("youtube", "dQw4w9WgXcQ") / "a.mp4"))
    store.land("youtube", "dQw4w9WgXcQ", Fetched(path))
    return store


def test_a_moment_without_a_span_is_not_built_as_the_whole_video(videos: Path, tmp_path: Path) -> None:
    store = store_with(tmp_path / "store", videos / "ant.mp4")
    row = ManifestRow(clip_id="a", split="test", source="youtube", locator="dQw4w9WgXcQ", frames=4)
    recipe = load_recipe("gif-moments")
    dataset = run_build(recipe, [row], str(tmp_path / "data"), sources=videos, store=store, workers=1)
    assert dataset.about["outcomes"]["failed"] == {"no_span": 1}


def test_check_holds_spans_against_the_store(videos: Path, tmp_path: Path) -> None:
    store_with(tmp_path / "store", videos / "ant.mp4")
    rows = [
        ManifestRow(clip_id="a", split="test", source="youtube", locator="dQw4w9WgXcQ", end=0.2),
        ManifestRow(clip_id="b", split="test", source="youtube", locator="dQw4w9WgXcQ", start=5, end=9),
        ManifestRow(clip_id="c", split="test", source="youtube", locator="aaaaaaaaaaa", end=9),
    ]
    write_manifest(tmp_path / "m.csv", rows)
    assert run("check", tmp_path / "m.csv")[0] == 0
    code, said, _ = run("check", tmp_path / "m.csv", "--store", tmp_path / "store")
    assert code == 1
    assert [text.split(":")[0] for text in said.splitlines()] == [
        "row 2 (b), column start is 5",
        "row 2 (b), column end is 9",
    ]


def test_licences_that_cannot_be_read_are_said(videos: Path, tmp_path: Path) -> None:
    table = tmp_path / "licences.csv"
    command = ("from-folder", videos, "--out", tmp_path / "list.csv", "--licences", table)
    for data, says in (
        (None, "no such file of licences"),
        (b"name,terms\nant.mp4,CC0\n", "needs the columns file and licence"),
        (b"", "needs the columns file and licence"),
        (b"file,licence\nant.mp4,\xff\n", "cannot be read as CSV in UTF-8"),
    ):
        if data is not None:
            table.write_bytes(data)
        code, _, said = run(*command)
        assert (code, says in said) == (1, True), said


def test_check_opens_what_says_neither_its_length_nor_its_frames(videos: Path, tmp_path: Path) -> None:
    """A bare stream of H.264 declares neither, so that nothing is held against a span."""
    write_video(videos / "raw.h264", moving_picture(6, 48, 64))
    rows = [
        ManifestRow(clip_id="by-time", split="test", source="file", locator="raw.h264", start=1.0, end=900.0),
        ManifestRow(clip_id="by-frame", split="test", source="file", locator="raw.h264", start_frame=5, end_frame=900),
    ]
    write_manifest(videos / "list.csv", rows)
    code, said, _ = run("check", videos / "list.csv")
    assert (code, "2 rows" in said) == (0, True), said


def test_a_folder_whose_name_no_table_can_hold_is_said(videos: Path, tmp_path: Path) -> None:
    try:
        odd = videos.rename(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    except OSError:
        pytest.skip("this file system holds UTF-8 names only")
    with pytest.raises(ManifestError, match=r"'caf\\udce9/ant\.mp4' is not UTF-8.*PYTHONUTF8=1"):
        folder_manifest(odd, home=tmp_path)
