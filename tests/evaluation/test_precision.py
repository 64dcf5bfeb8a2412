"""What torch computes by belongs to a run: it is the same in its workers, and no other method's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gifbench.dataset import Dataset
from gifbench.devices import set_torch_settings, torch_settings
from gifbench.evaluation.evaluate import evaluate
from tests.evaluation.forked_workers import fork_workers

METHOD = """
import torch

class Net:
    backend = "torch"

    def restore_frames(self, frames, palettes):
        darker = {"highest": 0, "high": 20, "medium": 40}[torch.get_float32_matmul_precision()]
        darker += 10 * (torch.get_default_dtype() == torch.float64) + 5 * torch.are_deterministic_algorithms_enabled()
        return (frames.float() - darker).clamp(0, 255)

class Changes(Net):
    def restore_frames(self, frames, palettes):
        torch.set_float32_matmul_precision("medium")
        torch.set_default_dtype(torch.float64)
        torch.use_deterministic_algorithms(True)
        torch.set_grad_enabled(False)
        return frames
"""


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    pytest.importorskip("torch")
    before = torch_settings()
    path = tmp_path / "nets.py"
    path.write_text(METHOD)
    yield path
    set_torch_settings(before)


def test_what_one_method_changes_is_not_the_next_one_s(tiny_dataset: Dataset, file: Path, tmp_path: Path) -> None:
    what = {"tasks": "plain-1", "protocols": "standard", "device": "cpu"}
    (alone,) = evaluate(f"{file}:Net", tiny_dataset, out=tmp_path / "results", **what)
    changes, after = evaluate([f"{file}:Changes", f"{file}:Net"], tiny_dataset, out=tmp_path / "both", **what)
    assert changes.scores["psnr"].mean > after.scores["psnr"].mean - 100
    assert (after.identity, after.environment.precision) == (alone.identity, alone.environment.precision)
    assert after.scores["psnr"] == alone.scores["psnr"]
    assert torch_settings()["matmul"] == "highest"
    assert torch_settings()["grad"] is True


def test_a_worker_computes_as_the_process_that_asks(
    tiny_dataset: Dataset, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It also takes the method for the same, though torch, which it imports first, reads there what is installed."""
    about = file.parent / "mine.egg-info"
    about.mkdir()
    (about / "entry_points.txt").write_text("[console_scripts]\nmine = mine:main\n")
    monkeypatch.syspath_prepend(str(file.parent))
    fork_workers(monkeypatch)
    set_torch_settings({"matmul": "medium", "dtype": "float64", "deterministic": True})
    what = {"tasks": "plain-1", "protocols": "standard", "device": "cpu"}
    (here,) = evaluate(f"{file}:Net", tiny_dataset, **what)
    (there,) = evaluate(f"{file}:Net", tiny_dataset, time_limit=300, **what)
    assert "matmul medium" in here.environment.precision == there.environment.precision
    assert here.scores["psnr"] == there.scores["psnr"]
