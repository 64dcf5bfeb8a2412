"""What people type first, by instinct, works the first time: each journey is the commands as they were typed.

Of three people who tried version 0.1.0, each needed 3 to 5 attempts for a journey, and some never arrived. Here the
number of commands that fail before one succeeds is 0.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import moving_picture, succeed, write_video
from tests.download.http_server import serve


def typed(line: str) -> str:
    """Run a command as it was typed; what it printed on stdout. It must succeed at once."""
    return succeed(*shlex.split(line)[1:]).stdout


@pytest.fixture(scope="module")
def home(tiny_recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a person has one: videos, a GIF, a method, and a recipe that is fast."""
    home = tmp_path_factory.mktemp("home")
    (home / "videos").mkdir()
    for i, name in enumerate(("ant", "bee", "cat")):
        write_video(home / "videos" / f"{name}.mp4", moving_picture(8, 96, 128, seed=i))
    (home / "tiny.py").write_text(tiny_recipe.read_text())
    (home / "mine.py").write_text(
        "class Mine:\n    def restore_frames(self, frames, palettes):\n        return frames\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        typed("gifbench make videos/ant.mp4 my.gif --end 0.2")
        typed("gifbench build tiny.py --source videos --out data")
    return home


@pytest.fixture(autouse=True)
def in_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)


def test_build_and_list() -> None:
    typed("gifbench build tiny.py --source videos --out data")  # again: it is there already
    told = typed("gifbench info data --clips")
    assert all(name in told for name in ("ant", "bee", "cat"))
    assert "colors" in typed("gifbench recipes")


def test_evaluate_twice() -> None:
    first = typed("gifbench evaluate gif gaussian-1.0 --data data")
    assert "plain-1" in first and "dithered-1" in first
    typed("gifbench evaluate gif gaussian-1.0 --data data")
    assert "gaussian-1.0" in typed("gifbench results results")
    typed("gifbench leaderboard results --data data --out site")
    typed("gifbench leaderboard results --data data --out site")


def test_score_a_file_of_ones_own() -> None:
    assert "mine" in typed("gifbench evaluate mine.py --data data").lower()
    typed("gifbench evaluate mine.py:Mine --data data")


def test_train_and_score() -> None:
    pytest.importorskip("torch")
    assert "ccdnet-small" in typed("gifbench train --list")
    typed("gifbench build tiny.py --source videos --out training --split train")
    told = typed("gifbench train ccdnet-small --data training --set training.steps=2 --set data.crop=24")
    (following,) = re.findall(r"gifbench evaluate .*", told)
    assert following == "gifbench evaluate runs/ccdnet-small --data training"
    assert "ccdnet-plain" in typed("gifbench evaluate runs/ccdnet-small --data data")


def test_restore() -> None:
    pytest.importorskip("torch")
    typed("gifbench restore my.gif")
    assert Path("my.mp4").stat().st_size > 0


def test_notebook() -> None:
    import gifbench

    dataset = gifbench.open_dataset("data")
    results = gifbench.evaluate("gaussian-1.0", dataset, "plain-1")
    assert results[0].scores["psnr"].mean > 20
    gif = gifbench.Gif.read("my.gif")
    assert gif.frames.shape[0] == len(gif)


def test_fetch_from_a_local_server() -> None:
    with serve() as site:
        site.bodies = {name: Path(f"videos/{name}").read_bytes() for name in ("ant.mp4", "bee.mp4")}
        urls = [site.url(f"/good/{name}") for name in site.bodies]
        Path("urls.txt").write_text("\n".join(urls) + "\n")
        typed("gifbench fetch urls.txt --trust-manifest")  # a server of one's own network is said to be trusted
    assert "2 http" in typed("gifbench info store")
