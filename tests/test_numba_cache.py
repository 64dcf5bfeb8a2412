"""Compiled loops are kept somewhere, also for a user without a home."""

from __future__ import annotations

import errno
import importlib
import importlib.util
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numba
import pytest
from numba.core import caching, dispatcher

from gifbench import numba_cache


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Neither the package nor the home can be written; the folder for temporary files can."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    writable = numba_cache._writable
    monkeypatch.setattr(
        numba_cache, "_writable", lambda place: str(place).startswith(str(tmp_path)) and writable(place)
    )
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(os, "environ", dict(os.environ))
    return tmp_path


def test_a_folder_of_this_user_alone_is_made(nowhere: Path) -> None:
    assert numba_cache.compiled_home() is None
    numba_cache.keep_compiled()
    home = numba_cache.compiled_home()
    assert home is not None
    assert Path(home).parent == nowhere
    assert Path(home).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("trap", ["open to all", "a link"])
def test_a_folder_that_others_could_fill_is_not_taken(trap: str, nowhere: Path) -> None:
    home = nowhere / f"gifbench-compiled-{os.getuid()}"
    if trap == "a link":
        (nowhere / "theirs").mkdir(mode=0o700)
        home.symlink_to(nowhere / "theirs")
    else:
        home.mkdir()
        home.chmod(0o777)
    numba_cache.keep_compiled()
    assert numba_cache.compiled_home() is None


def test_what_the_user_chose_stays(nowhere: Path) -> None:
    os.environ["NUMBA_CACHE_DIR"] = str(nowhere / "mine")
    numba_cache.keep_compiled()
    assert numba_cache.compiled_home() == str(nowhere / "mine")


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Callable[[], Any]]:
    """Imports a compiled loop from a new file."""
    numba_cache._say_once.cache_clear()
    (tmp_path / "loop.py").write_text(
        "from numba import njit\n\n@njit(cache=True)\ndef twice(number):\n    return 2 * number\n"
    )

    def load() -> Any:
        spec = importlib.util.spec_from_file_location("loop", tmp_path / "loop.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.twice

    yield load
    numba_cache._say_once.cache_clear()


def test_a_loop_that_cannot_be_kept_or_read_is_compiled_anew_and_the_place_is_named(
    loop: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "kept"))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING, "gifbench"):
        patch.setattr(caching.IndexDataCacheFile, "save", full)
        assert (loop()(3), loop()(4), loop()(2.5)) == (6, 8, 5.0)
    (said,) = caplog.messages
    assert str(tmp_path / "kept") in said and "No space left on device" in said and "NUMBA_CACHE_DIR" in said
    assert not list(tmp_path.glob("kept/*/*.nb?"))
    assert loop()(3) == 6
    assert list(tmp_path.glob("kept/*/*.nbc"))
    monkeypatch.setattr(caching.IndexDataCacheFile, "load", full)
    assert loop()(3) == 6


def test_a_loop_is_compiled_anew_where_another_file_has_another_loop_or_number_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "kept"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(tmp_path)
    begin, name = "from numba import njit\n", "@njit(cache=True)\ndef {}(number):\n    return {}\n"
    (tmp_path / "loop.py").write_text(
        begin + "from other_loop import ADDED, times\n" + name.format("loop", "times(number) + ADDED")
    )
    found = []
    for factor, added in ((2, 0), (3, 0), (3, 1), (3, 1)):
        (tmp_path / "other_loop.py").write_text(
            f"{begin}ADDED = {added}\n" + name.format("times", f"{factor} * number")
        )
        for module in ("loop", "other_loop"):
            monkeypatch.delitem(sys.modules, module, raising=False)
        loop = importlib.import_module("loop").loop
        found.append((loop(1), sum(loop.stats.cache_hits.values())))
    assert found == [(2, 0), (3, 0), (4, 0), (4, 1)]


def test_without_any_folder_nothing_is_kept_and_all_goes_on(
    loop: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(caching.CompileResultCacheImpl, "_locator_classes", [])
    with caplog.at_level(logging.WARNING, "gifbench"):
        assert loop()(3) == 6
    assert "no folder for them can be written" in caplog.text


def test_numba_is_changed_once_whether_it_came_before_or_after() -> None:
    assert hasattr(dispatcher.FunctionCache, "gifbench_goes_on")
    before = caching.FunctionCache
    numba_cache.keep_compiled()
    assert caching.FunctionCache is before is dispatcher.FunctionCache
    finders = [finder for finder in sys.meta_path if isinstance(finder, numba_cache._WhenNumbaComes)]
    assert len(finders) <= 1
    spec = numba_cache._WhenNumbaComes().find_spec("numba.core.caching", numba.core.__path__)
    assert spec is not None and spec.loader is not None
    anew = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(anew)
    assert hasattr(anew.FunctionCache, "gifbench_goes_on")
