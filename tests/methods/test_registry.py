"""A method is found by name or in a file, gets its options, and every mistake on the way is one clear line."""

from __future__ import annotations

import hashlib
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace

import pytest

from gifbench import user_code_import
from gifbench.errors import GifbenchError, MethodError, MethodFailed, MissingExtra, NoSuchMethod, NotFound, UsageError
from gifbench.methods import method_entry_points as offers
from gifbench.methods.registry import list_methods, load_method, load_method_file

MINE = """
from dataclasses import dataclass
from typing import Literal

class Mine:
    version = "2.1"
    licence = "MIT"
    parameters = 12
    tasks = ["plain-1", "dithered-1"]

    def __init__(self, *, sigma: float = 0.7, steps: int = 3, mode: Literal["a", "b"] = "a",
                 fast: bool = False, seed: int | None = None, plain="x"):
        self.seen = (sigma, steps, mode, fast, seed, plain)

    def restore_frames(self, frames, palettes):
        return frames
"""


@pytest.fixture
def method_file(tmp_path):
    def write(text, name="mine.py"):
        path = tmp_path / name
        path.write_text(dedent(text), encoding="utf-8")
        return path

    return write


def one_line(error) -> str:
    text = str(error.value)
    assert "\n" not in text and "Traceback" not in text
    return text


def test_the_listed_methods_have_their_presets_and_origin():
    listed = {method.name: method for method in list_methods()}
    assert {"gif", "gaussian-0.5", "gaussian-1.0"} <= set(listed)
    assert "gaussian" not in listed
    assert listed["gif"].origin.startswith("gifbench ")
    assert listed["gaussian-0.5"].declared.licence == "MIT"
    assert all(method.problem is None for method in listed.values())


@pytest.mark.parametrize(
    ("text", "name", "options"),
    [
        ("gif", "gif", {"show": "hold"}),
        ("gif:show=hold", "gif", {"show": "hold"}),
        ("gif:show=nearest", "gif:show=nearest", {"show": "nearest"}),
        ("gaussian-0.5", "gaussian-0.5", {"sigma": 0.5}),
        ("gaussian", "gaussian-0.5", {"sigma": 0.5}),
        ("gaussian:sigma=1", "gaussian-1.0", {"sigma": 1.0}),
        ("gaussian: sigma = 0.70", "gaussian:sigma=0.7", {"sigma": 0.7}),
    ],
)
def test_one_method_with_one_set_of_options_has_one_name(text, name, options):
    method = load_method(text)
    assert (method.name, method.options) == (name, options)
    assert load_method(method.name).name == name


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("gaussian-0.6", NoSuchMethod, 'did you mean "gaussian-0.5"?'),
        ("gfi", NoSuchMethod, 'did you mean "gif"?'),
        ("<script>", NoSuchMethod, "choose from: "),
        ("gaussian:sgima=1", UsageError, 'no option "sgima": did you mean "sigma"?'),
        ("gaussian:sigma=wide", UsageError, 'option sigma wants a number, not "wide"'),
        ("gaussian:sigma=nan", UsageError, "sigma must be above 0"),
        ("gaussian:sigma=-1", UsageError, "got -1.0"),
        ("gaussian:0.7", UsageError, '"0.7" is no option'),
        ("gaussian:sigma=1,sigma=2", UsageError, "given twice"),
        ("gif:show=holt", UsageError, 'option show cannot be "holt": did you mean "hold"?'),
        ("gaussian:=1", UsageError, '"=1" is no option: write gaussian:option=value'),
        ("gaussian:sigma=1,wide", UsageError, '"wide" is no option'),
        ("gif2video:color=[gaussian,time=dis", UsageError, "square brackets"),
        ("gif2video:color=gaussian],time=dis", UsageError, "square brackets"),
        (":sigma=1", UsageError, "names no method"),
    ],
)
def test_a_wrong_name_or_option_is_answered(text, kind, said):
    with pytest.raises(kind) as error:
        load_method(text)
    assert said in one_line(error)


def test_a_file_holds_a_method(method_file):
    path = method_file(MINE)
    method = load_method_file(f"{path}:Mine")
    assert (method.name, method.origin) == ("Mine", "mine.py:Mine")
    assert (method.parameters, method.licence, method.tasks) == (12, "MIT", ("plain-1", "dithered-1"))
    assert method.code_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert load_method_file(str(path)).name == "Mine", "the only class need not be named"


def test_options_are_read_as_the_constructor_says(method_file):
    path = method_file(MINE)
    method = load_method_file(f"{path}:Mine:sigma=2,steps=5,mode=b,fast=true,seed=7,plain=y")
    assert method.method.seen == (2.0, 5, "b", True, 7, "y")
    assert method.name == "Mine:sigma=2.0,steps=5,mode=b,fast=True,seed=7,plain=y"
    assert load_method_file(f"{path}:Mine:seed=none").method.seen[4] is None
    for wrong, said in (("steps=1.5", "wants a whole number"), ("fast=1", "wants true or false"), ("mode=c", "a, b")):
        with pytest.raises(UsageError, match=said):
            load_method_file(f"{path}:Mine:{wrong}")


