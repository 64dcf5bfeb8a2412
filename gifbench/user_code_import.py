"""Importing somebody's code: a file of methods, metrics or recipes, and the modules that lie beside it.

What importing raises becomes one error in one line. Code of a folder gets the modules of that folder:
Python knows a module by its name alone, so that of two folders with a `model.py` each the second would run the first
one's, also where it is imported only in a function, long after the file itself.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib
import importlib.util
import inspect
import os
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from gifbench.did_you_mean import known_names
from gifbench.errors import GifbenchError, MethodError, MissingExtra, NoSuchMethod, NotFound, UsageError

_EXTRAS = {"torch": "torch", "safetensors": "torch", "torchvision": "raft", "spandrel": "spandrel"}
"""What code of methods may import that an extra brings."""

_folders: dict[str, dict[str, ModuleType]] = {}
"""The modules that were imported from each folder, by name."""

_added: dict[str, list[str]] = {}
"""What the code of each folder has put on `sys.path`."""

_known: set[str] = set()
"""What is on `sys.path`, apart from what such code is about to put there."""

_contents: dict[int, bytes] = {}
"""What was in the files of these modules when they were imported, by `id`: a module may be any object."""

_lock = threading.RLock()
_replaced = threading.Event()
_import: Callable[..., ModuleType] = builtins.__import__
_import_module = importlib.import_module
_PYTHONS_OWN = (f"{sysconfig.get_path('stdlib')}/", f"{Path(__file__).parent}/")


def file_class(
    module: ModuleType,
    path: Path,
    name: str | None,
    *,
    kind: str = "method",
    calls: tuple[str, ...] = ("restore", "restore_frames"),
) -> type[Any]:
    """The class called `name` in a file of methods, or its only one; raises `NoSuchMethod` or `UsageError`.

    A class is one of the `kind` if it has one of the functions `calls`.
    """
    own = {key: value for key, value in vars(module).items() if inspect.isclass(value)}
    methods = [
        key
        for key, value in own.items()
        if value.__module__ == module.__name__ and any(hasattr(value, call) for call in calls)
    ]
    if not name and len(methods) == 1:
        name = methods[0]
    if not name:
        raise UsageError(f"{path}: say which class is the {kind}, {path}:Class; {known_names('', methods)}")
    if name not in own:
        raise NoSuchMethod(f'{path} has no class "{name}": {known_names(name, methods)}')
    return own[name]


def import_file(path: Path, *, kind: str = "method", error: type[GifbenchError] = MethodError) -> ModuleType:
    """Run a file of methods, or of another `kind`, as a module of its own; raises `error` where that fails.

    Raises `NotFound` where no file is there.
    """
    if not path.is_file():
        raise NotFound(f"{path}: there is no such {kind} file")
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    spec = importlib.util.spec_from_file_location(f"gifbench_method_{digest}", path)
    if spec is None or spec.loader is None:
        raise error(f"{path}: cannot be imported as a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickling look a module up by its name
    try:
        with importing_from(path.resolve().parent), import_errors(f"{kind} file {path}", error):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module


@contextmanager
def import_errors(what: str, kind: type[GifbenchError] = MethodError) -> Iterator[None]:
    """Whatever importing somebody's code raises becomes one line, as an error of that `kind`, or as `MissingExtra`."""
    try:
        yield
    except GifbenchError:
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name in _EXTRAS:
            raise missing_extra(error.name, what) from error
        raise kind(f"{what} cannot be imported: {one_line(error)}") from error


def missing_extra(package: str, wanted_for: str) -> MissingExtra:
    """The error that says which extra brings a package."""
    return MissingExtra(package, extra=_EXTRAS.get(package, package), wanted_for=wanted_for)


def one_line(error: BaseException) -> str:
    """An exception of somebody else's code on one line, without characters that a terminal would obey."""
    try:
        text = "".join(c if c.isprintable() else "�" for c in " ".join(str(error).split()))
    except Exception:  # an exception that cannot say what it is
        text = ""
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


@contextmanager
def importing_from(folder: Path) -> Iterator[None]:
    """While a file of `folder` is run: it and its modules import from there, as the files are now."""
    place = str(folder)
    with _lock:
        own = _folders.setdefault(place, {})
        if not _replaced.is_set():
            _replaced.set()
            builtins.__import__ = _import_beside
            importlib.import_module = _import_module_beside
        if any(_content(module) != _contents[id(module)] for module in own.values()):
            _remove(own)  # all of them: those that import a changed one hold what it was
            own.clear()
        _known.update(sys.path)
        _remove_others(place)
    with _first_on_path(place):
        yield


