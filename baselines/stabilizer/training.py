"""What `gifbench train` trains for the stabilizer: windows of GIFs, restored by some method, beside their truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from gifbench import TrainerOptions, TrainingBatch, Update, UsageError

from ..film.chroma import luminance
from ..network_trainer_base import NetworkTrainer, colored, draw, load_frame_method
from .losses import Perceptual, ways
from .network import LstmState, Stabilizer, StabilizerArchitecture


class StabilizerOptions(TrainerOptions):
    """`[model]` of a stabilizer; weights of losses are for frames in [0, 1]."""

    base: int = Field(default=32, ge=1, le=128)
    blocks: int = Field(default=5, ge=1, le=16)
    start: str = ""
    """Weights to start from."""
    methods: tuple[str, ...] = ("gaussian-0.5",)
    """What restores the GIFs, drawn anew for each step; each works frame by frame."""
    shown: Literal["gif", "gray"] = "gif"
    """The video that is taken for steady: the GIF, or, for methods that color a film, its luminance alone, so that no
    colors leak from it."""
    short_term: float = Field(default=100.0, ge=0)
    long_term: float = Field(default=100.0, ge=0)
    content: float = Field(default=100.0, ge=0)
    """Weight of the distance to the truth: without it or the perceptual loss, the steadiest video is a gray one."""
    perceptual: float = Field(default=0.0, ge=0)
    """Weight of the distance to the processed frames as VGG-19 sees it; 10 in the paper, which has no truth."""
    vgg: str = ""
    """torchvision's file of VGG-19, for the perceptual loss."""


class StabilizerTrainer(NetworkTrainer):
    """Trains a stabilizer on whole windows, through time."""

    options_class = StabilizerOptions
    windows = True

    def __init__(self, options: StabilizerOptions) -> None:
        if not (options.content or options.perceptual):
            raise UsageError("[model] content and perceptual are both 0: the steadiest video would be a gray one")
        if not options.methods:
            raise UsageError("[model] methods is empty: name what restores the GIFs, such as gaussian-0.5")
        self._options = options
        self._methods = [load_frame_method(name, option="[model] methods") for name in options.methods]
        self._perceptual = Perceptual(options.vgg) if options.perceptual else None
        architecture = StabilizerArchitecture(base=options.base, blocks=options.blocks)
        super().__init__(Stabilizer(architecture), architecture, start=options.start)

    def updates(self, network: nn.Module, batch: TrainingBatch, generator: torch.Generator) -> Iterator[Update]:
        """One update, of the losses' means over the frames after the first, which is the processed one as it is."""
        options = self._options
        chosen = draw(len(self._methods), generator)
        truth, processed, outputs = self._steadied(network, batch, chosen)
        short, long = ways(truth)
        parts: dict[str, torch.Tensor] = {}
        pairs = range(1, truth.shape[1])
        parts["content"] = _mean([(outputs[t] - truth[:, t]).abs().mean() for t in pairs])
        parts["short_term"] = _mean([short[t - 1].loss(outputs[t], outputs[t - 1]) for t in pairs])
        loss = options.content * parts["content"] + options.short_term * parts["short_term"]
        if long and options.long_term:
            parts["long_term"] = _mean([long[t - 2].loss(outputs[t], outputs[0]) for t in pairs if t > 1])
            loss = loss + options.long_term * parts["long_term"]
        if self._perceptual is not None:
            judge = self._perceptual.to(truth.device)
            parts["perceptual"] = _mean([judge(outputs[t], processed[:, t]) for t in pairs])
            loss = loss + options.perceptual * parts["perceptual"]
        yield Update("network", loss, {"loss": loss, **parts})

    def scores(self, network: nn.Module, batch: TrainingBatch) -> tuple[dict[str, float], torch.Tensor]:
        """E_warp in thousandths and PSNR of the steadied frames, and the same of the processed ones."""
        truth, processed, outputs = self._steadied(network, batch, 0)
        short, _ = ways(truth)
        found: dict[str, float] = {}
        for name, frames in (("", outputs), ("processed_", list(processed.unbind(dim=1)))):
            pairs = [way.weight * (frames[t + 1] - way.moved(frames[t])).square() for t, way in enumerate(short)]
            weight = torch.stack([way.weight for way in short]).mean()
            found[f"{name}e_warp"] = 1000 * float(torch.stack(pairs).mean() / weight.clamp_min(1e-6))
            error = float((torch.stack(frames, dim=1) - truth).square().mean())
            found[f"{name}psnr"] = -10 * float(torch.log10(torch.tensor(max(error, 1e-10))))
        picture = (255 * outputs[len(outputs) // 2]).round().clamp(0, 255).to(torch.uint8)
        return found, picture

    def _steadied(
        self, network: nn.Module, batch: TrainingBatch, chosen: int
    ) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
        """The truth and the processed frames (N, T, 3, H, W) in [0, 1], and the T outputs."""
        shape = batch.gif.shape[:2]
        flat = batch.gif.flatten(0, 1), batch.palettes.flatten(0, 1), batch.colors.flatten(0, 1)
        processed = ((colored(self._methods[chosen], *flat) + 1) / 2).unflatten(0, shape)
        shown, truth = batch.gif.float() / 255, batch.truth.float() / 255
        if self._options.shown == "gray":
            shown = luminance(shown.flatten(0, 1)).expand(-1, 3, -1, -1).unflatten(0, shape)
        outputs = [processed[:, 0]]
        state: LstmState | None = None
        for t in range(1, shape[1]):
            frame, state = network((shown[:, t], shown[:, t - 1]), processed[:, t], outputs[-1], state)
            outputs.append(frame)
        return truth, processed, outputs


def _mean(losses: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.stack(list(losses)).mean()
