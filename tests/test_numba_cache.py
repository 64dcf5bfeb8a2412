"""Compiled loops are kept somewhere, also for a user without a home."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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
    assert home.parent == nowhere
    assert home.stat().st_mode & 0o777 == 0o700


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
    assert numba_cache.compiled_home() == nowhere / "mine"
