"""`gifbench restore` with one, two or three arguments: which is the method, and which the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from gifbench.cli.restore import _parts


@pytest.mark.parametrize(
    ("given", "method", "source", "out"),
    [
        ("in.gif", "ccdnet", "in.gif", None),
        ("in.gif out.mp4", "ccdnet", "in.gif", "out.mp4"),
        ("film.mp4 out.mp4", "ccdnet", "film.mp4", "out.mp4"),
        ("gif in.gif", "gif", "in.gif", None),
        ("run in.gif", "run", "in.gif", None),
        ("net.safetensors in.gif", "net.safetensors", "in.gif", None),
        ("mine.py in.gif", "mine.py", "in.gif", None),
        ("MINE=mine.py in.gif", "MINE=mine.py", "in.gif", None),
        ("mine.py:Mine in.gif", "mine.py:Mine", "in.gif", None),
        ("A=net.safetensors in.gif out.mp4", "A=net.safetensors", "in.gif", "out.mp4"),
    ],
)
def test_a_file_that_is_a_method_is_no_input(
    given: str, method: str, source: str, out: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("in.gif", "film.mp4", "net.safetensors", "mine.py"):
        Path(name).write_bytes(b"")
    Path("run").mkdir()
    assert _parts(given.split()) == (method, Path(source), None if out is None else Path(out))
