"""The source of a method or metric, by content: the file, and whatever it imports that is no installed package.

What cannot be known from content (a program that is started, code or data that is fetched, text that is run as code) is
said.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from gifbench.installed_packages import is_installed, module_file, package_version
from gifbench.user_code_import import import_places

_MOST_FILES = 500

_OPAQUE_MODULES = {
    **dict.fromkeys(("subprocess", "asyncio.subprocess", "pty", "pexpect", "docker"), "starts programs"),
    **dict.fromkeys(("multiprocessing", "torch.multiprocessing", "ray", "dask", "joblib"), "starts processes"),
    **dict.fromkeys(("ctypes", "cffi", "torch.utils.cpp_extension"), "loads libraries"),
    **dict.fromkeys(("runpy", "imp"), "runs other code"),
    **dict.fromkeys(("socket", "urllib.request", "http.client", "requests", "httpx", "aiohttp"), "uses the network"),
    **dict.fromkeys(("huggingface_hub", "torch.hub"), "fetches code or weights"),
}
_OPAQUE_CALLS = {
    **dict.fromkeys(("exec", "eval", "__import__", "import_module", "spec_from_file_location"), "runs other code"),
    **dict.fromkeys(("create_subprocess_exec", "create_subprocess_shell"), "starts programs"),
    **dict.fromkeys(("subprocess_exec", "subprocess_shell"), "starts programs"),  # of a loop of asyncio
    "ProcessPoolExecutor": "starts processes",
    **dict.fromkeys(("CDLL", "PyDLL", "LoadLibrary", "load_library", "dlopen"), "loads libraries"),
    **dict.fromkeys(("from_pretrained", "load_state_dict_from_url", "urlretrieve"), "fetches code or weights"),
}
_SPAWNS = [f"{call}{kind}" for call in ("exec", "spawn") for kind in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")]
_SYSTEM_CALLS = {
    **dict.fromkeys(("system", "popen", "startfile", "posix_spawn", "posix_spawnp", *_SPAWNS), "starts programs"),
    **dict.fromkeys(("fork", "forkpty"), "starts processes"),
}
"""Functions of `os`."""
_READERS = frozenset({"load_file", "safe_open", "imread", "InferenceSession", "CascadeClassifier", "VideoCapture"})
"""Calls that read files where Python does not notice."""
_PYTHON_READERS = frozenset(
    {"open", "load", "safe_load", "loadtxt", "genfromtxt", "fromfile", "memmap", "read_text", "read_bytes", "read_csv"}
)
"""Calls that read files where Python notices."""
_BUILTINS = frozenset({"exec", "eval", "__import__"})


@dataclass(frozen=True, slots=True)
class SourceCode:
    """The source of a method or metric: its sha256, the installed packages that it imports, and what is not known.

    `sha256` is None where there is no file. `packages` maps each installed package to its version. `unknown` says, a
    phrase a reason, why the code is not known by its content; it is empty where it is. `unseen` says the same of files
    that the code reads where nobody notices, which are known if they are declared or given as options. `files` hold the
    code.
    """

    sha256: str | None
    packages: tuple[tuple[str, str], ...] = ()
    unknown: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    at_import: tuple[tuple[Path, str], ...] = ()
    files: tuple[Path, ...] = ()


def source_file(value: Callable[..., Any]) -> str | None:
    """The file that a class or function is written in; None where there is none."""
    try:
        return inspect.getsourcefile(value)
    except (TypeError, OSError):
        return None


def source_code(file: str | None, *, name: str | None = None) -> SourceCode:
    """Follow a source file to all that it imports, without running anything.

    Modules beside the file, those of its package, and those that are found anywhere else but among the installed
    packages are hashed; installed packages have a version. The hash does not depend on where the folders are. With
    `name`, a class of the file, only what that class reaches is searched for what cannot be known.
    """
    path = Path(file).resolve() if file is not None else None
    if path is None or not path.is_file():
        return SourceCode(None, unknown=("its source is in no file",))
    walk = _Walk()
    walk.follow(path, name=name)
    hashed = {each: hashlib.sha256(each.read_bytes()).hexdigest() for each in walk.names}
    if len(hashed) == 1 and not walk.environment:
        digest = hashed[path]
    else:
        joint = hashlib.sha256()
        for each in sorted(hashed, key=lambda each: (walk.names[each], hashed[each])):
            joint.update(walk.names[each].encode() + b"\0" + bytes.fromhex(hashed[each]))
        for variable, value in sorted(walk.environment.items()):
            joint.update(f"{variable}={value}".encode(errors="surrogateescape") + b"\0")
        digest = joint.hexdigest()
    walk.unknown += _stale(hashed)
    packages = tuple(sorted((each, found) for each in walk.installed if (found := package_version(each))))
    unknown, unseen = (tuple(dict.fromkeys(each)) for each in (walk.unknown, walk.unseen))
    return SourceCode(digest, packages, unknown, unseen, tuple(dict.fromkeys(walk.at_import)), tuple(walk.names))


def _stale(hashed: Mapping[Path, str]) -> Iterator[str]:
    """What is said of the files whose modules were imported before they became what they are now."""
    by_name = {str(path): sha256 for path, sha256 in hashed.items()}
    for module in list(sys.modules.values()):
        held = getattr(module, "__dict__", {})
        sha256, spec = by_name.get(str(held.get("__file__"))), held.get("__spec__")
        # A spec is made for each import, and so for each reload.
        if sha256 and spec is not None and vars(spec).setdefault("gifbench_sha256", sha256) != sha256:
            yield f"{Path(held['__file__']).name} was changed after it was imported"


class _Walk:
    """Follows imports from file to file; `names` are the files with the names that the hash knows them by."""

    def __init__(self) -> None:
        self.names: dict[Path, str] = {}
        self.installed: set[str] = set()
        self.unknown: list[str] = []
        self.unseen: list[str] = []
        self.at_import: list[tuple[Path, str]] = []
        self.environment: dict[str, str] = {}
        self._roots: dict[Path, tuple[Path, str]] = {}

    def follow(self, start: Path, *, name: str | None) -> None:
        root = _import_root(start)
        self._added = import_places(start.parent)[1:]
        # A package is followed as far as it goes; what lies beside it is another's.
        self._add(start, root, start.relative_to(root).parts[0] if root != start.parent else "")
        waiting = [start]
        while waiting:
            path = waiting.pop()
            if len(self.names) > _MOST_FILES:
                self.unknown.append(f"it imports more than {_MOST_FILES} files")
                return
            root = self._roots[path][0]
            package = path.parent.relative_to(root).parts if path.is_relative_to(root) else ()
            code = path.read_bytes() if path.suffix == ".py" else b"\0"
            found = _searched(code, package, name if path == start else None)
            if found is None:
                continue
            before = set(self.names)
            for module in found.imports:
                self._resolve(module, *self._roots[path])
            self.unknown += [f"{path.name} {what}" for what in found.opaque]
            self.unseen += [f"{path.name} reads files that nobody notices ({what})" for what in found.unseen]
            said = [f"{path.name} reads files as it is imported ({what})" for what in found.at_import]
            self.at_import += [(path, each) for each in said]
            for variable in found.variables:
                if variable is None:
                    self.unknown.append(f"{path.name} reads the environment")
                else:
                    self.environment[variable] = os.environ.get(variable, "\0")
            waiting += sorted(set(self.names) - before)

    def _add(self, path: Path, root: Path, within: str) -> None:
        path = path.resolve()
        if path not in self.names:
            self.names[path] = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
            self._roots[path] = root, within

    def _resolve(self, module: str, root: Path, within: str) -> None:
        """Find a module, a path with slashes: beside or in the package, or anywhere but among what is installed."""
        top = module.partition("/")[0]
        if not top:
            return
        for place in [*([root] if not within or top == within else []), *self._added]:
            for found in (place / f"{module}.py", place / module / "__init__.py"):
                if found.is_file():
                    self._add(found, place, within)
            if top == within or (place / f"{top}.py").is_file() or (place / top / "__init__.py").is_file():
                return
        if top in sys.stdlib_module_names or top == "gifbench":
            return
        file = module_file(top)
        if file is None:
            return
        if is_installed(file):
            self.installed.add(top)
            return
        folder = file.parent.parent if file.name == "__init__.py" else file.parent
        inside = top if file.name == "__init__.py" else ""
        self._add(file, folder.resolve(), inside)
        for found in (folder / f"{module}.py", folder / module / "__init__.py"):
            if found.is_file():
                self._add(found, folder.resolve(), inside)


def _import_root(path: Path) -> Path:
    root = path.parent
    while (root / "__init__.py").is_file():
        root = root.parent
    return root


@dataclass(frozen=True, slots=True)
class _Searched:
    """What stands in a source file: the modules it imports, and what `SourceCode` has of it."""

    imports: tuple[str, ...]
    opaque: tuple[str, ...]
    unseen: tuple[str, ...]
    at_import: tuple[str, ...]
    variables: tuple[str | None, ...]


@lru_cache(maxsize=1024)
def _searched(data: bytes, package: tuple[str, ...], name: str | None) -> _Searched | None:
    """Search a file's bytes, once for the many methods that import it; None where they are no Python."""
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last for code that is too deep
        return None
    every = list(ast.walk(tree))
    nodes = [node for top in _reached_nodes(tree, name) for node in ast.walk(top)] if name else every
    imports = tuple(dict.fromkeys(_imports(every, package)))
    reading = tuple(
        called
        for called in map(_dotted, _called_at_import(tree))
        if called.rpartition(".")[2] in _READERS | _PYTHON_READERS
    )
    return _Searched(imports, tuple(_opaque(nodes)), tuple(_unseen(nodes)), reading, tuple(_variables(nodes)))


