"""One process at a time, also where the file system knows no `flock`; and a lock never harms a file."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gifbench.errors import BuildError, StorageError
from gifbench.storage import Folder, exclusive_lock
from gifbench.storage.exclusive_lock import STALE_SECONDS

BUSY = BuildError("busy")


def refuse_flock(monkeypatch: pytest.MonkeyPatch, number: int = errno.ENOLCK) -> None:
    """From here on `flock` ends in this error of the system."""

    def refuse(file: object, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)


@pytest.fixture(params=["flock", errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def no_flock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """With and without `flock`."""
    if request.param == "flock":
        return False
    refuse_flock(monkeypatch, request.param)
    return True


def test_one_holds_it_and_the_next_one_after(tmp_path: Path, no_flock: bool) -> None:
    with exclusive_lock(tmp_path / "lock", busy=BUSY):
        assert (tmp_path / "lock.held").exists() == no_flock
        with pytest.raises(BuildError, match="busy"), exclusive_lock(tmp_path / "lock", busy=BUSY):
            pass
        with pytest.raises(BuildError, match="busy"), Folder(tmp_path).lock("lock", busy=BUSY):
            pass
    with Folder(tmp_path).lock("a/lock", busy=BUSY), exclusive_lock(tmp_path / "lock", busy=BUSY):
        pass
    assert not (tmp_path / "lock.held").exists()


def test_other_errors_of_the_lock_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_flock(monkeypatch, errno.EIO)
    with pytest.raises(StorageError, match=os.strerror(errno.EIO)), exclusive_lock(tmp_path / "lock", busy=BUSY):
        pass


@pytest.mark.parametrize("who", ["ended here", "alive here", "silent elsewhere", "alive elsewhere", "half written"])
def test_a_lock_file_is_taken_over_when_its_holder_has_ended(
    who: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = tmp_path / "lock.held"
    if who == "ended here":
        code = (
            "import fcntl, os, sys, errno\nfrom pathlib import Path\nfrom gifbench.storage import exclusive_lock\n"
            "def refuse(*_):\n    raise OSError(errno.ENOLCK, 'no locks')\nfcntl.flock = refuse\n"
            f"with exclusive_lock(Path({str(tmp_path / 'lock')!r}), busy=ValueError()):\n    os.kill(os.getpid(), 9)\n"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    elif who == "half written":
        held.write_bytes(b"{")
    else:
        host = os.uname().nodename if who == "alive here" else "another-host"
        started = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19] if who == "alive here" else "1"
        held.write_text(json.dumps({"host": host, "pid": os.getpid(), "started": started, "token": "x"}))
    if who.startswith("silent"):
        old = held.stat().st_mtime - STALE_SECONDS - 5
        os.utime(held, (old, old))
    refuse_flock(monkeypatch)
    if who in ("ended here", "silent elsewhere"):
        with exclusive_lock(tmp_path / "lock", busy=BUSY):
            assert json.loads(held.read_text())["pid"] == os.getpid()
    else:
        with pytest.raises(BuildError, match="busy"), exclusive_lock(tmp_path / "lock", busy=BUSY):
            pass
    assert sorted(path.name for path in tmp_path.iterdir() if "partial" in path.name) == []


def test_locking_neither_follows_a_link_nor_empties_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"precious")
    (tmp_path / "lock").symlink_to("mine")
    for hold in (
        lambda: exclusive_lock(tmp_path / "lock", busy=BUSY),
        lambda: Folder(tmp_path).lock("lock", busy=BUSY),
    ):
        with pytest.raises(StorageError), hold():
            pass
    with exclusive_lock(tmp_path / "mine", busy=BUSY):
        pass
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StorageError, match="regular file"), exclusive_lock(tmp_path / "pipe", busy=BUSY):
        pass
    assert (tmp_path / "mine").read_bytes() == b"precious"


def test_a_lock_file_that_is_a_link_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_flock(monkeypatch)
    (tmp_path / "mine").write_bytes(b"precious")
    (tmp_path / "lock.held").symlink_to("mine")
    with pytest.raises(StorageError, match="is a link"), exclusive_lock(tmp_path / "lock", busy=BUSY):
        pass
    assert (tmp_path / "mine").read_bytes() == b"precious"
