"""What waits for a GPU runs on the CPU, with small sizes and without PyAV, so that it fails for no foolish reason."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import TextIO
from unittest import mock

import pytest

pytest.importorskip("torch")

from gifbench.dataset import Dataset
from tests.cli.forked_command import ForkedCommand

ROOT = Path(__file__).parent.parent
WITHOUT_PYAV = "raise ModuleNotFoundError(\"No module named 'av'\", name='av')\n"


def rehearse(out: Path, *arguments: str, **environment: str) -> dict[str, object]:
    """How each step of benchmarks/gpu/run_all.py ended."""
    command = [sys.executable, str(ROOT / "benchmarks/gpu/run_all.py"), "--out", str(out), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)
    logs = "".join(f"{log.name}\n{log.read_text()[-1500:]}\n" for log in out.glob("*.log"))
    assert done.returncode == 0, done.stdout + done.stderr + logs
    return {line["step"]: line["exit"] for line in json.loads((out / "summary.json").read_text())}


@pytest.mark.slow
def test_every_step_that_needs_no_pyav_runs_without_it(tmp_path: Path) -> None:
    (tmp_path / "av.py").write_text(WITHOUT_PYAV)
    ended = rehearse(tmp_path / "out", "--device", "cpu", PYTHONPATH=str(tmp_path))
    steps = dict.fromkeys(("equality", "ccdnet", "metrics", "nearest-color"), 0)
    assert ended == steps | dict.fromkeys(("superslomo", "evaluate", "train"), "skipped")


@pytest.mark.slow
def test_a_wheel_of_pyav_that_comes_along_is_found(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    for tags, code in ((f"{python}-{python}", "from_the_wheel = 1\n"), ("cp30-cp30", WITHOUT_PYAV)):
        with zipfile.ZipFile(tmp_path / "wheels" / f"av-1-{tags}-linux_x86_64.whl", "w") as wheel:
            wheel.writestr("av.py", code)
    rehearse(tmp_path / "out", "--device", "cpu", "--wheels", str(tmp_path / "wheels"), "--only", "nearest-color")
    assert (tmp_path / "out" / "site" / "av.py").read_text() == "from_the_wheel = 1\n"


@pytest.mark.slow
def test_superslomo_runs(tmp_path: Path) -> None:
    assert rehearse(tmp_path, "--device", "cpu", "--only", "superslomo") == {"superslomo": 0}


class Forked(ForkedCommand):
    """In place of `subprocess.Popen`: a command of gifbench as a fork of a process that has imported it."""

    def __init__(self, command: list[str], *, cwd: Path, stdout: TextIO, env: dict[str, str], **_: object) -> None:
        assert command[:3] == [sys.executable, "-m", "gifbench"]
        with contextlib.chdir(cwd), mock.patch.dict(os.environ, env, clear=True):
            super().__init__(*command[3:])
        self._log = stdout

    def wait(self, seconds: float) -> int:
        code = super().wait()
        self._log.write(self.stdout + self.stderr)
        return code


def test_evaluate_and_train_run_on_a_built_dataset(
    tiny_dataset: Dataset, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks/gpu"))
    run_all = importlib.import_module("run_all")
    forks = {"Popen": Forked, "run": subprocess.run, "STDOUT": subprocess.STDOUT}
    monkeypatch.setattr(run_all, "subprocess", SimpleNamespace(**forks))
    for step, data in (("evaluate", tiny_dataset), ("train", dataset)):
        out = tmp_path / step
        words = ["--out", str(out), "--device", "cpu", "--data", data.url, "--only", step]
        monkeypatch.setattr(sys, "argv", ["run_all.py", *words])
        run_all.main()
        (done,) = json.loads((out / "summary.json").read_text())
        assert (done["step"], done["exit"]) == (step, 0), (out / f"{step}.log").read_text()


@pytest.mark.slow
def test_evaluate_and_train_run_in_processes_of_their_own(
    tiny_dataset: Dataset, dataset: Dataset, tmp_path: Path
) -> None:
    for step, data in (("evaluate", tiny_dataset), ("train", dataset)):
        ended = rehearse(tmp_path / step, "--device", "cpu", "--data", data.url, "--only", step)
        assert ended == {step: 0}


@pytest.mark.slow
def test_equality_is_rehearsed_on_the_pretend_device_without_pyav(tmp_path: Path) -> None:
    (tmp_path / "av.py").write_text(WITHOUT_PYAV)
    command = [sys.executable, str(ROOT / "benchmarks/gpu/equality.py"), "--device", "pretend"]
    command += ["--methods", "ccdnet-plain", "stable:[gif]", "--out", str(tmp_path / "equality.json")]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    lines = json.loads((tmp_path / "equality.json").read_text())
    assert len(lines) == 3 and not [line for line in lines if "error" in line], lines
    assert all(line["largest_difference"] < 1e-3 for line in lines[:2]) and lines[2]["indices_that_differ"] == 0


def test_all_steps_fit_into_eight_minutes() -> None:
    command = [sys.executable, str(ROOT / "benchmarks/gpu/run_all.py"), "--list"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert told[-1].split()[0] == "together" and int(told[-1].split()[1]) <= 480