def test_two_files_of_one_class_name_do_not_mix(method_file, tmp_path):
    (tmp_path / "other").mkdir()
    first = method_file(MINE)
    second = method_file(MINE.replace("2.1", "3.0"), name="other/mine.py")
    assert load_method_file(str(first)).declared.version == "2.1"
    assert load_method_file(str(second)).declared.version == "3.0"


def test_a_method_may_be_more_than_one_file(method_file):
    method_file("FACTOR = 3\n", name="beside_mine.py")
    path = method_file(MINE.replace("parameters = 12", "from beside_mine import FACTOR as parameters"))
    assert load_method_file(str(path)).parameters == 3
    # A module may put any object in its own place, also one without a hash.
    method_file(
        "import sys, types\nFACTOR = 4\nsys.modules[__name__] = types.SimpleNamespace(**globals())\n", "beside_mine.py"
    )
    assert load_method_file(str(path)).parameters == 4
    for name in [name for name, module in sys.modules.items() if isinstance(module, SimpleNamespace)]:
        del sys.modules[name]  # other tests hash all modules
    with pytest.raises(TypeError):  # Python's own, for everybody else in the process
        __import__(None)


def test_weights_are_named_and_hashed_but_their_folder_is_not(method_file, tmp_path):
    weights = tmp_path / "best.safetensors"
    weights.write_bytes(b"12345")
    path = method_file("""
        class Net:
            def __init__(self, *, weights: str = ""):
                self.weights = weights
            def restore(self, gif, times):
                return gif.frames
        """)
    method = load_method_file(f"{path}:Net:weights={weights}")
    assert (method.weights, method.name) == ("best.safetensors", "Net:weights=best.safetensors")
    assert method.weights_sha256 == hashlib.sha256(b"12345").hexdigest()
    assert str(tmp_path) not in f"{method.name}{method.options}{method.origin}"
    with pytest.raises(NotFound, match=r"gone\.safetensors"):
        load_method_file(f"{path}:Net:weights={tmp_path / 'gone.safetensors'}")


@pytest.mark.parametrize(
    ("source", "name", "kind", "said"),
    [
        ("import no_such_thing_at_all", ":X", MethodError, "ModuleNotFoundError: No module named"),
        ("def broken(:", ":X", MethodError, "SyntaxError"),
        ("raise SystemExit(3)", ":X", MethodError, "SystemExit: 3"),
        ("1 / 0", ":X", MethodError, "ZeroDivisionError"),
        (MINE, ":Mien", NoSuchMethod, 'has no class "Mien": did you mean "Mine"?'),
        (MINE, ":Literal", NoSuchMethod, "has no class"),
        (MINE + "class Two(Mine): pass", "", UsageError, "say which class"),
        ("x = 1", "", UsageError, "there are none"),
        ("class A: pass", ":A", MethodError, "neither restore(gif, times) nor restore_frames"),
        (
            "class A:\n def __init__(self, k): ...\n def restore(self, g, t): ...",
            ":A",
            UsageError,
            "needs the option k",
        ),
        ("class A:\n def __init__(self): 1/0\n def restore(self, g, t): ...", ":A", MethodFailed, "ZeroDivisionError"),
        ("class A:\n name='<b>x</b>'\n def restore(self, g, t): ...", ":A", MethodError, "cannot name a method"),
        ("class A:\n name='x'*300\n def restore(self, g, t): ...", ":A", MethodError, "cannot name a method"),
    ],
)
def test_a_file_that_holds_no_working_method_is_said_in_one_line(method_file, source, name, kind, said):
    path = method_file(source)
    with pytest.raises(kind) as error:
        load_method_file(f"{path}{name}")
    assert said in one_line(error)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(NotFound, match="no such method file"):
        load_method_file(f"{tmp_path / 'gone.py'}:Mine")
    with pytest.raises(UsageError, match=r"path/to/file\.py:Class"):
        load_method_file("mine:Mine")


def test_a_name_that_two_packages_claim_is_refused_rather_than_guessed(monkeypatch):
    real = offers.entry_points(group=offers.GROUP)
    thief = EntryPoint("gif", "no_such_package.at_all:Method", offers.GROUP)
    monkeypatch.setattr(offers, "entry_points", lambda group: [*real, *real, thief])
    with pytest.raises(MethodError, match=r"several packages offer it .*gifbench.*uninstall all but one"):
        load_method("gif")
    assert load_method("gaussian").name == "gaussian-0.5", "an entry point that is found twice is one"


def test_a_missing_extra_stays_what_it_is(method_file):
    path = method_file("""
        from gifbench.errors import MissingExtra
        raise MissingExtra("torch", extra="torch", wanted_for="this method")
        """)
    with pytest.raises(MissingExtra, match=r"gifbench\[torch\]"):
        load_method_file(f"{path}:X")
    assert issubclass(MissingExtra, GifbenchError)


