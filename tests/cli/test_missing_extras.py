"""Without an extra, what needs it says which one, and everything else works."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from gifbench.dataset import Dataset
from gifbench.errors import MissingExtra

HIDDEN = """
import sys
hidden, sys.argv = sys.argv[1], sys.argv[1:]
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in hidden.split(","):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hide())
from gifbench.cli import main
main()
"""
MANIFEST = "clip_id,split,source,locator\na,test,youtube,abcdefghijk\n"


def run(hidden: str, *arguments: str, place: Path) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, in which packages are not to be had."""
    command = [sys.executable, "-c", HIDDEN, hidden, *arguments]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def place(tiny_videos: Path, tiny_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bare")
    Image.new("P", (8, 8)).save(place / "a.gif")
    (place / "m.csv").write_text(MANIFEST)
    (place / "videos").mkdir()
    shutil.copy(tiny_videos / "ant.mp4", place / "videos")
    (place / "tiny").symlink_to(tiny_dataset.url)
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


NOT_CORE = "torch,dlib,distributed,s3fs,scipy,skimage,matplotlib"
WHOLE_WAY = """make videos/ant.mp4 ant.gif
build gif-moments --source videos --out built --set min_width=8 --set min_height=8 --set short_side=12 --workers 1
info tiny --html sheet.html
verify tiny
export tiny ant --out exported --png
evaluate gif gaussian-0.5 palette-smooth --data tiny --task plain-1 --out results
evaluate blend --data tiny --task plain-2 --out results
leaderboard results --data tiny --out site
restore gaussian-0.5 ant.gif b.mkv
restore gaussian-0.5 ant.gif pictures
metrics"""


def test_the_core_does_its_job_without_any_extra(place: Path) -> None:
    in_one_process = HIDDEN.replace(
        "\nmain()\n", f"\nfor line in {WHOLE_WAY!r}.split(chr(10)):\n    sys.argv[1:] = line.split()\n    try: main()\n"
        "    except SystemExit as done:\n        if done.code: raise\n"
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", in_one_process, NOT_CORE], cwd=place, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (place / "pictures" / "00000.png").stat().st_size


def test_a_missing_extra_reaches_the_driver_of_a_worker() -> None:
    error = MissingExtra("dlib-bin", extra="faces", wanted_for="the face detector hog")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
