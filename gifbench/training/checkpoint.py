"""Checkpoints: all that a training needs to go on as if it had not been stopped."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from gifbench.errors import AlreadyExists, TrainingError, UsageError, storage_errors
from gifbench.storage import atomic_write
from gifbench.training.config import FREE_TO_CHANGE, TrainingConfig, checked

FILE = "checkpoint.pt"


def save_checkpoint(run: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values; the file before it stays until the new one is whole."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    with atomic_write(run / FILE) as file:
        file.write(buffer.getbuffer())


def load_checkpoint(run: Path) -> dict[str, Any]:
    """Read a checkpoint, tensors and plain values only; raises `TrainingError` where it is damaged."""
    path = run / FILE
    with storage_errors(path):
        data = path.read_bytes()
    try:
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # torch's reader answers damage with whatever its own code stumbles over
        raise TrainingError(f"{path}: not a checkpoint, or damaged; start anew in another folder") from error
    if not isinstance(state, dict) or not {"step", "config", "networks"} <= state.keys():
        raise TrainingError(f"{path}: not a checkpoint of gifbench")
    found: dict[str, Any] = state
    return found


def checkpoint_before(out: Path, config: TrainingConfig, fingerprint: str, *, resume: bool) -> dict[str, Any] | None:
    """The checkpoint in `out` that a training goes on from, None where there is none; makes the folder.

    Raises `AlreadyExists` where there is one and `resume` is not given, `UsageError` where it is of another dataset or
    configuration.
    """
    there = (out / FILE).exists()
    if there and not resume:
        raise AlreadyExists(f"{out / FILE}: there is a training already; go on with it by --resume, or choose --out")
    if not there:
        with storage_errors(out):
            out.mkdir(parents=True, exist_ok=True)
        return None
    state = load_checkpoint(out)
    if state.get("dataset") != fingerprint:
        raise UsageError(f"{out}: the training was begun on another dataset; resume it with that one")
    # An option that has come since stands for what was done before.
    begun = checked(TrainingConfig, state["config"], what=str(out / FILE))
    before, now = (_flat(each.model_dump(mode="json")) for each in (begun, config))
    free = {f"training.{key}" for key in FREE_TO_CHANGE}
    if config.training.schedule == "cosine":
        free.remove("training.steps")
    for key in sorted((before.keys() | now.keys()) - free):
        if before.get(key) != now.get(key):
            raise UsageError(f"{out}: the training was begun with {key} = {before.get(key)!r}, not {now.get(key)!r}")
    return state


def _flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{before}{key}.") if isinstance(value, dict) else {f"{before}{key}": value}
    return flat
