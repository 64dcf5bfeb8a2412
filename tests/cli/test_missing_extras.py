"""Without an extra, what needs it says which one, and everything else works."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
from PIL import Image

from gifbench.dataset import Dataset
from gifbench.errors import MissingExtra
from tests.cli.one_process import Ended, run_commands

HIDE = """
import sys
hidden = {hidden!r}.split(",")
for name in [name for name in sys.modules if name.split(".")[0] in hidden]:
    del sys.modules[name]
for name, module in sys.modules.items():
    if name.startswith("gifbench"):
        owners = [str(getattr(value, "__module__", getattr(value, "__name__", ""))) for value in vars(module).values()]
        assert not {{owner.split(".")[0] for owner in owners}} & {{*hidden}}, name + " imports what may be missing"
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hide())
"""
MANIFEST = "clip_id,split,source,locator\na,test,youtube,abcdefghijk\n"


@pytest.fixture(scope="module")
def place(tiny_videos: Path, tiny_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bare")
    Image.new("P", (8, 8)).save(place / "a.gif")
    (place / "m.csv").write_text(MANIFEST)
    (place / "videos").mkdir()
    shutil.copy(tiny_videos / "ant.mp4", place / "videos")
    (place / "tiny").symlink_to(tiny_dataset.url)
    return place


def without(hidden: str, commands: Iterable[str], place: Path) -> list[Ended]:
    """How each command ends in a process in which packages are not to be had."""
    return run_commands([line.split() for line in commands], before=HIDE.format(hidden=hidden), place=place)


@pytest.mark.parametrize(
    ("hidden", "commands"),
    [
        ("safetensors", {"restore superslomo a.gif a.mkv": "torch"}),
        (
            "torch,yt_dlp,dlib,distributed,s3fs",
            {
                "restore ccdnet a.gif a.mkv": "torch",
                "train any.toml --data data --out run": "torch",
                "convert-weights a.pt b.safetensors": "torch",
                "fetch --manifest m.csv --store store": "youtube",
                "build gif-faces --source videos --out faces --workers 1": "faces",
                "build gif-moments --source videos --out moments --cluster tcp://127.0.0.1:1": "cluster",
                "info s3://bucket/gif-faces": "s3",
            },
        ),
    ],
)
def test_the_extra_is_named(hidden: str, commands: dict[str, str], place: Path) -> None:
    for (command, extra), ended in zip(commands.items(), without(hidden, commands, place), strict=True):
        assert ended.code == 1, (command, ended)
        assert f'pip install "gifbench[{extra}]"' in ended.stderr.splitlines()[-1], (command, ended)
        assert "Traceback" not in ended.stderr


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
    commands = WHOLE_WAY.splitlines()
    for command, ended in zip(commands, without(NOT_CORE, commands, place), strict=True):
        assert ended.code == 0, (command, ended)
    assert (place / "pictures" / "00000.png").stat().st_size


def test_a_missing_extra_reaches_the_driver_of_a_worker() -> None:
    error = MissingExtra("dlib-bin", extra="faces", wanted_for="the face detector hog")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
