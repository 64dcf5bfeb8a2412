"""`gifbench evaluate` as a process: it goes on where it ended, prints what it should, and leaves nothing running."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gifbench.dataset import Dataset
from tests.cli.forked_command import ForkedCommand
from tests.conftest import answer, invoke, succeed
from tests.methods.test_command import ended

LOUD = """
import os
print("loading")

class Loud:
    def restore_frames(self, frames, palettes):
        print("restoring")
        os.write(1, b"from below\\n")
        return frames
"""

METRIC = """
class Louder:
    name = "louder"
    def measure(self, pair):
        print("measuring")
        return 1.0
"""


@pytest.mark.parametrize("more", [(), ("--time-limit", 300)], ids=["in this process", "in a worker"])
def test_what_methods_and_metrics_print_never_reaches_stdout(
    tiny_dataset: Dataset, tmp_path: Path, more: tuple[object, ...]
) -> None:
    (tmp_path / "loud.py").write_text(LOUD)
    (tmp_path / "metric.py").write_text(METRIC)
    done = ForkedCommand(
        *("evaluate", tmp_path / "loud.py", "--data", tiny_dataset.url, "--task", "plain-1", "--protocol", "standard"),
        *("--metric-file", tmp_path / "metric.py", "--out", tmp_path / "results", "--json", *more),
    )
    assert done.wait() == 0, done.stderr
    (result,) = json.loads(done.stdout)
    assert result["scores"]["louder"]["mean"] == 1
    assert "restoring" in done.stderr and "from below" in done.stderr and "measuring" in done.stderr


def test_check_prints_one_document(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text(LOUD)
    done = ForkedCommand("methods", "check", tmp_path / "loud.py", "--json")
    assert done.wait() == 0, done.stderr
    assert all(each["kept"] is not False for each in json.loads(done.stdout))


WAITS = """
import os, time
from pathlib import Path

class Waits:
    def restore(self, gif, times):
        here = Path(os.environ["MARK"])
        if not here.exists():
            here.touch()
            time.sleep(3600)
        return gif.frames
"""


@pytest.mark.parametrize(("number", "existing"), [(signal.SIGINT, "keep"), (signal.SIGTERM, "error")])
def test_ended_in_the_first_clip_of_the_second_method_the_same_command_goes_on(
    tiny_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, existing: str
) -> None:
    (tmp_path / "waits.py").write_text(WAITS)
    mark = tmp_path / "mark"
    same = (
        *("evaluate", "gif", tmp_path / "waits.py", "--data", tiny_dataset.url, "--task", "plain-1"),
        *("--out", tmp_path / "results", "--existing", existing),
    )
    monkeypatch.setenv("MARK", str(mark))
    process = ForkedCommand(*same)
    while not mark.exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait() == 128 + number
    assert "run the same command again to go on" in process.stderr
    done = succeed(*same)
    assert "gif on plain-1: the very same run exists, reused" in done.stderr
    assert len(list((tmp_path / "results").rglob("*.json"))) == 4


SLEEPS = """
import os, subprocess, sys, time
from pathlib import Path
Path(sys.argv[3]).write_text(str(os.getpid()))
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"], start_new_session=True)
time.sleep(3600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc says which processes there are")
@pytest.mark.parametrize(
    ("number", "more"),
    [(signal.SIGKILL, ()), (signal.SIGKILL, ("--workers", 2)), (signal.SIGHUP, ("--time-limit", 3600))],
    ids=["killed", "killed with its workers", "hung up with its worker"],
)
def test_a_program_ends_with_the_command_however_that_ends(
    tiny_dataset: Dataset, tmp_path: Path, number: signal.Signals, more: tuple[object, ...]
) -> None:
    (tmp_path / "sleeps.py").write_text(SLEEPS)
    pid = tmp_path / "pid"
    process = ForkedCommand(
        *("evaluate", "--method-command", f"{sys.executable} {tmp_path / 'sleeps.py'} {{gif}} {{out}} {pid}"),
        *("--data", tiny_dataset.url, "--task", "plain-1", "--out", tmp_path / "results", *more),
    )
    while not (pid.exists() and pid.read_text()) and process.poll() is None:
        time.sleep(0.02)
    program = int(pid.read_text())
    assert Path(f"/proc/{program}").exists()
    process.send_signal(number)
    process.wait()
    assert ended(program)


def test_without_a_task_color_is_scored_and_that_is_said(tiny_dataset: Dataset, tmp_path: Path) -> None:
    common = ["evaluate", "--data", tiny_dataset.url, "--out", str(tmp_path / "results"), "--protocol", "standard"]
    done = succeed(*common, "soft=gaussian:sigma=0.7", "gif", "--json")
    assert {(each["method"], each["task"]) for each in json.loads(done.stdout)} == {
        (method, task) for method in ("soft", "gif") for task in ("plain-1", "dithered-1")
    }
    assert "plain-1 and dithered-1 are evaluated" in done.stderr
    done = invoke(*common, "gif", "--task", "plain-1,plain-2", "--protocol", "both", "--json")
    assert len(json.loads(done.stdout)) == 4


def test_a_limited_run_replaces_no_fuller_one_and_metrics_are_added(tiny_dataset: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "results"
    common = ["evaluate", "gif", "--data", tiny_dataset.url, "--task", "plain-1", "--protocol", "standard"]

    def scored(*further: str) -> Any:
        (found,) = answer(*common, "--out", out, *further)
        return found

    whole = scored()
    few = scored("--limit", "1", "--overwrite")
    assert (whole["clips"], few["clips"]) == (3, 1)
    assert Path(whole["file"]).is_file() and whole["file"] != few["file"]
    more = scored("--metrics", "flat")
    both = scored("--metrics", "gradient")
    assert more["file"] == both["file"] == whole["file"]
    assert set(both["scores"]) == {"psnr", "ssim", "flat", "gradient"}
    assert set(scored()["scores"]) == set(both["scores"]), "there is all that was asked for"


def test_a_command_that_ends_with_another_code_than_0_still_prints_its_result(
    tiny_recipe: Path, tiny_videos: Path, tmp_path: Path
) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    (videos / "ant.mp4").write_bytes((tiny_videos / "ant.mp4").read_bytes())
    (videos / "empty.mp4").touch()
    (tmp_path / "net.py").write_text("class Net:\n    def restore(self, gif, times):\n        return gif.frames[:1]\n")
    build, check = ("build", tiny_recipe, "--source", videos, "--workers", 1), ("methods", "check", tmp_path / "net.py")
    built = [(*build, "--out", tmp_path / "a", "--json"), (*build, "--out", tmp_path / "b")]
    ended = [ForkedCommand(*words) for words in (*built, (*check, "--json"), check)]
    for (as_json, as_text), code, printed in ((ended[:2], 3, '"failed"'), (ended[2:], 1, '"kept"')):
        assert as_json.wait() == as_text.wait() == code, (as_json.stderr, as_text.stderr)
        assert printed in json.dumps(json.loads(as_json.stdout))
        assert len(as_text.stdout) > 20
