"""What `gifbench train` trains for SuperSlomo: the networks and the losses are options, and the data is windows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import Field
from torch import nn

from gifbench import TrainerOptions, TrainingBatch, Update, UsageError

from ..adversarial_training import FakePool, PatchGAN, adversarial_parts, judged
from ..ccdnet.losses import color_loss, gradient_loss
from ..ccdnet.network import scaled, to_levels
from ..network_trainer_base import NetworkTrainer, colored, in_all_processes, load_frame_method, psnr, weighed
from .losses import released_gradient_loss, smoothness_loss, teacher_loss, warp_loss
from .network import SuperSlomo, SuperSlomoArchitecture, Variant


class SuperSlomoOptions(TrainerOptions):
    """`[model]` of a SuperSlomo; weights of losses are for frames in [-1, 1] and flow in pixels."""

    base: int = Field(default=32, ge=1, le=128)
    variant: Variant = "adapted"
    start: str = ""
    """Weights to start from."""
    ends: str = "mixed"
    """The frames around, that are moved: `truth`, `gif`, `mixed` (anything from one to the other, as restored frames
    are), or a color method that restores them from the GIF, such as `ccdnet-2`."""
    flow_from_ends: bool = False
    """Motion is looked for in those, after color, instead of in the GIF's own frames, as in the paper."""
    color: float = Field(default=63.75, ge=0)
    gradient: float = Field(default=63.75, ge=0)
    gradient_form: Literal["signed", "abs", "released"] = "signed"
    """`released` is what the released code computes, by a slip: see `released_gradient_loss`."""
    warp: float = Field(default=63.75, ge=0)
    smoothness: float = Field(default=1.0, ge=0)
    adversarial: float = Field(default=0.0, ge=0)
    teacher: float = Field(default=0.0, ge=0)
    """Weight of the distance to OpenCV's DIS flow on the truth, which is not of the papers."""
    pool: int = Field(default=60, ge=1)
    warp_limit: float = Field(default=0.0, ge=0)
    """Leave out the networks' step where the warp loss, in levels of 255, is at or above this; 0: never."""
    warp_limit_steps: int = Field(default=110, ge=1)
    """After so many steps, the limit becomes half more than the mean warp loss of these (an epoch of the authors)."""
    blend_start: bool = True
    """Begin as the linear blend; without it, as torch draws weights by itself, which the released code does."""


