"""The configuration of a training: a TOML file, read strictly, with `--set section.key=value` on top."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gifbench.did_you_mean import known_names
from gifbench.errors import UsageError
from gifbench.toml_file import read_toml

Model = TypeVar("Model", bound=BaseModel)

_DEEPEST = 32
_SHOWN = 10
"""So many problems are told at once."""


class TrainerOptions(BaseModel):
    """What options of a training are built on: frozen, and nothing that is not named."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ViewOptions(TrainerOptions):
    """`[data.views]`: other framings, sizes and colors of the frames, each a frame of a GIF of its own."""

    window: tuple[float, float] = (0.45, 1.0)
    """The least and the greatest side of what is cut out, over the frame's shorter side."""
    scale: tuple[float, float] = (0.44, 1.4)
    """By how much it is scaled; above 1, views are as soft as faces that were blown up."""
    side: tuple[int, int] = (160, 340)
    """Pixels of the scaled window's shorter side."""
    antialiased: float = Field(default=0.6, ge=0, le=1)
    """The share of views that are scaled with antialiasing, not by plain bilinear interpolation."""
    recolored: float = Field(default=0.6, ge=0, le=1)
    """The share of views with other saturation, gamma, brightness and tint."""
    lit: float = Field(default=0.3, ge=0, le=1)
    """The share of views under a light that is uneven over the frame, as skies and walls are: wide gradients."""
    smoothed: float = Field(default=0.0, ge=0, le=1)
    """The share of views whose bright or dark parts, or that as a whole, lose all detail, as a sky behind roofs has."""

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        for name, (low, high), most in (
            ("window", self.window, 1),
            ("scale", self.scale, 4),
            ("side", self.side, 4096),
        ):
            if not 0 < low <= high <= most:
                raise ValueError(f"data.views.{name} is {low} to {high}: from above 0 to {most} at most, lower first")
        return self


class DataOptions(TrainerOptions):
    """Which samples a training sees."""

    dithered: bool | Literal["both"] = False
    """The dataset's plain GIFs, its dithered ones, or either by the toss of a coin."""
    crop: int | None = Field(default=256, ge=24)
    """The side of the square that is cut out at random; without it, frames must be of one size."""
    every: int = Field(default=1, ge=1)
    """Each k-th frame of a clip."""
    flips: bool = False
    """Mirror half of the samples from left to right."""
    windows: tuple[int, ...] = ()
    """For trainers that learn from motion: a sample is so many frames in a row, one of these lengths, drawn anew."""
    between: int | None = Field(default=None, ge=1)
    """So many of the frames between a window's ends, drawn at random; without it, all."""
    time_flips: bool = False
    """Turn half of the windows round in time."""
    colors: tuple[int, ...] = ()
    """Palette sizes of GIFs that are made from the truth on the fly; empty: the dataset's GIFs as they are."""
    dithers: tuple[str, ...] = ("floyd-steinberg",)
    """The ditherers of GIFs that are made on the fly."""
    makers: tuple[str, ...] = ()
    """Makers (`gifbench tasks` lists them) whose GIFs some samples are: each of its frame, or its window, alone."""
    maker_share: float = Field(default=0.5, gt=0, le=1)
    """The share of samples that are makers' GIFs, where `makers` names any; the others are as without them."""
    views: ViewOptions | None = None
    """Of GIFs that are made on the fly: see the frames in other framings, sizes and colors."""
    equal_clips: bool = False
    """Draw each clip as often as any other, however long it is; else as often as it has frames."""
    clips_at_once: int = Field(default=8, ge=1)
    """From how many clips samples are drawn before others take their place."""
    samples_per_visit: int = Field(default=256, ge=1)
    """How many samples are drawn before they do."""
    validation_clips: tuple[str, ...] = ()
    """Clips of the split `train` that validation sees and training never; empty: the split `validation`."""
    validation_frames: int = Field(default=4, ge=1)
    """Frames, or windows, of each clip that validation sees, at equal distances."""

    @model_validator(mode="after")
    def _windows_fit(self) -> Self:
        least = 2 if self.between is None else self.between + 2
        if self.windows and min(self.windows) < least:
            raise ValueError(f"data.windows holds {min(self.windows)}: each must be {least} frames or more")
        if len(set(self.windows)) > 1 and self.between is None:
            raise ValueError("data.windows of several lengths need data.between, so that samples are alike")
        return self


