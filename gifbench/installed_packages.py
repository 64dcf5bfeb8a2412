"""Which installed package brings a module, and in what version; nothing is imported for it."""

from __future__ import annotations

import re
import sys
import sysconfig
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distributions, version
from importlib.util import find_spec
from pathlib import Path


def module_file(top: str) -> Path | None:
    """The file of a top-level module: of the one that was imported, or of the one that would be."""
    loaded = sys.modules.get(top)
    file = getattr(loaded, "__file__", None)
    if file is None and loaded is None:
        try:
            spec = find_spec(top)
        except (ImportError, ValueError, AttributeError):
            return None
        file = spec.origin if spec is not None and spec.has_location else None
    return Path(file).resolve() if isinstance(file, str) and Path(file).is_file() else None


@cache
def installed_version(package: str) -> str:
    """The version of a package, whose metadata is read and parsed once; "" for one that is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


@cache
def _installed_places() -> tuple[Path, ...]:
    places = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    places |= {each for each in sys.path if Path(each).name in ("site-packages", "dist-packages")}
    return tuple(Path(each).resolve() for each in places if each)


def is_installed(path: Path) -> bool:
    """Whether a file lies where Python or its packages are installed."""
    return any(path.is_relative_to(place) for place in _installed_places())


@cache
def _installed_packages() -> tuple[tuple[Distribution, str, str], ...]:
    """Each installed package, with the modules that it says it brings and the list of its files, as texts."""
    return tuple(
        (each, each.read_text("top_level.txt") or "", each.read_text("RECORD") or "") for each in distributions()
    )


def package_names(top: str) -> set[str]:
    """The installed packages that bring the module `top`.

    As `importlib.metadata.packages_distributions` finds them, which makes a path of each of the 35,000 files that are
    installed first, and takes longer than restoring a short GIF.
    """
    line = re.compile(rf"^{re.escape(top)}(?:/[^,]*)?\.py,", re.MULTILINE)
    return {
        package.metadata["Name"]
        for package, modules, files in _installed_packages()
        if (top in modules.split() if modules else line.search(files))
    }


@cache
def package_version(top: str) -> str | None:
    """The version of the installed package that brings the module `top`."""
    return next(filter(None, map(installed_version, sorted(package_names(top)))), None)
