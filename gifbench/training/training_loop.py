"""The training loop: steps by number, so that one that was stopped goes on as if it had not been."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from gifbench.dataset.dataset_reader import Dataset
from gifbench.devices import is_out_of_memory
from gifbench.errors import TrainingError, UsageError
from gifbench.progress import Progress, ProgressCallback, silent
from gifbench.training.checkpoint import FILE, checkpoint_before, save_checkpoint
from gifbench.training.config import TrainingConfig, checked
from gifbench.training.distributed import Processes
from gifbench.training.frame_sampler import Samples
from gifbench.training.logger import Record
from gifbench.training.metric_meter import Meter
from gifbench.training.optimizer_and_learning_rate import Learner, learning_rate
from gifbench.training.trainer_interface import Trainer, TrainingBatch, load_trainer
from gifbench.training.validation import split_clips, validate
from gifbench.training.weights_file import save_weights
from gifbench.training.window_sampler import Windows


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training left.

    The file of weights, its last step, the last scores, the means of the last losses, and of the last line of the log
    the steps a second and the shares of `loader`, `metrics` and `device` in the time. `batch_size` is what memory left
    of the one asked for, of all processes. `first` says whether this is the process, where there are several, that has
    something to say.
    """

    weights: Path
    step: int
    scores: dict[str, float]
    losses: dict[str, float] = field(default_factory=dict)
    speed: dict[str, float] = field(default_factory=dict)
    batch_size: int = 0
    first: bool = True


def train(
    config: TrainingConfig,
    dataset: Dataset,
    out: Path,
    *,
    resume: bool = False,
    device: str = "cpu",
    progress: ProgressCallback = silent,
) -> Trained:
    """Train what `config` says on `dataset` into the folder `out`: checkpoint, log, panels of pictures, weights.

    Two runs on one CPU with as many threads give the same weights, however often they were stopped and resumed. Raises
    `UsageError` for options that cannot be, `AlreadyExists` where there is a checkpoint and `resume` is not given,
    `TrainingError` when a loss is not finite; the last checkpoint before that is kept. `KeyboardInterrupt` ends it
    after the step under way, with a checkpoint. Where there is no memory for a batch, it is halved, and all after it.
    """
    state = checkpoint_before(out, config, dataset.fingerprint, resume=resume)
    trainer_class = load_trainer(config.trainer)
    if getattr(trainer_class, "windows", False) != bool(config.data.windows):
        learns, fix = ("windows", "set") if not config.data.windows else ("single frames", "leave out")
        raise UsageError(f"trainer {config.trainer} learns from {learns}: {fix} data.windows")
    torch.manual_seed(config.training.seed)
    trainer = trainer_class(checked(trainer_class.options_class, config.model, what="[model]"))  # type: ignore[call-arg]
    processes = Processes(device)
    if config.training.batch_size % processes.count:
        raise UsageError(
            f"training.batch_size is {config.training.batch_size}: {processes.count} processes cannot share it alike"
        )
    run = _Run(config, trainer, dataset, out, processes)
    run.begin(state)
    with _stop_after_a_step() as stopped:
        trained = run.go(stopped, progress if processes.first else silent)
    processes.close()
    return trained


