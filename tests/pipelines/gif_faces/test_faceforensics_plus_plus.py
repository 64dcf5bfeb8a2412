"""Clips of GIF-Faces are found in FaceForensics++ by YouTube id and frame count: certain, or said why not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from gifbench_pipelines.gif_faces.faceforensics_plus_plus import FaceForensicsPlusPlus

from gifbench.download.fetch_ledger import FetchLedger
from gifbench.download.store import Store
from gifbench.errors import NotFound, Unmatched
from gifbench.manifest.rows import ManifestRow, official_rows, read_manifest, write_manifest
from gifbench.media.video import count_frames, probe
from tests.conftest import answer, invoke, moving_picture, write_video
from tests.media.video_files import ffmpeg

# Of the first video there is one original, 000, of the second there are two, 331 and 332.
ONE, TWO = "--b1Ua-kWJE", "R03Sko97IDE"


def row(video: str, frames: int, number: int = 0, source: str = "aaaaaaaaaaa") -> ManifestRow:
    name = f"{video}_{number}_{source}_0"
    return ManifestRow(
        clip_id=name, split="test", source="faceforensics", locator=f"{name}.avi", frames=frames, licence="its terms"
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """000 with 5 frames, 331 with 6 and 332 with 7, in two compressions of which one is worse."""
    top = tmp_path_factory.mktemp("plus_plus")
    for compression, crf in (("c23", "23"), ("c40", "40")):
        videos = top / "original_sequences" / "youtube" / compression / "videos"
        videos.mkdir(parents=True)
        for number, frames in (("000", 5), ("331", 6), ("332", 7)):
            options = {"preset": "ultrafast", "crf": crf}
            write_video(videos / f"{number}.mp4", moving_picture(frames, 32, 32, seed=frames), options=options)
    return top


def states(folder: Path, *rows: ManifestRow) -> list[tuple[str, str]]:
    matches = FaceForensicsPlusPlus(folder, rows).matches
    return [(matches[row.locator].state, matches[row.locator].video) for row in rows]


def test_every_video_of_gif_faces_is_in_the_table_that_is_shipped() -> None:
    from gifbench_pipelines.gif_faces.faceforensics_plus_plus import _numbers

    targets = {row.locator[:11] for row in official_rows("gif-faces")}
    assert len(targets) == 881
    assert targets <= _numbers().keys()
    assert sorted(number for numbers in _numbers().values() for number in numbers) == [f"{i:03d}" for i in range(1000)]


def test_a_clip_is_the_original_of_its_video_with_as_many_frames(folder: Path) -> None:
    assert states(folder, row(ONE, 5), row(TWO, 6, 4), row(TWO, 7, 9)) == [
        ("certain", "000"),
        ("certain", "331"),
        ("certain", "332"),
    ]


def test_what_is_not_certain_says_why(folder: Path) -> None:
    rows = (row(ONE, 50), row(TWO, 6, 1), row(TWO, 6, 2), row("00JT2rwquIE", 5), row("xxxxxxxxxxx", 5))
    assert [state for state, _ in states(folder, *rows)] == ["ambiguous"] * 3 + ["missing"] * 2
    matches = [FaceForensicsPlusPlus(folder, rows).matches[row.locator].why for row in rows]
    assert matches[0] == "it has 50 frames, and of that YouTube video 000 has 5"
    assert "331 fits R03Sko97IDE_2_" in matches[1]
    assert "its original would be one of 018" in matches[3]
    assert "no original is of that video" in matches[4]


def test_an_original_that_is_not_here_could_fit_as_well(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "331.mp4").write_bytes(next(folder.rglob("c23/videos/331.mp4")).read_bytes())
    (match,) = FaceForensicsPlusPlus(tmp_path, [row(TWO, 6)]).matches.values()
    assert (match.state, match.why) == ("ambiguous", "331 has 6, but 332 is not here and could fit as well")


def test_the_best_compression_is_taken_or_the_one_that_is_named(folder: Path, tmp_path: Path) -> None:
    for compression, place in ((None, folder), ("c40", folder), (None, folder / "original_sequences/youtube/c40")):
        source = FaceForensicsPlusPlus(place, [row(ONE, 5)], compression=compression)
        wanted = compression or ("c40" if place != folder else "c23")
        assert source.compression == wanted
        fetched = source.fetch(row(ONE, 5).locator, tmp_path)
        assert fetched.path.read_bytes() == next(folder.rglob(f"{wanted}/videos/000.mp4")).read_bytes()
        assert fetched.about == {"file": "000.mp4", "dataset": f"FaceForensics++ {wanted}"}
    with pytest.raises(NotFound, match="there is c23, c40"):
        FaceForensicsPlusPlus(folder, [], compression="raw")
    with pytest.raises(NotFound, match="no original"):
        FaceForensicsPlusPlus(tmp_path, [])
    with pytest.raises(NotFound, match="no such folder"):
        FaceForensicsPlusPlus(tmp_path / "nothing", [])
    with pytest.raises(Unmatched, match=r"ambiguous in FaceForensics\+\+"):
        FaceForensicsPlusPlus(folder, [row(ONE, 9)]).fetch(row(ONE, 9).locator, tmp_path)


def test_a_name_that_is_none_of_faceforensics_is_missing(folder: Path) -> None:
    odd = ManifestRow(clip_id="odd", split="test", source="faceforensics", locator="holiday.avi", frames=5)
    uncounted = row(ONE, 5).model_copy(update={"frames": None, "locator": f"{ONE}_9_aaaaaaaaaaa_9.avi"})
    matches = FaceForensicsPlusPlus(folder, [odd, uncounted]).matches
    assert {match.state for match in matches.values()} == {"missing"}
    assert all("none of FaceForensics, or its frame count is unknown" in match.why for match in matches.values())


def test_a_header_that_counts_other_frames_than_are_shown_is_no_match(tmp_path: Path) -> None:
    """An edit list hides the first frames, which are there for decoding only; the header counts them."""
    whole = write_video(tmp_path / "whole.mp4", moving_picture(40, 32, 32), options={"g": "30"})
    cut = tmp_path / "videos" / "000.mp4"
    cut.parent.mkdir()
    ffmpeg("-ss", "0.4", "-i", whole, "-c", "copy", cut)
    said, shown = probe(cut).num_frames, count_frames(cut)
    assert said is not None and said > shown
    source = FaceForensicsPlusPlus(tmp_path / "videos", [row(ONE, said)])
    with pytest.raises(Unmatched, match=rf"000\.mp4 has {shown} frames, other than its header says"):
        source.fetch(row(ONE, said).locator, tmp_path)


def test_an_original_on_another_disk_is_copied(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def another_disk(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", another_disk)
    source = FaceForensicsPlusPlus(folder, [row(ONE, 5)])
    copy = source.fetch(row(ONE, 5).locator, tmp_path).path
    original = next(folder.rglob("c23/videos/000.mp4"))
    assert copy.read_bytes() == original.read_bytes() and not copy.samefile(original)


def test_match_and_fetch_from_the_command(folder: Path, tmp_path: Path) -> None:
    rows = [row(ONE, 5), row(TWO, 9), row("00JT2rwquIE", 5)]
    write_manifest(tmp_path / "faces.csv", rows)
    assert read_manifest(tmp_path / "faces.csv") == rows
    match = ["manifest", "match-faceforensics", str(folder), "--manifest", str(tmp_path / "faces.csv")]
    said = answer(*match)
    assert {key: said[key] for key in ("certain", "ambiguous", "missing")} == {
        "certain": 1,
        "ambiguous": 1,
        "missing": 1,
    }
    assert "c23: 1 certain, 1 ambiguous, 1 missing" in invoke(*match).stdout
    store = tmp_path / "store"
    fetch = ["fetch", "--manifest", str(tmp_path / "faces.csv"), "--store", str(store)]
    done = invoke(*fetch, "--faceforensics-plus-plus", folder, "--json")
    assert done.exit_code == 3, done.output
    assert json.loads(done.stdout)["failed"] == {"unmatched": 2}
    stored = Store(store).find("faceforensics", rows[0].locator)
    assert stored is not None
    assert stored.about["dataset"] == "FaceForensics++ c23"
    ledger = FetchLedger(store)
    assert "of that YouTube video 331 has 6, 332 has 7" in ledger.fetches["faceforensics", rows[1].locator].detail
    both = invoke(*fetch, "--faceforensics-plus-plus", folder, "--faceforensics", folder)
    assert both.exit_code == 2


def test_all_987_clips_are_matched_or_missing_in_a_folder_of_a_thousand(tmp_path: Path) -> None:
    """Empty files: they are there, and cannot be opened, so that nothing is certain and nothing is lost on the way."""
    for number in range(1000):
        (tmp_path / f"{number:03d}.mp4").touch()
    said = invoke("manifest", "match-faceforensics", tmp_path, "--json")
    counts = json.loads(said.stdout)
    assert (counts["certain"], counts["ambiguous"], counts["missing"]) == (0, 987, 0)
