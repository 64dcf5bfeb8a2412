"""Without an extra, what needs it says which one, and everything else works."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from gifbench.errors import MissingExtra

HIDDEN = """
import sys
hidden, sys.argv = sys.argv[1], sys.argv[1:]
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hide())
from gifbench.cli import main
main()
"""
MANIFEST = "clip_id,split,source,locator\na,test,youtube,abcdefghijk\n"


def run(hidden: str, *arguments: str, place: Path) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, in which a package is not to be had."""
    command = [sys.executable, "-c", HIDDEN, hidden, *arguments]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def place(tiny_videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bare")
    Image.new("P", (8, 8)).save(place / "a.gif")
    (place / "m.csv").write_text(MANIFEST)
    (place / "videos").mkdir()
    shutil.copy(tiny_videos / "ant.mp4", place / "videos")
    return place


@pytest.mark.parametrize(
    ("hidden", "extra", "command"),
    [
        ("torch", "torch", "restore ccdnet a.gif a.mkv"),
        ("safetensors", "torch", "restore superslomo a.gif a.mkv"),
        ("torch", "torch", "train any.toml --data data --out run"),
        ("torch", "torch", "convert-weights a.pt b.safetensors"),
        ("yt_dlp", "youtube", "fetch --manifest m.csv --store store"),
        ("dlib", "faces", "build gif-faces --source videos --out faces --workers 1"),
        ("distributed", "cluster", "build gif-moments --source videos --out moments --cluster tcp://127.0.0.1:1"),
        ("s3fs", "s3", "info s3://bucket/gif-faces"),
    ],
)
def test_the_extra_is_named(hidden: str, extra: str, command: str, place: Path) -> None:
    done = run(hidden, *command.split(), place=place)
    assert done.returncode == 1
    assert f'pip install "gifbench[{extra}]"' in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_what_needs_no_torch_works_without_it(place: Path) -> None:
    done = run("torch", "restore", "gaussian-0.5", "a.gif", "b.mkv", place=place)
    assert done.returncode == 0, done.stderr
    assert (place / "b.mkv").stat().st_size


def test_a_missing_extra_reaches_the_driver_of_a_worker() -> None:
    error = MissingExtra("dlib-bin", extra="faces", wanted_for="the face detector hog")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
