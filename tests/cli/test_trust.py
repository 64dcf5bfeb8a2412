"""What a stranger's results file names is never run, read or fetched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gifbench.dataset import Dataset
from tests.conftest import succeed


@pytest.mark.parametrize("name", ["{evil}:Evil", "stable:[{evil}:Evil]", "gif2video:color=[{evil}:Evil],time=dis"])
def test_a_results_file_runs_no_code(tiny_dataset: Dataset, tmp_path: Path, name: str) -> None:
    results, mark, evil = tmp_path / "results", tmp_path / "mark", tmp_path / "evil.py"
    evil.write_text(
        f"open({str(mark)!r}, 'w').close()\n"
        "class Evil:\n    def restore_frames(self, frames, palettes):\n        return frames\n"
    )
    common = ["--data", tiny_dataset.url, "--out"]
    succeed("evaluate", "gif", "--task", "plain-1", *common, results)
    for path in results.rglob("*.json"):
        content = json.loads(path.read_text())
        content["method"]["name"] = name.format(evil=evil)
        path.write_text(json.dumps(content))
    succeed("leaderboard", results, *common, tmp_path / "site", "--json")
    assert not mark.exists()
