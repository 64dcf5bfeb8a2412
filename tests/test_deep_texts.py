"""JSON that is nested deeper than Python can follow, wherever such a file is read, ends in no RecursionError."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gifbench.download.resumable_http_source import _read_note
from gifbench.errors import GifbenchError
from gifbench.evaluation.restored_cache import forget
from gifbench.leaderboard.atomic_publish import MARKER, made_of
from gifbench.storage.exclusive_lock import _read
from gifbench.training.logger import FILE, Record
from gifbench.training.training_folder import TrainingRun

DEEP = (
    "[" * 200_000,
    '{"a":' * 200_000,
    '{"step": 1, "dtype": ' + "[" * 200_000,
    "[" * 3_000,
    "9" * 6_000,
    "\xff",
    "",
    "5",
)


@pytest.fixture(params=DEEP, ids=range(len(DEEP)))
def text(request: pytest.FixtureRequest) -> bytes:
    return str(request.param).encode("latin-1")


def test_the_note_of_a_fetch_that_broke_off(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "note.json").write_bytes(text)
    assert _read_note(tmp_path / "note.json") == ""


def test_a_note_with_something_else_than_texts_is_not_sent(tmp_path: Path) -> None:
    (tmp_path / "note.json").write_text(json.dumps({"validator": ["a"], "x": "y"}))
    assert _read_note(tmp_path / "note.json") == ""
    (tmp_path / "note.json").write_text(json.dumps({"validator": "y", "x": ["a"]}))
    assert _read_note(tmp_path / "note.json") == "y"


def test_the_log_of_a_training(text: bytes, tmp_path: Path) -> None:
    good = json.dumps({"step": 3, "loss": 0.5})
    (tmp_path / FILE).write_bytes(good.encode() + b"\n" + text)
    Record(tmp_path, after=3)
    assert (tmp_path / FILE).read_text() == f"{good}\n"
    (tmp_path / FILE).write_bytes(text or b"[]")
    with pytest.raises(GifbenchError):
        TrainingRun(tmp_path)._lines()


def test_the_marker_of_a_page(text: bytes, tmp_path: Path) -> None:
    (tmp_path / MARKER).write_bytes(text)
    assert not made_of(tmp_path, "inputs")


def test_a_file_of_restored_frames(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "ab").mkdir()
    (tmp_path / "ab" / "x.frames").write_bytes(text)
    assert forget(tmp_path, [], clip_ids=["ant"]) == 0


def test_a_lock_file(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "lock").write_bytes(text)
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        assert _read(folder, "lock") is None
    finally:
        os.close(folder)
