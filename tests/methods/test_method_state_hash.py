"""A method's identity is its content: what is not the same has another one, and what cannot be known is said."""

from __future__ import annotations

import importlib
import json
import random
import sys
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from gifbench.errors import UsageError
from gifbench.methods import audit_hook
from gifbench.methods.command import load_method_command
from gifbench.methods.inference import run_method
from gifbench.methods.method_state_hash import content_sha256, state
from gifbench.methods.registry import find_method, load_instance, load_method, load_method_file
from gifbench.text_redaction import displayed

NET = """
class Net:
    def __init__(self, *, ckpt: str = "", ratio: str = "1"):
        self.ckpt, self.ratio = ckpt, ratio

    def restore_frames(self, frames, palettes):
        return frames
"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text))
    return path


def test_a_path_is_known_by_what_lies_there(tmp_path: Path, monkeypatch) -> None:
    net = write(tmp_path / "net.py", NET)
    for run in ("A", "B"):
        write(tmp_path / f"run{run}" / "last.pt", run)
    monkeypatch.chdir(tmp_path)
    a, b = (load_method_file(f"net.py:Net:ckpt=run{run}/last.pt") for run in ("A", "B"))
    assert a.identity != b.identity
    assert a.options["ckpt"] == b.options["ckpt"] == "last.pt"
    (tmp_path / "runC").mkdir()
    (tmp_path / "runA" / "last.pt").rename(tmp_path / "runC" / "last.pt")
    assert load_method_file("net.py:Net:ckpt=runC/last.pt").identity == a.identity, "the same file elsewhere"
    assert str(net) not in str(a.facts)


def test_a_text_with_a_slash_is_no_path(tmp_path: Path) -> None:
    net = write(tmp_path / "net.py", NET)
    half, more = (load_method_file(f"{net}:Net:ratio={ratio}") for ratio in ("1/2", "3/2"))
    assert half.identity != more.identity
    assert (half.name, more.name) == ("Net:ratio=1/2", "Net:ratio=3/2")


def test_two_classes_of_one_name_are_two_methods(tmp_path: Path) -> None:
    one = load_method_file(f"{write(tmp_path / 'a' / 'net.py', NET)}:Net")
    other = load_method_file(f"{write(tmp_path / 'b' / 'net.py', NET + '# another person')}:Net")
    assert (one.name, one.origin) == (other.name, other.origin)
    assert one != other


@pytest.mark.parametrize("how", ["beside", "elsewhere", "data"])
def test_what_the_code_brings_in_belongs_to_it(tmp_path: Path, monkeypatch, how: str) -> None:
    helper = tmp_path / ("methods" if how == "beside" else "lib") / "identity_helper.py"
    write(helper, "LEVEL = 1\n")
    monkeypatch.syspath_prepend(str(helper.parent))
    data = write(tmp_path / "methods" / "net.pt", "1")
    text = NET if how == "data" else f"import identity_helper\n{NET}"
    if how == "data":
        text = "from pathlib import Path\nWEIGHTS = Path(__file__).with_name('net.pt').read_bytes()\n" + NET
    net = write(tmp_path / "methods" / "net.py", text)
    before = load_method_file(f"{net}:Net")
    assert before.unknown == ()
    (data if how == "data" else helper).write_text("LEVEL = 2\n")
    assert load_method_file(f"{net}:Net") != before
    sys.modules.pop("identity_helper", None)


def test_what_a_module_read_when_it_was_imported_is_known_of_each_method_that_imports_it(tmp_path: Path) -> None:
    data = write(tmp_path / "levels.txt", "1")
    write(
        tmp_path / "levels_read.py",
        "from pathlib import Path\nLEVELS = Path(__file__).with_name('levels.txt').read_text()\n",
    )
    net = write(tmp_path / "net.py", f"import levels_read\n{NET}\nclass Other(Net): pass\n")
    alone = write(tmp_path / "alone.py", NET)
    first, other, again = (load_method_file(f"{net}:{name}") for name in ("Net", "Other", "Net"))
    assert [list(each.watch.files) for each in (first, other, again)] == 3 * [[str(data)]]
    assert (first, first.unknown) == (again, ())
    assert load_method_file(f"{alone}:Net").watch.files == {}
    sys.modules.pop("levels_read", None)


def test_what_a_module_read_that_was_imported_before_is_not_known(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    write(tmp_path / "levels.txt", "1")
    write(
        tmp_path / "before_of_test.py",
        "from pathlib import Path\nLEVELS = Path(__file__).with_name('levels.txt').read_text()\n",
    )
    nets = [write(tmp_path / name, f"import before_of_test\n{NET}") for name in ("one.py", "two.py")]
    importlib.import_module("before_of_test")
    said = ("before_of_test.py reads files as it is imported (read_text)",)
    assert [load_method_file(f"{net}:Net").unknown for net in nets] == [said, said]
    sys.modules.pop("before_of_test")
    assert [load_method_file(f"{net}:Net").unknown for net in nets] == [(), ()]
    sys.modules.pop("before_of_test")


def test_what_an_installed_package_reads_when_it_is_imported_is_no_method_s(tmp_path: Path, monkeypatch) -> None:
    """The first method in a process that imports it would have another identity than the second."""
    write(
        tmp_path / "lib" / "identity_package.py",
        f"import pathlib\nSAID = pathlib.Path({str(tmp_path / 'settings')!r}).read_text()\n",
    )
    write(tmp_path / "settings", "1")
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    monkeypatch.setattr(audit_hook, "_OTHERS", (*audit_hook._OTHERS, f"{tmp_path / 'lib'}/"))
    net = write(tmp_path / "methods" / "net.py", f"import identity_package\n{NET}")
    first, second = load_method_file(f"{net}:Net"), load_method_file(f"{net}:Net")
    assert (first.watch.files, first.unknown) == ({}, ()) and first == second
    later = NET.replace("return frames", "import identity_package as it\n        return frames")
    late = load_method_file(f"{write(tmp_path / 'methods' / 'late.py', later)}:Net")
    sys.modules.pop("identity_package", None)
    with late.watch.looking():
        late.method.restore_frames(np.zeros((1, 4, 4, 3), np.uint8), [])
    assert late.watch.reasons == []
    sys.modules.pop("identity_package", None)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import subprocess\ndef run(): subprocess.run(['x'])", "starts programs"),
        ("import os\ndef run(): os.system('x')", "starts programs"),
        ("import ctypes\ndef run(): ctypes.CDLL('x')", "loads libraries"),
        ("import asyncio\ndef run(): asyncio.run(asyncio.create_subprocess_exec('x'))", "starts programs"),
        ("import asyncio\nasync def run(): await asyncio.create_subprocess_shell('x')", "starts programs"),
        ("from asyncio.subprocess import create_subprocess_exec as go\ndef run(): go('x')", "starts programs"),
        ("import os\ndef run(): os.posix_spawnp('x', ['x'], {})", "starts programs"),
        ("import os\ndef run(): os.execlp('x', 'x')", "starts programs"),
        ("from os import execvpe\ndef run(): execvpe('x', [], {})", "starts programs"),
        ("from os import system as go\ndef run(): go('x')", "starts programs"),
        ("import os\ndef run(): os.spawnlp(os.P_WAIT, 'x', 'x')", "starts programs"),
        ("import os as o\ndef run(): o.fork()", "starts processes"),
        ("import multiprocessing as m\ndef run(): m.Pool(2)", "starts processes"),
        ("from multiprocessing.pool import Pool\ndef run(): Pool(2)", "starts processes"),
        ("import torch.multiprocessing as mp\ndef run(): mp.spawn(print)", "starts processes"),
        ("from torch import multiprocessing\ndef run(): multiprocessing.spawn(print)", "starts processes"),
        ("import concurrent.futures as f\ndef run(): f.ProcessPoolExecutor()", "starts processes"),
        ("from concurrent.futures import ProcessPoolExecutor as P\ndef run(): P()", "starts processes"),
        ("import numpy as np\ndef run(): np.ctypeslib.load_library('x', '.')", "loads libraries"),
        ("import torch\ndef run(): torch.ops.load_library('x.so')", "loads libraries"),
        ("import torch\ndef run(): list(map(torch.ops.load_library, ['x.so']))", "loads libraries"),
        ("import torch\ndef run(): torch.utils.cpp_extension.load('x', ['x.cpp'])", "loads libraries"),
        ("def run():\n    import subprocess\n    subprocess.run(['x'])", "starts programs"),
        ("from urllib.request import urlopen\ndef run(): urlopen('x')", "uses the network"),
        ("import importlib\ndef run(): importlib.import_module('x')", "runs other code"),
        ("def run(): exec(open('x').read())", "runs other code"),
    ],
)
def test_what_cannot_be_known_is_said(tmp_path: Path, code: str, said: str) -> None:
    uses = NET.replace("        return frames", "        run()\n        return frames")
    loaded = load_method_file(f"{write(tmp_path / 'net.py', code + uses)}:Net")
    assert said in " ".join(loaded.unknown)
    apart = write(tmp_path / "apart.py", code + NET)  # the class does not use it
    assert load_method_file(f"{apart}:Net").unknown == ()


def test_what_is_seen_as_it_is_set_up_is_said(tmp_path: Path) -> None:
    code = "import os as system\nstart = getattr(system, 'sys' + 'tem')\nstart('true')\n"
    loaded = load_method_file(f"{write(tmp_path / 'net.py', code + NET)}:Net")
    assert loaded.unknown == ("it starts true",)


@pytest.mark.parametrize(
    "name", ["gif", "gaussian-0.5", "fcdr", "palette-smooth", "nearest", "blend", "dis", "gif2video:color=gif,time=dis"]
)
def test_the_installed_methods_are_known(name: str) -> None:
    assert load_method(name).unknown == ()


class Stateful:
    def __init__(self, level: object) -> None:
        self.level = level

    def restore_frames(self, frames, palettes):
        return frames


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        (1.0, 1),
        ("1", 1),
        (np.zeros(3), np.zeros(4)),
        (np.zeros(2), np.ones(2)),
        ([1, [2]], [1, [3]]),
        ({"a": 1}, {}),
    ],
)
def test_an_object_is_known_by_what_it_holds(one: object, other: object) -> None:
    assert load_instance(Stateful(one)) == load_instance(Stateful(one))
    assert load_instance(Stateful(one)) != load_instance(Stateful(other))
    assert load_instance(Stateful(one)).unknown == ()


def test_an_object_that_holds_what_cannot_be_read_is_not_known() -> None:
    assert load_instance(Stateful(iter([1]))).unknown
    assert load_instance(Stateful(lambda: 1)).unknown


@pytest.mark.parametrize(
    ("make", "known"),
    [
        ("python {folder}/net.py {{gif}} {{out}}", True),
        ("{folder}/wrapper.sh {{gif}} {{out}}", False),
        ("bash {folder}/wrapper.sh {{gif}} {{out}}", False),
        ("python -m net {{gif}} {{out}}", False),
        ("env python {folder}/net.py {{gif}} {{out}}", False),
        ("python {folder}/starts.py {{gif}} {{out}}", False),
        ("python {folder}/net.py --ckpt={folder}/net.pt {{gif}} {{out}}", False),
    ],
)
def test_a_command_is_known_if_it_is_all_python_of_its_own(tmp_path: Path, monkeypatch, make: str, known: bool) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    write(tmp_path / "net.py", "print('restores')\n")
    write(tmp_path / "starts.py", "import subprocess\nsubprocess.run(['x'])\n")
    write(tmp_path / "net.pt", "weights")
    write(tmp_path / "wrapper.sh", "#!/bin/sh\nexec something\n").chmod(0o755)
    assert (load_method_command(make.format(folder=tmp_path)).unknown == ()) is known


def test_a_label_names_any_method(tmp_path: Path) -> None:
    net = write(tmp_path / "net.py", NET)
    assert find_method(f"mine={net}:Net").name == "mine"
    assert find_method("soft=gaussian:sigma=0.7").name == "soft"
    assert find_method("soft=gaussian:sigma=0.7").identity != find_method("gaussian:sigma=0.7").identity
    with pytest.raises(UsageError, match=r"one \.safetensors file, got none"):
        find_method(str(tmp_path))


def test_a_folder_is_all_of_its_files(tmp_path: Path) -> None:
    write(tmp_path / "x" / "a", "1")
    before = content_sha256(tmp_path)
    write(tmp_path / "x" / "b", "")
    assert content_sha256(tmp_path) != before
    assert content_sha256("/dev/null") is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("/home/alice/net.pt", "net.pt"),
        ("~/secret/net.pt", "net.pt"),
        ("C:\\Users\\alice\\net.pt", "net.pt"),
        ("--token=abcdefgh", "--token=…"),
        ("1/2", "1/2"),
        (0.5, 0.5),
    ],
)
def test_where_files_lie_and_secrets_are_not_shown(value: object, shown: object) -> None:
    assert displayed(value) == shown


def test_a_secret_is_in_no_fact_and_tells_two_methods_apart(tmp_path: Path) -> None:
    net = write(tmp_path / "net.py", NET)
    one, other = (load_method_file(f"{net}:Net:ckpt=https://x.org/w?token={secret}") for secret in ("abc1", "abc2"))
    assert one != other
    assert "abc1" not in f"{one.name} {dict(one.options)} {one.facts}"


def test_a_folder_is_also_what_its_linked_folders_hold(tmp_path: Path) -> None:
    weights = write(tmp_path / "shared" / "unet" / "w.bin", "1")
    write(tmp_path / "run" / "config.json", "{}")
    (tmp_path / "run" / "unet").symlink_to(weights.parent)
    (tmp_path / "run" / "again").symlink_to(tmp_path / "run")
    before = content_sha256(tmp_path / "run")
    weights.write_text("2")
    assert before is not None
    assert content_sha256(tmp_path / "run") != before


@pytest.mark.parametrize(
    "option",
    ["$GIFBENCH_RUN/last.pt", "{run}/last.pt;{run}/last.pt", "{run}/*.pt", "{run}/last", "weights.pt", "w/*.pt"],
)
def test_an_option_that_leads_to_files_is_known_by_them(tmp_path: Path, monkeypatch, option: str) -> None:
    net = write(tmp_path / "code" / "net.py", NET)
    files = [tmp_path / "run" / "last.pt", tmp_path / "code" / "weights.pt", tmp_path / "code" / "w" / "a.pt"]
    monkeypatch.setenv("GIFBENCH_RUN", str(tmp_path / "run"))
    identities = set()
    for text in "12":
        for file in files:
            write(file, text)
        identities.add(load_method_file(f"{net}:Net:ckpt={option.format(run=tmp_path / 'run')}").identity)
    assert len(identities) == 2


def test_what_the_environment_says_belongs_to_the_code(tmp_path: Path, monkeypatch) -> None:
    reads = "self.strength = os.environ.get('GIFBENCH_TEST_STRENGTH', '1')"
    net = write(tmp_path / "net.py", "import os\n" + NET.replace("self.ckpt, self.ratio = ckpt, ratio", reads))
    identities = set()
    for value in "12":
        monkeypatch.setenv("GIFBENCH_TEST_STRENGTH", value)
        identities.add(load_method_file(f"{net}:Net").identity)
    assert len(identities) == 2


def test_files_that_are_read_in_c_are_said_unless_they_are_known(tmp_path: Path) -> None:
    code = "import cv2\n" + NET.replace("self.ckpt, self.ratio = ckpt, ratio", "self.lut = cv2.imread('lut.png')")
    net, table = write(tmp_path / "net.py", code), write(tmp_path / "table.png", "1")
    assert "net.py reads files that nobody notices (cv2.imread)" in load_method_file(f"{net}:Net").unknown
    assert not load_method_file(f"{net}:Net:ckpt={table}").unknown


@pytest.mark.parametrize("imported", [False, True])
def test_files_that_are_read_while_it_restores_are_said(tmp_path: Path, gif, imported: bool) -> None:
    """However deep the call is, and whatever module is at the bottom of it: a command's script, or that of pytest."""
    read = "open(__file__.rpartition('/')[0] + '/net.txt').close()"
    write(tmp_path / "late_of_test.py", read)
    code = NET.replace("return frames", f"{'import late_of_test' if imported else read}\n        return frames")
    write(tmp_path / "net.txt", "1")
    net = load_method_file(f"{write(tmp_path / 'net.py', code)}:Net")
    before = net.identity
    for _ in run_method(net, gif, gif.times, clip="a"):
        pass
    assert net.watch.reasons == ["it reads net.txt while it restores"]
    assert net.identity == before
    sys.modules.pop("late_of_test", None)


