"""The guard of the path targets sees what it should: a guard that is blind would pass everything."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz.sandbox import nothing_outside

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's record is Linux's")


def guarded(home: Path, action: Callable[[], object]) -> None:
    for name in ("victim", "copy"):
        (home / name).mkdir(exist_ok=True)
    (home / "victim" / "secret").write_bytes(b"secret")
    (home / "copy" / "evil.py").write_text("x = 1\n")
    with nothing_outside(home, writable=[home / "copy"], victim=home / "victim"):
        action()


def _import(path: Path) -> None:
    spec = importlib.util.spec_from_file_location("evil", path)
    assert spec is not None and spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


def _by_libc(path: Path) -> None:
    libc = ctypes.CDLL(None)
    libc.close(libc.open(os.fsencode(path), os.O_RDONLY))


def _below_an_open_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_PATH)
    os.close(os.open("secret", os.O_RDONLY, dir_fd=descriptor))
    os.close(descriptor)


def _connect() -> None:
    with socket.socket() as one:
        one.settimeout(0.1)
        one.connect_ex(("127.0.0.1", 9))


@pytest.mark.parametrize(
    ("what", "seen"),
    [
        (lambda home: (home / "victim" / "secret").read_bytes(), "read"),
        (lambda home: Path("../victim/secret").read_bytes(), "read"),
        (lambda home: _by_libc(home / "victim" / "secret"), "kernel"),
        (lambda home: _below_an_open_folder(home / "victim"), "kernel"),
        (lambda home: (home / "elsewhere").write_bytes(b""), "written"),
        (lambda home: Path("here").write_bytes(b""), "written"),
        (lambda home: (home / "elsewhere").mkdir(), "os.mkdir"),
        (lambda home: (home / "copy" / "evil.py").rename(home / "moved"), "os.rename"),
        (lambda home: (home / "victim" / "secret").unlink(), "os.remove"),
        (lambda home: shutil.rmtree(home / "victim"), "os.rmdir"),
        (lambda home: _import(home / "copy" / "evil.py"), "is run"),
        (lambda home: _connect(), "socket.connect"),
        (lambda home: subprocess.run(["true"], check=True), "subprocess.Popen"),
    ],
)
def test_what_must_not_happen_is_seen(what: Callable[[Path], object], seen: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=seen):
        guarded(tmp_path, lambda: what(tmp_path))


def test_what_may_happen_is_not(tmp_path: Path) -> None:
    def action() -> None:
        (tmp_path / "copy" / "new").write_bytes(b"x")
        (tmp_path / "copy" / "link").symlink_to(tmp_path / "victim")
        (tmp_path / "copy" / "link").unlink()  # the link goes, not what it leads to
        (tmp_path / "victim" / "secret").stat()

    guarded(tmp_path, action)
