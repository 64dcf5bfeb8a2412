"""Plugins: what installed packages offer by entry points, and what Python files hold."""

from __future__ import annotations

import hashlib
import importlib.resources
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from importlib.metadata import EntryPoint
from importlib.metadata import entry_points as read_entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from gifbench.did_you_mean import known_names
from gifbench.errors import BuildError, GifbenchError, MethodError, MissingExtra, NoSuchMethod, UsageError
from gifbench.local_modules import importing_from

SOURCES = "gifbench.sources"
"""The entry points by which an installed package offers kinds of sources, called as a manifest's column `source`."""

RECIPES = "gifbench.recipes"
"""The entry points by which an installed package offers recipes of datasets."""

MANIFESTS = "gifbench.manifests"
"""The entry points that name packages with official lists of clips."""

_EXTRAS = {"torch": "torch", "safetensors": "torch", "torchvision": "raft", "spandrel": "spandrel"}
"""What code of methods may import that an extra brings."""


def entry_points(*, group: str, name: str | None = None) -> list[EntryPoint]:
    """What installed packages offer in a group; read again only where a folder that holds packages has changed.

    Each reading opens the files of every package that is installed, and one method is asked for many times.
    """
    found = _read_once(group, tuple((place, _changed(place)) for place in sys.path))
    return [point for point in found if name is None or point.name == name]


@lru_cache(maxsize=64)
def _read_once(group: str, places: tuple[tuple[str, int], ...]) -> tuple[EntryPoint, ...]:
    return tuple(read_entry_points(group=group))


def _changed(place: str) -> int:
    """When a folder of `sys.path` was changed last, in nanoseconds; 0 for one that is not there."""
    try:
        return Path(place).stat().st_mtime_ns
    except (OSError, ValueError):
        return 0


def installed_recipe(name: str) -> Any:  # noqa: ANN401  # a subclass of gifbench.builder.Recipe, which stands above
    """The class of the installed recipe called `name`; None where there is none, or it cannot be loaded."""
    for point in entry_points(group=RECIPES, name=name):
        with suppress(Exception):
            return point.load()
    return None


def official_list(name: str) -> Path | None:
    """The Parquet file of an official list that an installed package ships; None where none does.

    Packages that ship lists are entry points of the group `gifbench.manifests`: a package, whose files are called as
    the lists are.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}", name):
        return None
    for package in dict.fromkeys(("gifbench_manifests", *(point.value for point in entry_points(group=MANIFESTS)))):
        with suppress(ModuleNotFoundError):
            file = Path(str(importlib.resources.files(package))) / f"{name}.parquet"
            if file.is_file():
                return file
    return None


def entry_names(group: str) -> list[str]:
    """The names of the entry points of a group that are installed, sorted."""
    return sorted({point.name for point in entry_points(group=group)})


@cache
def source_kind(name: str) -> Any:  # noqa: ANN401  # a gifbench.download.SourceKind, which stands above this module
    """The kind of source called `name`; raises `UsageError` for one that is not installed or offered twice.

    `BuildError` for one that cannot be imported.
    """
    points = {point.value: point for point in entry_points(group=SOURCES, name=name)}
    if not points:
        raise UsageError(
            f"no installed package offers sources of kind {name!r}: {known_names(name, entry_names(SOURCES))}"
        )
    if len(points) > 1:
        offers = ", ".join(sorted(points))
        raise UsageError(f"several packages offer sources of kind {name!r} ({offers}); uninstall all but one")
    ((value, point),) = points.items()
    with import_errors(f"source {name} ({value})", BuildError):
        return point.load()()


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
    """Run a file of methods, or of another `kind`, as a module of its own; raises `error` where that fails."""
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
    text = "".join(c if c.isprintable() else "�" for c in " ".join(str(error).split()))
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
