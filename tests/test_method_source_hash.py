"""The hash of a method's code is of all that its author wrote of it, and of nothing else."""

from __future__ import annotations

import pytest

from gifbench.method_source_hash import source_code


@pytest.fixture
def package(tmp_path):
    """A package of a method: it imports its neighbors, one of them only through another."""
    place = tmp_path / "mine"
    (place / "parts").mkdir(parents=True)
    for folder in (place, place / "parts"):
        (folder / "__init__.py").write_text("")
    (place / "method.py").write_text("import numpy\nfrom .network import Net\nfrom mine import unused_name\n")
    (place / "network.py").write_text("from .parts import layer\n")
    (place / "parts" / "layer.py").write_text("WIDTH = 3\n")
    (place / "training.py").write_text("EPOCHS = 1\n")
    (tmp_path / "numpy.py").write_text("# another's, beside the package\n")
    return place


@pytest.mark.parametrize(
    ("changed", "matters"),
    [
        ("method.py", True),
        ("network.py", True),
        ("parts/layer.py", True),
        ("parts/__init__.py", True),
        ("training.py", False),
        ("../numpy.py", False),
    ],
)
def test_it_changes_with_whatever_is_imported_and_with_nothing_else(package, changed, matters):
    before = source_code(str(package / "method.py")).sha256
    with (package / changed).open("a") as file:
        file.write("# changed\n")
    assert (source_code(str(package / "method.py")).sha256 != before) is matters


def test_it_does_not_depend_on_where_the_package_lies(package, tmp_path):
    before = source_code(str(package / "method.py")).sha256
    (tmp_path / "elsewhere").mkdir()
    moved = package.rename(tmp_path / "elsewhere" / "mine")
    assert source_code(str(moved / "method.py")).sha256 == before


def test_a_file_beside_others_takes_those_that_it_imports(tmp_path):
    (tmp_path / "mine.py").write_text("import helper\n")
    alone = source_code(str(tmp_path / "mine.py")).sha256
    (tmp_path / "helper.py").write_text("import mine\n")
    together = source_code(str(tmp_path / "mine.py")).sha256
    assert alone != together
    (tmp_path / "mine.py").write_text("this is no Python (\n")
    assert source_code(str(tmp_path / "mine.py")).sha256 not in (alone, together)


def test_code_without_a_file_has_no_hash(tmp_path):
    assert source_code(None).sha256 is None
    assert source_code(str(tmp_path / "typed at a prompt")).sha256 is None
