"""What installed packages offer is read once, and again where a package has come."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gifbench import entry_points


def installed(folder: Path, package: str) -> None:
    """A package that offers a recipe, as pip leaves it there."""
    info = folder / f"{package}-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[of.a.test]\n{package} = {package}:Recipe\n")


def test_a_package_that_comes_while_the_process_runs_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path, "first")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert entry_points.entry_names("of.a.test") == ["first"]
    real, read = entry_points.read_entry_points, []
    monkeypatch.setattr(entry_points, "read_entry_points", lambda group: read.append(group) or real(group=group))
    assert entry_points.entry_names("of.a.test") == ["first"] and not read
    installed(tmp_path, "second")
    os.utime(tmp_path, ns=(0, tmp_path.stat().st_mtime_ns + 1_000_000_000))  # some clocks of files are coarse
    assert entry_points.entry_names("of.a.test") == ["first", "second"]
    assert [point.value for point in entry_points.entry_points(group="of.a.test", name="second")] == ["second:Recipe"]
