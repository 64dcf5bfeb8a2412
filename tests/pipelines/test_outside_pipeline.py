"""A package of somebody else's does all that a pipeline of this repository does, on public names alone."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from gifbench.manifest.rows import ManifestRow, manifest_bytes
from tests.conftest import moving_picture, write_video

PACKAGE = Path(__file__).parent.parent / "outside_pipeline"
BUILD = "from setuptools import build_meta; build_meta.build_wheel({out!r})"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the package is installed as pip does it."""
    place = tmp_path_factory.mktemp("outside")
    source = Path(shutil.copytree(PACKAGE, place / "source"))
    official = [ManifestRow(clip_id=word, split="train", source="cupboard", locator=word) for word in ("ant", "bee")]
    (source / "outside_pipeline" / "halves.parquet").write_bytes(manifest_bytes(official))
    code = BUILD.format(out=str(place / "wheel"))
    done = subprocess.run([sys.executable, "-c", code], cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = (place / "wheel").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place / "site")
    return place / "site"


def gifbench(site: Path, *words: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site), "COLUMNS": "200", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "gifbench", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == code, done.stderr + done.stdout
    return done


def test_a_source_a_command_a_recipe_and_a_card_of_a_package(site: Path, tiny_videos: Path, tmp_path: Path) -> None:
    listed, store, data = tmp_path / "list.csv", tmp_path / "store", tmp_path / "data"
    assert "2 words" in gifbench(site, "manifest", "from-cupboard", "ant", "nobody", "--out", listed).stdout
    fetch = ("fetch", "--manifest", listed, "--store", store)
    assert "--cupboard FOLDER says it" in gifbench(site, *fetch, code=2).stderr
    fetched = gifbench(site, *fetch, "--cupboard", tiny_videos, "--cupboard-timeout", "2", "--json", "--allow-failed")
    assert json.loads(fetched.stdout)["stored"] == 1
    build = ("build", "halves", "--manifest", listed, "--store", store, "--out", data, "--workers", "1")
    gifbench(site, *fetch, "--cupboard", tiny_videos, code=3)
    listed.write_text("clip_id,split,source,locator\nant,train,cupboard,ant\n")
    built = json.loads(gifbench(site, *build, "--json").stdout)
    assert (built["name"], built["outcomes"]["built"]) == ("halves", 1)
    about = json.loads((data / "dataset.json").read_text())
    assert (about["official"], about["released_stride"]) == ({"train": 2}, 3)
    gifbench(site, "card", data, "--no-picture")
    card = (data / "README.md").read_text()
    assert "## Which half\n\nThe left one, in 32 colors." in card
    assert "## Faces and people" in card


def test_a_rule_of_the_recipe_s_own_has_its_name_and_meaning(site: Path, tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos" / "flat.mp4", moving_picture(4, 8, 32))
    data = tmp_path / "data"
    gifbench(site, "build", "halves", "--source", tmp_path / "videos", "--out", data, "--workers", "1")
    (reason,) = json.loads(gifbench(site, "info", data, "--json").stdout)["reasons"]
    assert (reason["state"], reason["reason"], reason["kind"]) == ("rejected", "too_flat", "permanent")
    assert reason["meaning"] == "there is not enough of it to halve"
    gifbench(site, "retry", data, "--source", tmp_path / "videos", "--only", "too_flat")
    wrong = gifbench(site, "retry", data, "--source", tmp_path / "videos", "--only", "too_fat", code=2).stderr
    assert 'did you mean "too_flat"?' in wrong


def test_what_a_package_checks_and_adds_is_said(site: Path, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(
        "clip_id,split,source,locator\na,test,cupboard,../x\nb,test,cupboard,drawer\nc,test,cupbord,ant\n"
    )
    said = json.loads(gifbench(site, "manifest", "check", tmp_path / "list.csv", "--json", code=1).stdout)["findings"]
    assert [(finding["row"], finding["column"]) for finding in said] == [(1, "locator"), (2, "start"), (3, "source")]
    assert [finding["what"].split()[-1] for finding in said[:2]] == ["cupboard", "cut"]
    assert 'did you mean "cupboard"?' in said[2]["what"]


def test_commands_of_a_package_behave_as_gifbench_s_own(site: Path) -> None:
    shown = gifbench(site, "halves", "count", "--help").stdout
    assert "Example: gifbench halves count ant" in shown
    assert json.loads(gifbench(site, "halves", "count", "a", "b", "--json").stdout) == {"words": 2}
    wrong = gifbench(site, "halves", "count", "nothing", "--json", code=2)
    assert json.loads(wrong.stdout)["error"]["code"] == "usage"
    assert "cannot be loaded: ModuleNotFoundError" in gifbench(site, "halves", "broken", "--x", "1", code=2).stderr
    assert "cupboard" not in gifbench(site, "manifest", "check", "--help").stdout


def test_the_package_uses_what_a_pipeline_may_use() -> None:
    """The same list of public modules as tests/test_layers.py holds the pipelines to."""
    from tests.test_layers import imported, public_modules

    for path in PACKAGE.rglob("*.py"):
        modules = {name.rsplit(".", 1)[0] for name in imported(path) if name.startswith("gifbench")}
        assert modules <= public_modules(), path
        assert ast.get_docstring(ast.parse(path.read_text()))
