"""A task goes out without its truth, and what comes back is scored like any method, or refused line by line."""

from __future__ import annotations

import json
import os
import shutil
import struct
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gifbench.dataset import Dataset, open_dataset
from gifbench.errors import AlreadyExists, DatasetError, MethodFailed, NotFound, UsageError
from gifbench.evaluation.evaluate import evaluate
from gifbench.evaluation.submission import score_submission
from gifbench.evaluation.task_export import export_task
from gifbench.media.gif import Gif
from gifbench.methods.inference import run_method
from gifbench.methods.registry import load_method
from gifbench.results.io import load_result
from tests.conftest import invoke, moving_picture, succeed, write_lossless, write_video


def answer_with(method: str, task: Path, out: Path, *, video: bool = False, first: int = 0) -> Path:
    """What a stranger's program does: reads task.json, restores each GIF, writes frames."""
    loaded = load_method(method)
    for item in json.loads((task / "task.json").read_text())["items"]:
        gif = Gif.read(task / item["gif"])
        assert (gif.width, gif.height, len(gif)) == (item["width"], item["height"], len(item["gif_times"]))
        frames = np.concatenate(list(run_method(loaded, gif, [Fraction(t) for t in item["times"]], clip=item["name"])))
        frames = np.rint(frames).astype(np.uint8)
        if video:
            out.mkdir(exist_ok=True)
            write_lossless(out / f"{item['name']}.mkv", frames)
            continue
        (out / item["name"]).mkdir(parents=True)
        for i, frame in enumerate(frames, start=first):
            Image.fromarray(frame).save(out / item["name"] / f"{i:05d}.png")
    return out


