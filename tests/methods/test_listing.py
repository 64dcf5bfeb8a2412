"""Listing methods imports none of them, and says of each what importing it would say."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from gifbench.methods import listing
from gifbench.methods.info import declared
from gifbench.methods.listing import list_methods
from gifbench.plugins import entries_class, installed


@pytest.fixture(autouse=True)
def forgotten():
    """What a test has imported of its own: the next one has other code under the same name."""
    yield
    for name in [name for name in sys.modules if name.startswith(("a_package_of", "a_broken_package"))]:
        del sys.modules[name]


def test_the_list_loads_nothing_heavy():
    code = (
        "import sys; from gifbench.methods.listing import list_methods; assert len(list_methods()) > 10; "
        "print(sorted({'torch', 'numpy', 'numba', 'cv2', 'gifbench_baselines'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_what_the_source_says_is_what_the_class_says():
    read = {name: listing._read(entries[0]) for name, entries in installed().items()}
    assert None not in read.values()
    for name, entries in installed().items():
        if name in ("gaussian", "fcdr", "gif2video", "ccdnet-2", "dis"):
            assert read[name] == declared(entries_class(entries)), name


@pytest.mark.parametrize(
    ("source", "licence"),
    [
        ("class Mine:\n    licence = 'MIT'", "MIT"),
        ("class Base:\n    licence = 'MIT'\nclass Mine(Base):\n    version = '2'", "MIT"),
        ("class Mine:\n    licence = 'M' + 'IT'", "MIT"),
        ("import json\nclass Mine(json.JSONEncoder):\n    licence = 'MIT'", "MIT"),
        ("from json import JSONEncoder as Base\nclass Mine(Base):\n    licence = 'MIT'", "MIT"),
        ("def made():\n    class Mine:\n        licence = 'MIT'\n    return Mine\nMine = made()", "MIT"),
    ],
    ids=["constant", "inherited", "computed", "a base from elsewhere", "a base by another name", "made"],
)
def test_what_the_source_does_not_say_is_asked_of_the_class(tmp_path, monkeypatch, source, licence):
    (tmp_path / "a_package_of_methods.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    entry = EntryPoint(name="mine", value="a_package_of_methods:Mine", group="gifbench.methods")
    monkeypatch.setattr(listing, "installed", lambda: {"mine": (entry,)})
    (listed,) = list_methods()
    assert (listed.name, listed.declared.licence, listed.problem) == ("mine", licence, None)


@pytest.mark.parametrize(
    ("source", "said"), [("import nothing_there\nclass Mine: ...", "nothing_there"), ("class Other: ...", "Mine")]
)
def test_one_that_cannot_be_imported_says_why(tmp_path, monkeypatch, source, said):
    (tmp_path / "a_broken_package.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    entry = EntryPoint(name="mine", value="a_broken_package:Mine", group="gifbench.methods")
    monkeypatch.setattr(listing, "installed", lambda: {"mine": (entry,)})
    (listed,) = list_methods()
    assert said in (listed.problem or "")


def test_a_base_in_another_file_of_the_package_is_read_there(tmp_path, monkeypatch):
    place = tmp_path / "a_package_of_two_files"
    place.mkdir()
    (place / "__init__.py").write_text("")
    (place / "parts.py").write_text("OTHER = 1\nclass Base:\n    licence = 'MIT'\n    version = '3'\n")
    (place / "mine.py").write_text("from .parts import OTHER, Base as B\nclass Mine(B):\n    version = '4'\n")
    monkeypatch.syspath_prepend(tmp_path)
    entry = EntryPoint(name="mine", value="a_package_of_two_files.mine:Mine", group="gifbench.methods")
    monkeypatch.setattr(listing, "installed", lambda: {"mine": (entry,)})
    (listed,) = list_methods()
    assert (listed.declared.licence, listed.declared.version) == ("MIT", "4")
    assert "a_package_of_two_files.mine" not in sys.modules
