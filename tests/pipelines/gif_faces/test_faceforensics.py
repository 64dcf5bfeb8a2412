"""A folder of FaceForensics: originals by their names, nothing guessed."""

from __future__ import annotations

from pathlib import Path

import pytest
from gifbench_pipelines.gif_faces.faceforensics import FaceForensicsFolder
from typer.testing import CliRunner

from gifbench.cli.app import app
from gifbench.download.ledger import FetchLedger
from gifbench.download.store import Store
from gifbench.errors import NotFound

GOOD, TWICE, MISSING = "Xgor7M--cI4_0_Tg8HOuJT70A_0.avi", "aaaaaaaaaaa_0_bbbbbbbbbbb_1.avi", "cc_0_dd_0.avi"


@pytest.fixture
def folder(tiny_videos: Path, tmp_path: Path) -> Path:
    top = tmp_path / "FaceForensics_compressed"
    ant, bee = ((tiny_videos / f"{name}.mp4").read_bytes() for name in ("ant", "bee"))
    for place, name, data in (
        ("train/original", GOOD, ant),
        ("train/altered", GOOD, bee),
        ("train/mask", GOOD, bee),
        ("train/original", TWICE, ant),
        ("val/original", TWICE, bee),
        ("val/altered", MISSING, bee),
    ):
        (top / place).mkdir(parents=True, exist_ok=True)
        (top / place / name).write_bytes(data)
    return tmp_path


def test_originals_are_taken_and_nothing_is_guessed(folder: Path, tiny_videos: Path) -> None:
    rows = "".join(f"{name[:-4]},train,faceforensics,{name}\n" for name in (GOOD, TWICE, MISSING))
    (folder / "list.csv").write_text(f"clip_id,split,source,locator\n{rows}")
    store = folder / "store"
    command = ["fetch", "--manifest", folder / "list.csv", "--store", store]
    assert CliRunner().invoke(app, [str(part) for part in command]).exit_code == 2
    done = CliRunner().invoke(app, [str(part) for part in (*command, "--faceforensics", folder)])
    assert done.exit_code == 3, done.output
    path = Store(store).path("faceforensics", GOOD)
    assert path is not None
    assert path.read_bytes() == (tiny_videos / "ant.mp4").read_bytes()
    fetches = FetchLedger(store).fetches
    assert fetches["faceforensics", TWICE].reason == fetches["faceforensics", MISSING].reason == "unmatched"
    assert "train/original" in fetches["faceforensics", TWICE].detail
    assert "there is none" in fetches["faceforensics", MISSING].detail
    # The folder keeps what it had.
    assert len(list((folder / "FaceForensics_compressed").rglob("*.avi"))) == 6


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nothing"):
        FaceForensicsFolder(tmp_path / "nothing")
