"""A wheel and a source distribution hold what they must and nothing else; their pins and ranges agree."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
HOMES = {"gifbench": "gifbench", "baselines": "gifbench_baselines", "pipelines": "gifbench_pipelines"}
HOMES["manifests"] = "gifbench_manifests"

BUILD = "from setuptools import build_meta; build_meta.build_{kind}({out!r})"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that git knows, in a folder of their own, where nothing of earlier builds lies about."""
    tree = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in listed.splitlines():
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            if name.endswith(".safetensors"):  # megabytes that a build would compress, and nobody reads
                (tree / name).write_bytes(b"weights")
            else:
                shutil.copy(ROOT / name, tree / name)
    return tree


def built(kind: str, tree: Path) -> Path:
    command = [sys.executable, "-c", BUILD.format(kind=kind, out=str(tree / kind))]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (file,) = (tree / kind).iterdir()
    return file


def test_a_wheel_holds_every_file_of_its_folders_and_its_notices(tree: Path) -> None:
    with zipfile.ZipFile(built("wheel", tree)) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}
        notices = {Path(name).name for name in wheel.namelist() if "/licenses/" in name}
    wanted = {
        f"{package}/{path.relative_to(tree / folder).as_posix()}"
        for folder, package in HOMES.items()
        for path in (tree / folder).rglob("*")
        if path.is_file()
    }
    assert held == wanted
    assert notices == {"LICENSE", "THIRD_PARTY.md"}


def test_a_source_distribution_builds_the_same_wheel_and_holds_no_tests(tree: Path, tmp_path: Path) -> None:
    with tarfile.open(built("sdist", tree)) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    assert not (source / "tests").exists()
    assert {"THIRD_PARTY.md", "CITATION.cff", "constraints.txt"} <= {path.name for path in source.iterdir()}
    with zipfile.ZipFile(built("wheel", source)) as wheel:
        names = set(wheel.namelist())
    assert {"gifbench/py.typed", "gifbench_manifests/gif-faces.parquet"} <= names
    assert "gifbench_baselines/weights/ccdnet-plain.safetensors" in names


def test_every_weight_that_is_bundled_has_its_card() -> None:
    weights = sorted((ROOT / "baselines" / "weights").glob("*.safetensors"))
    assert weights
    for file in weights:
        assert "licence" in file.with_suffix(".md").read_text(encoding="utf-8"), file


def test_the_makefile_and_the_metadata_agree_on_python() -> None:
    assert PROJECT["requires-python"] == ">=3.11"
    assert "sys.version_info < (3, 11)" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_every_requirement_is_pinned() -> None:
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").lower().split()
    pinned = {line.partition("==")[0] for line in pins}
    wanted = [*PROJECT["dependencies"], *chain(*PROJECT["optional-dependencies"].values())]
    names = {name_of(line) for line in wanted}
    assert names - pinned <= {"gifbench", "setuptools", "face-recognition"}


def name_of(requirement: str) -> str:
    """The name of the package that a requirement asks for."""
    return "".join(letter if letter.isalnum() or letter in "-_." else " " for letter in requirement).split()[0].lower()
