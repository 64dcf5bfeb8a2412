"""The training loop: steps by number, so that one that was stopped goes on as if it had not been."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from gifbench.dataset.reader import Dataset
from gifbench.errors import AlreadyExists, TrainingError, UsageError
from gifbench.train.checkpoint import FILE, load_checkpoint, save_checkpoint
from gifbench.train.config import FREE_TO_CHANGE, TrainingConfig, TrainingOptions, checked
from gifbench.train.record import Record
from gifbench.train.samples import Samples
from gifbench.train.trainer import Trainer, TrainingBatch, load_trainer
from gifbench.train.validation import Validation, split_clips
from gifbench.train.weights import save_weights
from gifbench.train.windows import Windows


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training left: the file of weights, its last step, the last scores, and the means of the last losses."""

    weights: Path
    step: int
    scores: dict[str, float]
    losses: dict[str, float] = field(default_factory=dict)


def train(
    config: TrainingConfig,
    dataset: Dataset,
    out: Path,
    *,
    resume: bool = False,
    device: str = "cpu",
    progress: Callable[[int, int, str], None] = lambda step, steps, what: None,
) -> Trained:
    """Train what `config` says on `dataset` into the folder `out`: checkpoint, log, panels of pictures, weights.

    Two runs on one CPU with as many threads give the same weights, however often they were stopped and resumed. Raises
    `UsageError` for options that cannot be, `AlreadyExists` where there is a checkpoint and `resume` is not given,
    `TrainingError` when a loss is not finite; the last checkpoint before that is kept. `KeyboardInterrupt` ends it
    after the step under way, with a checkpoint.
    """
    state = _state_before(out, config, dataset, resume=resume)
    trainer_class = load_trainer(config.trainer)
    if getattr(trainer_class, "windows", False) != bool(config.data.windows):
        learns, fix = ("windows", "set") if not config.data.windows else ("single frames", "leave out")
        raise UsageError(f"trainer {config.trainer} learns from {learns}: {fix} data.windows")
    torch.manual_seed(config.training.seed)
    trainer = trainer_class(checked(trainer_class.options_class, config.model, what="[model]"))  # type: ignore[call-arg]
    run = _Run(config, trainer, dataset, out, device)
    run.begin(state)
    with _stop_after_a_step() as stopped:
        return run.go(stopped, progress)


