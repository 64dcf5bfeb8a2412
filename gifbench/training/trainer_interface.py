"""What is trained: the contract between the loop and a baseline, and finding a trainer by its name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import nn

from gifbench.did_you_mean import known_names
from gifbench.entry_points import entry_points
from gifbench.errors import TrainingError, UsageError
from gifbench.training.config import TrainerOptions
from gifbench.training.presets import GROUP
from gifbench.user_code_import import import_errors


class TrainingBatch(NamedTuple):
    """N samples on the loop's device.

    `gif`, `truth` (N, 3, H, W) uint8; `palettes` (N, 256, 3) uint8, of which `colors` (N) int64 entries count;
    `dithered` (N) bool; `times` (N) float32, 0.

    Of windows of T frames in a row: `gif`, `truth` (N, T, 3, H, W), `palettes` (N, T, 256, 3), `colors` (N, T), and
    `times` (N, T): how far each frame is on the way from the first, 0, to the last, 1.
    """

    gif: torch.Tensor
    palettes: torch.Tensor
    colors: torch.Tensor
    truth: torch.Tensor
    dithered: torch.Tensor
    times: torch.Tensor


@dataclass(frozen=True, slots=True)
class Update:
    """One step of one optimizer: which, by the name in `learned`, down which loss, and what to note in the log."""

    learned: str
    loss: torch.Tensor
    parts: Mapping[str, torch.Tensor | float]


class Trainer(Protocol):
    """A network and its losses. A class is made as `Trainer(options)`, with `options` of its `options_class`.

    A class that learns from windows of frames, which `data.windows` chooses, says `windows = True`.
    """

    options_class: type[TrainerOptions]

    network: nn.Module
    """What is validated and written in the end, and what the moving average follows."""
    others: Mapping[str, nn.Module]
    """Networks that only training needs, such as a discriminator; part of a checkpoint."""
    learned: Mapping[str, Sequence[nn.Parameter]]
    """What is learned, each under its own Adam."""

    def updates(self, network: nn.Module, batch: TrainingBatch, generator: torch.Generator) -> Iterator[Update]:
        """The updates of one step. The loop makes each before it asks for the next.

        `network` is what to call in place of `self.network`: the same, or compiled. `generator` is on the CPU and
        seeded by the step; draw from no other, so that a resumed training draws the same.
        """

    def scores(self, network: nn.Module, batch: TrainingBatch) -> tuple[dict[str, float], torch.Tensor | None]:
        """Validation of one batch: scores by name, and pictures (N, 3, H, W) uint8 to look at, if there are any."""

    def architecture(self) -> Mapping[str, Any]:
        """What the network is built from, for the card of its weights."""

    def state_dict(self) -> dict[str, Any]:
        """What else a resumed training needs: tensors and plain values."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""


def load_trainer(name: str) -> type[Trainer]:
    """The trainer of that name; raises `UsageError` for one that nobody offers."""
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        raise UsageError(f'there is no trainer "{name}": {known_names(name, sorted(found))}')
    with import_errors(f"trainer {name}", TrainingError):
        trainer: type[Trainer] = found[name].load()
    return trainer
