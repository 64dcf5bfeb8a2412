"""What docs/opening.md shows runs: the commands, then every snippet in one process without gifbench and a network."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gifbench.cli.app import app
from gifbench.dataset import Dataset

PAGE = Path(__file__).parents[2] / "docs" / "opening.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_every_command_and_snippet_runs(tiny_dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_dataset.url, "data/gif-faces")
    commands = [line for block in blocks("console") for line in block.splitlines()]
    assert len(commands) == 2
    for line in commands:
        done = CliRunner().invoke(app, shlex.split(line)[2:])
        assert done.exit_code == 0, f"{line}\n{done.output}"
    snippets = [*blocks("python"), "import sys\nassert 'gifbench' not in sys.modules\n"]
    assert len(snippets) == 6
    # In a process of its own, because datasets looks for its caches and for a network when it is imported.
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": "hf", "HOME": str(tmp_path), "PATH": ""}
    code = [sys.executable, "-I", "-c", "\n".join(snippets)]
    ran = subprocess.run(code, check=False, capture_output=True, text=True, env=offline)
    assert ran.returncode == 0, ran.stderr
    assert "ant 6" in ran.stdout
    assert (tmp_path / "sheet.html").stat().st_size > 10_000