AROUND = """
from gifbench import LoadedMethod

class Around:
    def __init__(self, *, inner: LoadedMethod = "gif", steps: int = 1, more="x"):
        self.inner = inner

    def restore(self, gif, times):
        return self.inner.method.restore(gif, times)
"""


@pytest.mark.parametrize(
    ("text", "name", "inner"),
    [
        ("", "Around", "gif"),
        (":gif:show=hold", "Around", "gif"),
        (":gaussian", "Around:gaussian-0.5", "gaussian-0.5"),
        (":gaussian:sigma=1", "Around:gaussian-1.0", "gaussian-1.0"),
        (":gaussian:sigma=2", "Around:gaussian:sigma=2.0", "gaussian:sigma=2.0"),
        (":[gaussian:sigma=2],steps=3", "Around:[gaussian:sigma=2.0],steps=3", "gaussian:sigma=2.0"),
        (":gaussian,steps=3", "Around:gaussian-0.5,steps=3", "gaussian-0.5"),
        (":inner=gif,more=[a,b]", "Around:more=[a,b]", "gif"),
    ],
)
def test_a_method_around_another_is_named_by_both(method_file, text, name, inner):
    path = method_file(AROUND)
    loaded = load_method_file(f"{path}:Around{text}")
    assert (loaded.name, loaded.method.inner.name) == (name, inner)
    again = load_method_file(f"{path}:{loaded.name}")
    assert again.name == name
    assert loaded == again and len({loaded, again}) == 1
    with pytest.raises(UsageError, match='the option "inner" is given twice'):
        load_method_file(f"{path}:Around:[gif],inner=gif")


def test_a_name_that_its_options_make_too_long_is_refused(method_file):
    path = method_file(MINE)
    with pytest.raises(UsageError, match="with its options the name is longer"):
        load_method_file(f"{path}:Mine:plain={'x' * 500}")


def test_a_constructor_that_only_a_type_checker_understands_is_read_by_its_defaults(method_file):
    path = method_file("""
        from __future__ import annotations
        class Mine:
            def __init__(self, *, sigma: Nowhere = 0.5, name: Nowhere = "a"):
                self.seen = (sigma, name)
            def restore(self, gif, times): ...
        """)
    assert load_method_file(f"{path}:Mine:sigma=2,name=b").method.seen == (2.0, "b")


def test_a_constructor_that_nobody_can_read_is_said(method_file):
    path = method_file("class Mine:\n    __signature__ = 5\n    def restore(self, gif, times): ...")
    with pytest.raises(MethodError, match="Mine: its constructor cannot be read"):
        load_method_file(f"{path}:Mine")


def test_weights_in_a_folder_are_hashed_together(method_file, tmp_path):
    folder = tmp_path / "weights"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.safetensors").write_bytes(name.encode())
    (folder / "pytorch_model.bin").write_text("trained")
    path = method_file("""
        class Net:
            def __init__(self, *, weights: str = ""):
                self.weights = weights
            def restore(self, gif, times): ...
        """)
    before = load_method_file(f"{path}:Net:weights={folder}")
    assert before.weights == "weights"
    assert load_method_file(f"{path}:Net:weights={folder}") == before
    (folder / "pytorch_model.bin").write_text("trained again")
    again = load_method_file(f"{path}:Net:weights={folder}")
    assert again.weights_sha256 != before.weights_sha256
    assert again.identity != before.identity
    (folder / "b.safetensors").write_bytes(b"c")
    assert load_method_file(f"{path}:Net:weights={folder}").weights_sha256 != before.weights_sha256


def test_a_package_that_an_extra_brings_is_asked_for_by_that_extra(method_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    path = method_file("import torchvision")
    with pytest.raises(MissingExtra, match=r'pip install "gifbench\[raft\]"'):
        load_method_file(f"{path}:X")


def test_only_python_files_are_run(tmp_path):
    (tmp_path / "mine.txt").write_text("class X: ...")
    with pytest.raises(MethodError, match=r"mine\.txt: cannot be imported as a Python file"):
        user_code_import.import_file(tmp_path / "mine.txt")


def test_a_file_that_goes_to_another_folder_leaves_what_is_asked_next_where_it_is(method_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = method_file("import os, tempfile\nos.chdir(tempfile.gettempdir())\n" + MINE)
    load_method_file(str(path.relative_to(tmp_path)))
    assert Path.cwd() == tmp_path
    load_method_file(str(path.relative_to(tmp_path)))


def test_a_property_that_raises_is_said(method_file):
    path = method_file(MINE + "\n    weights = property(lambda self: 1 / 0)\n")
    with pytest.raises(MethodFailed, match="attribute weights of a method raised ZeroDivisionError"):
        load_method_file(str(path))
