"""What `gifbench train` trains for `colorize`: chroma of the truth, predicted from its luminance.

The GIFs of the dataset are not looked at. Most of what is filmed is nearly gray, so that a plain mean of errors teaches
gray; errors are weighed by how rare a color is (Zhang, Isola, Efros, "Colorful image colorization", ECCV 2016, 2.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional

from gifbench import TrainerOptions, TrainingBatch, Update, UsageError

from ..ccdnet.palette_unet import Count
from ..network_trainer_base import NetworkTrainer, draw, keep
from .chroma import chroma, luminance, to_rgb
from .colorize_network import ColorizeOptions, Colorizer, Width

_BINS = 16
"""Chroma is counted in so many steps of Cb times so many of Cr."""
_FORGET = 0.99


class ColorizeTrainerOptions(TrainerOptions):
    """`[model]` of a colorizer."""

    widths: tuple[Width, ...] = (24, 48, 96, 160)
    blocks: tuple[Count, ...] = (1, 1, 1, 2)
    start: str = ""
    """Weights to start from."""
    side: int = Field(default=96, ge=32, le=1024, multiple_of=32)
    """The pictures that the network learns from have this side."""
    window: tuple[float, float] = (0.5, 1.0)
    """The least and the greatest side of what is cut out of a sample for one, over the sample's side."""
    pool: int = Field(default=256, ge=1, le=4096)
    """Samples that are held, scaled down: to read one takes longer than to learn from it."""
    updates: int = Field(default=2, ge=1, le=64)
    """Updates a step, each from samples of the pool drawn at random."""
    views: int = Field(default=8, ge=1, le=256)
    """Pictures an update."""
    rebalance: float = Field(default=0.5, ge=0, le=1)
    """0: all pixels count alike; 1: as much as their color is rare, half of the way to alike."""
    knee: float = Field(default=0.02, gt=0, le=1)
    """Errors of chroma up to this count by their square, larger ones by their size (Huber)."""


class ColorizeTrainer(NetworkTrainer):
    """Trains a colorizer on views of the truth; `data.crop` is best as large as the clips allow."""

    options_class = ColorizeTrainerOptions

    def __init__(self, options: ColorizeTrainerOptions) -> None:
        if not 0 < options.window[0] <= options.window[1] <= 1:
            raise UsageError(f"[model] window must be two shares of 0 to 1, the lower first, got {options.window}")
        self._options = options
        architecture = ColorizeOptions(widths=options.widths, blocks=options.blocks)
        super().__init__(Colorizer(architecture), architecture, start=options.start)
        if options.side % self.network.stride:
            raise UsageError(
                f"[model] side must be a multiple of {self.network.stride} for {len(options.widths)} widths, "
                f"got {options.side}"
            )
        self._rarity = ColorRarity(options.rebalance)
        self._pool: list[torch.Tensor] = []

    def updates(self, network: nn.Module, batch: TrainingBatch, generator: torch.Generator) -> Iterator[Update]:
        """Take the batch into the pool, then learn from it; the log shows how far from gray all is, and should be."""
        options = self._options
        for frame in batch.truth:
            keep(self._pool, self._small(frame), options.pool, generator)
        for _ in range(options.updates):
            drawn = [self._pool[draw(len(self._pool), generator)] for _ in range(options.views)]
            truth = torch.cat([self._view(each.to(batch.truth.device), generator) for each in drawn])
            wanted, found = chroma(truth), network(luminance(truth)).float()
            error = functional.huber_loss(found, wanted, reduction="none", delta=options.knee).sum(dim=1)
            loss = (self._rarity.weights(wanted) * error).mean() / options.knee
            colors = {"color": found.detach().norm(dim=1).mean(), "truth_color": wanted.norm(dim=1).mean()}
            yield Update("network", loss, {"loss": loss, **colors})

    def scores(self, network: nn.Module, batch: TrainingBatch) -> tuple[dict[str, float], torch.Tensor]:
        """PSNR of chroma, beside that of a gray picture, and pictures."""
        small, stride = batch.truth.float() / 255, self.network.stride
        scale = self._options.side / min(small.shape[2:])
        size = [max(stride, round(length * scale / stride) * stride) for length in small.shape[2:]]
        small = functional.interpolate(small, size, mode="area")
        wanted, found = chroma(small), network(luminance(small)).float()
        pictures = functional.interpolate(to_rgb(luminance(small), found), batch.truth.shape[2:])
        gray = torch.zeros_like(wanted)
        scores = {"chroma_psnr": _psnr(found, wanted), "gray_psnr": _psnr(gray, wanted)}
        return scores, (255 * pictures).round().to(torch.uint8)

    def state_dict(self) -> dict[str, Any]:
        """How often each color was seen, and the pool."""
        return {"counts": self._rarity.counts, "pool": list(self._pool)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """How often each color was seen, and the pool."""
        self._rarity.counts, self._pool = state["counts"], list(state["pool"])

    def _small(self, frame: torch.Tensor) -> torch.Tensor:
        """A frame (3, H, W) uint8, scaled down so that the least window has about the side of a picture."""
        scale = self._options.side / (self._options.window[0] * min(frame.shape[1:]))
        if scale >= 1:
            return frame.cpu()
        size = [max(1, round(length * scale)) for length in frame.shape[1:]]
        return functional.interpolate(frame[None].float(), size, mode="area")[0].round().byte().cpu()

    def _view(self, frame: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """A part of a frame (3, H, W) uint8, as (1, 3, side, side) in [0, 1]; half are mirrored."""
        low, high = self._options.window
        side = max(1, int((low + (high - low) * float(torch.rand((), generator=generator))) * min(frame.shape[1:])))
        top, left = (draw(length - side + 1, generator) for length in frame.shape[1:])
        part = frame[None, :, top : top + side, left : left + side].float() / 255
        size = (self._options.side,) * 2
        part = functional.interpolate(part, size, mode="bilinear", antialias=True, align_corners=False)
        return part.flip(-1) if draw(2, generator) else part


class ColorRarity:
    """How often each color was seen in training, the last pictures most, and what an error in it weighs."""

    def __init__(self, rebalance: float) -> None:
        self._rebalance = rebalance
        self.counts = torch.full((_BINS * _BINS,), 1 / _BINS**2)

    def weights(self, wanted: torch.Tensor) -> torch.Tensor:
        """Count the chroma (N, 2, H, W) in [-0.5, 0.5] of a truth; (N, H, W) with the mean 1, how much errors count."""
        places = ((wanted + 0.5) * _BINS).long().clamp(0, _BINS - 1)
        bins = places[:, 0] * _BINS + places[:, 1]
        seen = torch.bincount(bins.flatten().cpu(), minlength=_BINS**2).float()
        self.counts = _FORGET * self.counts + (1 - _FORGET) * seen / seen.sum()
        rare = (self.counts / 2 + 0.5 / _BINS**2) ** -self._rebalance
        weights = rare.to(wanted.device)[bins]
        return weights / weights.mean()


def _psnr(found: torch.Tensor, wanted: torch.Tensor) -> float:
    error = float((found - wanted).square().mean())
    return -10 * float(torch.log10(torch.tensor(max(error, 1e-10))))