class TrainingOptions(TrainerOptions):
    """How a network is trained."""

    steps: int = Field(ge=1)
    batch_size: int = Field(default=8, ge=1)
    learning_rate: float = Field(default=2e-4, gt=0)
    schedule: Literal["constant", "halve", "drop", "cosine"] = "constant"
    halve_every: int = Field(default=0, ge=0)
    """Steps after which the schedule `halve` halves the learning rate."""
    drops: tuple[int, ...] = ()
    """Steps at which the schedule `drop` makes the learning rate a tenth."""
    betas: tuple[float, float] = (0.5, 0.999)
    weight_decay: float = Field(default=1e-4, ge=0)
    clip_gradient: float | None = Field(default=None, gt=0)
    ema: float = Field(default=0.0, ge=0, lt=1)
    """Decay of the average of the weights that is validated and written; 0: the weights themselves."""
    seed: int = 0
    precision: Literal["fp32", "bf16"] = "fp32"
    channels_last: bool = False
    compile: bool = False
    workers: int = Field(default=0, ge=0)
    checkpoint_seconds: float = Field(default=30.0, ge=0)
    log_every: int = Field(default=50, ge=1)
    validate_every: int = Field(default=1000, ge=1)
    tensorboard: bool = False
    """Write the log and the panels for TensorBoard, too."""


class TrainingConfig(TrainerOptions):
    """A training."""

    trainer: str
    """An entry point of the group gifbench.trainers."""
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    """What the file of weights is called."""
    licence: str = ""
    data: DataOptions = DataOptions()
    training: TrainingOptions
    model: dict[str, Any] = {}
    """The trainer's own options, which it checks."""


FREE_TO_CHANGE = {"steps", "workers", "checkpoint_seconds", "log_every", "tensorboard"}
"""Options of `[training]` that may differ when a training is resumed: they do not change the curve so far.

With the schedule `cosine`, `steps` does change it, and may not differ.
"""


def read_config(
    config: TrainingConfig | Mapping[str, Any] | Path,
    changes: Sequence[str] = (),
    sections: Mapping[str, Mapping[str, Any]] = {},
) -> TrainingConfig:
    """A configuration, or the one in a TOML file, with other values.

    `changes` are `section.key=value`, values as TOML or plain text; `sections` has values by section and key. Raises
    `NotFound`, or `UsageError` that names the key and, for an unknown one, what was meant.
    """
    if isinstance(config, Path):
        document, what = read_toml(config, what="configuration of a training"), str(config)
    else:
        document = config.model_dump(mode="json") if isinstance(config, TrainingConfig) else dict(config)
        what = "the configuration"
    for change in changes:
        _apply(document, change)
    for section, values in sections.items():
        before = document.get(section, {})
        if not isinstance(before, Mapping):
            raise UsageError(f"{what}: {section} must be a section, got {type(before).__name__}")
        document[section] = {**before, **values}
    return checked(TrainingConfig, document, what=what)


def checked(model: type[Model], values: Mapping[str, Any], *, what: str) -> Model:
    """Options as a value of `model`; raises `UsageError` with all that is wrong in one line."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        found = [_problem(model, dict(each)) for each in error.errors()]
        more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise UsageError(f"{what}: {'; '.join(found[:_SHOWN])}{more}") from error


def _apply(document: dict[str, Any], change: str) -> None:
    key, equals, value = change.partition("=")
    if not (key.strip() and equals):
        raise UsageError(f'--set "{change[:100]}": write section.key=value, as in training.steps=1000')
    *sections, last = key.strip().split(".", _DEEPEST)
    place = document
    for section in sections:
        place = place.setdefault(section, {})
        if not isinstance(place, dict):
            raise UsageError(f'--set "{change[:100]}": {section[:100]} is no section')
    try:
        place[last] = tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):
        place[last] = value.strip()


def _problem(model: type[BaseModel], error: dict[str, Any]) -> str:
    place = [str(part)[:100] for part in error["loc"]]
    name = ".".join(place)
    if error["type"] == "extra_forbidden":
        return f'there is no option "{name}": {known_names(place[-1], _keys(model, place[:-1]))}'
    if error["type"] == "missing":
        return f"the option {name} is missing"
    return f"{name} is {_shown(error['input'])}: {error['msg'][:1].lower()}{error['msg'][1:]}"


def _shown(value: object) -> str:
    try:
        return repr(str(value)[:60])
    except (ValueError, RecursionError):
        return f"a value of the type {type(value).__name__}"


def _keys(model: type[BaseModel], sections: Sequence[str]) -> list[str]:
    for section in sections:
        field = model.model_fields.get(section)
        kinds = [] if field is None else [field.annotation, *get_args(field.annotation)]
        inner = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if not inner:
            return []
        model = inner[0]
    return list(model.model_fields)