class _Run:
    """A training under way."""

    def __init__(self, config: TrainingConfig, trainer: Trainer, dataset: Dataset, out: Path, device: str) -> None:
        self._config, self._options, self._trainer, self._out = config, config.training, trainer, out
        self._device, self._dataset = torch.device(device), dataset
        training, held_out = split_clips(dataset, config.data)
        options = self._options
        kind = Windows if config.data.windows else Samples
        self._samples = kind(training, config.data, seed=options.seed, length=options.steps * options.batch_size)
        self._validation = Validation(held_out, config.data)
        self._networks: dict[str, nn.Module] = {"network": trainer.network, **trainer.others}
        for network in self._networks.values():
            network.to(self._device)
            if options.channels_last:
                network.to(memory_format=torch.channels_last)
        self._average = (
            AveragedModel(trainer.network, multi_avg_fn=get_ema_multi_avg_fn(options.ema), use_buffers=True)
            if options.ema
            else None
        )
        called = torch.compile(trainer.network) if options.compile else trainer.network
        self._called: nn.Module = called
        self._adams = {
            name: torch.optim.Adam(
                list(parameters), lr=options.learning_rate, betas=options.betas, weight_decay=options.weight_decay
            )
            for name, parameters in trainer.learned.items()
        }
        self._step, self._scores = 0, dict[str, float]()
        self._record = Record(out)

    def begin(self, state: dict[str, Any] | None) -> None:
        """Take over a checkpoint, if there is one, and forget what the log says beyond it."""
        if state is not None:
            self._restore(state)
        self._record.cut_after(self._step)

    def _restore(self, state: dict[str, Any]) -> None:
        try:
            for name, network in self._networks.items():
                network.load_state_dict(state["networks"][name])
            for name, adam in self._adams.items():
                adam.load_state_dict(state["adams"][name])
            if self._average is not None:
                self._average.load_state_dict(state["average"])
            self._trainer.load_state_dict(state["trainer"])
            self._step, self._scores = int(state["step"]), dict(state["scores"])
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            raise TrainingError(f"{self._out / FILE}: does not fit this configuration: {error}") from error

    def go(self, stopped: threading.Event, progress: Callable[[int, int, str], None]) -> Trained:
        """Train to the last step."""
        options = self._options
        last_saved = last_logged = time.monotonic()
        window = _Window(self._device)
        logged_at = self._step
        losses: dict[str, float] = {}
        for batch in self._batches():
            self._one_step(batch, window)
            self._step += 1
            ends = self._step == options.steps
            if self._step % options.log_every == 0 or ends:
                losses = self._means(window)
                window = _Window(self._device)
                now = time.monotonic()
                speed = (self._step - logged_at) / max(now - last_logged, 1e-9)
                self._record.add(self._step, {**losses, "learning_rate": self._rate(), "steps_per_second": speed})
                progress(self._step, options.steps, " ".join(f"{key} {value:.4g}" for key, value in losses.items()))
                last_logged, logged_at = now, self._step
            if self._step % options.validate_every == 0 or ends:
                self._validate()
            if ends or stopped.is_set() or time.monotonic() - last_saved >= options.checkpoint_seconds:
                self._means(window)
                self._save()
                last_saved = time.monotonic()
            if stopped.is_set() and not ends:
                raise KeyboardInterrupt("The run is kept; the same command with --resume goes on with it.")
        return Trained(self._write_weights(), self._step, self._scores, losses)

    def _batches(self) -> Iterator[TrainingBatch]:
        options = self._options
        loader = DataLoader(
            self._samples,
            batch_size=options.batch_size,
            sampler=range(self._step * options.batch_size, options.steps * options.batch_size),
            num_workers=options.workers,
            multiprocessing_context="spawn" if options.workers else None,
            pin_memory=self._device.type == "cuda",
        )
        for batch in loader:
            yield TrainingBatch(*(tensor.to(self._device, non_blocking=True) for tensor in batch))

    def _one_step(self, batch: TrainingBatch, window: _Window) -> None:
        generator = torch.Generator().manual_seed(hash((self._options.seed, self._step)) & ((1 << 62) - 1))
        for network in self._networks.values():
            network.train()
        for adam in self._adams.values():
            for group in adam.param_groups:
                group["lr"] = self._rate()
        bf16 = torch.autocast(self._device.type, torch.bfloat16, enabled=self._options.precision == "bf16")
        updates = self._trainer.updates(self._called, batch, generator)
        while True:
            with bf16:
                update = next(updates, None)
            if update is None:
                break
            adam = self._adams[update.learned]
            adam.zero_grad(set_to_none=True)
            update.loss.backward()
            if self._options.clip_gradient is not None:
                nn.utils.clip_grad_norm_(self._trainer.learned[update.learned], self._options.clip_gradient)
            adam.step()
            window.add(update.loss.detach(), update.parts)
        if self._average is not None:
            self._average.update_parameters(self._trainer.network)

    def _rate(self) -> float:
        return learning_rate(self._options, self._step)

    def _means(self, window: _Window) -> dict[str, float]:
        if not window.finite():
            kept = f"the last good checkpoint is kept in {self._out}" if (self._out / FILE).exists() else "none is kept"
            raise TrainingError(
                f"a loss is not finite by step {self._step}: {kept}; resume it with a smaller training.learning_rate "
                "in a new folder, or with training.clip_gradient"
            )
        return window.means()

    def _final(self) -> nn.Module:
        final: nn.Module = self._trainer.network if self._average is None else self._average.module
        return final

    def _validate(self) -> None:
        scores, panel = self._validation.run(self._trainer, self._final(), self._device)
        if scores:
            self._scores = scores
            self._record.add(self._step, {f"validation/{key}": value for key, value in scores.items()})
        if panel is not None:
            self._record.picture(self._step, panel)

    def _save(self) -> None:
        networks = {name: network.state_dict() for name, network in self._networks.items()}
        for state in networks.values():
            if any(value.is_floating_point() and not bool(value.isfinite().all()) for value in state.values()):
                raise TrainingError(f"a weight is not finite by step {self._step}: the last good checkpoint is kept")
        save_checkpoint(
            self._out,
            {
                "step": self._step,
                "config": self._config.model_dump(mode="json"),
                "dataset": self._dataset.fingerprint,
                "networks": networks,
                "adams": {name: adam.state_dict() for name, adam in self._adams.items()},
                "average": None if self._average is None else self._average.state_dict(),
                "trainer": self._trainer.state_dict(),
                "scores": self._scores,
            },
        )

    def _write_weights(self) -> Path:
        config = self._config
        about = {
            "name": config.name,
            "licence": config.licence,
            "dataset": self._dataset.name,
            "fingerprint": self._dataset.fingerprint,
            "step": self._step,
            "scores": self._scores,
            "data": config.data.model_dump(mode="json"),
            "training": config.training.model_dump(mode="json"),
        }
        path = self._out / f"{config.name}.safetensors"
        return save_weights(path, self._final(), architecture=self._trainer.architecture(), about=about)


