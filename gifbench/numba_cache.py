"""Where numba keeps compiled loops, so that they are compiled once on a machine and not once a process."""

from __future__ import annotations

import functools
import logging
import os
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

_VARIABLE = "NUMBA_CACHE_DIR"
_CACHING = "numba.core.caching"

_log = logging.getLogger(__name__)


def keep_compiled() -> None:
    """Have numba keep what it compiles where that can be, and go on where it cannot, as on a full disk.

    A folder of our own below the temporary files is given to it where it would find none that can be written: that is
    so for a user without a home folder who runs what an administrator installed.
    """
    if _CACHING in sys.modules:
        _go_on_without_room(sys.modules[_CACHING])
    elif not any(isinstance(finder, _WhenNumbaComes) for finder in sys.meta_path):
        sys.meta_path.insert(0, _WhenNumbaComes())
    if _VARIABLE not in os.environ and compiled_home() is None and (home := _own_temporary()) is not None:
        os.environ[_VARIABLE] = str(home)


def compiled_home() -> str | None:
    """The folder that is used, or None where there is none; without pathlib, which costs more than all the rest."""
    own = os.path.dirname(__file__)  # noqa: PTH120
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "numba")  # noqa: PTH111, PTH118
    places = [os.environ[_VARIABLE]] if _VARIABLE in os.environ else [own, cache]
    return next(filter(_writable, places), None)


def _writable(place: str) -> bool:
    """Whether files can be made in a folder, or it can be made."""
    while not os.path.exists(place) and os.path.dirname(place) != place:  # noqa: PTH110, PTH120
        place = os.path.dirname(place)  # noqa: PTH120
    return os.access(place, os.W_OK | os.X_OK)


def _own_temporary() -> Path | None:
    """A folder that is this user's alone, since code is loaded from it."""
    import tempfile

    try:
        home = Path(tempfile.gettempdir()) / f"gifbench-compiled-{os.getuid()}"
        home.mkdir(mode=0o700, exist_ok=True)
        about = home.lstat()
    except (AttributeError, OSError):
        return None
    return home if about.st_uid == os.getuid() and about.st_mode & 0o170077 == 0o040000 else None


class _WhenNumbaComes:
    """Changes numba as it is imported, which takes long and is never done for its own sake."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where that module is, which is changed when it is loaded; None for all others, which are found elsewhere."""
        spec = PathFinder.find_spec(name, path, target) if name == _CACHING else None
        if spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def load_and_change(module: ModuleType) -> None:
            load(module)
            _go_on_without_room(module)

        spec.loader.exec_module = load_and_change  # type: ignore[method-assign]
        return spec


def _go_on_without_room(caching: Any) -> None:  # noqa: ANN401  # a module of numba's
    """Numba raises where it cannot keep a loop, or read one that was kept, though it has it or can make it anew."""
    whole = caching.FunctionCache
    if hasattr(whole, "gifbench_goes_on"):
        return

    def cache_of(function: Callable[..., object]) -> object:
        try:
            return whole(function)
        except RuntimeError as error:
            if "no locator available" not in str(error):
                raise
            _say_once("no folder for them can be written")
            return caching.NullCache()

    cache_of.gifbench_goes_on = True  # type: ignore[attr-defined]
    for name in ("load_overload", "save_overload"):
        setattr(whole, name, _or_none(getattr(whole, name)))
    modules: list[Any] = [caching, sys.modules.get("numba.core.dispatcher")]
    for module in filter(None, modules):
        module.FunctionCache = cache_of


def _or_none(function: Callable[..., object]) -> Callable[..., object]:
    @functools.wraps(function)
    def call(cache: Any, *given: object) -> object:  # noqa: ANN401  # numba's
        try:
            cache._cache_file._source_stamp = _source_stamps(cache)
            return function(cache, *given)
        except OSError as error:
            _say_once(f"{cache.cache_path}: {error.strerror or error}")
            return None

    return call


def _source_stamps(cache: Any) -> list[object]:  # noqa: ANN401  # numba's
    """The source file of a loop, of all loops that it calls, and the numbers in them: numba itself minds the first."""
    from numbers import Number

    functions, stamps = [cache._py_func], [cache._impl.locator.get_source_stamp()]
    for function in functions:
        for name in function.__code__.co_names:
            value = function.__globals__.get(name)
            if isinstance(value, Number):
                stamps.append(repr(value))
            elif hasattr(getattr(value, "_cache", None), "_impl") and value.py_func not in functions:
                functions.append(value.py_func)
                stamps.append(value._cache._impl.locator.get_source_stamp())
    return stamps


@functools.cache
def _say_once(why: str) -> None:
    _log.warning(
        "compiled loops are not kept, so that each start compiles them anew (%s): free some space there, or set %s to "
        "a folder that can be written",
        why,
        _VARIABLE,
    )
