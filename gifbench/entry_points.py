"""What installed packages offer by entry points: recipes, kinds of sources, official lists, and any other group."""

from __future__ import annotations

import importlib.resources
import re
import sys
from contextlib import suppress
from functools import cache, lru_cache
from importlib.metadata import EntryPoint
from importlib.metadata import entry_points as read_entry_points
from pathlib import Path
from typing import Any

from gifbench.did_you_mean import known_names
from gifbench.errors import BuildError, UsageError
from gifbench.user_code_import import import_errors

SOURCES = "gifbench.sources"
"""The entry points by which an installed package offers kinds of sources, called as a manifest's column `source`."""

RECIPES = "gifbench.recipes"
"""The entry points by which an installed package offers recipes of datasets."""

MANIFESTS = "gifbench.manifests"
"""The entry points that name packages with official lists of clips."""


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
