"""Files appear when they are whole, locally and elsewhere."""

from __future__ import annotations

import pickle
import signal
import warnings
from pathlib import Path

import pytest

from gifbench.errors import DiskFull, NotFound, NotWritable, StorageError, storage_errors
from gifbench.storage import Folder


@pytest.fixture(params=["local", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    return Folder(tmp_path / "place" if request.param == "local" else f"memory://{tmp_path.name}/place")


def test_what_is_written_can_be_read_in_ranges(folder: Folder) -> None:
    folder.write("a/b.bin", bytes(range(100)))
    assert folder.read("a/b.bin") == bytes(range(100))
    assert folder.read("a/b.bin", start=10, length=5) == bytes(range(10, 15))
    assert folder.read("a/b.bin", start=0, length=3) == bytes(range(3))
    assert folder.size("a/b.bin") == 100
    assert folder.size("a/c.bin") is None
    assert folder.names() == ["a/b.bin"]
    with folder.open("a/b.bin") as file:
        file.seek(98)
        assert file.read() == b"bc"


def test_a_range_beyond_the_end_is_an_error(folder: Folder) -> None:
    folder.write("b.bin", b"12345")
    with pytest.raises(StorageError, match="ends after 5 bytes"):
        folder.read("b.bin", start=3, length=10)


def test_a_failed_write_leaves_nothing(folder: Folder) -> None:
    folder.write("b.bin", b"before")
    with pytest.raises(RuntimeError), folder.create("b.bin") as file:
        file.write(b"half")
        raise RuntimeError
    assert folder.read("b.bin") == b"before"
    assert folder.names() == ["b.bin"]


def test_what_is_not_there_is_not_found(folder: Folder) -> None:
    with pytest.raises(NotFound, match="nothing"):
        folder.read("nothing.bin")
    assert folder.names("nowhere") == []
    folder.delete("nothing.bin")


def test_sweeping_takes_away_what_a_kill_left_and_nothing_else(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write("a.tar", b"1")
    folder.write("staging/.b.x.partial", b"1")
    folder.write("staging/.c.partial/truth.mkv", b"1")
    folder.sweep()
    assert folder.names() == ["a.tar"]


def test_a_folder_travels_to_another_process_that_stands_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Folder("here")
    folder.write("x", b"y")
    data = pickle.dumps(folder)
    monkeypatch.chdir("/")
    assert pickle.loads(data).read("x") == b"y"


def test_an_unknown_kind_of_url_is_said() -> None:
    with pytest.raises(StorageError, match="nonsense://x"):
        Folder("nonsense://x/y")


def test_errors_of_the_system_get_their_class() -> None:
    import errno

    for number, kind in ((errno.ENOSPC, DiskFull), (errno.EROFS, NotWritable), (errno.EACCES, NotWritable)):
        with pytest.raises(kind, match="/some/where"), storage_errors("/some/where"):
            raise OSError(number, "as the system says it")
    with pytest.raises(StorageError, match="strange"), storage_errors("/some/where"):
        raise OSError(errno.EIO, "strange")


def test_a_server_without_ranges_is_read_whole_once(caplog: pytest.LogCaptureFixture) -> None:
    from tests.download.http_server import serve

    with serve() as site:
        site.bodies |= {"a.bin": bytes(range(100)), "b.bin": bytes(range(50))}
        folder = Folder(site.url("/good"))
        for start in (0, 10, 90):
            assert folder.read("a.bin", start=start, length=5) == bytes(range(start, start + 5))
        assert site.asked["/good/a.bin"] == 1
        assert folder.read("b.bin", start=3, length=2) == b"\x03\x04"
        with pytest.raises(StorageError, match="were expected"):
            folder.read("b.bin", start=49, length=2)
    assert [record.message for record in caplog.records].count(caplog.records[0].message) == 1
    assert "no ranges" in caplog.records[0].message


def test_a_forked_process_opens_its_file_system_anew() -> None:
    """As a DataLoader's workers do, which took over an event loop without its thread."""
    import os

    from tests.download.http_server import serve

    with serve() as site:
        site.bodies["a.bin"] = bytes(range(100))
        folder = Folder(site.url("/good"))
        assert folder.read("a.bin") == bytes(range(100))
        before = folder._file_system
        out, into = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python tells of threads beside a fork
            child = os.fork()
        if not child:
            try:
                signal.alarm(20)
                fresh = folder._file_system is not before
                os.write(into, folder.read("a.bin")[:5] if fresh else b"stale")
            finally:
                os._exit(0)
        os.close(into)
        with os.fdopen(out, "rb") as said:
            assert said.read() == bytes(range(5))
        os.waitpid(child, 0)
        assert folder._file_system is before


def test_names_that_would_be_one_file_are_refused(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.make()
    alike = ["Ant", "bee", "ant", "ant"]
    if not folder._ignores_case():
        folder.check_apart(alike)
    monkeypatch.setattr(Path, "exists", lambda place: True)  # as a file system that knows no case answers
    folder.check_apart(["Ant", "bee", "Ant"])
    if folder.local is None:
        folder.check_apart(alike)
        return
    with pytest.raises(
        StorageError, match=r"ant: Ant would be the same file, .* upper from lower case; choose a folder"
    ):
        folder.check_apart(alike)
    assert folder.names() == []
