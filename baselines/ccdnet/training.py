"""What `gifbench train` trains for CCDNet: the rows of Table 1 are options of this, not code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from pydantic import Field
from torch import nn

from gifbench import TrainerOptions, TrainingBatch, Update, UsageError, Weights

from ..adversarial_training import FakePool, PatchGAN, adversarial_parts, judged
from ..network_trainer_base import NetworkTrainer, frame_scores, weighed
from ..weights_lookup import start_weights
from .backbones import BackboneName
from .dither_classifier import ClassifierOptions, DitherClassifier
from .losses import GradientForm, color_loss, gradient_loss
from .network import CCDNet, CCDNetArchitecture, fill_palettes, scaled


class CCDNetOptions(TrainerOptions):
    """`[model]` of a CCDNet."""

    backbone: BackboneName = "unet"
    base: int = Field(default=64, ge=1, le=256)
    steps: int = Field(default=1, ge=1, le=16)
    embedded: bool = True
    skip: bool = False
    """Not of the paper: the networks say what to change. A network is run as it was trained."""
    start: str = ""
    """Weights to start from: all of a network of two or more steps, or the first network alone."""
    freeze_first: bool = False
    """Leave the first network as it is, as the authors do from the second step on."""
    every_step: bool = False
    """Take the color and gradient losses as means over all steps that learn, as the released code does, not the last.
    """
    color: float = Field(default=100.0, ge=0)
    gradient: float = Field(default=100.0, ge=0)
    gradient_form: GradientForm = "signed"
    adversarial: float = Field(default=0.0, ge=0)
    pool: int = Field(default=60, ge=1)


class CCDNetTrainer(NetworkTrainer):
    """Trains a CCDNet with the color, gradient and adversarial losses that have a weight above 0."""

    options_class = CCDNetOptions

    def __init__(self, options: CCDNetOptions) -> None:
        if options.freeze_first and options.steps == 1:
            raise UsageError("[model] freeze_first leaves a network of one step nothing to learn")
        if not (options.color or options.gradient or options.adversarial):
            raise UsageError("[model] color, gradient and adversarial are all 0: there is nothing to learn from")
        self._options = options
        known = options.model_dump(include={"backbone", "base", "steps", "embedded", "skip"})
        architecture = CCDNetArchitecture(**known)
        network = CCDNet(architecture)
        if options.start:
            _begin(network, start_weights(options.start))
        if options.freeze_first:
            network.first.eval()
            network.first.requires_grad_(False)
        super().__init__(network, architecture, **({"discriminator": PatchGAN()} if options.adversarial else {}))
        self._pool = FakePool(options.pool)

    def updates(self, network: nn.Module, batch: TrainingBatch, generator: torch.Generator) -> Iterator[Update]:
        """The network's update, then the discriminator's, each only while its gate is open."""
        options = self._options
        if options.freeze_first:
            self.network.first.eval()
        gif, truth = scaled(batch.gif), scaled(batch.truth)
        palettes = fill_palettes(batch.palettes, batch.colors)
        steps = network(batch.gif, palettes, every_step=True).float()
        restored = steps[-1]
        compared = (steps[1:] if options.freeze_first else steps) if options.every_step else steps[-1:]
        truths = truth.expand_as(compared)
        loss, parts = weighed(
            options,
            color=lambda: color_loss(compared, truths),
            gradient=lambda: gradient_loss(compared, truths, form=options.gradient_form),
        )
        if not options.adversarial:
            yield Update("network", loss, {"loss": loss, **parts})
            return
        seen = judged(gif, truth), judged(gif, restored)
        against = yield from adversarial_parts(self.others["discriminator"], *seen, self._pool, generator)
        if against:
            loss = loss + options.adversarial * against["adversarial"]
            yield Update("network", loss, {"loss": loss, **parts, **against})

    def scores(self, network: nn.Module, batch: TrainingBatch) -> tuple[dict[str, float], torch.Tensor]:
        """PSNR of the restored frames and of the GIF's, over all pixels of the batch."""
        return frame_scores(network(batch.gif, fill_palettes(batch.palettes, batch.colors)), batch)

    def state_dict(self) -> dict[str, Any]:
        """The pool of fakes."""
        return self._pool.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The pool of fakes."""
        self._pool.load_state_dict(state)


def _begin(network: CCDNet, weights: Weights) -> None:
    only_first = not any(name.startswith("second.") for name in weights.tensors)
    if only_first and network.second is not None:
        whole = {**network.state_dict(), **weights.tensors}
        weights = Weights(weights.path, weights.architecture, weights.about, whole)
    weights.fill(network)


class ClassifierTrainerOptions(TrainerOptions):
    """`[model]` of the dither classifier."""

    base: int = Field(default=64, ge=1, le=256)


class ClassifierTrainer(NetworkTrainer):
    """Trains the dither classifier on plain and dithered samples; `data.dithered` must be "both"."""

    options_class = ClassifierTrainerOptions

    def __init__(self, options: ClassifierTrainerOptions) -> None:
        architecture = ClassifierOptions(network="dither-classifier", base=options.base)
        super().__init__(DitherClassifier(base=options.base), architecture)

    def updates(self, network: nn.Module, batch: TrainingBatch, generator: torch.Generator) -> Iterator[Update]:
        """Cross entropy."""
        logits = network(scaled(batch.gif)).float()
        loss = nn.functional.binary_cross_entropy_with_logits(logits, batch.dithered.float())
        right = ((logits > 0) == batch.dithered).float().mean()
        yield Update("network", loss, {"loss": loss, "accuracy": right})

    def scores(self, network: nn.Module, batch: TrainingBatch) -> tuple[dict[str, float], None]:
        """The share of frames told rightly."""
        return {"accuracy": float(((network(scaled(batch.gif)) > 0) == batch.dithered).float().mean())}, None
