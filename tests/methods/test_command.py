"""A program in any language is a method; whatever it does wrong is one line, and nothing of it lives on."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from gifbench.child_processes import end_strays
from gifbench.dataset import Dataset
from gifbench.errors import MethodFailed, UsageError
from gifbench.media.gif import Gif
from gifbench.methods.command import load_method_command
from gifbench.methods.inference import run_method
from tests.conftest import answer

COPY = """
import json, sys
from pathlib import Path
import numpy as np
from PIL import Image
gif, out, wanted = sys.argv[1], Path(sys.argv[2]), json.load(open(sys.argv[3]))
image = Image.open(gif)
for i in range(len(wanted["times"])):
    image.seek(i)
    image.convert("RGB").save(out / f"{i:05d}.png")
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes a Python program into the folder one is in; gives the command for it."""
    monkeypatch.chdir(tmp_path)

    def write(code: str, name: str = "mine.py") -> str:
        Path(name).write_text(code)
        return f"{sys.executable} {name} {{gif}} {{out}} {{times}}"

    return write


def run(command: str, gif: Gif, times=None, **options: float) -> np.ndarray:
    loaded = load_method_command(command, **options)
    return np.concatenate(list(run_method(loaded, gif, times or gif.times, clip="clip a")))


def fails(command: str, gif: Gif, **options: float) -> str:
    with pytest.raises(MethodFailed) as error:
        run(command, gif, **options)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("method mine on clip a: ")
    return str(error.value)


def test_a_program_is_a_method(program, gif: Gif) -> None:
    np.testing.assert_array_equal(run(program(COPY), gif), gif.frames)


def test_a_shell_script_is_a_method_by_its_relative_path(program, gif: Gif, tmp_path: Path) -> None:
    program(COPY, "copy.py")
    script = tmp_path / "mine.sh"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} {tmp_path}/copy.py "$1" "$2" times.json\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    np.testing.assert_array_equal(run("./mine.sh {gif} {out}", gif), gif.frames)


def test_a_lossless_video_will_do(program, gif: Gif) -> None:
    code = """
import sys
from fractions import Fraction
from gifbench.media.gif import Gif
from gifbench.media.video import LosslessWriter
gif = Gif.read(sys.argv[1])
with LosslessWriter(sys.argv[2], width=gif.width, height=gif.height, frame_rate=Fraction(25)) as writer:
    for frame in gif.frames:
        writer.add(frame)
"""
    command = program(code).replace("{out}", "{out}.mkv")
    np.testing.assert_array_equal(run(command, gif), gif.frames)


def test_it_is_told_exact_times_and_never_the_truth(program, gif: Gif) -> None:
    code = COPY + "\nimport os\nPath(sys.argv[0]).with_suffix('.seen').write_text(json.dumps([wanted, os.listdir()]))\n"
    run(program(code), gif, times=gif.times[:3])
    wanted, files = json.loads(Path("mine.seen").read_text())
    assert [Fraction(time) for time in wanted["times"]] == list(gif.times[:3])
    assert [Fraction(time) for time in wanted["gif_times"]] == list(gif.times)
    assert sorted(files) == ["in.gif", "out", "times.json"]


def test_what_is_recorded_of_it(program) -> None:
    loaded = load_method_command("waifu-2=" + program(COPY))
    assert (loaded.name, loaded.origin) == ("waifu-2", "a command")
    assert str(Path.cwd()) not in str(loaded.options)
    before = loaded.code_sha256
    program(COPY + "# changed\n")
    assert load_method_command(program(COPY + "# changed\n")).code_sha256 != before


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; sys.exit('no\\nmodel \\x1b[31mfound')", "exit code 1, its last words: model  [31mfound"),
        ("import os; os.abort()", "signal 6"),
        ("pass", "0 frames are there, 6 are wanted"),
        (COPY + "\n(out / '00005.png').unlink()", "5 frames are there, 6 are wanted"),
        (COPY + "\n(out / '00003.png').rename(out / '00009.png')", "from 0 or 1, and 3 is missing"),
        (COPY + "\n(out / 'readme.txt').write_text('x')", "'readme.txt' is no frame"),
        (COPY + "\nImage.new('RGB', (31, 24)).save(out / '00002.png')", "00002.png has 31×24 pixels, 32×24"),
        (COPY + "\nImage.new('L', (32, 24)).save(out / '00002.png')", "00002.png is 8-bit, gray; 8-bit RGB"),
        (COPY + "\n(out / '00002.png').write_bytes(b'x')", "00002.png is no PNG"),
        (COPY + "\np = out / '00002.png'; p.write_bytes(p.read_bytes()[:-60])", "00002.png is no whole PNG"),
        (COPY + "\np = out / '00002.png'; p.unlink(); p.symlink_to(gif)", "00002.png is a symbolic link"),
        (COPY + "\nimport os; p = out / '00002.png'; p.unlink(); os.mkfifo(p)", "00002.png is no regular file"),
        (COPY + "\nimport shutil; shutil.rmtree(out); out.symlink_to('/tmp')", "out is a symbolic link"),
        (COPY + "\nimport shutil; shutil.rmtree(out)", "left neither"),
        (COPY + "\nPath('../elsewhere').write_text('x')", "wrote outside of its folder: ../elsewhere"),
        (COPY + "\nPath(str(out) + '.mkv').write_text('x')", "both a folder and an .mkv"),
    ],
)
def test_what_it_does_wrong_is_one_line(program, gif: Gif, code: str, said: str) -> None:
    assert said in fails(program(code), gif)


def test_one_that_hangs_is_ended_with_all_it_started(program, gif: Gif, tmp_path: Path) -> None:
    code = """
