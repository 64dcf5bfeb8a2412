"""What a training leaves to look at: `log.jsonl`, panels of pictures, and both for TensorBoard."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gifbench.errors import MissingExtra, storage_errors
from gifbench.storage import atomic_write

FILE = "log.jsonl"


class Record:
    """The log of a training in its folder: one JSON object a line, each with its `step`.

    Lines that it has beyond the step `after` are forgotten: a training that is resumed writes them again. With
    `tensorboard`, the same goes into the folder `tensorboard`; raises `MissingExtra` where it is not installed.
    """

    def __init__(self, run: Path, *, after: int, tensorboard: bool = False) -> None:
        self._run = run
        self._board: Any = None
        if tensorboard:
            if find_spec("tensorboard") is None:
                raise MissingExtra("tensorboard", extra="train", wanted_for="training.tensorboard")
            from torch.utils.tensorboard import SummaryWriter

            with storage_errors(run / "tensorboard"):
                self._board = SummaryWriter(str(run / "tensorboard"), purge_step=after + 1, flush_secs=10)
        path = run / FILE
        if path.exists():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            with atomic_write(path) as file:
                file.writelines(f"{line}\n".encode() for line in lines if _step(line) <= after)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Add a line."""
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)
        with storage_errors(self._run / FILE), (self._run / FILE).open("a", encoding="utf-8") as log:
            log.write(f"{json.dumps({'step': step, **values})}\n")

    def picture(self, step: int, pixels: NDArray[np.uint8]) -> None:
        """Write `panel-<step>.png` from RGB pixels (H, W, 3)."""
        if self._board is not None:
            self._board.add_image("validation", pixels, step, dataformats="HWC")
        with atomic_write(self._run / f"panel-{step:08d}.png") as file:
            Image.fromarray(pixels).save(file, "png")


def _step(line: str) -> float:
    """The step of a line of the log; beyond all of them for one that a kill cut off."""
    try:
        step = json.loads(line)["step"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return float("inf")
    return step if isinstance(step, int) else float("inf")
