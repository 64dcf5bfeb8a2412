"""Whatever a folder holds, every file ends in one recorded outcome, and the good ones are unharmed."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
import pytest

from gifbench.builder.build_loop import run_build
from gifbench.builder.clip_builder import make_clip
from gifbench.builder.recipe import Recipe, load_recipe
from gifbench.cli import main
from gifbench.dataset import open_dataset
from gifbench.manifest.rows import ManifestRow, from_folder
from tests.cli.forked_command import ForkedProcess
from tests.conftest import moving_picture, write_video


def write_sound(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        for i in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 44100, 1024 * i, Fraction(1, 44100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.fixture(scope="module")
def mess(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of what people have: one good video, and the others."""
    folder = tmp_path_factory.mktemp("mess")
    good = write_video(folder / "good.mp4", moving_picture(8, 48, 64)).read_bytes()
    (folder / "truncated.mp4").write_bytes(good[: len(good) * 2 // 3])
    (folder / "text.mp4").write_text("This is not a video. " * 100)
    (folder / "empty.mp4").write_bytes(b"")
    write_sound(folder / "sound.mp4")
    write_video(folder / "one.mp4", moving_picture(1, 48, 64))
    screen, image = b"\x20\x4e\x20\x4e", b",\0\0\0\0\x20\x4e\x20\x4e\0\x02\x01\x44\0;"
    (folder / "huge.mp4").write_bytes(b"GIF89a" + screen + b"\x80\0\0" + bytes(6) + image)
    (folder / "big.y4m").write_bytes(b"YUV4MPEG2 W20000 H20000 F25:1 Ip A1:1 C420jpeg\nFRAME\n")
    (folder / "zero.y4m").write_bytes(b"YUV4MPEG2 W0 H0 F25:1 Ip A1:1 C420jpeg\nFRAME\n")
    (folder / "playlist.mp4").write_text("ffconcat version 1.0\nfile /etc/passwd\n")
    return folder


def test_each_file_has_its_own_reason(mess: Path, recipe: Recipe, tmp_path: Path) -> None:
    out = tmp_path / "out"
    dataset = run_build(recipe, from_folder(mess), str(out), sources=mess, workers=1)
    rows = {row["clip_id"]: row for row in pq.read_table(out / "outcomes.parquet").to_pylist()}
    assert {clip: row["reason"] for clip, row in rows.items()} == {
        "good": "",
        "truncated": "corrupt",
        "text": "corrupt",
        "empty": "corrupt",
        "sound": "no_video",
        "one": "too_short",
        "huge": "too_large",
        "big": "corrupt",
        "zero": "corrupt",
        "playlist": "corrupt",
    }
    for clip, row in rows.items():
        assert row["detail"].count("\n") == 0
        assert clip == "good" or row["detail"]
    assert "20000" in rows["huge"]["detail"]
    assert len(dataset["good"].truth) == 8


def test_only_what_was_fetched_can_be_fetched_again(mess: Path, recipe: Recipe, tmp_path: Path) -> None:
    """Of a video of one's own that advice is of no use, nor where every copy is the same."""
    for source, name, fetched in [
        ("file", "truncated.mp4", False),
        ("file", "empty.mp4", False),
        ("http", "truncated.mp4", True),
        ("http", "empty.mp4", True),
        ("http", "sound.mp4", False),
        ("http", "text.mp4", False),
    ]:
        row = ManifestRow(clip_id="clip", split="test", source=source, locator=name)
        outcome = make_clip(recipe, row, mess / name, tmp_path)
        assert outcome.state == "failed"
        assert ("gifbench fetch" in outcome.detail) == fetched, outcome.detail
        assert "fetch it again" not in outcome.detail


def build_with_files_of(limit: int, *words: str) -> None:
    sys.dont_write_bytecode = True  # Python would keep the part of a compiled module that there is room for
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    sys.argv = ["gifbench", "build", *words]
    try:
        main()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))  # what measures coverage writes files of its own


def test_a_disk_that_is_full_is_said_and_the_rerun_finishes(
    tiny_recipe: Path, tiny_videos: Path, tmp_path: Path
) -> None:
    """A limit on the size of files stands in for a full disk: the system call that writes fails."""
    out = tmp_path / "out"
    words = (str(tiny_recipe), "--source", str(tiny_videos), "--out", str(out), "--workers", "1")
    failed = ForkedProcess(build_with_files_of, 9000, *words)
    assert failed.wait() == 1
    assert failed.stderr.count("Error:") == 1
    assert "Traceback" not in failed.stderr
    run_build(load_recipe(str(tiny_recipe)), from_folder(tiny_videos), str(out), sources=tiny_videos, workers=1)
    assert len(open_dataset(out)) == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_said(tiny_recipe: Path, tiny_videos: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    command = [sys.executable, "-m", "gifbench", "build", str(tiny_recipe), "--source", str(tiny_videos)]
    failed = subprocess.run([*command, "--out", str(tmp_path / "x")], capture_output=True, text=True, check=False)
    tmp_path.chmod(0o700)
    assert failed.returncode == 1
    assert "permission denied" in failed.stderr
