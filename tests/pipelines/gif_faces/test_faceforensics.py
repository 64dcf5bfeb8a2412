"""FaceForensics: originals by their names, nothing guessed; and the script that only the user may answer."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from gifbench_pipelines.gif_faces.faceforensics import FaceForensicsFolder, run_script

from gifbench.download.fetch_ledger import FetchLedger
from gifbench.download.store import Store
from gifbench.errors import NotFound, UsageError
from tests.conftest import invoke, succeed

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
    assert invoke(*command).exit_code == 2
    done = invoke(*command, "--faceforensics", folder)
    assert done.exit_code == 3, done.output
    with Store(store).borrowed("faceforensics", GOOD) as path:
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


STAND_IN = """
import pathlib, shutil, sys
assert sys.argv[1:5] == ["-d", "compressed", "--not_altered", "--not_mask"], sys.argv
print("By pressing any key to continue you confirm that you have agreed to the terms of use.")
answer = input("Press any key to continue, or CTRL-C to exit.")
if answer == "no":
    sys.exit(3)
target = pathlib.Path(sys.argv[5], "FaceForensics_compressed", "test", "original")
target.mkdir(parents=True)
shutil.copy({video!r}, target / {name!r})
"""


@pytest.fixture
def script(tiny_videos: Path, tmp_path: Path) -> Path:
    path = tmp_path / "faceforensics_download.py"
    path.write_text(STAND_IN.format(video=str(tiny_videos / "ant.mp4"), name=GOOD))
    (tmp_path / "faces.csv").write_text(f"clip_id,split,source,locator\na,test,faceforensics,{GOOD}\n")
    return path


def command(script: Path, *more: str) -> list[str]:
    place = script.parent
    fetch = ["fetch", "--manifest", str(place / "faces.csv"), "--store", str(place / "store")]
    return [*fetch, "--faceforensics", str(place / "faces"), "--faceforensics-script", str(script), *more]


def on_a_terminal(arguments: list[str], answer: bytes) -> tuple[int, str, bool]:
    """Run the command on a terminal of its own and answer its question; also whether it was waiting for that."""
    master, slave = pty.openpty()
    process = subprocess.Popen([sys.executable, "-m", "gifbench", *arguments], stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    said, asked, waited = b"", False, False
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        ready, _, _ = select.select([master], [], [], 0.3)
        if ready:
            try:
                said += os.read(master, 4096)
            except OSError:  # the terminal's other end has closed
                break
        elif b"CTRL-C to exit." in said and not asked:
            # Silence since the question: it is ours to answer.
            waited, asked = process.poll() is None, True
            os.write(master, answer)
    os.close(master)
    return process.wait(30), said.decode(), waited


def test_the_question_is_answered_on_the_user_s_terminal(script: Path) -> None:
    code, said, waited = on_a_terminal(command(script), b"\n")
    assert waited, said
    assert code == 0, said
    assert "agreed to the terms" in said
    assert Store(script.parent / "store").find("faceforensics", GOOD) is not None
    # What is there already is not asked for again, so no terminal is needed either.
    succeed(*command(script))


def test_a_script_that_ends_with_an_error_is_said(script: Path) -> None:
    code, said, _ = on_a_terminal(command(script), b"no\n")
    assert code == 1
    assert "ended with code 3" in " ".join(said.split())


def test_without_a_terminal_nothing_is_run(script: Path) -> None:
    result = invoke(*command(script))
    assert result.exit_code == 2
    assert "there is no terminal on which you could" in result.stderr
    assert not (script.parent / "faces").exists()
    with pytest.raises(UsageError, match="no terminal"):
        run_script(script, script.parent / "faces")
    with pytest.raises(NotFound, match="by e-mail"):
        run_script(script.parent / "nothing.py", script.parent / "faces")


def test_the_script_needs_a_folder(script: Path) -> None:
    arguments = [part for part in command(script) if part not in ("--faceforensics", str(script.parent / "faces"))]
    result = invoke(*arguments)
    assert (result.exit_code, "--faceforensics FOLDER" in result.stderr) == (2, True)
