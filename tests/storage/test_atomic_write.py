"""What a killed writer left is written over, and what is not ours, or another's at work, never."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gifbench.storage import Folder, atomic_write

LEFT = ".a.bin.partial"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_a_killed_writer_left_is_written_over(tmp_path: Path) -> None:
    (tmp_path / LEFT).write_bytes(b"long left over")
    with atomic_write(tmp_path / "a.bin") as file:
        file.write(b"new")
    assert (tmp_path / "a.bin").read_bytes() == b"new"
    assert names(tmp_path) == ["a.bin"]


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "a.bin") as first, atomic_write(tmp_path / "a.bin") as second:
        first.write(b"first, and longer")
        second.write(b"second")
        assert len(names(tmp_path)) == 2
    assert (tmp_path / "a.bin").read_bytes() == b"first, and longer"  # its block ended last
    assert names(tmp_path) == ["a.bin"]


def test_a_name_that_was_laid_as_a_trap_is_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    traps = {
        "link": lambda place: place.symlink_to(victim),
        "dead link": lambda place: place.symlink_to(tmp_path / "not there"),
        "hard link": lambda place: place.hardlink_to(victim),
        "pipe": os.mkfifo,
        "folder": Path.mkdir,
    }
    for name, lay in traps.items():
        folder = tmp_path / name
        folder.mkdir()
        lay(folder / LEFT)
        with atomic_write(folder / "a.bin") as file:
            file.write(b"new")
        assert (folder / "a.bin").read_bytes() == b"new"
        assert names(folder) == [LEFT, "a.bin"]
    assert victim.read_bytes() == b"precious"
    assert not (tmp_path / "not there").exists()


def test_nothing_is_left_where_a_writer_raises(tmp_path: Path) -> None:
    (tmp_path / LEFT).touch()
    try:
        with atomic_write(tmp_path / "a.bin"):
            raise KeyError
    except KeyError:
        pass
    assert names(tmp_path) == []


def test_bytes_are_on_the_disk_before_their_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a power cut would leave an empty file of that name."""
    asked: list[object] = []
    rename = os.rename

    def renamed(*arguments: object, **named: object) -> None:
        asked.append("renamed")
        rename(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "fsync", lambda descriptor: asked.append(os.fstat(descriptor).st_size))
    monkeypatch.setattr(os, "rename", renamed)
    with atomic_write(tmp_path / "a.bin") as file:
        file.write(b"12345")
    Folder(tmp_path).write("folder/b.bin", b"123")
    Folder(tmp_path).take(tmp_path / "a.bin", "c.bin")
    assert asked == [5, "renamed", 3, "renamed", 5, "renamed"]