def test_files_that_a_thread_reads_are_known(tmp_path: Path) -> None:
    setup = """from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(1) as pool:
            self.held = pool.submit(read, FILE).result()"""
    head = f"FILE = {str(tmp_path / 'w.pt')!r}\n\ndef read(path):\n    with open(path) as f:\n        return f.read()\n"
    net = write(tmp_path / "net.py", head + NET.replace("self.ckpt, self.ratio = ckpt, ratio", setup))
    identities = set()
    for text in "12":
        write(tmp_path / "w.pt", text)
        identities.add(load_method_file(f"{net}:Net").identity)
    assert len(identities) == 2


def test_what_an_object_made_in_c_holds_is_not_known() -> None:
    class Drawn:
        pass

    for held in (random.Random(1), type("Names", (set,), {"__module__": __name__})([1])):
        method = Drawn()
        method.held = held
        found, why = state(method)
        assert why, found


def test_the_mask_of_an_array_belongs_to_it() -> None:
    one, other = (np.ma.array([1, 2], mask=mask) for mask in ([0, 1], [1, 0]))
    assert state(one) != state(other)


def test_modules_of_one_name_beside_two_files_are_each_its_own(tmp_path: Path) -> None:
    code = "import strength_of_test\n" + NET.replace("= ckpt, ratio", "= strength_of_test.VALUE, ratio")
    files = [write(tmp_path / name / "net.py", code) for name in "ab"]
    for value, file in enumerate(files):
        write(file.parent / "strength_of_test.py", f"VALUE = {value}")
    assert [load_method_file(f"{file}:Net").method.ckpt for file in [*files, *files]] == [0, 1, 0, 1]
    write(files[0].parent / "strength_of_test.py", "VALUE = 'changed'")
    assert load_method_file(f"{files[0]}:Net").method.ckpt == "changed"


