"""The networks of a training, their optimizers, the learning rate of each step, and one step of it."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from gifbench.devices import free_memory
from gifbench.errors import TrainingError
from gifbench.training.config import TrainingOptions
from gifbench.training.distributed import Processes
from gifbench.training.metric_meter import Meter
from gifbench.training.trainer_interface import Trainer, TrainingBatch


class Learner:
    """A trainer's networks on their device, an Adam for each part that is learned, and their moving average."""

    def __init__(self, trainer: Trainer, options: TrainingOptions, processes: Processes) -> None:
        self._trainer, self._options, self._processes = trainer, options, processes
        self._networks: dict[str, nn.Module] = {"network": trainer.network, **trainer.others}
        for network in self._networks.values():
            network.to(processes.device)
            if options.channels_last:
                network.to(memory_format=torch.channels_last)
        self._average: AveragedModel | None = None
        if options.ema:
            average = get_ema_multi_avg_fn(options.ema)
            self._average = AveragedModel(trainer.network, multi_avg_fn=average, use_buffers=True)
        called = processes.joined(trainer.network)
        self._called: nn.Module = torch.compile(called) if options.compile else called
        self._adams = {
            name: torch.optim.Adam(
                list(parameters), lr=options.learning_rate, betas=options.betas, weight_decay=options.weight_decay
            )
            for name, parameters in trainer.learned.items()
        }
        joined = set(map(id, trainer.network.parameters()))
        self._apart = {name for name, learned in trainer.learned.items() if not joined.issuperset(map(id, learned))}

    @property
    def final(self) -> nn.Module:
        """The network that is validated and written: the moving average, if there is one."""
        final: nn.Module = self._trainer.network if self._average is None else self._average.module
        return final

    def step(self, number: int, batch: TrainingBatch, meter: Meter) -> None:
        """Take step `number`, counted from 0."""
        options = self._options
        seed = hash((options.seed, number)) & ((1 << 62) - 1)
        generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed + self._processes.rank)  # what dropout draws from, also when resumed
        for network in self._networks.values():
            network.train()
        for adam in self._adams.values():
            for group in adam.param_groups:
                group["lr"] = learning_rate(options, number)
        half = torch.autocast(self._processes.device.type, torch.bfloat16, enabled=options.precision == "bf16")
        updates = self._trainer.updates(self._called, batch, generator)
        while True:
            with half:
                update = next(updates, None)
            if update is None:
                break
            adam = self._adams[update.learned]
            adam.zero_grad(set_to_none=True)
            update.loss.backward()
            learned = self._trainer.learned[update.learned]
            if update.learned in self._apart:
                self._processes.average(parameter.grad for parameter in learned)
            if options.clip_gradient is not None:
                nn.utils.clip_grad_norm_(learned, options.clip_gradient)
            adam.step()
            meter.add(update.loss.detach(), update.parts)
        for network in self._trainer.others.values():
            self._processes.average(network.buffers())
        if self._average is not None:
            self._average.update_parameters(self._trainer.network)

    def forget_gradients(self) -> None:
        """Give back the memory that a step which failed has taken."""
        for adam in self._adams.values():
            adam.zero_grad(set_to_none=True)
        free_memory(str(self._processes.device))

    def state_dict(self) -> dict[str, Any]:
        """All that a checkpoint needs; raises `TrainingError` where a weight is not finite."""
        networks = {name: network.state_dict() for name, network in self._networks.items()}
        for state in networks.values():
            if any(value.is_floating_point() and not bool(value.isfinite().all()) for value in state.values()):
                raise TrainingError("a weight is not finite: the last good checkpoint is kept")
        return {
            "networks": networks,
            "adams": {name: adam.state_dict() for name, adam in self._adams.items()},
            "average": None if self._average is None else self._average.state_dict(),
            "trainer": self._trainer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave; raises what torch does where it does not fit."""
        for name, network in self._networks.items():
            network.load_state_dict(state["networks"][name])
        for name, adam in self._adams.items():
            adam.load_state_dict(state["adams"][name])
        if self._average is not None:
            self._average.load_state_dict(state["average"])
        self._trainer.load_state_dict(state["trainer"])


def learning_rate(options: TrainingOptions, step: int) -> float:
    """The learning rate of a step, counted from 0."""
    if options.schedule == "halve" and options.halve_every:
        return float(options.learning_rate * 0.5 ** (step // options.halve_every))
    if options.schedule == "drop":
        return float(options.learning_rate * 0.1 ** sum(step >= drop for drop in options.drops))
    if options.schedule == "cosine":
        return options.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * step / options.steps)) / 2)
    return options.learning_rate
