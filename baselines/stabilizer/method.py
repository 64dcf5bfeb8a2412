"""`stable:METHOD`: any method's frames, steadied one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Literal

import cv2
import numpy as np
import torch

from gifbench import Frames, Gif, LoadedMethod, UsageError, Weights, last_shown, optical_flow, run_method, warp

from ..interpolation.scene_cuts import is_cut
from ..pretrained import described, find_weights
from .network import Stabilizer, StabilizerArchitecture, State

_MOST_PROPAGATED = 0.9
_SHARPNESS = 50.0
"""How fast a pixel is believed less with the squared difference of what should be the same thing, as in training."""
_SOFT = 1.0


class Stable:
    """Steadies the frames that `method` restores, each with the help of the one before, in one pass.

    Write `stable:ccdnet`, or `stable:[gaussian:sigma=0.7],precision=bf16` where options of both are meant. The GIF, or
    of a video its own frames, is what the network takes for steady; where its scene changes, it begins anew. `weights`
    is a file that `gifbench train` wrote, a URL with `#sha256=…`, or the name of one that comes with gifbench.

    `propagate`, not of the paper, is the share of each frame that is taken from the output before, moved along the
    motion of the GIF or video, where that is the same there: 0 to 0.9. It needs no training, steadies most where
    nothing happens, and softens a little what moves.
    """

    version = "1"
    backend = "torch"

    def __init__(
        self,
        *,
        method: LoadedMethod,
        weights: str = "",
        precision: Literal["fp32", "bf16"] = "fp32",
        propagate: float = 0.0,
    ) -> None:
        if not 0 <= propagate <= _MOST_PROPAGATED:
            raise UsageError(f"stable: propagate must be 0 to {_MOST_PROPAGATED}, got {propagate}")
        self._propagate = propagate
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
        if self._propagate:
            frame = frame + self._propagate * self._carried(frame.float(), shown, before)
        return _Step(number, given, shown, frame.clamp(0, 1), state)

    def _carried(self, frame: torch.Tensor, shown: torch.Tensor, before: _Step) -> torch.Tensor:
        """From a frame (1, 3, H, W) to the output before, moved to where the same things are; 0 where they are not."""
        one, other = (255 * pixels[0].permute(1, 2, 0).cpu().numpy() for pixels in (shown, before.shown))
        flow = optical_flow(one, other)
        apart = np.square(one - warp(other, flow)).sum(axis=2) / 255**2
        same = np.exp(-_SHARPNESS * cv2.GaussianBlur(apart, (0, 0), _SOFT))
        moved = torch.from_numpy(warp(before.out[0], flow) / 255).to(frame.device).permute(2, 0, 1)[None]
        return torch.from_numpy(same.astype(np.float32)).to(frame.device) * (moved - frame)

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
    return described(weights, StabilizerArchitecture, Stabilizer, what="stabilizer")
