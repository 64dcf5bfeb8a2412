"""`stable:METHOD`: any method's frames, steadied one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Literal

import numpy as np
import torch

from gifbench import Frames, Gif, LoadedMethod, Weights, last_shown, run_method

from ..interpolation.scene_cuts import is_cut
from ..pretrained import described, find_weights
from .network import Architecture, Stabilizer, State


class Stable:
    """Steadies the frames that `method` restores, each with the help of the one before, in one pass.

    Write `stable:ccdnet`, or `stable:[gaussian:sigma=0.7],precision=bf16` where options of both are meant. The GIF, or
    of a video its own frames, is what the network takes for steady; where its scene changes, it begins anew. `weights`
    is a file that `gifbench train` wrote, a URL with `#sha256=…`, or the name of one that comes with gifbench.
    """

    version = "1"
    backend = "torch"

    def __init__(self, *, method: LoadedMethod, weights: str = "", precision: Literal["fp32", "bf16"] = "fp32") -> None:
        found = find_weights("stable", weights, config="baselines/stabilizer/stable.toml")
        self._network = load_network(found).to(memory_format=torch.channels_last)
        self._method, self._half, self._device = method, precision == "bf16", "cpu"
        self.weights = str(found.path)
        self.tasks = method.tasks
        self.needs_palettes = method.declared.needs_palettes
        self.parameters = method.parameters + sum(each.numel() for each in self._network.parameters())
        own = str(found.about.get("licence") or "")
        self.licence = " + ".join(dict.fromkeys(licence for licence in (method.licence, own) if licence))

    def to(self, device: str) -> None:
        """Move both; called once, before the first clip."""
        self._device = device
        self._network.to(device)
        move = getattr(self._method.method, "to", None)
        if self._method.declared.backend == "torch" and callable(move):
            move(device)

    def restore(self, gif: Gif, times: Sequence[Fraction]) -> Iterator[Frames]:
        """One frame at a time: (1, H, W, 3) float32."""
        batches = run_method(self._method, gif, times, clip="the GIF", device=self._device)
        frames = (frame for batch in batches for frame in batch)
        before: _Step | None = None
        for number, frame in zip(last_shown(gif.times, times), frames, strict=True):
            if before is not None and number == before.number and np.array_equal(frame, before.given):
                yield before.out  # the same picture of the same frame: what is held stays as it is
                continue
            before = self._next(gif, number, frame, before)
            yield before.out

    def _next(self, gif: Gif, number: int, given: Frames, before: _Step | None) -> _Step:
        shown, processed = self._tensor(gif.frame(number)), self._tensor(given)
        cut = before is not None and number != before.number and is_cut(gif.frame(before.number), gif.frame(number))
        if before is None or cut:
            return _Step(number, given, shown, processed, None)
        half = torch.autocast(torch.device(self._device).type, torch.bfloat16, enabled=self._half)
        with torch.inference_mode(), half:
            frame, state = self._network((shown, before.shown), processed, before.frame, before.state)
        if not torch.isfinite(frame).all():  # weights that explode: the frame as it came, and nothing remembered
            return _Step(number, given, shown, processed, None)
        return _Step(number, given, shown, frame.clamp(0, 1), state)

    def _tensor(self, frame: Frames) -> torch.Tensor:
        """A frame (H, W, 3) of 0 to 255 as (1, 3, H, W) in [0, 1]."""
        return torch.tensor(frame, device=self._device).permute(2, 0, 1)[None].float() / 255


class _Step:
    """One frame of the output: of which GIF frame, what it was made of, and what is remembered."""

    def __init__(
        self, number: int, given: Frames, shown: torch.Tensor, frame: torch.Tensor, state: State | None
    ) -> None:
        self.number, self.given, self.shown, self.frame, self.state = number, given, shown, frame, state
        self.out: Frames = (255 * frame).permute(0, 2, 3, 1).cpu().numpy()


def load_network(weights: Weights) -> Stabilizer:
    """The network that the card of the weights describes, filled; raises `MethodError` for weights of another kind."""
    return described(weights, Architecture, Stabilizer, what="stabilizer")