class _Window:
    """Sums of what was noted since the last line of the log, on the device, so that no step waits for it."""

    def __init__(self, device: torch.device) -> None:
        self._sums: dict[str, torch.Tensor | float] = {}
        self._counts: dict[str, int] = {}
        self._bad = torch.zeros((), dtype=torch.bool, device=device)

    def add(self, loss: torch.Tensor, parts: Any) -> None:  # noqa: ANN401 - a mapping of tensors or numbers
        self._bad = self._bad | ~torch.isfinite(loss)
        for name, value in parts.items():
            now = value.detach() if isinstance(value, torch.Tensor) else value
            self._sums[name] = self._sums.get(name, 0.0) + now
            self._counts[name] = self._counts.get(name, 0) + 1

    def finite(self) -> bool:
        return not bool(self._bad)

    def means(self) -> dict[str, float]:
        return {name: float(total) / self._counts[name] for name, total in self._sums.items()}


def learning_rate(options: TrainingOptions, step: int) -> float:
    """The learning rate of a step, counted from 0."""
    if options.schedule == "halve" and options.halve_every:
        return float(options.learning_rate * 0.5 ** (step // options.halve_every))
    if options.schedule == "cosine":
        return options.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * step / options.steps)) / 2)
    return options.learning_rate


def _state_before(out: Path, config: TrainingConfig, dataset: Dataset, *, resume: bool) -> dict[str, Any] | None:
    there = (out / FILE).exists()
    if there and not resume:
        raise AlreadyExists(f"{out / FILE}: there is a training already; go on with it by --resume, or choose --out")
    if not there:
        out.mkdir(parents=True, exist_ok=True)
        return None
    state = load_checkpoint(out)
    if state.get("dataset") != dataset.fingerprint:
        raise UsageError(f"{out}: the training was begun on another dataset; resume it with that one")
    before, now = _flat(state["config"]), _flat(config.model_dump(mode="json"))
    free = {f"training.{key}" for key in FREE_TO_CHANGE}
    if config.training.schedule == "cosine":
        free.remove("training.steps")
    for key in sorted((before.keys() | now.keys()) - free):
        if before.get(key) != now.get(key):
            raise UsageError(f"{out}: the training was begun with {key} = {before.get(key)!r}, not {now.get(key)!r}")
    return state


def _flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{before}{key}.") if isinstance(value, dict) else {f"{before}{key}": value}
    return flat


@contextlib.contextmanager
def _stop_after_a_step() -> Iterator[threading.Event]:
    """The first Ctrl-C asks for a stop after the step under way; a second one stops at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(number: int, frame: object) -> None:
        asked.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
