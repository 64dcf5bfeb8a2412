"""The doctor says what works here and the way out of what does not; versions cost nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from gifbench import doctor_checks
from gifbench.doctor_checks import Diagnosis
from tests.conftest import invoke

ROOT = Path(__file__).parent.parent.parent


def findings(monkeypatch: pytest.MonkeyPatch, *, hidden: tuple[str, ...] = ()) -> tuple[int, dict[str, Diagnosis]]:
    """What the command answers where some packages are not installed, and its exit code."""
    version = doctor_checks.installed_version
    monkeypatch.setattr(doctor_checks, "installed_version", lambda name: "" if name in hidden else version(name))
    monkeypatch.setattr(doctor_checks, "_torch", lambda found: Diagnosis(what="torch", state="ok", found=found))
    result = invoke("doctor", "--json")
    return result.exit_code, {row["what"]: Diagnosis(**row) for row in json.loads(result.stdout)["findings"]}


def test_all_that_the_main_job_needs_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    code, found = findings(monkeypatch)
    assert code == 0
    assert "broken" not in {finding.state for finding in found.values()}
    assert found["ffmpeg"].found.endswith("inside PyAV")
    assert "ccdnet-plain" in found["weights"].found
    assert all(finding.way_out for finding in found.values() if finding.state != "ok")


def test_a_missing_extra_is_no_failure_and_says_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    code, found = findings(monkeypatch, hidden=("deno", "dlib-bin"))
    assert code == 0
    assert (found["youtube"].state, found["youtube"].way_out) == ("absent", 'pip install "gifbench[youtube]"')
    assert found["youtube"].found == "deno not installed: for fetching from YouTube"
    assert found["faces"].way_out == 'pip install "gifbench[faces]"'


def test_a_missing_core_package_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    code, found = findings(monkeypatch, hidden=("pyarrow",))
    assert code == 1
    assert (found["packages"].state, found["packages"].found) == ("broken", "pyarrow not installed")


def test_every_extra_of_the_project_is_looked_at() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    offered = set(pyproject["project"]["optional-dependencies"])
    assert offered - set(doctor_checks.EXTRAS) == {"all", "dev", "docs", "flow"}


def test_the_way_out_of_damaged_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_bytes", lambda path: b"flipped")
    (found,) = doctor_checks._weights()
    assert found.state == "trouble"
    assert "ccdnet-plain.safetensors" in found.found


def test_torch_that_does_not_load_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise OSError("libcudart.so.99: cannot open shared object file")

    monkeypatch.setattr(doctor_checks, "accelerator", broken)
    found = doctor_checks._torch("torch 2.0")
    assert (found.state, "libcudart.so.99" in found.found, "pytorch.org" in found.way_out) == ("trouble", True, True)


def test_a_proxy_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://me:secret@127.0.0.1:9")  # nothing listens there
    monkeypatch.delenv("no_proxy", raising=False)
    for finding in doctor_checks._network():
        assert finding.state == "trouble"
        assert "through http://127.0.0.1:9" in finding.found
        assert "secret" not in finding.found


def test_versions_import_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['gifbench', '--version']\n"
        "from gifbench.cli import main\n"
        "try: main()\nexcept SystemExit: print(sorted(sys.modules.keys() & {'torch', 'cv2', 'numba', 'av', 'numpy'}))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.startswith("gifbench 0.")
    assert "\nPyAV " in out
    assert out.endswith("[]\n")


def test_a_locale_without_our_letters_is_no_error() -> None:
    env = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    code = (
        "import sys\n"
        "from gifbench.cli import main\n"
        "for words in (['tasks'], ['make', '--help'], ['doctor', '--help']):\n"
        "    sys.argv[1:] = words\n"
        "    try: main()\n"
        "    except SystemExit as done: assert not done.code, words"
    )
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
