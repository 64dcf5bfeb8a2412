"""A package of somebody else's does all that a pipeline of this repository does, on public names alone."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from gifbench.manifest.rows import ManifestRow, manifest_bytes
from tests.cli.one_process import Ended, run_commands
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


def gifbench(site: Path, *commands: tuple[object, ...]) -> list[Ended]:
    """Each command in turn, where the package is installed."""
    environment = {"PYTHONPATH": str(site), "COLUMNS": "200", "NO_COLOR": "1"}
    return run_commands(commands, environment=environment)


def test_a_source_a_command_a_recipe_and_a_card_of_a_package(site: Path, tiny_videos: Path, tmp_path: Path) -> None:
    listed, store, data = tmp_path / "list.csv", tmp_path / "store", tmp_path / "data"
    fetch = ("fetch", "--manifest", listed, "--store", store)
    made, refused, fetched, failed = gifbench(
        site,
        ("manifest", "from-cupboard", "ant", "nobody", "--out", listed),
        fetch,
        (*fetch, "--cupboard", tiny_videos, "--cupboard-timeout", "2", "--json", "--allow-failed"),
        (*fetch, "--cupboard", tiny_videos),
    )
    assert made.code == 0 and "2 words" in made.stdout, made
    assert refused.code == 2 and "--cupboard FOLDER says it" in refused.stderr, refused
    assert fetched.code == 0 and json.loads(fetched.stdout)["stored"] == 1, fetched
    assert failed.code == 3, failed
    listed.write_text("clip_id,split,source,locator\nant,train,cupboard,ant\n")
    build = ("build", "halves", "--manifest", listed, "--store", store, "--out", data, "--workers", "1")
    built, card = gifbench(site, (*build, "--json"), ("card", data, "--no-picture"))
    assert (built.code, card.code) == (0, 0), (built, card)
    said = json.loads(built.stdout)
    assert (said["name"], said["outcomes"]["built"]) == ("halves", 1)
    about = json.loads((data / "dataset.json").read_text())
    assert (about["official"], about["released_stride"]) == ({"train": 2}, 3)
    text = (data / "README.md").read_text()
    assert "## Which half\n\nThe left one, in 32 colors." in text
    assert "## Faces and people" in text


def test_a_rule_of_the_recipe_s_own_has_its_name_and_meaning(site: Path, tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos" / "flat.mp4", moving_picture(4, 8, 32))
    data, videos = tmp_path / "data", tmp_path / "videos"
    built, info, again, wrong = gifbench(
        site,
        ("build", "halves", "--source", videos, "--out", data, "--workers", "1"),
        ("info", data, "--json"),
        ("retry", data, "--source", videos, "--only", "too_flat"),
        ("retry", data, "--source", videos, "--only", "too_fat"),
    )
    assert (built.code, info.code, again.code) == (0, 0, 0), (built, info, again)
    (reason,) = json.loads(info.stdout)["reasons"]
    assert (reason["state"], reason["reason"], reason["kind"]) == ("rejected", "too_flat", "permanent")
    assert reason["meaning"] == "there is not enough of it to halve"
    assert wrong.code == 2 and 'did you mean "too_flat"?' in wrong.stderr, wrong


def test_what_a_package_checks_and_adds_is_said(site: Path, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(
        "clip_id,split,source,locator\na,test,cupboard,../x\nb,test,cupboard,drawer\nc,test,cupbord,ant\n"
    )
    (checked,) = gifbench(site, ("manifest", "check", tmp_path / "list.csv", "--json"))
    assert checked.code == 1, checked
    said = json.loads(checked.stdout)["findings"]
    assert [(finding["row"], finding["column"]) for finding in said] == [(1, "locator"), (2, "start"), (3, "source")]
    assert [finding["what"].split()[-1] for finding in said[:2]] == ["cupboard", "cut"]
    assert 'did you mean "cupboard"?' in said[2]["what"]


def test_commands_of_a_package_behave_as_gifbench_s_own(site: Path) -> None:
    shown, counted, wrong, broken, other = gifbench(
        site,
        ("halves", "count", "--help"),
        ("halves", "count", "a", "b", "--json"),
        ("halves", "count", "nothing", "--json"),
        ("halves", "broken", "--x", "1"),
        ("manifest", "check", "--help"),
    )
    assert shown.code == 0 and "Example: gifbench halves count ant" in shown.stdout, shown
    assert counted.code == 0 and json.loads(counted.stdout) == {"words": 2}, counted
    assert wrong.code == 2 and json.loads(wrong.stdout)["error"]["code"] == "usage", wrong
    assert broken.code == 2 and "cannot be loaded: ModuleNotFoundError" in broken.stderr, broken
    assert other.code == 0 and "cupboard" not in other.stdout, other


def test_the_package_uses_what_a_pipeline_may_use() -> None:
    """The same list of public modules as tests/test_layers.py holds the pipelines to."""
    from tests.test_layers import imported, public_modules

    for path in PACKAGE.rglob("*.py"):
        modules = {name.rsplit(".", 1)[0] for name in imported(path) if name.startswith("gifbench")}
        assert modules <= public_modules(), path
        assert ast.get_docstring(ast.parse(path.read_text()))