class _Run:
    """A training under way."""

    def __init__(
        self, config: TrainingConfig, trainer: Trainer, dataset: Dataset, out: Path, processes: Processes
    ) -> None:
        self._config, self._options, self._trainer, self._out = config, config.training, trainer, out
        self._dataset, self._processes, self._device = dataset, processes, processes.device
        training, self._held_out = split_clips(dataset, config.data)
        options = self._options
        kind: type[Samples] = Windows if config.data.windows else Samples
        self._samples = kind(training, config.data, seed=options.seed, length=options.steps * options.batch_size)
        self._learner = Learner(trainer, options, processes)
        self._step, self._scores = 0, dict[str, float]()
        self._batch_size = options.batch_size // processes.count
        self._record: Record | None = None

    def begin(self, state: dict[str, Any] | None) -> None:
        """Take over a checkpoint, if there is one, and forget what the log says beyond it."""
        if state is not None:
            try:
                self._learner.load_state_dict(state)
                self._step, self._scores = int(state["step"]), dict(state["scores"])
                self._batch_size = int(state.get("batch_size", self._batch_size))
            except (KeyError, RuntimeError, ValueError, TypeError) as error:
                raise TrainingError(f"{self._out / FILE}: does not fit this configuration: {error}") from error
        if self._processes.first:
            self._record = Record(self._out, after=self._step, tensorboard=self._options.tensorboard)

    def go(self, stopped: threading.Event, progress: ProgressCallback) -> Trained:
        """Train to the last step."""
        options, first = self._options, self._processes.first
        meter, last_saved = Meter(self._device), time.monotonic()
        losses, speed = dict[str, float](), dict[str, float]()
        batches = self._batches()
        while self._step < options.steps:
            with meter.waiting_for("loader"):
                batch = next(batches)
            self._take(batch, meter, progress)
            self._step += 1
            meter.stepped()
            ends = self._step == options.steps
            if self._step % options.validate_every == 0 or ends:
                with meter.waiting_for("metrics"):
                    self._validate()
            if self._step % options.log_every == 0 or ends:
                losses, speed = self._means(meter), meter.speed()
                meter = Meter(self._device)
                self._note({**losses, "learning_rate": learning_rate(options, self._step), **speed})
                progress(
                    Progress(self._step, options.steps, " ".join(f"{key} {value:.4g}" for key, value in losses.items()))
                )
            due = first and time.monotonic() - last_saved >= options.checkpoint_seconds
            stop = save = False
            if ends or self._processes.count == 1 or self._step % 10 == 0:  # asking others costs time
                stop, save = self._processes.any([stopped.is_set(), due or ends])
            if stop or save:
                self._means(meter)
                self._save()
                last_saved = time.monotonic()
            if stop and not ends:
                raise KeyboardInterrupt("The run is kept; the same command with --resume goes on with it.")
        size = self._batch_size * self._processes.count
        return Trained(self._write_weights(), self._step, self._scores, losses, speed, size, first)

    def _batches(self) -> Iterator[TrainingBatch]:
        options, size = self._options, self._options.batch_size
        numbers = (
            self._processes.share(range(step * size, (step + 1) * size)) for step in range(self._step, options.steps)
        )
        loader = DataLoader(
            self._samples,
            batch_size=size // self._processes.count,
            sampler=chain.from_iterable(numbers),
            num_workers=options.workers,
            multiprocessing_context="spawn" if options.workers else None,
            pin_memory=self._device.type == "cuda",  # what copies in the background; torch warns of it elsewhere
        )
        for batch in loader:
            yield TrainingBatch(*(tensor.to(self._device, non_blocking=True) for tensor in batch))

    def _take(self, batch: TrainingBatch, meter: Meter, progress: ProgressCallback) -> None:
        """One step, on as many samples of the batch as there is memory for."""
        while True:
            try:
                self._learner.step(self._step, TrainingBatch(*(part[: self._batch_size] for part in batch)), meter)
            except ValueError as error:
                if "more than 1 value per channel" not in str(error):
                    raise
                raise TrainingError(
                    f"batches of {self._batch_size} are too small for this network's batch normalization: its smallest "
                    "picture is one pixel; choose a larger data.crop or training.batch_size"
                ) from error
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                if self._batch_size == 1 or self._processes.count > 1:
                    raise TrainingError(
                        f"there is no memory for a batch of {self._batch_size} in step {self._step + 1}: choose a "
                        "smaller training.batch_size, data.crop or model.base, or training.precision=bf16"
                    ) from error
            else:
                return
            self._learner.forget_gradients()
            self._batch_size = -(-self._batch_size // 2)
            self._note({"batch_size": self._batch_size})
            news = f"out of memory: the batch is halved to {self._batch_size} from here on"
            progress(Progress(self._step, self._options.steps, message=news))

    def _means(self, meter: Meter) -> dict[str, float]:
        if any(self._processes.any([not meter.finite])):
            kept = f"the last good checkpoint is kept in {self._out}" if (self._out / FILE).exists() else "none is kept"
            raise TrainingError(
                f"a loss is not finite by step {self._step}: {kept}; resume it with a smaller training.learning_rate "
                "in a new folder, or with training.clip_gradient"
            )
        return meter.means()

    def _note(self, values: dict[str, float]) -> None:
        if self._record is not None:
            self._record.add(self._step, values)

    def _validate(self) -> None:
        if self._record is None:
            return
        network, clips = self._learner.final, self._held_out
        scores, panel = validate(self._trainer, network, clips, self._config.data, self._device)
        if scores:
            self._scores = scores
            self._note({f"validation/{key}": value for key, value in scores.items()})
        if panel is not None:
            self._record.picture(self._step, panel)

    def _save(self) -> None:
        if not self._processes.first:
            return
        save_checkpoint(
            self._out,
            {
                "step": self._step,
                "config": self._config.model_dump(mode="json"),
                "dataset": self._dataset.fingerprint,
                "scores": self._scores,
                "batch_size": self._batch_size,
                **self._learner.state_dict(),
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
        if not self._processes.first:
            return path
        return save_weights(path, self._learner.final, architecture=self._trainer.architecture(), about=about)


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
