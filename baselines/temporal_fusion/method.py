"""`ccdnet-video`: `ccdnet`, then what the neighbors in time know better."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import torch

from gifbench import Gif, last_shown

from ..ccdnet.method import Restorer
from ..ccdnet.network import scaled, to_levels
from ..ccdnet.plain_or_dithered_choice import Router
from ..half_precision_and_winograd import Precision, Runner
from ..interpolation.scene_cuts import is_cut
from ..network_method_base import OneNetwork
from ..weights_lookup import described, find_weights
from .alignment import OFFSETS, Motion, RestoredFrame, describe, folded_input, network_input
from .network import TemporalFusion, TemporalFusionOptions

_TILE = 1024
"""Larger frames are worked on in squares of this side."""
_AROUND = 2 * max(OFFSETS)
"""The frames around that are looked at, and held for the next one."""


class CCDNetVideo(OneNetwork):
    """Restores each frame by `ccdnet`, then corrects it by the two frames before and the two after.

    These are moved along DIS flow to where the same things are; a network decides what to take over. Across a cut no
    frame is seen. Frames of dithered GIFs are corrected twice, the second time by corrected ones. The guard of
    `ccdnet`, its `agreement` with the palette and its smooth `gradients` have the last word. `weights` is a file that
    `gifbench train` wrote, a URL with `#sha256=…`, or the name of one that comes with gifbench; `color_weights` is the
    folder that `ccdnet` calls `weights`.
    """

    version = "4"

    def __init__(
        self,
        *,
        weights: str = "",
        color_weights: str = "",
        agreement: bool = True,
        gradients: bool = True,
        tile: int = _TILE,
        precision: Precision = "fp32",
    ) -> None:
        found = find_weights("ccdnet-video", weights, config="baselines/temporal_fusion/ccdnet-video.toml")
        self._hold(described(found, TemporalFusionOptions, TemporalFusion, what="temporal fusion network"), found)
        self._router = Router(
            weights=color_weights, agreement=agreement, gradients=gradients, tile=tile, precision=precision
        )
        self._tile = tile
        self._runner = Runner(precision=precision)
        self._clip: _Clip | None = None
        self.parameters += self._router.parameters
        self.licence = " + ".join(dict.fromkeys(each for each in (self._router.licence, self.licence) if each))

    def to(self, device: str) -> None:
        """Move all networks; called once, before the first clip."""
        self._router.to(device)
        super().to(device)

    def restore(self, gif: Gif, times: Sequence[Fraction]) -> Iterator[torch.Tensor]:
        """The frames at `times`, one at a time, (1, H, W, 3) in [0, 255], the last shown one held."""
        # Asked for part after part of one GIF, as by an interpolator, it restores no frame twice.
        if self._clip is None or self._clip.gif is not gif:
            self._clip = _Clip(gif, self._router.restorer(gif), self._corrected)
        clip, before, corrected = self._clip, -1, torch.empty(0)
        for number in last_shown(gif.times, times):
            if number != before:
                before, corrected = number, clip.final(number)
            yield corrected
        if times and len(gif) and before == len(gif) - 1:
            self._clip = None

    def _corrected(
        self, middle: RestoredFrame, neighbors: Sequence[RestoredFrame | None], motion: Motion
    ) -> torch.Tensor:
        """The middle frame, corrected, (1, H, W, 3) in [0, 255]."""
        height, width = middle.displayed.shape[:2]
        if max(height, width) > self._tile:
            x = network_input(middle, neighbors, motion=motion)[None].to(
                self._device, memory_format=torch.channels_last
            )
            frame = self._runner.run(lambda part: self._network(x[part], tile=self._tile), x)
        else:
            x = folded_input(middle, neighbors, stride=self._network.body.stride, motion=motion).to(self._device)
            more = self._runner.run(lambda part: self._network.body.correction(x[part]), x)
            restored = torch.from_numpy(middle.picture[..., :3]).permute(2, 0, 1)[None]
            frame = scaled(restored.to(self._device)) + more[..., :height, :width]
        return to_levels(frame).clamp(0, 255).permute(0, 2, 3, 1)


_Correct = Callable[[RestoredFrame, Sequence[RestoredFrame | None], Motion], torch.Tensor]


class _Clip:
    """The frames of one GIF, restored when they are asked for, the last few of them held."""

    def __init__(self, gif: Gif, restorer: Restorer, correct: _Correct) -> None:
        self.gif, self._motion = gif, Motion()
        self._restorer, self._correct = restorer, correct
        # What is corrected once agrees with a dithered GIF, and tells its neighbors more than before. Plain GIFs, of
        # which less can be said, gain 0.01 dB by it.
        self._times = 2 if restorer.agrees and restorer.dithered else 1
        self._kept: list[OrderedDict[int, RestoredFrame]] = [OrderedDict() for _ in range(self._times)]
        self._cuts: dict[int, bool] = {}

    def final(self, number: int) -> torch.Tensor:
        """Frame `number`, corrected, and what the guard of `ccdnet` lets through of it, (1, H, W, 3) in [0, 255]."""
        gif, palette = self._shown(number)
        return self._restorer.guarded(gif[None], [palette], self._corrected(number, self._times))

    def _corrected(self, number: int, times: int) -> torch.Tensor:
        neighbors = [None if place is None else self._frame(place, times - 1) for place in self._neighbors(number)]
        return self._correct(self._frame(number, times - 1), neighbors, self._motion)

    def _frame(self, number: int, times: int) -> RestoredFrame:
        """Frame `number`, restored, and corrected as many times."""
        kept = self._kept[times]
        if number not in kept:
            gif, palette = self._shown(number)
            made = self._corrected(number, times) if times else self._restorer.changed(gif[None], [palette])
            kept[number] = describe(self._restorer.agreed(gif[None], [palette], made)[0], gif, palette)
            if len(kept) > _AROUND * (self._times - times) + 2:
                kept.popitem(last=False)
        kept.move_to_end(number)
        return kept[number]

    def _neighbors(self, number: int) -> list[int | None]:
        """Its neighbors at `OFFSETS`; beyond an end or a cut the one on the other side, else None."""
        return [
            next((number + way for way in (offset, -offset) if self._same_scene(number, number + way)), None)
            for offset in OFFSETS
        ]

    def _shown(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """A frame of the GIF and its palette."""
        return torch.from_numpy(self.gif.frame(number).copy()), torch.from_numpy(self.gif.palettes[number].copy())

    def _same_scene(self, number: int, other: int) -> bool:
        first, last = sorted((number, other))
        return first >= 0 and last < len(self.gif) and not any(self._cut(place) for place in range(first, last))

    def _cut(self, place: int) -> bool:
        """Whether the scene changes after this frame."""
        if place not in self._cuts:
            self._cuts[place] = is_cut(self.gif.frame(place), self.gif.frame(place + 1))
        return self._cuts[place]
