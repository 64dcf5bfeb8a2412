"""Re-quantization consistency: drawn with the GIF's own palette, a restored frame should be the GIF again.

|f_C(I) − G| of GIF2Video (CVPR 2019), section 3.1: f_C takes each pixel to the nearest color of the palette C. A
method that invents colors, however pretty, is found out without any truth. A dithered GIF is not made by nearest
colors, so there not even the truth reaches 0: compare with other methods on the same task, not with 0.
"""

from __future__ import annotations

import numpy as np

from gifbench.media.colors.nearest import nearest_indices
from gifbench.media.colors.nearest_torch import nearest_torch, pad_palettes
from gifbench.metrics.metric import FrameBatch, FramePair


class Requantized:
    """Mean absolute difference between the GIF and the restored frame drawn with the GIF's palette."""

    better = "lower"
    unit = "levels"
    spec = (
        "mean absolute difference between the GIF's frame and the restored 8-bit frame whose pixels are taken to the "
        "nearest color of that frame's palette (squared RGB distance, lowest index on ties), in levels of 255; "
        "only at the times at which a frame of the GIF begins"
    )

    def measure(self, pair: FramePair) -> float | None:
        """In levels, 0 to 255; None where no frame of the GIF begins."""
        if pair.shown is None:
            return None
        # The distance between two colors of a palette is looked up: there are few, and many pixels.
        palette = pair.shown.palette
        again = nearest_indices(pair.restored, palette)
        colors = palette.astype(np.int16)
        between = np.abs(colors[:, None] - colors[None]).sum(-1, dtype=np.int64)
        return float(between[again, pair.shown.indices].sum() / pair.restored.size)

    def measure_batch(self, batch: FrameBatch) -> list[float | None]:
        """The same, exactly."""
        import torch

        values: list[float | None] = [None] * len(batch.shown)
        begins = {i: shown for i, shown in enumerate(batch.shown) if shown is not None}
        if not begins:
            return values
        device = batch.restored.device
        palettes = torch.from_numpy(pad_palettes([frame.palette for frame in begins.values()])).to(device)
        again = nearest_torch(batch.restored[list(begins)].contiguous(), palettes).long()
        shown = torch.from_numpy(np.stack([frame.indices for frame in begins.values()]).astype(np.int64)).to(device)
        for place, palette, mine, theirs in zip(begins, palettes.short(), again, shown, strict=True):
            between = (palette[mine] - palette[theirs]).abs()
            values[place] = float(between.sum(dtype=torch.int64)) / between.numel()
        return values
