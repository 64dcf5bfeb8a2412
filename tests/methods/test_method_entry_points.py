"""Listing methods imports none of a table, and what a table says is what the loaded class says."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import EntryPoint, entry_points

import pytest

from gifbench import MethodEntry, load_method
from gifbench.errors import MethodError, NoSuchMethod
from gifbench.methods import method_entry_points as offers
from gifbench.methods.loaded_method import declared
from gifbench.methods.method_entry_points import GROUP, installed, list_methods


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A function that installs a module of methods under one entry point, beside those of gifbench."""
    real = list(entry_points(group=GROUP))

    def install(source: str, name: str, value: str) -> None:
        (tmp_path / "a_package_of_methods.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        point = EntryPoint(name=name, value=value, group=GROUP)
        monkeypatch.setattr(offers, "entry_points", lambda group: [*real, point])

    yield install
    sys.modules.pop("a_package_of_methods", None)


def listed(name: str):
    (found,) = [method for method in list_methods() if method.name == name]
    return found


def test_the_list_loads_nothing_heavy():
    code = (
        "import sys; from gifbench.methods.method_entry_points import list_methods; assert len(list_methods()) > 10; "
        "print(sorted({'torch', 'numpy', 'numba', 'cv2', 'gifbench_baselines.gaussian'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_one_entry_point_offers_all_methods_of_gifbench():
    ours = [point for point in entry_points(group=GROUP) if point.value.startswith("gifbench_baselines")]
    assert [point.value for point in ours] == ["gifbench_baselines:METHODS"]


@pytest.mark.parametrize("name", ["gaussian", "fcdr", "gif2video", "ccdnet-2", "dis"])
def test_what_the_table_says_is_what_the_class_says(name):
    offer = installed()[name]
    said = declared(offer.load())
    assert (said.description, said.licence, said.parameters) == (
        offer.entry.summary,
        offer.entry.license,
        offer.entry.parameters,
    )
    assert offer.entry.presets == said.PRESETS and said.version


CLASS = """
class Mine:
    version = "3"
    licence = "MIT"
    PRESETS = {"mine-9": {"level": 9}}

    def __init__(self, *, level: int = 3):
        self.level = level

    def restore_frames(self, frames, palettes):
        return frames
"""
TABLE = (
    CLASS
    + """
from gifbench import MethodEntry

METHODS = {
    "mine": MethodEntry(load="a_package_of_methods:Mine", summary="does nothing", license="ISC", parameters=4,
                        tasks=("plain-1",), presets={"mine-7": {"level": 7}}, attributes={"version": "5"}),
    "lost": MethodEntry(load="a_package_of_methods:Gone", summary="is not there"),
    "poor": MethodEntry(load="a_package_of_methods:Mine", summary="lacks a package", needs=("no_such_package",)),
}
"""
)


def test_a_class_of_another_package_is_a_method(package):
    package(CLASS, "mine", "a_package_of_methods:Mine")
    found = listed("mine-9")
    assert (found.declared.licence, found.declared.version, found.problem) == ("MIT", "3", None)
    assert load_method("mine-9").options == {"level": 9}


def test_a_table_of_another_package_is_methods(package):
    package(TABLE, "theirs", "a_package_of_methods:METHODS")
    found = listed("mine-7")
    assert (found.declared.licence, found.declared.description, found.problem) == ("ISC", "does nothing", None)
    loaded = load_method("mine:level=7")
    assert (loaded.name, loaded.licence, loaded.parameters, loaded.tasks) == ("mine-7", "ISC", 4, ("plain-1",))
    assert loaded.declared.version == "5" and loaded.code_sha256
    assert load_method("mine").name == "mine"
    assert listed("lost").problem is None, "the list imports nothing"
    with pytest.raises(MethodError, match=r"method lost .*cannot be imported"):
        load_method("lost")
    assert 'method poor (a_package_of_methods:Mine) needs the package "no_such_package"' in listed("poor").problem


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import nothing_there\nMETHODS = {}", "nothing_there"),
        ("METHODS = 5", "must map names to gifbench.MethodEntry"),
        ("METHODS = {'mine': 'a_package:Mine'}", "must map names to gifbench.MethodEntry"),
        ("", "METHODS"),
    ],
)
def test_a_table_that_cannot_be_read_is_told_and_harms_no_other(package, source, said):
    package(source, "theirs", "a_package_of_methods:METHODS")
    assert said in listed("theirs").problem
    assert listed("gif").problem is None
    assert load_method("gif").name == "gif"
    with pytest.raises(MethodError, match=said):
        load_method("theirs")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import nothing_there\nclass Mine: ...", "cannot be imported: .*'nothing_there'"),
        ("class Other: ...", "Mine"),
        ("Mine = 5", "method mine: a_package_of_methods:Mine is not a class"),
    ],
)
def test_a_class_that_cannot_be_imported_says_why_and_harms_no_other(package, source, said):
    package(source, "mine", "a_package_of_methods:Mine")
    assert re.search(said, listed("mine").problem)
    assert listed("gif").problem is None
    with pytest.raises(MethodError, match=said):
        load_method("mine")
    with pytest.raises(NoSuchMethod):
        load_method("mien")


def test_an_entry_is_frozen():
    with pytest.raises(AttributeError):
        MethodEntry(load="a:B", summary="").summary = "c"
