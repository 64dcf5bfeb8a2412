"""A stranger's folder: whatever its names and links say, nothing outside of it is read, written or waited for."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from gifbench.errors import NotFound, StorageError
from gifbench.storage import Folder, open_regular
from gifbench.storage.safe_paths import beneath, refuse_link

NAMES = ("/etc/passwd", "../victim/secret", "a/../../victim/secret", "a/..", ".", "./a", "a//b", "a\nb", "a\x00b", "a/")


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "secret").write_bytes(b"secret")
    return tmp_path / "victim"


@pytest.fixture
def folder(tmp_path: Path, victim: Path) -> Folder:
    (tmp_path / "place").mkdir()
    return Folder(tmp_path / "place")


def calls(folder: Folder, name: str) -> list[Callable[[], object]]:
    """Everything that a folder does with a name."""

    def opened() -> None:
        with folder.open(name) as file:
            file.read()

    def created() -> None:
        with folder.create(name) as file:
            file.write(b"x")

    def locked() -> None:
        with folder.lock(name, busy=RuntimeError()):
            pass

    return [opened, created, locked, lambda: folder.read(name), lambda: folder.write(name, b"x")]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("where", ["local", "memory"])
def test_a_name_that_is_no_path_below_the_folder_is_refused(
    name: str, where: str, folder: Folder, victim: Path
) -> None:
    folder = folder if where == "local" else Folder(f"memory://{victim.parent.name}/place")
    looks = [lambda: folder.size(name), lambda: folder.exists(name), lambda: folder.names(name)]
    for call in (*calls(folder, name)[: 2 if where == "memory" else 5], *looks, lambda: folder.delete(name)):
        with pytest.raises(StorageError, match="must be named by a path below"):
            call()
    assert (victim / "secret").read_bytes() == b"secret"


@pytest.mark.parametrize("link", ["file", "folder", "chain", "absolute"])
def test_a_link_that_leads_out_is_not_followed(link: str, folder: Folder, victim: Path) -> None:
    place = victim.parent / "place"
    if link == "file":
        (place / "a").mkdir()
        (place / "a" / "secret").symlink_to("../../victim/secret")
    elif link == "chain":
        (place / "b").symlink_to("c")
        (place / "c").symlink_to("../victim")
        (place / "a").symlink_to("b")
    else:
        (place / "a").symlink_to("../victim" if link == "folder" else victim)
    opened, created, locked, read, written = calls(folder, "a/secret")
    # A file that is created takes the place of a link, which is then not followed either.
    for call in (opened, read, locked) if link == "file" else (opened, created, locked, read, written):
        with pytest.raises(StorageError):
            call()
    assert (victim / "secret").read_bytes() == b"secret"
    if link != "file":
        with pytest.raises(StorageError, match="leads out of the folder"):
            folder.delete("a/secret")
        with pytest.raises(StorageError, match="leads out of the folder"):
            folder.names("a")
        assert [name for name in folder.names() if "secret" in name] == []
    folder.delete("a")
    assert (victim / "secret").read_bytes() == b"secret"


def test_a_file_is_written_in_the_place_of_a_link_and_not_through_it(folder: Folder, victim: Path) -> None:
    (victim.parent / "place" / "a").symlink_to(victim / "secret")
    folder.write("a", b"new")
    assert folder.read("a") == b"new"
    assert (victim / "secret").read_bytes() == b"secret"


def test_a_link_that_stays_inside_is_followed(folder: Folder) -> None:
    folder.write("real/b/x", b"inside")
    (folder.local / "a").symlink_to("real")
    (folder.local / "real" / "c").symlink_to("b/x")
    assert folder.read("a/b/x") == folder.read("a/c") == b"inside"
    folder.write("a/b/y", b"1")
    assert folder.read("real/b/y") == b"1"
    assert folder.names("a/b") == ["a/b/x", "a/b/y"]


def test_the_path_of_the_folder_itself_may_hold_links(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to("disk")
    folder = Folder(tmp_path / "data")
    folder.write("a/b", b"1")
    assert folder.read("a/b") == b"1"
    assert folder.names() == ["a/b"]


def test_a_folder_that_is_swapped_for_a_link_after_a_look_is_refused(folder: Folder, victim: Path) -> None:
    folder.write("a/secret", b"mine")
    real, place = folder.local / "a", folder.local

    def swapped(descriptor: int, part: str) -> bytes:
        refuse_link(descriptor, part)
        (place / "a").rename(place / "old")
        (place / "a").symlink_to(victim)
        with os.fdopen(open_regular(part, flags=os.O_RDONLY | os.O_NOFOLLOW, dir_fd=descriptor), "rb") as file:
            return file.read()

    assert beneath(str(place), "a/secret", swapped) == b"mine"
    assert real.is_symlink()
    with pytest.raises(StorageError, match="leads out of the folder"):
        folder.read("a/secret")


@pytest.mark.parametrize("kind", ["fifo", "socket", "device", "folder", "link to a device", "loop"])
def test_what_is_no_regular_file_is_never_opened(kind: str, folder: Folder) -> None:
    path = folder.local / "a"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as end:
            os.chdir(path.parent)
            end.bind("a")
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to("a")
    elif kind == "device":
        try:
            os.mknod(path, 0o600 | 0o020000, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("devices are made by root alone")
    else:
        path.symlink_to("/dev/zero")
    for call in (lambda: folder.read("a"), calls(folder, "a")[0], calls(folder, "a")[2]):
        with pytest.raises(StorageError):
            call()


def test_a_range_of_any_length_takes_no_memory_for_it(folder: Folder) -> None:
    folder.write("a", b"12345")
    with pytest.raises(StorageError, match="ends after 5 bytes"):
        folder.read("a", start=1, length=1 << 62)
    with pytest.raises(StorageError, match="ends after"):
        folder.read("a", start=1 << 40, length=5)


def test_what_is_not_there_is_not_found_in_a_folder_that_is_a_file(folder: Folder) -> None:
    folder.write("a", b"1")
    with pytest.raises(NotFound):
        folder.read("a/b")
    assert not folder.exists("a/b")
    assert folder.size("a/b") is None
    assert folder.names("a/b") == []


def test_a_file_that_is_larger_than_its_reader_takes_is_not_read(folder: Folder) -> None:
    """A sparse file costs its maker nothing, and would be read before it is known to be no JSON."""
    with (folder.local / "a.json").open("wb") as file:
        file.truncate(12 << 30)
    with pytest.raises(StorageError, match="at most 1048576 are read"):
        folder.read("a.json", limit=1 << 20)
    with pytest.raises(StorageError, match="at most 1073741824 are read"):
        folder.read("a.json")
    assert folder.read("a.json", start=12 << 29, length=3) == bytes(3)