def _imports(nodes: list[ast.AST], package: tuple[str, ...]) -> Iterator[str]:
    """The modules that a file of `package` names in its imports, as paths; a name may also be no module at all."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name.replace(".", "/") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = [*above, *(node.module or "").split(".")] if node.module else list(above)
            yield "/".join(base)
            yield from ("/".join([*base, alias.name]) for alias in node.names)


def _reached_nodes(tree: ast.Module, name: str) -> list[ast.AST]:
    """The definitions of a module that the class `name` reaches by names, and whatever runs when it is imported."""
    defined: dict[str, list[ast.AST]] = {}
    always: list[ast.AST] = []
    for statement in tree.body:
        node: ast.AST = statement
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            defined.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                one = ast.Import([alias]) if isinstance(node, ast.Import) else ast.ImportFrom(node.module, [alias], 0)
                defined.setdefault((alias.asname or alias.name).partition(".")[0], []).append(one)
        else:
            always.append(node)
    reached: list[ast.AST] = []
    waiting, seen = [*always, *defined.get(name, [])], {name}
    while waiting:
        node = waiting.pop()
        reached.append(node)
        for each in ast.walk(node):
            if isinstance(each, ast.Name) and each.id not in seen:
                seen.add(each.id)
                waiting += defined.get(each.id, [])
    return reached


def _opaque(nodes: list[ast.AST]) -> Iterator[str]:
    """What in the code cannot be known by its content, a phrase each."""
    imported = [alias for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    systems = {"os", "posix", *(alias.asname for alias in imported if alias.name in ("os", "posix"))}
    for node in nodes:
        modules: list[str] = []
        names: list[str | None] = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
            names = [alias.name for alias in node.names]
            known = _SYSTEM_CALLS if node.module in ("os", "posix") else {}
            yield from (f"{known[name]} ({name})" for name in names if name in known)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            names = [node.id]
        elif isinstance(node, ast.Attribute):
            dotted = _dotted(node)
            modules = [dotted]
            # model.eval() is torch's, eval(text) is Python's
            names = [node.attr] if node.attr not in _BUILTINS else []
            if node.attr in _SYSTEM_CALLS and dotted.rpartition(".")[0] in systems:
                yield f"{_SYSTEM_CALLS[node.attr]} ({node.attr})"
        yield from (f"{_OPAQUE_CALLS[name]} ({name})" for name in names if name in _OPAQUE_CALLS)
        for module in modules:
            whole = next((key for key in _OPAQUE_MODULES if module == key or module.startswith(f"{key}.")), None)
            if whole is not None:
                yield f"{_OPAQUE_MODULES[whole]} ({whole})"


def _unseen(nodes: list[ast.AST]) -> Iterator[str]:
    """Calls of what reads files in C."""
    for node in nodes:
        if isinstance(node, ast.Call):
            called = _dotted(node.func)
            last = called.rpartition(".")[2]
            if last in _READERS or last.startswith("readNet") or called.endswith("jit.load"):
                yield called


def _called_at_import(tree: ast.Module) -> Iterator[ast.expr]:
    """What is called as a module is imported, also by its functions and constructors that are called then."""
    bodies: dict[str, list[ast.stmt]] = {}
    for each in tree.body:
        if isinstance(each, ast.FunctionDef):
            bodies[each.name] = each.body
        elif isinstance(each, ast.ClassDef):
            functions = [inner for inner in each.body if isinstance(inner, ast.FunctionDef)]
            bodies[each.name] = [node for inner in functions if inner.name == "__init__" for node in inner.body]
    waiting: list[ast.AST] = [*tree.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "'__name__'" in ast.dump(node.test):
            continue
        if isinstance(node, ast.Call):
            yield node.func
            waiting += bodies.pop(_dotted(node.func), [])
        waiting += ast.iter_child_nodes(node)


def _variables(nodes: list[ast.AST]) -> Iterator[str | None]:
    """The variables of the environment whose values the code reads; None for one that only a run would tell."""
    for node in nodes:
        key: ast.expr | None = None
        if isinstance(node, ast.Call) and node.args:
            if _dotted(node.func).rpartition(".")[2] == "getenv" or _dotted(node.func).endswith("environ.get"):
                key = node.args[0]
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            key = node.slice if _dotted(node.value).rpartition(".")[2] == "environ" else None
        if key is not None:
            yield key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None


def _dotted(node: ast.AST) -> str:
    """`os.environ.get` of such an expression; "" for any other."""
    if isinstance(node, ast.Attribute):
        inner = _dotted(node.value)
        return f"{inner}.{node.attr}" if inner else node.attr
    return node.id if isinstance(node, ast.Name) else ""