def test_a_module_that_is_imported_in_a_function_is_of_the_files_own_folder(tmp_path: Path, monkeypatch) -> None:
    lazy = NET.replace(
        "        return frames", "        import lazy_of_test\n        return frames * 0 + lazy_of_test.value()"
    )
    files = [write(tmp_path / name / "net.py", lazy) for name in "abc"]
    for value, file in enumerate(files[:2]):
        write(
            file.parent / "lazy_of_test" / "__init__.py", "def value():\n    from .inner import VALUE\n    return VALUE"
        )
        write(
            file.parent / "lazy_of_test" / "inner.py", f"import beside_of_test\nVALUE = beside_of_test.VALUE + {value}"
        )
        write(file.parent / "beside_of_test.py", f"VALUE = {10 * value}")
    write(files[2].parent / "lazy_of_test.py", "def value():\n    return 7")
    elsewhere = write(tmp_path / "user" / "lazy_of_test.py", "MINE = 1").parent
    monkeypatch.syspath_prepend(str(elsewhere))
    users_own = importlib.import_module("lazy_of_test")  # of the program that calls gifbench
    methods = [load_method_file(f"{file}:Net").method for file in files]
    ones = np.ones((1, 1, 1, 3), np.uint8)
    for _ in range(2):
        assert [method.restore_frames(ones, ())[0, 0, 0, 0] for method in methods] == [0, 11, 7]
    assert sys.modules["lazy_of_test"] is users_own
    monkeypatch.delitem(sys.modules, "lazy_of_test")


