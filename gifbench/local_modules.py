"""Modules beside somebody's file of methods, metrics or recipes: code of a folder gets those of that folder.

Python knows a module by its name alone, so that of two folders with a `model.py` each the second would run the first
one's, also where it is imported only in a function, long after the file itself.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib
import os
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, cast

_folders: dict[str, dict[str, ModuleType]] = {}
"""The modules that were imported from each folder, by name."""

_contents: dict[str, bytes] = {}
"""What was in the files of these modules when they were imported."""

_lock = threading.RLock()
_replaced = threading.Event()
_import: Callable[..., Any] = builtins.__import__
_PYTHONS_OWN = (f"{sysconfig.get_path('stdlib')}/", f"{Path(__file__).parent}/")


@contextmanager
def importing_from(folder: Path) -> Iterator[None]:
    """While a file of `folder` is run: it and its modules import from there, as the files are now."""
    place = str(folder)
    with _lock:
        own = _folders.setdefault(place, {})
        if not _replaced.is_set():
            _replaced.set()
            builtins.__import__ = _import_beside
        if any(_content(module) != _contents.get(_known_as(place, name)) for name, module in own.items()):
            _remove(own)  # all of them: those that import a changed one hold what it was
            own.clear()
        for others in [each for each in _folders.values() if each is not own]:
            _remove({name: module for name, module in others.items() if _is_beside(place, _top(name))})
    with _first_on_path(place):
        yield


@contextmanager
def _first_on_path(place: str) -> Iterator[None]:
    """Import from the folder before any other; what came from there is remembered as its own."""
    with _lock:
        importlib.invalidate_caches()
        before = set(sys.modules)
        sys.path.insert(0, place)
    try:
        yield
    finally:
        with _lock:
            sys.path.remove(place)
            _take(place, set(sys.modules) - before)


def _import_beside(
    name: str,
    globals: Mapping[str, object] | None = None,
    locals: Mapping[str, object] | None = None,
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    """What Python calls for each import."""
    file = globals.get("__file__") if globals is not None else None
    place = _folder_of(file) if isinstance(file, str) else None
    top = "" if place is None or globals is None else _top(str(globals.get("__package__") or "") if level else name)
    if place is None or not top or not _is_beside(place, top):
        return cast(ModuleType, _import(name, globals, locals, fromlist, level))
    with _lock, _own_one(place, top):
        return cast(ModuleType, _import(name, globals, locals, fromlist, level))


@contextmanager
def _own_one(place: str, top: str) -> Iterator[None]:
    """While it lasts `top` is the folder's module, unless an installed one has the name, and was imported."""
    own = _folders[place]
    aside = {
        name: module
        for name, module in list(sys.modules.items())
        if _top(name) == top and own.get(name) is not module and not _is_installed(module)
    }
    if top in aside and getattr(aside[top], "__file__", "").startswith(f"{place}/"):
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


def _folder_of(file: str) -> str | None:
    """The innermost known folder that holds a file."""
    if "-packages/" in file:
        return None
    return max((f for f in _folders if any(p.startswith(f"{f}/") for p in _places(file))), key=len, default=None)


def _is_beside(place: str, top: str) -> bool:
    return Path(place, f"{top}.py").is_file() or Path(place, top).is_dir()


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
        if module is None or not isinstance(file, str) or not file.startswith(f"{place}/") or not file.endswith(".py"):
            continue
        if _folder_of(file) == place:
            _folders[place][name] = module
            _contents[_known_as(place, name)] = _content(module)


def _known_as(place: str, name: str) -> str:
    """What a module of a folder is remembered as."""
    return f"{place}/{name}"


def _top(name: str) -> str:
    return name.partition(".")[0]


def _content(module: ModuleType) -> bytes:
    try:
        return hashlib.sha256(Path(str(module.__file__)).read_bytes()).digest()
    except OSError:
        return b""
