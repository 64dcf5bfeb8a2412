"""Halving the batches of a per-frame method after memory ran out, on the CPU or on an accelerator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gifbench.devices import free_memory, is_out_of_memory
from gifbench.methods.method_interface import FrameMethod, FrameSource

BATCH_PIXELS = 1 << 21
"""Pixels that a batch of `restore_frames` holds at most: 32 frames of 256×256, 9 of 636×360, or one larger frame."""

NO_MEMORY = object()
"""What `restored_batch` gives where memory runs out."""

_RAN_OUT = "memory ran out"


@dataclass(slots=True)
class Batching:
    """How large the batches of `restore_frames` are; a run has one, because what did not fit once will not fit again.

    `pixels` a batch may hold (None: `BATCH_PIXELS`); `notes` say what a reader of the result must know.
    """

    pixels: int | None = None
    notes: list[str] = field(default_factory=list)

    def size(self, gif: FrameSource) -> int:
        """Frames of `gif` that a batch may hold."""
        return max(1, (self.pixels or BATCH_PIXELS) // (gif.height * gif.width))

    def halve(self, gif: FrameSource) -> None:
        """After memory ran out: batches of half as many frames from now on."""
        size = self.size(gif) // 2
        self.pixels = size * gif.height * gif.width
        frames = f"{size} frame{'s' if size > 1 else ''} of {gif.width}×{gif.height}"
        self.notes[:] = [note for note in self.notes if not note.startswith(_RAN_OUT)]
        self.notes.append(f"{_RAN_OUT}: batches were halved to {frames}")


def restored_batch(method: FrameMethod, gif: FrameSource, chosen: Sequence[int], torch_device: str | None) -> Any:  # noqa: ANN401
    """What the method makes of these frames; `NO_MEMORY` where that runs out."""
    try:
        frames: Any = np.stack([gif.frame(i) for i in chosen])
        palettes: list[Any] = [gif.palettes[i].copy() for i in chosen]
        if torch_device is not None:
            import torch

            frames = torch.tensor(frames, device=torch_device)
            together = torch.tensor(np.concatenate(palettes), device=torch_device)  # one copy, not one a frame
            palettes = list(together.split([len(palette) for palette in palettes]))
        return method.restore_frames(frames, palettes)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
    if torch_device is not None:  # the error held the tensors; now they can be given back
        free_memory(torch_device)
    return NO_MEMORY
