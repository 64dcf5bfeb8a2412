"""The command keeps its contract: exit codes, JSON alone on stdout, one clear message, nothing overwritten."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

from gifbench.builder.recipe import load_recipe
from gifbench.cli import plugin_commands
from gifbench.cli.info import _coverage
from gifbench.cli.output import progress_bar
from gifbench.dataset import Dataset
from gifbench.manifest.rows import official_rows
from gifbench.media.gif import Gif
from gifbench.progress import Progress
from tests.cli.forked_command import ForkedCommand
from tests.conftest import answer, invoke, succeed

COMMANDS = (
    *("build", "info", "verify", "export", "make", "methods", "tasks", "evaluate", "restore", "task-export", "score"),
    *("consistency", "leaderboard", "demo", "recipes", "train", "reproduce", "study", "study report"),
)


@pytest.mark.parametrize("command", [*COMMANDS, "study make"])
def test_every_command_helps_with_an_example(command: str) -> None:
    result = succeed(*command.split(), "--help")
    assert f"Example: gifbench {command.removesuffix(' make')}" in result.stdout


SLOW = """
import threading

class Slow:
    def restore_frames(self, frames, palettes):
        threading.Event().wait()
"""


@pytest.mark.parametrize("background", [False, True])
def test_sigterm_ends_a_command_in_order(tiny_dataset: Dataset, tmp_path: Path, background: bool) -> None:
    """Also one that a shell put in the background, which is told to ignore Ctrl-C."""
    method = tmp_path / "method" / "slow.py"
    method.parent.mkdir()
    method.write_text(SLOW)
    gif = tmp_path / "in.gif"
    gif.write_bytes(tiny_dataset["ant"].read("plain"))
    words = ("restore", f"{method}:Slow", gif, tmp_path / "out.mp4")
    process = ForkedCommand(*words, ignored=(signal.SIGINT,) if background else ())
    while not any("unfinished" in path.name for path in tmp_path.iterdir()) and process.poll() is None:
        time.sleep(0.02)
    assert process.poll() is None, process.stderr
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 143, process.stderr
    assert process.stderr.splitlines()[-1].startswith("Terminated.")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.gif", "method"]


def test_the_version_is_said() -> None:
    assert invoke("--version").stdout.startswith("gifbench 0.")


def test_build_and_info_say_the_same(tiny_recipe: Path, tiny_videos: Path, tmp_path: Path) -> None:
    built = answer("build", tiny_recipe, "--source", tiny_videos, "--out", tmp_path / "tiny", "--workers", 1)
    info = answer("info", tmp_path / "tiny")
    assert built["outcomes"] == {"built": 3, "rejected": {"too_short": 1, "too_small": 1}, "failed": {}}
    assert built.pop("changed") == []
    assert {key: info[key] for key in built} == built
    assert info["clips"] == {"test": 3}
    assert info["frames"] == {"test": 21}
    text = invoke("info", tmp_path / "tiny").stdout
    assert re.search(r"1 +rejected +too_small +no +the picture is smaller", text)
    assert "min_width=40" in text


def test_coverage_counts_what_the_index_holds() -> None:
    rows = [row for row in official_rows(load_recipe("gif-faces").manifest) if row.split == "test"]
    outcomes = [SimpleNamespace(clip_id=row.clip_id, state="built", reason="") for row in rows]  # of a killed repair
    found = _coverage(SimpleNamespace(name="gif-faces", official={"test": 104}, rows=rows[:3], outcomes=outcomes))
    assert (found["test"].here, found["test"].missing) == (3, {"": 101})


def test_build_takes_parameters_a_limit_and_a_split(tiny_recipe: Path, tiny_videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "tiny"
    common = ("build", tiny_recipe, "--source", tiny_videos, "--out", out, "--workers", 1)
    answer(*common, "--set", "colors=8", "--set", "quantizer=median-cut", "--limit", 2, "--split", "train")
    info = answer("info", out)
    assert info["clips"] == {"train": 2}
    assert (info["recipe"]["colors"], info["recipe"]["quantizer"]) == (8, "median-cut")


def test_build_from_a_manifest(tiny_recipe: Path, tiny_videos: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_videos, tmp_path / "videos"))
    (folder / "list.csv").write_text(
        "clip_id,split,source,locator,start_frame,end_frame\na,train,file,ant.mp4,1,5\nb,test,file,bee.mp4,,\n"
    )
    built = answer("build", tiny_recipe, "--manifest", folder / "list.csv", "--out", tmp_path / "out", "--workers", 1)
    assert (built["clips"], built["frames"]) == ({"test": 1, "train": 1}, {"test": 7, "train": 4})


def test_verify_says_what_is_damaged(tiny_dataset: Dataset, tmp_path: Path) -> None:
    whole = answer("verify", tiny_dataset.url, "--workers", 1)
    assert (whole["dataset"], whole["damage"], whole["duplicates"]["equal"]) == (tiny_dataset.url, [], [])
    copy = Path(shutil.copytree(tiny_dataset.url, tmp_path / "copy"))
    (copy / "shards" / "test-00001.tar").unlink()
    result = invoke("verify", copy, "--workers", 1)
    assert result.exit_code == 1
    assert "shards/test-00001.tar: the shard is missing" in result.stdout


def test_export_writes_the_members(tiny_dataset: Dataset, tmp_path: Path) -> None:
    files = answer("export", tiny_dataset.url, "ant", "--out", tmp_path / "out", "--png")
    assert len(files["files"]) == 3 + 6
    again = invoke("export", tiny_dataset.url, "ant", "--out", tmp_path / "out", "--png")
    assert again.exit_code == 0 and "reused" in again.stderr
    Path(files["files"][1]).write_bytes(b"another")
    again = invoke("export", tiny_dataset.url, "ant", "--out", tmp_path / "out")
    assert again.exit_code == 1
    assert "--overwrite" in again.stderr


def test_export_writes_every_clip_if_asked(tiny_dataset: Dataset, tmp_path: Path) -> None:
    files = answer("export", tiny_dataset.url, "--all", "--out", tmp_path / "out")
    assert len(files["files"]) == 3 * len(tiny_dataset)
    assert invoke("export", tiny_dataset.url, "--out", tmp_path / "out").exit_code == 2


def test_info_lists_the_clips_and_what_was_left_out_with_reasons(tiny_dataset: Dataset) -> None:
    told = invoke("info", tiny_dataset.url, "--clips").stdout
    assert all(row.clip_id in told for row in tiny_dataset.rows)
    found = answer("info", tiny_dataset.url, "--clips")
    assert [clip["clip_id"] for clip in found["clip_list"]] == [row.clip_id for row in tiny_dataset.rows]
    about = tiny_dataset.about["outcomes"]
    assert len(found["left_out"]) == sum(sum(about[key].values()) for key in ("rejected", "failed"))
    assert all(each["reason"] for each in found["left_out"])


def test_recipes_say_what_their_parameters_mean() -> None:
    found = answer("recipes", "gif-faces")
    (recipe,) = found
    parameters = {each["name"]: each for each in recipe["parameters"]}
    assert parameters["expand"]["default"] == 1.5 and "enlarged" in parameters["expand"]["meaning"]
    assert all(each["meaning"] for recipe in answer("recipes") for each in recipe["parameters"])
    assert "gif-moments" in invoke("recipes").stdout


def test_make_makes_a_gif_and_says_how_good_it_is(tiny_videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.gif"
    made = answer("make", tiny_videos / "cat.mp4", out, "--colors", 64, "--no-dither", "--every", 2, "--size", 32)
    gif = Gif.read(out)
    assert (len(gif), gif.width, gif.height) == (4, 32, 24) == (made["frames"], made["width"], made["height"])
    assert float(gif.duration) == made["seconds"] == 0.32
    assert made["psnr"] > 30
    assert invoke("make", tiny_videos / "cat.mp4", out).exit_code == 1
    succeed("make", tiny_videos / "cat.mp4", out, "--start", "0.08", "--end", "0.2", "--overwrite")
    assert len(Gif.read(out)) == 3


def test_progress_does_not_count_to_zero(tiny_videos: Path, tmp_path: Path) -> None:
    told = invoke("make", tiny_videos / "cat.mp4", tmp_path / "a.gif").stderr
    assert "Making a.gif: 1 frames" in told
    assert "/0" not in told


def test_plain_progress_says_the_time_left_by_the_pace_of_this_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr("gifbench.cli.progress_bar.time.monotonic", lambda: now)
    with progress_bar("Scoring") as step:
        for done, seconds in ((50, 0), (51, 2), (60, 20), (500, 2500), (1050, 10_000)):
            now = 100.0 + seconds
            step(Progress(done, 1050, "a"))
    with progress_bar("Counting") as step:
        for done in (1, 2, 3):
            now += 2
            step(Progress(done))
    with progress_bar("Fetching") as step:
        for done in (1, 2):
            now += 2
            step(Progress(done, 9, "a", message=f"pause {done}", seconds_left=3600 * 3))
    assert capsys.readouterr().err.splitlines() == [
        "Scoring: 50/1050 a",  # what an earlier run did says nothing of the pace
        "Scoring: 51/1050 a, about 33 minutes left",
        "Scoring: 60/1050 a, about 33 minutes left",
        "Scoring: 500/1050 a, about 51 minutes left",
        "Scoring: 1050/1050 a",
        "Counting: 1",
        "Counting: 2",
        "Counting: 3",
        "pause 1",
        "Fetching: 1/9 a, about 3 hours left",
        "pause 2",
        "Fetching: 2/9 a, about 3 hours left",
    ]


def test_names_and_errors_of_others_cannot_drive_the_terminal(tmp_path: Path) -> None:
    told = invoke("info", tmp_path / "gone\x1b[2J\x9b\u202etxt")
    assert told.exit_code == 1
    assert "gone�[2J��txt" in told.stderr
    assert not re.search("[\x1b\x9b\u202e]", told.output)


def test_an_optimized_gif_shows_the_same(tiny_videos: Path, tmp_path: Path) -> None:
    for name, option in (("a.gif", ()), ("b.gif", ("--optimize",))):
        answer("make", tiny_videos / "cat.mp4", tmp_path / name, *option)
    whole, small = Gif.read(tmp_path / "a.gif"), Gif.read(tmp_path / "b.gif")
    assert (whole.frames == small.frames).all()
    assert whole.times == small.times


def test_evaluate_scores_and_the_page_is_made(tiny_dataset: Dataset, tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text("class Mine:\n    def restore_frames(self, frames, palettes):\n        return frames\n")
    results = answer(
        *(
            "evaluate",
            "gif",
            "gaussian:sigma=0.7",
            "--data",
            tiny_dataset.url,
            "--task",
            "plain-1",
            "--task",
            "dithered-2",
        ),
        *("--method-file", f"{mine}:Mine", "--out", tmp_path / "results"),
    )
    assert {(each["method"], each["task"], each["protocol"]) for each in results} == {
        (method, task, protocol)
        for method in ("gif", "gaussian:sigma=0.7", "Mine")
        for task in ("plain-1", "dithered-2")
        for protocol in ("standard", "gif2video")
    }
    for each in results:
        assert set(each) == {
            *("method", "task", "split", "protocol", "clips", "frames", "coverage", "scores", "dataset", "file"),
        }
        low, high = each["scores"]["psnr"]["ci95"]
        assert low <= each["scores"]["psnr"]["mean"] <= high
        assert Path(each["file"]).is_file()
    twice = ("evaluate", "gif", "--data", tiny_dataset.url, "--task", "plain-1", "--out", tmp_path / "results")
    again = succeed(*twice)
    assert "gif on plain-1: the very same run exists, reused" in again.stderr
    assert invoke(*twice, "--existing", "error").exit_code == 1
    table = invoke("results", tmp_path / "results").stdout
    assert "PSNR dB" in table and "gaussian:sigma=0.7" in table
    page = answer("leaderboard", tmp_path / "results", "--data", tiny_dataset.url, "--out", tmp_path / "site")
    assert "gaussian:sigma=0.7" in Path(page["page"]).read_text(encoding="utf-8")


def test_methods_and_tasks_are_listed() -> None:
    methods = answer("methods")
    assert {"gif", "gaussian-0.5", "gaussian-1.0"} <= {method["name"] for method in methods}
    assert all({"name", "origin", "tasks", "parameters", "weights", "licence"} <= set(method) for method in methods)
    tasks = answer("tasks")
    assert [task["name"] for task in tasks][:2] == ["plain-1", "plain-2"]
    assert "gaussian-0.5" in invoke("methods").stdout
    assert "frames 0, 8, 16" in invoke("tasks").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["build", "gif-face", "--source", ".", "--out", "x"], 2, 'did you mean "gif-faces"'),
        (["build", "gif-faces", "--source", "/nowhere", "--out", "x"], 1, "no such folder"),
        (["build", "gif-faces", "--out", "x"], 2, "either --source FOLDER or --manifest FILE"),
        (["build", "gif-faces", "--source", ".", "--out", "x", "--set", "expnad=2"], 1, 'did you mean "expand"'),
        (["build", "gif-faces", "--source", ".", "--out", "x", "--set", "expand=wide"], 1, "expand is 'wide'"),
        (["build", "gif-faces", "--source", ".", "--out", "x", "--set", "expand"], 2, "KEY=VALUE"),
        (["build", "gif-faces", "--source", ".", "--out", "x", "--split", "valid"], 2, "train, validation, test"),
        (["build", "nothing.py", "--source", ".", "--out", "x"], 2, "no such recipe file"),
        (["build", "gif-faces", "--source", ".", "--out", "s4://b/x"], 1, "Protocol not known: s4"),
        (["build", "gif-faces"], 2, "build wants"),
        (["info", "/nowhere"], 1, "no dataset is here"),
        (["make", "/nowhere.mp4", "x.gif"], 1, "nowhere.mp4"),
        (["make", "/nowhere.mp4", "x.gif", "--colors", "257"], 2, "2 to 256"),
        (["make", "/nowhere.mp4", "x.gif", "--size", "big"], 2, "--size is 'big'"),
        (["make", "/nowhere.mp4", "x.gif", "--start", "soon"], 2, "--start is 'soon'"),
        (["evaluate", "--data", "x", "--task", "plain-1"], 2, "name a method"),
        (["evaluate", "gausian", "--data", "x", "--task", "plain-1"], 1, "gaussian"),
        (["nonsense"], 2, "No such command"),
    ],
)
def test_what_cannot_be_is_one_clear_message(
    arguments: list[str], code: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke(*arguments)
    assert result.exit_code == code, result.output
    assert says in " ".join(result.stderr.replace("│", " ").split())
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_json_failure_is_a_json_document() -> None:
    result = invoke("info", "/nowhere", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["code"] == "dataset"
    assert "Error: /nowhere: no dataset is here" in result.stderr


def test_a_fault_of_our_own_shows_no_traceback(tiny_dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(url: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("gifbench.dataset.open_dataset", broken)
    result = invoke("info", tiny_dataset.url, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["code"] == "internal"
    monkeypatch.setenv("GIFBENCH_DEBUG", "1")
    assert isinstance(invoke("info", tiny_dataset.url).exception, RuntimeError)


def test_a_reader_that_goes_away_is_no_error(tiny_dataset: Dataset) -> None:
    command = f"{sys.executable} -m gifbench info {tiny_dataset.url} --json | head -c 10"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


def test_a_read_only_place_is_said(tiny_recipe: Path, tiny_videos: Path) -> None:
    result = invoke("build", tiny_recipe, "--source", tiny_videos, "--out", "/proc/dataset", "--workers", 1)
    assert result.exit_code == 1
    assert "/proc/dataset" in result.stderr
    assert "Traceback" not in result.output


def test_palettes_and_ditherers_can_be_chosen(tiny_videos: Path, tmp_path: Path) -> None:
    video = tiny_videos / "cat.mp4"

    def psnr(*options: object) -> float:
        made = answer("make", video, tmp_path / "a.gif", "--overwrite", *options)
        return float(made["psnr"])

    plain = psnr("--no-dither")
    assert psnr("--no-dither", "--kmeans-steps", 2) > plain
    assert psnr("--no-dither", "--quantizer", "median-cut") < plain
    assert len({psnr("--ditherer", name) for name in ("floyd-steinberg", "sierra-2-4a", "bayer")}) == 3
    assert psnr("--no-dither", "--one-palette") < plain
    palettes = Gif.read(tmp_path / "a.gif").palettes
    assert len({palette.tobytes() for palette in palettes}) == 1
    for wrong in ("--ditherer atkinson", "--quantizer octree", "--quantizer median-cut --one-palette"):
        assert invoke("make", video, tmp_path / "b.gif", *wrong.split()).exit_code == 2


def test_what_a_package_prints_as_its_command_is_loaded_is_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "loud_commands_of_test.py").write_text("print('hello')\n\n\ndef invoke() -> None:\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    point = EntryPoint("loud", "loud_commands_of_test:run", plugin_commands.GROUP)
    monkeypatch.setattr(plugin_commands, "entry_points", lambda group: [point])
    plugin_commands.add_commands(typer.Typer(), {})
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "hello\n")