@pytest.mark.parametrize("how", ["import", "append", "set up", "import_module", "restore"])
def test_what_two_files_put_on_the_import_path_is_each_its_own(tmp_path: Path, monkeypatch, how: str) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    put = "append" if how == "append" else "insert"
    code = f"import importlib, pathlib, sys\nlib = str(pathlib.Path(__file__).parent / 'lib')\nsys.path.{put}("
    code += "lib)\n" if how == "append" else "0, lib)\n"
    get = "importlib.import_module('put_of_test')" if how == "import_module" else "put_of_test"
    imports = f"import {'os' if how == 'import_module' else 'put_of_test'}"
    if how in ("import", "append"):
        code += f"{imports}\n{NET.replace('return frames', f'return {get}.VALUE')}"
    elif how == "restore":
        code += NET.replace("return frames", f"{imports}\n        return {get}.VALUE")
    else:
        code += NET.replace("= ckpt, ratio", "= self.value(), ratio").replace("return frames", "return self.ckpt")
        code += f"\n    def value(self):\n        {imports}\n        return {get}.VALUE\n"
    files = [write(tmp_path / name / "net.py", code) for name in "ab"]
    for value, file in enumerate(files):
        write(file.parent / "lib" / "put_of_test.py", f"from more_of_test import VALUE  # {value}")
        write(file.parent / "lib" / "more_of_test.py", f"VALUE = {value}")
    alone = load_method_file(f"{files[1]}:Net")
    a, b = (load_method_file(f"{file}:Net") for file in files)
    assert b == alone and (a != b or how == "import_module"), "what a call imports is not known before"
    assert [each.method.restore_frames(None, None) for each in (a, b, a, b)] == [0, 1, 0, 1]
    if how != "import_module":
        write(files[0].parent / "lib" / "more_of_test.py", "VALUE = 'changed'")
        changed = load_method_file(f"{files[0]}:Net")
        assert changed.method.restore_frames(None, None) == "changed" and changed.unknown == ()
    for name in ("put_of_test", "more_of_test"):
        sys.modules.pop(name, None)


