"""Workers and programs end with the process that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import joblib
import pytest

from gifbench.child_processes import ended_with_this_process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc says which processes there are")

WORKERS = """
import os, sys, time
from pathlib import Path
import joblib
from gifbench.child_processes import ended_with_this_process

def work(place):
    (Path(place) / str(os.getpid())).touch()
    time.sleep(60)

joblib.Parallel(n_jobs=2, **ended_with_this_process())(joblib.delayed(work)(sys.argv[1]) for _ in range(2))
"""


def alive(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_joblib_s_workers_know_credentials_that_have_come_since(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for key in ("of before", "of now"):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
        parallel = joblib.Parallel(n_jobs=2, **ended_with_this_process())
        found.append(set(parallel(joblib.delayed(os.getenv)("AWS_ACCESS_KEY_ID") for _ in range(4))))
    assert found == [{"of before"}, {"of now"}]


def test_joblib_s_workers_end_when_their_driver_is_killed(tmp_path: Path) -> None:
    script, place = tmp_path / "workers.py", tmp_path / "pids"
    script.write_text(WORKERS)
    place.mkdir()
    driver = subprocess.Popen([sys.executable, str(script), str(place)], stderr=subprocess.DEVNULL)
    while len(list(place.iterdir())) < 2 and driver.poll() is None:
        time.sleep(0.05)
    workers = [int(path.name) for path in place.iterdir()]
    assert len(workers) == 2 and all(map(alive, workers))
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    for _ in range(600):
        if not any(map(alive, workers)):
            break
        time.sleep(0.05)
    assert not any(map(alive, workers))


@pytest.mark.parametrize("below", ["", "work"])
def test_a_process_that_left_for_another_folder_is_known_by_what_it_was_given(below: str, tmp_path: Path) -> None:
    """A watchdog is told the folder above a program's own: a daemon that went to / outlived a killed evaluation."""
    from gifbench.child_processes import end_strays

    (tmp_path / "place" / "work").mkdir(parents=True)
    environment = os.environ | {"TMPDIR": str(tmp_path / "place" / below)}
    stray = subprocess.Popen(["sleep", "60"], cwd="/", env=environment, start_new_session=True)
    other = subprocess.Popen(["sleep", "60"], cwd="/", env=os.environ | {"TMPDIR": f"{tmp_path}/placebo"})
    try:
        end_strays(tmp_path / "place")
        assert stray.wait(10) == -signal.SIGKILL
        assert other.poll() is None
    finally:
        stray.kill()
        other.kill()
        other.wait()
