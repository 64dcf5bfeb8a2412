"""The commands in a folder with spaces and foreign letters, in a locale that knows neither, without a home."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gifbench.dataset import Dataset

COMMANDS = (
    "make vidéos/ant.mp4 äus.gif",
    "info dätä --html blått.html",
    "evaluate gif --data dätä --task plain-1 --out résults",
    "leaderboard résults --data dätä --out sïte",
    "study dätä gif gaussian-0.5 --task plain-1 --pairs 1 --out stüdie",
)
LEFT = ("äus.gif", "blått.html", "résults", "sïte/index.html", "stüdie/page/index.html")


@pytest.mark.slow
def test_every_command_works_in_a_strange_place(tiny_dataset: Dataset, tiny_videos: Path, tmp_path: Path) -> None:
    place = tmp_path / "Ünï cödé 数据 folder"
    try:
        place.mkdir()
    except OSError:
        pytest.skip("this file system holds no such name")
    shutil.copytree(tiny_videos, place / "vidéos")
    shutil.copytree(tiny_dataset.url, place / "dätä")
    strange = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "HOME": os.devnull, "XDG_STATE_HOME": ""}
    for command in COMMANDS:
        ended = subprocess.run(
            [sys.executable, "-m", "gifbench", *command.split()],
            cwd=place,
            env=os.environ | strange,
            capture_output=True,
            check=False,
        )
        assert ended.returncode == 0, (command, ended.stderr.decode(errors="replace"))
    for name in LEFT:
        assert (place / name).exists(), name