@pytest.fixture(scope="module")
def exported(tiny_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export") / "task"
    assert export_task(tiny_dataset, "dithered-2", out) == 3
    return out


@pytest.fixture
def answer(exported: Path, tmp_path: Path) -> Path:
    return answer_with("gaussian-0.5", exported, tmp_path / "frames")


@pytest.mark.parametrize(("video", "first"), [(False, 0), (False, 1), (True, 0)])
def test_a_submission_scores_what_the_same_method_scores(
    tiny_dataset: Dataset, exported: Path, tmp_path: Path, video: bool, first: int
) -> None:
    frames = answer_with("gaussian-0.5", exported, tmp_path / "frames", video=video, first=first)
    result = score_submission(frames, tiny_dataset, "dithered-2", name="theirs", out=tmp_path / "results")
    (direct,) = evaluate("gaussian-0.5", tiny_dataset, "dithered-2", protocols=["standard"])
    assert result.scores == direct.scores
    assert (result.clips, result.frames, result.method_seconds) == (direct.clips, direct.frames, 0)
    loaded = load_result(result.path)
    assert (loaded.method.name, loaded.method.origin) == ("theirs", "a submission")


def test_the_released_protocol_goes_segment_by_segment(tiny_dataset: Dataset, tmp_path: Path) -> None:
    common = ("--task", "plain-2", "--protocol", "gif2video")
    exported = invoke("task-export", tiny_dataset.url, *common, "--out", tmp_path / "task", "--json")
    assert json.loads(exported.stdout)["gifs"] == 6, exported.output
    answer_with("gif", tmp_path / "task", tmp_path / "frames")
    shutil.copy(tmp_path / "task" / "task.json", tmp_path / "frames")
    arguments = ("--data", tiny_dataset.url, *common, "--name", "x", "--out", tmp_path / "results", "--json")
    scored = succeed("score", tmp_path / "frames", *arguments)
    (direct,) = evaluate("gif", tiny_dataset, "plain-2", protocols=["gif2video"])
    (result,) = json.loads(scored.stdout)
    assert result["scores"]["psnr"]["mean"] == direct.scores["psnr"].mean


def test_what_goes_out_holds_no_truth(exported: Path, tiny_dataset: Dataset) -> None:
    assert {path.suffix for path in exported.rglob("*") if path.is_file()} == {".gif", ".json"}
    about = json.loads((exported / "task.json").read_text())
    assert about["dataset"] == {"name": "tiny", "fingerprint": tiny_dataset.fingerprint}
    for item in about["items"]:
        clip = tiny_dataset[item["name"]]
        gif = Gif.read(exported / item["gif"])
        assert len(gif) == (clip.num_frames + 1) // 2
        np.testing.assert_array_equal(gif.indices, clip.gif(dithered=True, every=2).indices)
        assert [Fraction(time) for time in item["times"]] == list(clip.times[: 2 * len(gif) - 1])
        assert [Fraction(time) for time in item["gif_times"]] == list(clip.times[: 2 * len(gif) : 2])


def test_a_task_is_not_overwritten_unasked_and_names_are_checked(exported: Path, tiny_dataset: Dataset) -> None:
    with pytest.raises(AlreadyExists):
        export_task(tiny_dataset, "dithered-2", exported)
    with pytest.raises(UsageError, match="did you mean"):
        export_task(tiny_dataset, "dithered-3", exported)
    with pytest.raises(UsageError, match="long enough"):
        export_task(tiny_dataset, "plain-8", exported / "none", limit=1)
    with pytest.raises(DatasetError, match="split"):
        export_task(tiny_dataset, "plain-1", exported / "none", split="train")


FRAME = "ant/00002.png"
Spoil = Callable[[Path], object]


def remove_clip(frames: Path) -> None:
    shutil.rmtree(frames / "ant")


def instead(name: str, put: Spoil) -> Spoil:
    """Something else in place of a frame, or of the clip."""

    def spoil(frames: Path) -> None:
        if name == FRAME:
            (frames / FRAME).unlink()
        else:
            remove_clip(frames)
        put(frames / name)

    return spoil


def picture(mode: str, size: tuple[int, int] = (32, 24)) -> Spoil:
    return instead(FRAME, Image.new(mode, size).save)


def content(data: bytes) -> Spoil:
    return instead(FRAME, lambda path: path.write_bytes(data))


def link(target: str) -> Spoil:
    return lambda path: path.symlink_to(target)


def video(width: int) -> Spoil:
    """A video of one frame."""

    return instead("ant.mkv", lambda path: write_lossless(path, np.zeros((1, 24, width, 3), np.uint8)))


def add_many(frames: Path) -> None:
    for i in range(5, 60):
        (frames / "ant" / f"{i:05d}.png").touch()


def png(width: int, height: int, rows: bytes, *, bits: int = 8, kind: int = 2) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def two_headers() -> bytes:
    """A decoder believes the last header, after the first one was checked."""
    honest, huge = png(32, 24, bytes(24 * (1 + 32 * 3))), png(13_000, 13_000, b"")
    end = 8 + 4 + 4 + 13 + 4
    return honest[:end] + huge[8:end] + honest[end:]


def damaged_video(path: Path) -> None:
    """Whole by its header; a frame in its middle is not."""
    noise = np.random.default_rng(0).integers(0, 256, (5, 24, 32, 3), dtype=np.uint8)
    data = bytearray(write_lossless(path, noise).read_bytes())
    data[len(data) // 2 : len(data) // 2 + 900] = bytes(900)
    path.write_bytes(data)


def other_task(frames: Path) -> None:
    about = {"dataset": {"fingerprint": "other"}, "split": "test", "task": "dithered-2", "protocol": "standard"}
    (frames / "task.json").write_text(json.dumps(about))


NO_VIDEO = b"#EXTM3U\nfile:///etc/passwd\n"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (remove_clip, "ant: its frames are missing"),
        (lambda frames: (frames / FRAME).unlink(), "ant: 4 frames are there, 5 are wanted"),
        (lambda frames: (frames / "ant" / "00005.png").touch(), "ant: 6 frames are there, 5 are wanted"),
        (add_many, "ant: 27 or more frames are there, 5 are wanted"),
        (lambda frames: (frames / "<b>dog").mkdir(), "'<b>dog' is no clip of this task"),
        (instead("ant", link("/etc")), "ant: ant is a symbolic link"),
        (instead(FRAME, link("00001.png")), "ant: 00002.png is a symbolic link"),
        (instead(FRAME, os.mkfifo), "ant: 00002.png is no regular file"),
        (instead("ant.mkv", link("/dev/zero")), "ant: ant.mkv is a symbolic link"),
        (lambda frames: (frames / "ant" / ".DS_Store").touch(), "ant: '.DS_Store' is no frame"),
        (picture("L"), "ant: 00002.png is 8-bit, gray; 8-bit RGB is wanted"),
        (picture("RGBA"), "ant: 00002.png is 8-bit, RGB with alpha; 8-bit RGB is wanted"),
        (picture("P"), "with a palette; 8-bit RGB is wanted"),
        (content(png(32, 24, bytes(24 * (1 + 32 * 6)), bits=16)), "ant: 00002.png is 16-bit, RGB; 8-bit RGB is wanted"),
        (content(png(60_000, 60_000, bytes(10_000))), "ant: 00002.png has 60000×60000 pixels, 32×24 are wanted"),
        (content(two_headers()), "ant: 00002.png is no whole PNG, or has more than one header"),
        (content(png(32, 24, bytes(100))), "ant: 00002.png cannot be decoded"),
        (lambda frames: os.truncate(frames / FRAME, 1 << 24), "00002.png is longer than"),
        (picture("RGB", (24, 32)), "ant: 00002.png has 24×32 pixels, 32×24 are wanted"),
        (instead("ant.mkv", lambda path: path.write_bytes(NO_VIDEO)), "ant.mkv: it cannot be decoded"),
        (video(32), "it gave back 1 frames, 5 were asked for"),
        (video(64), "64×24"),
        (video(16), "ant: ant.mkv is 16×24, 32×24 is wanted"),
        (instead("ant.mkv", damaged_video), "its data break off or are damaged at frame 2"),
        (instead("ant", lambda path: path.write_text("frames")), "ant: it is no folder of PNGs"),
        (instead("ant.mkv", os.mkfifo), "ant: ant.mkv is no regular file"),
        (lambda frames: (frames / "task.json").symlink_to("/etc/passwd"), "task.json is a symbolic link"),
        (
            instead("ant.mkv", lambda path: write_video(path, moving_picture(5, 24, 32))),
            "ant.mkv holds yuv420p pixels, which is no 8-bit RGB",
        ),
        (lambda frames: (frames / "ant.mkv").touch(), "ant: both a folder and an .mkv are there"),
        (other_task, "it was made for the fingerprint 'other'"),
        (lambda frames: (frames / "task.json").write_text("[" * 100_000), "task.json is not what task-export wrote"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_one_line_and_nothing_is_scored(
    tiny_dataset: Dataset, answer: Path, tmp_path: Path, spoil, said: str
) -> None:
    spoil(answer)
    arguments = ("--data", tiny_dataset.url, "--task", "dithered-2", "--name", "x", "--out", tmp_path / "results")
    result = invoke("score", answer, *arguments)
    assert result.exit_code == 1, result.output
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert [line for line in result.stderr.splitlines() if line.startswith("Error: ")] == [
        result.stderr.splitlines()[-1]
    ]
    assert result.stdout == ""
    assert not (tmp_path / "results").exists()


def test_every_fault_has_its_line_up_to_twenty(tiny_dataset: Dataset, answer: Path) -> None:
    picture("L")(answer)
    (answer / "bee" / "00000.png").unlink()
    for i in range(30):
        (answer / f"extra-{i:02d}").mkdir()
    lines: list[str] = []
    with pytest.raises(MethodFailed, match="32 faults, the first: ant"):
        score_submission(answer, tiny_dataset, "dithered-2", name="x", on_fault=lines.append)
    assert len(lines) == 21
    assert lines[0].startswith("ant: ")
    assert lines[1].startswith("bee: ")
    assert lines[-1] == "and 12 more"


def test_with_partial_what_is_missing_lowers_the_coverage(tiny_dataset: Dataset, answer: Path) -> None:
    remove_clip(answer)
    result = score_submission(answer, tiny_dataset, "dithered-2", name="x", partial=True)
    assert [clip.clip_id for clip in result.clip_scores] == ["bee", "cat"]
    for name in ("bee", "cat"):
        shutil.rmtree(answer / name)
    with pytest.raises(MethodFailed, match="the frames of no clip are there"):
        score_submission(answer, tiny_dataset, "dithered-2", name="x", partial=True)


@pytest.mark.parametrize("name", ["<script>", "a/b", "x" * 300, "", "..", "a\nb"])
def test_a_name_that_cannot_be_is_wrong_usage(tiny_dataset: Dataset, answer: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a method"):
        score_submission(answer, tiny_dataset, "dithered-2", name=name)


def test_a_place_that_is_none(tiny_dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no submission is there"):
        score_submission(tmp_path / "nowhere", tiny_dataset, "dithered-2", name="x")
    (tmp_path / "frames.zip").write_bytes(b"PK")
    with pytest.raises(UsageError, match="unpack it"):
        score_submission(tmp_path / "frames.zip", tiny_dataset, "dithered-2", name="x")


def test_a_result_is_not_overwritten_unasked(tiny_dataset: Dataset, answer: Path, tmp_path: Path) -> None:
    dataset = open_dataset(tiny_dataset.url)
    first = score_submission(answer, dataset, "dithered-2", name="x", out=tmp_path / "results")
    with pytest.raises(AlreadyExists):
        score_submission(answer, dataset, "dithered-2", name="x", out=tmp_path / "results", existing="error")
    with pytest.raises(UsageError, match="existing must be"):
        score_submission(answer, dataset, "dithered-2", name="x", existing="replace")  # type: ignore[arg-type]
    again = score_submission(answer, dataset, "dithered-2", name="x", out=tmp_path / "results")
    assert Path(str(again.path)).stat().st_mtime_ns == Path(str(first.path)).stat().st_mtime_ns, "it is reused"
    score_submission(answer, dataset, "dithered-2", name="x", out=tmp_path / "results", existing="overwrite")


def test_a_dataset_in_memory_is_scored_by_what_its_gifs_say_of_their_size(dataset, tmp_path: Path) -> None:
    """One that has no index; nor is there an official list of a name with a slash in it."""
    dataset.name, dataset.official = "mine/of/my/own", {}
    for clip in dataset.clips:
        (tmp_path / clip.clip_id).mkdir()
        for i, frame in enumerate(clip.truth.frames):
            Image.fromarray(frame).save(tmp_path / clip.clip_id / f"{i:05d}.png")
    result = score_submission(tmp_path, dataset, "plain-1", name="truth")
    assert (result.clips, result.scores["ssim"].mean, result.coverage.official) == (3, 1, 0)