import subprocess, sys, time
from pathlib import Path
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
Path(sys.argv[0]).with_suffix(".pid").write_text(str(child.pid))
time.sleep(3600)
"""
    assert "longer than the limit of 1.5 seconds" in fails(program(code), gif, time_limit=1.5)
    assert ended(int(Path("mine.pid").read_text()))


def test_what_it_leaves_running_ends_with_it(program, gif: Gif) -> None:
    code = COPY + (
        "\nimport subprocess\nchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "Path(sys.argv[0]).with_suffix('.pid').write_text(str(child.pid))\n"
    )
    run(program(code), gif)
    assert ended(int(Path("mine.pid").read_text()))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says which folder a process works in")
@pytest.mark.parametrize(
    "how", ["start_new_session=True", "start_new_session=True, env={}", "process_group=0, cwd='/'"]
)
def test_a_daemon_of_its_own_session_ends_too_and_no_other_process_does(program, gif: Gif, how: str) -> None:
    code = COPY + (
        f"\nimport subprocess\nchild = subprocess.Popen(['sleep', '60'], {how})\n"
        "Path(sys.argv[0]).with_suffix('.pid').write_text(str(child.pid))\n"
    )
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as bystander:
        run(program(code), gif)
        assert ended(int(Path("mine.pid").read_text()))
        assert bystander.poll() is None
        bystander.kill()


def ended(pid: int) -> bool:
    """Whether a process is gone, or waits only for somebody to note its end."""
    for _ in range(600):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX":
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("", "empty"),
        ("'", "cannot be split"),
        ("./mine {gif}", r"no {out}"),
        ("./mine {out}", r"no {gif}"),
        ("./not-there {gif} {out}", "no program './not-there'"),
    ],
)
def test_a_command_that_cannot_be_is_wrong_usage(program, command: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        load_method_command(command)


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_a_time_limit_that_cannot_be_is_wrong_usage(program, seconds: float) -> None:
    with pytest.raises(UsageError, match="time limit"):
        load_method_command(program(COPY), time_limit=seconds)


def test_a_program_scores_what_the_same_method_scores_in_python(program, tiny_dataset: Dataset, tmp_path: Path) -> None:
    arguments = ["evaluate", "gif", "--method-command", program(COPY), "--data", tiny_dataset.url, "--task", "plain-1"]
    ours, theirs = answer(*arguments, "--protocol", "standard", "--limit", "2")
    assert (ours["method"], theirs["method"]) == ("gif", "mine")
    assert ours["scores"] == theirs["scores"]


def test_a_program_that_the_system_cannot_start_is_said(gif: Gif, tmp_path: Path) -> None:
    program = tmp_path / "mine"
    program.write_bytes(b"\x7fELF and no more")
    program.chmod(0o755)
    loaded = load_method_command(f"{program} {{gif}} {{out}} {{times}}")
    with pytest.raises(MethodFailed, match="the program cannot be started: "):
        list(run_method(loaded, gif, gif.times, clip="clip a"))


def test_a_program_that_replaces_its_folder_is_caught(program, gif: Gif) -> None:
    code = "import shutil\nfrom pathlib import Path\nhere = Path.cwd()\nshutil.rmtree(here)\nhere.write_text('mine')"
    assert "it replaced its folder by something else" in fails(program(code), gif)


def test_elsewhere_than_on_linux_what_a_program_leaves_running_is_not_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other systems do not say where a process works; no guess is made, and nothing of anybody's is ended."""
    sleeper = subprocess.Popen(["sleep", "60"], cwd=tmp_path)
    try:
        monkeypatch.setattr(sys, "platform", "darwin")
        end_strays(tmp_path)
        assert sleeper.poll() is None
        monkeypatch.setattr(sys, "platform", "linux")
        end_strays(tmp_path)
        assert sleeper.wait(10) == -9
    finally:
        sleeper.kill()
