"""Training from Python, and what a training left: its weights, its log as a table, what to do next."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gifbench import notebook
from gifbench.argument_types import check_type, check_types
from gifbench.dataset.dataset_reader import Dataset, open_dataset
from gifbench.devices import choose_device
from gifbench.errors import NotFound, TrainingError, UsageError, storage_errors
from gifbench.progress import ProgressCallback, silent
from gifbench.training.config import TrainingConfig, read_config
from gifbench.training.logger import FILE
from gifbench.training.presets import config_path

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """The folder of a training, finished or under way: what `train` gives, or `TrainingRun("runs/1")`.

    `path` is the folder; it stands for the run wherever a path or a method is taken, as in `evaluate(run, ds)`. `data`
    is where the dataset of the training lies, "" where that is not known. Everything is read from the files when it is
    asked for. In a notebook the run shows where it is.
    """

    path: Path
    data: str = ""

    def __post_init__(self) -> None:
        check_type("path", self.path, str | os.PathLike)
        check_type("data", self.data, str)
        object.__setattr__(self, "path", Path(self.path))
        if not self.path.is_dir():
            raise NotFound(f"{self.path}: there is no such folder of a training")

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def finished(self) -> bool:
        """Whether the weights are written."""
        return any(self.path.glob("*.safetensors"))

    @property
    def weights(self) -> Path:
        """The file of weights; raises `NotFound` for a training that is not finished."""
        found = sorted(self.path.glob("*.safetensors"))
        if not found:
            raise NotFound(f"{self.path}: no weights are there yet; {self.next_step}")
        return found[0]

    @property
    def log(self) -> pd.DataFrame:
        """A `pandas.DataFrame` with a row a step that was noted, and `step` as its index.

        Columns are the means of the losses since the row before, `learning_rate`, the shares `loader`, `metrics` and
        `device` of the time with `steps_per_second`, and `validation/psnr` and so on; NaN where a row has none.
        """
        import pandas as pd

        rows: dict[int, dict[str, Any]] = {}
        for line in self._lines():
            rows.setdefault(line["step"], {}).update(line)
        return pd.DataFrame(list(rows.values()) or {"step": []}).set_index("step")

    @property
    def step(self) -> int:
        """The last step that is in the log; 0 for none."""
        return max((line["step"] for line in self._lines()), default=0)

    @property
    def scores(self) -> dict[str, float]:
        """The last scores of validation, by name; empty where there were none."""
        found: dict[str, float] = {}
        for line in self._lines():
            found |= {
                key.removeprefix("validation/"): value for key, value in line.items() if key.startswith("validation/")
            }
        return found

    @property
    def next_step(self) -> str:
        """What to do next, as a line of Python: score it, or go on with it."""
        data = self.data or "DATASET"
        if self.finished:
            return f"gifbench.evaluate({str(self.path)!r}, {data!r})"
        return f"gifbench.train(CONFIG, {data!r}, out={str(self.path)!r}, resume=True)"

    @check_types
    def plot(self, *names: str) -> Any:  # noqa: ANN401  # a matplotlib Figure
        """A `matplotlib` figure: columns of the log over steps, a panel each; without names the losses and the scores.

        Raises `MissingExtra` without matplotlib, `UsageError` for a column that is not there.
        """
        log = self.log
        columns = [str(name) for name in log.columns]
        for name in names:
            if name not in columns:
                raise UsageError(
                    f"a name must be a column of the log ({', '.join(columns) or 'none yet'}), got {name!r}"
                )
        chosen = list(names) or [name for name in columns if name not in _OF_THE_MACHINE]
        if not chosen:
            raise UsageError(f"{self.path}: the log is empty, there is nothing to plot yet")
        figure = notebook.figure(height=2.2 * len(chosen), wanted_for="TrainingRun.plot")
        axes = figure.subplots(len(chosen), 1, squeeze=False, sharex=True)[:, 0]
        for axis, name in zip(axes, chosen, strict=True):
            values = log[name].dropna()
            axis.plot(values.index, values, marker="." if len(values) < _FEW else None)
            axis.set_ylabel(name)
        axes[-1].set_xlabel("step")
        return figure

    def _repr_html_(self) -> str:
        scores = ", ".join(f"{name} {value:.4g}" for name, value in self.scores.items())
        known = {"training": self.path, "steps": self.step, "scores": scores or "none", "next": self.next_step}
        return notebook.facts({**known, "weights": self.weights} if self.finished else known)

    def _lines(self) -> list[dict[str, Any]]:
        path = self.path / FILE
        if not path.exists():
            return []
        with storage_errors(path):
            data = path.read_bytes()
        try:
            lines = [json.loads(line) for line in data.decode().splitlines()]
            if not all(isinstance(line["step"], int) for line in lines):
                raise ValueError("a step is no number")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise TrainingError(f"{path}: not the log of a training ({error}); delete it, the weights stay") from error
        return lines


_OF_THE_MACHINE = ("learning_rate", "steps_per_second", "loader", "metrics", "device", "batch_size")
_FEW = 40


@check_types
def train(
    config: TrainingConfig | Mapping[str, Any] | str | os.PathLike[str],
    dataset: Dataset | str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    training: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
    model: Mapping[str, Any] | None = None,
    resume: bool = False,
    device: str = "auto",
    progress: ProgressCallback | None = None,
) -> TrainingRun:
    """Train a network on the split `train` of a dataset into the folder `out`; `runs/NAME` unless it is given.

        run = gifbench.train("ccdnet-small", "data/faces", out="runs/1", training={"steps": 1000})
        run.log, run.weights
        gifbench.evaluate(run, "data/faces")

    `config` is a name as `gifbench train --list` has it, the path of a TOML file, or its values as a mapping; the
    mappings `training`, `data` and `model` change options of these sections ([training](training.md)). `device` is
    `auto`, `cpu`, `cuda`, `cuda:1`, `mps` or `xpu`. `progress` gets a `Progress`, whose `what` are the losses.

    Ctrl-C ends it after the step under way, with a checkpoint; with `resume` the same call goes on from there, to the
    same weights on a CPU. Raises `UsageError` for wrong types and options that cannot be, `NotFound` for an unknown
    name or file, `AlreadyExists` where `out` holds a training and `resume` is not given, `DatasetError` where there are
    no clips to train on, `TrainingError` when a loss is not finite, and `MissingExtra` without torch.
    """
    chosen = choose_device(device, wanted_for="gifbench.train")
    from gifbench.training.training_loop import train as run  # which needs torch

    named = config_path(os.fspath(config)) if isinstance(config, str | os.PathLike) else config
    sections = {"training": training, "data": data, "model": model}
    options = read_config(named, sections={name: values for name, values in sections.items() if values is not None})
    if out is None:
        stem = Path(config).stem if isinstance(config, str | os.PathLike) else options.name
        out = Path("runs") / stem
    opened = dataset if isinstance(dataset, Dataset) else open_dataset(dataset)
    run(options, opened, Path(out), resume=resume, device=chosen, progress=progress or silent)
    return TrainingRun(Path(out), opened.url)