@contextmanager
def _first_on_path(place: str) -> Iterator[None]:
    """Import from the folder before any other; what came from there is remembered as its own."""
    with _lock:
        importlib.invalidate_caches()
        before = set(sys.modules)
        others = {path for folder, paths in _added.items() if folder != place for path in paths}
        aside = [path for path in sys.path if path in others]
        sys.path[:] = [place, *(path for path in sys.path if path not in others)]
    try:
        yield
    finally:
        with _lock:
            sys.path.remove(place)
            sys.path += aside
            _claim(place)
            _take(place, set(sys.modules) - before)


def _claim(place: str) -> None:
    """What is new on `sys.path` was put there by the folder's code."""
    new = [each for each in sys.path if each not in _known and each not in _folders and "-packages" not in each]
    if new:
        _known.update(new)
        _added.setdefault(place, []).extend(new)
        _remove_others(place)


def _remove_others(place: str) -> None:
    """Python forgets what other folders imported under names that this one has, too."""
    for folder, modules in _folders.items():
        if folder != place:
            _remove({name: module for name, module in modules.items() if _is_beside(place, _top(name))})


def import_places(folder: Path) -> list[Path]:
    """Where code of the folder imports from before anywhere else: there, and what it has put on `sys.path`."""
    return [folder, *(Path(each).resolve() for each in _added.get(str(folder), ()))]


def _import_beside(
    name: str,
    globals: Mapping[str, object] | None = None,
    locals: Mapping[str, object] | None = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    """What Python calls for each import."""
    scope = globals or {}
    with _imports_of(scope.get("__file__"), str(scope.get("__package__") or "") if level else name):
        return _import(name, globals, locals, fromlist, level)


def _import_module_beside(name: str, package: str | None = None) -> ModuleType:
    """`importlib.import_module`."""
    with _imports_of(sys._getframe(1).f_globals.get("__file__"), package if package and name[:1] == "." else name):
        return _import_module(name, package)


@contextmanager
def _imports_of(file: object, name: str) -> Iterator[None]:
    """While it lasts a file imports a module of that name."""
    if (place := _folder_of(file)) is None:
        yield
        return
    with _lock:
        _claim(place)
        top = _top(name)
        with _own_one(place, top) if top and _is_beside(place, top) else nullcontext():
            yield


@contextmanager
def _own_one(place: str, top: str) -> Iterator[None]:
    """While it lasts `top` is the folder's module, unless an installed one has the name, and was imported."""
    own = _folders[place]
    aside = {
        name: module
        for name, module in list(sys.modules.items())
        if _top(name) == top and own.get(name) is not module and not _is_installed(module)
    }
    if top in aside and _folder_of(getattr(aside[top], "__file__", None)) == place:
        aside = {}  # imported from there before the folder was known
    _remove(aside)
    sys.modules.update({name: module for name, module in own.items() if _top(name) == top and name not in sys.modules})
    try:
        with _first_on_path(place):
            yield
    finally:
        if aside:
            _remove({name: module for name, module in own.items() if _top(name) == top})
            sys.modules.update(aside)


@cache
def _places(file: str) -> tuple[str, str]:
    return os.path.abspath(file), os.path.realpath(file)  # noqa: PTH100  # with links, and without


def _folder_of(file: object) -> str | None:
    """The known folder of the innermost place that holds a file; None also for what is no file."""
    if not isinstance(file, str) or "-packages/" in file:
        return None
    places = [(_places(each)[0], folder) for folder in _folders for each in (folder, *_added.get(folder, ()))]
    holding = [
        (len(p), p == folder, folder) for p, folder in places if any(f.startswith(f"{p}/") for f in _places(file))
    ]
    return max(holding)[-1] if holding else None


def _is_beside(place: str, top: str) -> bool:
    return any((each / f"{top}.py").is_file() or (each / top).is_dir() for each in import_places(Path(place)))


def _is_installed(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return not isinstance(file, str) or "-packages/" in file or file.startswith(_PYTHONS_OWN)


def _remove(modules: Mapping[str, ModuleType]) -> None:
    for name, module in modules.items():
        if sys.modules.get(name) is module:
            del sys.modules[name]


def _take(place: str, names: set[str]) -> None:
    """Remember which of these modules came from the folder."""
    for name in names:
        module = sys.modules.get(name)
        file = getattr(module, "__file__", None)
        if module is not None and str(file).endswith(".py") and _folder_of(file) == place:
            _folders[place][name] = module
            _contents[id(module)] = _content(module)


def _top(name: str) -> str:
    return name.partition(".")[0]


def _content(module: ModuleType) -> bytes:
    try:
        return hashlib.sha256(Path(str(module.__file__)).read_bytes()).digest()
    except OSError:
        return b""
