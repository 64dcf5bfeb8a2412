"""Somebody's code that ends itself, as scripts do, ends no command of gifbench as if all were done."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import load_recipe
from gifbench.cli.exit_codes_and_error_messages import command
from gifbench.dataset import Dataset
from gifbench.download.fetch_queue_and_pauses import fetch_sources
from gifbench.download.store import Store
from gifbench.errors import MethodError, MetricError, RecipeError
from gifbench.manifest.rows import ManifestRow, from_folder
from gifbench.methods.registry import load_any_method, load_method_file
from gifbench.metrics.registry import load_metrics
from tests.conftest import invoke

ENDS = "import sys\n\n\nclass Ends:\n    name = 'ends'\n    def __init__(self): sys.exit(0)\n"


def test_a_method_or_metric_that_ends_as_it_is_made_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ends.py"
    file.write_text(f"{ENDS}    def restore_frames(self, frames, palettes): return frames\n")
    with pytest.raises(MethodError, match="SystemExit: 0"):
        load_method_file(f"{file}:Ends")
    monkeypatch.syspath_prepend(str(tmp_path))
    import ends  # type: ignore[import-not-found]

    with pytest.raises(MethodError, match="SystemExit: 0"):
        load_any_method(ends.Ends)
    file.write_text(f"{ENDS}    def measure(self, pair): return 0.0\n")
    with pytest.raises(MetricError, match="SystemExit: 0"):
        load_metrics([f"{file}:Ends"])


def test_a_metric_that_ends_while_it_measures_is_said(tmp_path: Path, tiny_dataset: Dataset) -> None:
    file = tmp_path / "ends.py"
    file.write_text(
        f"{ENDS}    def measure(self, pair): sys.exit(0)\n".replace("def __init__(self): sys.exit(0)", "pass")
    )
    options = ["--task", "plain-1", "--metric-file", f"{file}:Ends", "--out", tmp_path / "results", "--workers", "1"]
    done = invoke("evaluate", "gif", "--data", tiny_dataset.url, *options)
    assert done.exit_code == 1 and "it raised SystemExit: 0" in done.stderr


def test_a_recipe_that_ends_is_said_and_its_clips_have_failed(
    tiny_recipe: Path, tiny_videos: Path, tmp_path: Path
) -> None:
    file = tmp_path / "tiny.py"
    file.write_text(tiny_recipe.read_text() + "\nraise SystemExit\n")
    with pytest.raises(RecipeError, match="SystemExit"):
        load_recipe(str(file))
    file.write_text(
        tiny_recipe.read_text().replace("        if video", "        raise SystemExit(0)\n        if video")
    )
    built = run_build(
        load_recipe(str(file)), from_folder(tiny_videos), str(tmp_path / "out"), sources=tiny_videos, workers=1
    )
    assert {(outcome.state, outcome.reason) for outcome in built.outcomes} == {("failed", "internal")}


def test_a_source_that_ends_fails_and_fetch_goes_on(tmp_path: Path) -> None:
    class Ends:
        def group(self, locator: str) -> str:
            return "ends"

        def fetch(self, locator: str, scratch: Path) -> None:
            raise SystemExit(0)

    rows = [ManifestRow(clip_id=name, split="test", source="ends", locator=name) for name in ("a", "b")]
    summary = fetch_sources(rows, Store(tmp_path / "store"), {"ends": Ends()})  # type: ignore[dict-item]
    assert summary.failed == {"internal": 2}


def test_a_command_of_ours_that_something_ended_has_failed(capsys: pytest.CaptureFixture[str]) -> None:
    def train() -> None:
        raise SystemExit(0)

    with pytest.raises(SystemExit):
        command(train)()  # of a package
    train.__module__ = "gifbench.cli.train"
    with pytest.raises(typer.Exit) as ended:
        command(train)()
    assert ended.value.exit_code == 1 and "ended it, before it was done (SystemExit: 0)" in capsys.readouterr().err