def test_code_that_was_changed_after_it_was_imported_is_not_known(tmp_path: Path, monkeypatch) -> None:
    """What runs is not what the file holds, and whoever starts anew would be given its scores."""
    monkeypatch.syspath_prepend(str(tmp_path))
    write(tmp_path / "level_of_test.py", "LEVEL = 1\n")
    write(tmp_path / "net_of_test.py", f"from level_of_test import LEVEL\n{NET}")
    net = importlib.import_module("net_of_test")
    assert [load_instance(net.Net()).unknown for _ in range(2)] == [(), ()]
    write(tmp_path / "level_of_test.py", "LEVEL = 10\n")
    assert load_instance(net.Net()).unknown == ("level_of_test.py was changed after it was imported",)
    importlib.reload(sys.modules["level_of_test"])
    assert load_instance(importlib.reload(net).Net()).unknown == ()
    for name in ("net_of_test", "level_of_test"):
        sys.modules.pop(name)


def test_what_is_set_in_a_module_or_class_after_its_import_is_part_of_the_identity(tmp_path: Path, monkeypatch) -> None:
    """A sweep in a notebook: each step was given the scores of the first."""
    monkeypatch.syspath_prepend(str(tmp_path))
    write(tmp_path / "sigma_of_test.py", "SIGMA = 1\nSIZES = (3, 5)\nHALF = SIGMA / 2\nCACHE = {}\nSEEN = None\n")
    net_code = NET.replace("class Net:", "class Net:\n    sigma = 1.0\n    kind = None\n")
    write(tmp_path / "sweep_of_test.py", f"import sigma_of_test\n{net_code}")
    net, sigma = (importlib.import_module(name) for name in ("sweep_of_test", "sigma_of_test"))
    first = load_instance(net.Net())
    assert "set after import" not in first.full_options
    sigma.CACHE["a"] = sigma.SEEN = np.zeros(3)  # what is kept between calls changes nothing
    assert load_instance(net.Net()).facts == first.facts
    seen = [first.facts]
    for owner, name, value in (
        (net.Net, "sigma", 2.0),
        (net.Net, "kind", "soft"),
        (net.Net, "added", 1),
        (sigma, "SIGMA", 3),
        (sigma, "SIZES", (3, 7)),
    ):
        before = getattr(owner, name, None)
        setattr(owner, name, value)
        loaded = load_instance(net.Net())
        assert loaded.unknown == () and loaded.facts not in seen, name
        seen.append(loaded.facts)
        if name == "added":
            del owner.added
        else:
            setattr(owner, name, before)
    assert load_instance(net.Net()).facts == first.facts
    write(tmp_path / "held_of_test.py", "class Held:\n    sigma = 1.0\n")
    held, holder = importlib.import_module("held_of_test"), net.Net()  # a file that the method does not import
    holder.held = held.Held()
    one = load_instance(holder).facts
    held.Held.sigma = 2.0
    assert load_instance(holder).facts != one
    write(tmp_path / "sigma_of_test.py", "SIGMA = (\n")
    assert load_instance(net.Net()).unknown, "and no error of the parser"
    for name in ("sweep_of_test", "sigma_of_test", "held_of_test"):
        sys.modules.pop(name)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("LEVEL = Path(PLACE).read_bytes()", "(read_bytes)"),
        ("class Base:\n    level = Path(PLACE).read_text()", "(read_text)"),
        ("def read():\n    with open(PLACE) as file: return file.read()\nLEVEL = read()", "(open)"),
        ("class Table:\n    def __init__(self): self.rows = Path(PLACE).read_text()\nTABLE = Table()", "(read_text)"),
        ("def read():\n    return Path(PLACE).read_text()", None),
        ("if __name__ == '__main__':\n    Path(PLACE).read_text()", None),
    ],
)
def test_what_the_module_of_an_object_read_as_it_was_imported_is_not_known(
    tmp_path: Path, monkeypatch, code: str, said: str | None
) -> None:
    """Whoever trains anew, and starts Python anew, would be given the scores of the weights before."""
    monkeypatch.syspath_prepend(str(tmp_path))
    code = f"from pathlib import Path\nPLACE = __file__\n{code}\n{NET}\nclass Says(Net):\n    weights = __file__\n"
    write(tmp_path / "reads_of_test.py", code)
    module = importlib.import_module("reads_of_test")
    assert load_instance(module.Net()).unknown == (
        (f"reads_of_test.py reads files as it is imported {said}",) if said else ()
    )
    assert load_instance(module.Says()).unknown == ()
    assert load_method_file(f"{tmp_path / 'reads_of_test.py'}:Net").unknown == (), "it is heard"
    sys.modules.pop("reads_of_test")


def test_keys_of_other_types_and_their_order_tell_two_objects_apart() -> None:
    held = [{1: 2}, {"1": 2}, {None: 2}, {"None": 2}, {(1, 2): 2}, {"(1, 2)": 2}, {1: 0, 2: 0}, {2: 0, 1: 0}, {1.0: 2}]
    held += [{"a": 1, "b": 2}, {"b": 2, "a": 1}, {True: 2}]
    assert len({json.dumps(state({"held": each})[0], sort_keys=True) for each in held}) == len(held)
    assert all(state(each)[1] is None for each in held)
    assert state({object(): 1})[1] is not None
