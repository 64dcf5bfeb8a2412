"""What a training leaves to look at: `log.jsonl` and panels of pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gifbench.errors import storage_errors
from gifbench.train.weights import write_whole

FILE = "log.jsonl"


class Record:
    """The log of a training in its folder: one JSON object a line, each with its `step`."""

    def __init__(self, run: Path) -> None:
        self._run = run

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Add a line."""
        with storage_errors(self._run / FILE), (self._run / FILE).open("a", encoding="utf-8") as log:
            log.write(f"{json.dumps({'step': step, **values})}\n")

    def picture(self, step: int, pixels: NDArray[np.uint8]) -> None:
        """Write `panel-<step>.png` from RGB pixels (H, W, 3)."""
        path = self._run / f"panel-{step:08d}.png"
        with storage_errors(path):
            Image.fromarray(pixels).save(path)

    def cut_after(self, step: int) -> None:
        """Forget the lines after a step: a training that is resumed writes them again."""
        path = self._run / FILE
        if not path.exists():
            return
        kept = [line for line in path.read_text(encoding="utf-8").splitlines() if json.loads(line)["step"] <= step]
        with storage_errors(path):
            write_whole(path, "".join(f"{line}\n" for line in kept).encode())
