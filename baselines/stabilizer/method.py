"""`stable:METHOD`: any method's frames, steadied one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from typing import Literal

import cv2
import numpy as np
import torch

from gifbench import Frames, Gif, LoadedMethod, Pixels, UsageError, last_shown, optical_flow, run_method, warp

from ..film.chroma import chroma, luminance, to_rgb
from ..interpolation.scene_cuts import is_cut
from ..network_method_base import OneNetwork
from ..weights_lookup import described, find_weights
from .network import LstmState, Stabilizer, StabilizerArchitecture

_MOST_PROPAGATED = 0.9
_SHARPNESS = 50.0
"""How fast a pixel is believed less with the squared difference of what should be the same thing, as in training."""
_SOFT = 1.0

_PIXELS_AT_ONCE = 1 << 22
"""Of the frames that lie on the device together, 50 MB for each of the three tensors."""


class Stable(OneNetwork):
    """Steadies the frames that `method` restores, each with the help of the one before, in one pass.

    Write `stable:ccdnet`, or `stable:[gaussian:sigma=0.7],precision=bf16` where options of both are meant. The GIF, or
    of a video its own frames, is what the network takes for steady; where its scene changes, it begins anew. `weights`
    is a file that `gifbench train` wrote, a URL with `#sha256=…`, or the name of one that comes with gifbench.

    `propagate`, not of the paper, is the share of each frame that is taken from the output before, moved along the
    motion of the GIF or video, where that is the same there: 0 to 0.9. It needs no training, steadies most where
    nothing happens, and softens a little what moves. With `only_colors` the light stays the method's own, which for one
    that colors a film is the film's, and the chroma alone is steadied: nothing is softened then but colors.
    """

    version = "1"

    def __init__(
        self,
        *,
        method: LoadedMethod,
        weights: str = "",
        precision: Literal["fp32", "bf16"] = "fp32",
        propagate: float = 0.0,
        only_colors: bool = False,
    ) -> None:
        if not 0 <= propagate <= _MOST_PROPAGATED:
            raise UsageError(f"stable: propagate must be 0 to {_MOST_PROPAGATED}, got {propagate}")
        self._propagate, self._only_colors = propagate, only_colors
        found = find_weights("stable", weights, config="baselines/stabilizer/stable.toml")
        self._hold(described(found, StabilizerArchitecture, Stabilizer, what="stabilizer"), found)
        self._method, self._half = method, precision == "bf16"
        self.tasks = method.tasks
        self.needs_palettes = method.declared.needs_palettes
        self.parameters += method.parameters
        self.licence = " + ".join(dict.fromkeys(licence for licence in (method.licence, self.licence) if licence))

    def to(self, device: str) -> None:
        """Move both; called once, before the first clip."""
        super().to(device)
        move = getattr(self._method.method, "to", None)
        if self._method.declared.backend == "torch" and callable(move):
            move(device)

    def restore(self, gif: Gif, times: Sequence[Fraction]) -> Iterator[Frames]:
        """About four million pixels at once: (N, H, W, 3) float32."""
        batches = run_method(self._method, gif, times, clip="the GIF", device=str(self._device))
        frames = (frame for batch in batches for frame in batch)
        numbers = iter(last_shown(gif.times, times))
        most = max(1, _PIXELS_AT_ONCE // (gif.height * gif.width))
        before: _Step | None = None
        while some := list(islice(frames, most)):
            steadied: list[torch.Tensor] = []
            for step in self._steps(gif, list(islice(numbers, len(some))), np.stack(some), before):
                steadied.append(step.frame)  # what is remembered is larger than a frame, and only the last is needed
                before = step
            yield (255 * torch.cat(steadied)).permute(0, 2, 3, 1).cpu().numpy()

    def _steps(self, gif: Gif, numbers: Sequence[int], given: Frames, before: _Step | None) -> Iterator[_Step]:
        """Each of some frames after the other; they go to the device and come back all at once, not one by one."""
        pictures = {number: gif.frame(number) for number in dict.fromkeys(numbers)}
        shown = dict(zip(pictures, self._tensors(np.stack(list(pictures.values()))), strict=True))
        for number, frame, processed in zip(numbers, given, self._tensors(given), strict=True):
            if before is None or number != before.number or not np.array_equal(frame, before.given):
                before = self._next(_Step(number, pictures[number], frame, shown[number], processed, None), before)
            yield before  # the same picture of the same frame: what is held stays as it is

    def _next(self, now: _Step, before: _Step | None) -> _Step:
        """The step `now`, whose frame is the method's own, steadied; at a cut it is given back as it is."""
        if before is None or (now.number != before.number and is_cut(before.picture, now.picture)):
            return now
        half = torch.autocast(self._device.type, torch.bfloat16, enabled=self._half)
        with torch.inference_mode():
            with half:
                made, state = self._network((now.shown, before.shown), now.frame, before.frame, before.state)
            # Weights that explode: the frame as it came, and nothing remembered. Decided where the frames are: to ask
            # is to wait for the device.
            fine = torch.isfinite(made).all()
            if self._propagate:
                made = made + self._propagate * self._carried(made.float(), now.picture, before)
            made = made.clamp(0, 1)
            if self._only_colors:
                made = to_rgb(luminance(now.frame), chroma(made.float()))
            frame = torch.where(fine, made, now.frame)
            state = LstmState(*(torch.where(fine, each, 0.0) for each in state))
        return replace(now, frame=frame, state=state)

    def _carried(self, frame: torch.Tensor, picture: Pixels, before: _Step) -> torch.Tensor:
        """From a frame (1, 3, H, W) to the output before, moved to where the same things are; 0 where they are not."""
        one, other = (255 * (pixels.astype(np.float32) / 255) for pixels in (picture, before.picture))
        flow = optical_flow(one, other)
        apart = np.square(one - warp(other, flow)).sum(axis=2) / 255**2
        same = np.exp(-_SHARPNESS * cv2.GaussianBlur(apart, (0, 0), _SOFT))
        out = (255 * before.frame)[0].permute(1, 2, 0).cpu().numpy()  # the motion is followed on the CPU
        moved = torch.from_numpy(warp(out, flow) / 255).to(frame.device).permute(2, 0, 1)[None]
        return torch.from_numpy(same.astype(np.float32)).to(frame.device) * (moved - frame)

    def _tensors(self, frames: Frames) -> Sequence[torch.Tensor]:
        """Frames (N, H, W, 3) of 0 to 255 as N tensors (1, 3, H, W) in [0, 1], in one copy to the device."""
        return list((torch.tensor(frames, device=self._device).permute(0, 3, 1, 2).float() / 255).split(1))


@dataclass(frozen=True, eq=False)
class _Step:
    """One frame of the output: of which GIF frame, what it was made of, and what is remembered."""

    number: int
    picture: Pixels
    """The GIF's frame (H, W, 3)."""
    given: Frames
    """What the method made of it, (H, W, 3)."""
    shown: torch.Tensor
    """`picture` on the device, (1, 3, H, W)."""
    frame: torch.Tensor
    """The output on the device, (1, 3, H, W)."""
    state: LstmState | None
