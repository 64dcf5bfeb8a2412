"""What `gifbench train` trains for `ccdnet-video`: windows of GIFs, restored frame by frame, and their truth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from pydantic import Field
from torch import nn

from gifbench import TrainerOptions, TrainingBatch, Update, UsageError

from ..ccdnet.network import eight_bit, scaled, to_levels
from ..ccdnet.palette_agreement import agree
from ..ccdnet.palette_unet import Count, Width, begin
from ..network_trainer_base import NetworkTrainer, colored, draw, keep, load_frame_method, psnr, update_of_psnr
from ..weights_lookup import start_weights
from .alignment import OFFSETS, RestoredFrame, describe, network_input
from .network import TemporalFusion, TemporalFusionOptions


class TemporalFusionTrainerOptions(TrainerOptions):
    """`[model]` of a temporal fusion network."""

    widths: tuple[Width, ...] = (32, 64, 96, 96)
    blocks: tuple[Count, ...] = (1, 1, 2, 1)
    start: str = ""
    """Weights to start from; where those are of a smaller network, all else begins as what changes nothing."""
    plain: str = "ccdnet-plain"
    """What restores plain GIFs; it works frame by frame."""
    dithered: str = "ccdnet-dithered"
    """What restores dithered GIFs."""
    pool: int = Field(default=32, ge=1, le=1024)
    """Restored windows that are held: to restore one takes longer than to learn from it."""
    updates: int = Field(default=4, ge=1, le=64)
    """Updates a step, each from windows of the pool drawn at random, turned and mirrored; fewer while it fills."""
    agreement: bool = True
    """Whether restored frames agree with their GIFs, as the frames do that the method corrects."""
    again: float = Field(default=0, ge=0, le=1)
    """The share of windows whose frames are corrected once before, as those are that the method corrects again; here
    the frames of the window alone can help."""
    missing: float = Field(default=0.05, ge=0, le=1)
    """The share of neighbors that are hidden, as those beyond a cut are."""


class TemporalFusionTrainer(NetworkTrainer):
    """Trains the correction by `update_of_psnr`."""

    options_class = TemporalFusionTrainerOptions
    windows = True

    def __init__(self, options: TemporalFusionTrainerOptions) -> None:
        self._options = options
        architecture = TemporalFusionOptions(widths=options.widths, blocks=options.blocks)
        self._methods = {
            False: load_frame_method(options.plain, option="[model] plain"),
            True: load_frame_method(options.dithered, option="[model] dithered"),
        }
        super().__init__(TemporalFusion(architecture), architecture)
        if options.start:
            begin(self.network, start_weights(options.start), kind="temporal-fusion")
        self._pool: list[tuple[torch.Tensor, torch.Tensor]] = []

    def updates(self, network: nn.Module, batch: TrainingBatch, generator: torch.Generator) -> Iterator[Update]:
        """Restore the batch's windows into the pool, then learn from the pool; the log shows the gain in dB."""
        options, size = self._options, len(batch.gif)
        with torch.autocast(batch.gif.device.type, enabled=False):
            for sample in self._prepared(batch, generator, missing=options.missing):
                keep(self._pool, sample, options.pool, generator)
        # While the pool fills, what is in it is not learned by heart.
        for _ in range(min(options.updates, -(-len(self._pool) // size))):
            drawn = [self._pool[draw(len(self._pool), generator)] for _ in range(size)]
            turned = [_turned(x.float(), truth.float(), generator) for x, truth in drawn]
            x, truth = (torch.stack(part).to(batch.gif.device) for part in zip(*turned, strict=True))
            yield update_of_psnr(network(x).float(), truth, x[:, :3])

    def scores(self, network: nn.Module, batch: TrainingBatch) -> tuple[dict[str, float], torch.Tensor]:
        """PSNR of the middle frame, and before the correction."""
        x, truth = (
            part[None].to(batch.gif.device) for part in next(self._prepared(batch, torch.Generator(), missing=0))
        )
        restored = network(x.float()).float()
        scores = {"psnr": psnr(restored, truth, span=2), "restored_psnr": psnr(x[:, :3], truth, span=2)}
        return scores, eight_bit(restored)

    def state_dict(self) -> dict[str, Any]:
        """The pool."""
        return {"pool": [list(sample) for sample in self._pool]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The pool."""
        self._pool = [(sample[0], sample[1]) for sample in state["pool"]]

    def _prepared(
        self, batch: TrainingBatch, generator: torch.Generator, *, missing: float
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """What the network sees of each window, (CHANNELS, H, W), and its middle frame's truth, in half precision."""
        middle = batch.gif.shape[1] // 2
        if middle < max(OFFSETS):
            raise UsageError(f"data.windows must be {2 * max(OFFSETS) + 1} frames or more, got {batch.gif.shape[1]}")
        places = [middle, *(middle + offset for offset in OFFSETS)]
        for number, dithered in enumerate(batch.dithered.tolist()):
            gif, palettes, colors = (part[number, places] for part in (batch.gif, batch.palettes, batch.colors))
            restored = to_levels(colored(self._methods[dithered], gif, palettes, colors)).cpu().contiguous()
            own = [palette[: int(count)] for palette, count in zip(palettes, colors, strict=True)]
            frames = [
                self._described(frame, shown, palette, dithered=dithered)
                for frame, shown, palette in zip(restored, gif, own, strict=True)
            ]
            if self._options.again and float(torch.rand((), generator=generator)) < self._options.again:
                frames = self._once_corrected(frames, gif, own, dithered=dithered)
            hidden = torch.rand(len(OFFSETS), generator=generator) < missing
            seen = [None if lost else frame for frame, lost in zip(frames[1:], hidden.tolist(), strict=True)]
            yield network_input(frames[0], seen).half(), scaled(batch.truth[number, middle]).cpu().half()

    def _described(
        self, frame: torch.Tensor, shown: torch.Tensor, palette: torch.Tensor, *, dithered: bool
    ) -> RestoredFrame:
        """A restored frame (3, H, W) of 0 to 255 on the CPU, which agrees with its GIF frame if asked to."""
        if self._options.agreement:
            agree(frame.numpy(), shown.cpu().contiguous().numpy(), palette.cpu().numpy(), dithered=dithered)
        return describe(frame.permute(1, 2, 0), shown.permute(1, 2, 0), palette)

    def _once_corrected(
        self, frames: list[RestoredFrame], gif: torch.Tensor, palettes: list[torch.Tensor], *, dithered: bool
    ) -> list[RestoredFrame]:
        """The frames, the middle one and those at `OFFSETS`, corrected; beyond an end the other side stands for it."""
        places = (0, *OFFSETS)
        there = dict(zip(places, frames, strict=True))
        made = []
        for place, shown, palette in zip(places, gif, palettes, strict=True):
            around = [there.get(place + offset, there.get(place - offset)) for offset in OFFSETS]
            seen = network_input(there[place], around)[None].to(gif.device)
            with torch.no_grad():
                corrected = to_levels(self.network(seen)[0]).clamp(0, 255).cpu().contiguous()
            made.append(self._described(corrected, shown, palette, dithered=dithered))
        return made


def _turned(x: torch.Tensor, truth: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """One of the eight ways to turn and mirror a square; the network sees no direction in what neighbors are."""
    way = draw(8, generator)
    if way & 1:
        x, truth = x.flip(-1), truth.flip(-1)
    if way & 2:
        x, truth = x.flip(-2), truth.flip(-2)
    if way & 4 and x.shape[-1] == x.shape[-2]:
        x, truth = x.transpose(-1, -2), truth.transpose(-1, -2)
    return x, truth
