"""Long runs leave a log that says how they ended; a fault leaves its traceback in a file and one line on the screen."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gifbench.cli import run_log
from gifbench.dataset import Dataset
from tests.conftest import invoke, succeed


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "gifbench"


def the_log(logs: Path) -> str:
    (file,) = logs.iterdir()
    return file.read_text(encoding="utf-8")


def test_a_build_leaves_a_log(tiny_recipe: Path, tiny_videos: Path, tmp_path: Path, logs: Path) -> None:
    succeed("build", tiny_recipe, "--source", tiny_videos, "--out", tmp_path / "a", "--workers", 1)
    log = the_log(logs)
    assert "PyAV" in log
    assert "narrow: rejected, too_small" in log
    assert log.endswith("done\n")


def test_an_error_and_an_interruption_are_in_the_log(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = invoke("evaluate", "gif", "--data", "/nowhere", "--task", "plain-1")
    assert result.exit_code == 1
    assert "Error: /nowhere: no dataset is here" in the_log(logs).splitlines()[-1]
    for file in logs.iterdir():
        file.unlink()

    def interrupted(url: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gifbench.evaluation.evaluate.open_dataset", interrupted)
    result = invoke("evaluate", "gif", "--data", "/nowhere", "--task", "plain-1")
    assert result.exit_code == 130
    said = the_log(logs).splitlines()[-1]
    assert said.endswith("Interrupted. What was finished is kept; run the same command again to go on.")


def test_a_fault_is_one_line_that_names_the_file_with_its_traceback(
    tiny_dataset: Dataset, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(url: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("gifbench.dataset.open_dataset", broken)
    result = invoke("info", tiny_dataset.url)
    (file,) = logs.iterdir()
    assert result.stderr.count("\n") == 1
    assert f"Error: RuntimeError: a bug. This is a fault of gifbench; {file} says where" in result.stderr
    assert "in broken" in file.read_text(encoding="utf-8")


def test_short_commands_leave_no_log(tiny_dataset: Dataset, logs: Path) -> None:
    succeed("info", tiny_dataset.url)
    assert not logs.exists()


def test_a_home_that_cannot_be_written_moves_the_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nothing")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    log = run_log.RunLog("build")
    assert log.path is not None
    assert log.path.parent == tmp_path


def test_a_log_that_cannot_be_written_is_no_error(logs: Path) -> None:
    log = run_log.RunLog("build")
    assert log.path is not None
    log.path.unlink()
    log.path.mkdir()
    log.line("lost")
    assert log.path is None


def test_passwords_stay_out(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["gifbench", "fetch", "--proxy", "http://me:secret@proxy:3128"])
    run_log.RunLog("fetch").line("http://me:secret@host/a.mp4 failed")
    assert "secret" not in the_log(logs)
    assert "http://…@proxy:3128" in the_log(logs)


def test_the_last_fifty_are_kept(logs: Path) -> None:
    logs.mkdir(parents=True)
    for i in range(60):
        (logs / f"2020-01-01T00-00-{i:02}-build-x.log").touch()
    newest = run_log.RunLog("build").path
    assert newest is not None
    assert len(list(logs.iterdir())) == 50
    assert newest.exists()
