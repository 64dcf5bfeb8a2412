"""`build --json` is one document on stdout, whatever a recipe prints, and wherever it does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.forked_command import ForkedCommand

PRINTS = '''
import os, sys
from gifbench.builder import Geometry, Recipe, SourceVideo

print("loading")
os.write(1, b"from below Python\\n")


class Loud(Recipe):
    """It prints wherever it is called."""

    name = "loud"
    title = "Loud"
    clips_per_shard: int = 2

    def geometry(self, video: SourceVideo) -> Geometry:
        print("cutting", flush=True)
        os.write(1, b"from below Python\\n")
        os.system("echo from a program")
        return Geometry(crop=None, width=video.info.width // 2, height=video.info.height // 2, filter="area")
'''


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_recipe_that_prints_leaves_one_document(
    workers: str, tiny_videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loud.py").write_text(PRINTS)
    monkeypatch.chdir(tmp_path)
    done = ForkedCommand("build", "loud.py", "--source", tiny_videos, "--out", "out", "--workers", workers, "--json")
    assert done.wait() in (0, 3), done.stderr
    assert json.loads(done.stdout)["name"] == "loud"
    assert "loading" in done.stderr and "cutting" in done.stderr
