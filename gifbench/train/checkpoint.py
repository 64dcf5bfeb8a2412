"""Checkpoints: all that a training needs to go on as if it had not been stopped."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import torch

from gifbench.errors import TrainingError, storage_errors
from gifbench.train.weights import write_whole

FILE = "checkpoint.pt"


def save_checkpoint(run: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values; the file before it stays until the new one is whole."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    with storage_errors(run / FILE):
        write_whole(run / FILE, buffer.getvalue())


def load_checkpoint(run: Path) -> dict[str, Any]:
    """Read a checkpoint, tensors and plain values only; raises `TrainingError` where it is damaged."""
    path = run / FILE
    with storage_errors(path):
        data = path.read_bytes()
    try:
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError) as error:
        raise TrainingError(f"{path}: not a checkpoint, or damaged; start anew in another folder") from error
    if not isinstance(state, dict) or not {"step", "config", "networks"} <= state.keys():
        raise TrainingError(f"{path}: not a checkpoint of gifbench")
    found: dict[str, Any] = state
    return found