class SuperSlomoTrainer(NetworkTrainer):
    """Trains both networks at once on windows: the ends are shown, what is between is to be drawn."""

    options_class = SuperSlomoOptions
    windows = True

    def __init__(self, options: SuperSlomoOptions) -> None:
        if not (options.color or options.gradient or options.warp or options.adversarial or options.teacher):
            raise UsageError("[model] all losses that say where things are have the weight 0: nothing can be learned")
        self._options = options
        known = options.ends in ("truth", "gif", "mixed")
        self._restoring = None if known else load_frame_method(options.ends, option="[model] ends")
        architecture = SuperSlomoArchitecture(base=options.base, variant=options.variant)
        network = SuperSlomo(architecture)
        if not options.blend_start:
            network.begin_as_released()
        others = {"discriminator": PatchGAN()} if options.adversarial else {}
        super().__init__(network, architecture, start=options.start, **others)
        self._pool = FakePool(options.pool)
        self._limit = WarpLimit(options.warp_limit, options.warp_limit_steps)

    def updates(self, network: nn.Module, batch: TrainingBatch, generator: torch.Generator) -> Iterator[Update]:
        """The discriminator's update, then the networks', as for CCDNet."""
        options = self._options
        gif, truth = batch.gif[:, [0, -1]], scaled(batch.truth)
        shares = batch.times[:, 1:-1]
        if not shares.shape[1]:
            raise UsageError(
                "data.windows: windows of two frames have nothing between them to learn from; give 3 or more"
            )
        mix = torch.rand(len(gif), generator=generator).to(gif.device).view(-1, 1, 1, 1, 1)
        ends = self._ends(batch, mix)
        seen = ends if options.flow_from_ends else scaled(gif)
        motion, between = network((seen[:, 0], seen[:, 1]), (ends[:, 0], ends[:, 1]), shares)
        wanted = truth[:, 1:-1].flatten(0, 1)

        def gradient() -> torch.Tensor:
            if options.gradient_form == "released":
                return released_gradient_loss(between.frames.unflatten(0, shares.shape), truth[:, 1:-1])
            return gradient_loss(between.frames, wanted, form=options.gradient_form)

        loss, parts = weighed(
            options,
            color=lambda: color_loss(between.frames, wanted),
            gradient=gradient,
            warp=lambda: warp_loss((truth[:, 0], truth[:, -1], wanted), motion, between, shares.shape[1]),
            smoothness=lambda: smoothness_loss(motion),
            teacher=lambda: teacher_loss((batch.truth[:, 0], batch.truth[:, -1]), motion),
        )
        takes_step = self._limit.allows(parts.get("warp"))
        against: Mapping[str, torch.Tensor | float] = {}
        if options.adversarial:
            # As there, of windows whole: the frames of the ends are judged, too.
            drawn = torch.cat([ends[:, :1], between.frames.unflatten(0, shares.shape), ends[:, 1:]], dim=1)
            real, fake = (judged(scaled(batch.gif).flatten(0, 1), each.flatten(0, 1)) for each in (truth, drawn))
            against = yield from adversarial_parts(self.others["discriminator"], real, fake, self._pool, generator)
            if not against:
                return
            loss = loss + options.adversarial * against["adversarial"]
        if takes_step:
            yield Update("network", loss, {"loss": loss, **parts, **against})

    def scores(self, network: nn.Module, batch: TrainingBatch) -> tuple[dict[str, float], torch.Tensor]:
        """PSNR over all frames between, and that of the linear blend of the same ends."""
        ends = self._ends(batch, torch.full((1, 1, 1, 1, 1), 0.5, device=batch.gif.device))
        seen = ends if self._options.flow_from_ends else scaled(batch.gif[:, [0, -1]])
        shares = batch.times[:, 1:-1]
        _, between = network((seen[:, 0], seen[:, 1]), (ends[:, 0], ends[:, 1]), shares)
        drawn = to_levels(between.frames).unflatten(0, shares.shape)
        t = shares.view(*shares.shape, 1, 1, 1)
        blend = to_levels(ends[:, :1] * (1 - t) + ends[:, 1:] * t)
        wanted = batch.truth[:, 1:-1]
        picture = drawn[:, (drawn.shape[1] - 1) // 2].round().clamp(0, 255).to(torch.uint8)
        return {"psnr": psnr(drawn, wanted), "blend_psnr": psnr(blend, wanted)}, picture

    def state_dict(self) -> dict[str, Any]:
        """The pool of fakes, and the limit of the warp loss."""
        return {**self._pool.state_dict(), "warp_limit": self._limit.state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The pool of fakes, and the limit of the warp loss, which checkpoints of 0.1.0 lack."""
        self._pool.load_state_dict(state)
        self._limit.take_over(state.get("warp_limit"))

    def _ends(self, batch: TrainingBatch, mix: torch.Tensor) -> torch.Tensor:
        """The first and last frames as they are moved, (N, 2, 3, H, W) in [-1, 1]."""
        places = [0, -1]
        gif, truth = batch.gif[:, places], batch.truth[:, places]
        if self._restoring is not None:
            palettes, colors = batch.palettes[:, places].flatten(0, 1), batch.colors[:, places].flatten()
            return colored(self._restoring, gif.flatten(0, 1), palettes, colors).unflatten(0, (-1, 2))
        share = {"truth": torch.zeros_like(mix), "gif": torch.ones_like(mix), "mixed": mix}[self._options.ends]
        return scaled(truth) + share * (scaled(gif) - scaled(truth))


class WarpLimit:
    """Which steps the warp loss allows: in the released code, those where it is no outlier.

    The limit is given in levels of 255 for the first `steps`; after so many it is 1.5 times the mean of these.
    """

    def __init__(self, limit: float, steps: int) -> None:
        self._limit, self._steps = limit, steps
        self._sum, self._count = 0.0, 0

    def allows(self, warp: torch.Tensor | float | None) -> bool:
        """Whether a step of this warp loss, of frames in [-1, 1], is taken; it counts either way."""
        if not self._limit or warp is None:
            return True
        levels = 127.5 * in_all_processes(float(warp), warp.device if isinstance(warp, torch.Tensor) else None)
        allowed = levels < self._limit
        self._sum, self._count = self._sum + levels, self._count + 1
        if self._count == self._steps:
            self._limit, self._sum, self._count = 1.5 * self._sum / self._count, 0.0, 0
        return allowed

    def state(self) -> list[float]:
        """For a checkpoint."""
        return [self._limit, self._sum, float(self._count)]

    def take_over(self, state: Sequence[float] | None) -> None:
        """What `state` gave."""
        if state is not None:
            self._limit, self._sum, self._count = float(state[0]), float(state[1]), int(state[2])
