"""The schema of a results file: the means of a run, and all that they depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SkipValidation
from pydantic.dataclasses import dataclass as validated

SCHEMA = 3
"""The version of the schema below. It grows by one whenever a key changes its meaning, disappears, or is added.

Version 2 counts official clips alone in `coverage.scored`, where version 1 counted all; it added `metrics`, `seeds`,
`code`, `notes`, `protocol.sha256` and `environment.scored_on`, which files of version 1 lack. Version 3 added the
identity of the run and of its method, what of these is unknown, and the maker of the GIFs; `environment.metrics_device`
was `scored_on`, and the metric `requantized` was `requantised`. Values have ranges since, in files of all versions.
"""

MOST_DB = 100.0
"""The highest PSNR of a clip: what counts for identical pictures."""

MOST_COUNT = 1 << 53
MOST_SECONDS = 1e9
LEAST_SECONDS = 1e-9

Count = Annotated[int, Field(ge=0, le=MOST_COUNT)]
Positive = Annotated[int, Field(ge=1, le=MOST_COUNT)]
Digest = Annotated[str, Field(max_length=64)]
Seconds = Annotated[float, Field(ge=0, le=MOST_SECONDS, allow_inf_nan=False)]
Value = Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]
Text = Annotated[str, Field(max_length=20_000)]
Option = Text | Annotated[int, Field(ge=-(1 << 63), le=1 << 63)] | float | bool | None


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@validated(frozen=True, slots=True)
class ClipScore:
    """A row of the Parquet: one clip. `psnr` is in dB, `capped` of its values were over 100 dB and counted as 100;
    `frames` were scored; `seconds` passed inside the method. `metrics` has a value for each chosen metric, None where
    there was nothing to measure; in the Parquet each is a column.
    """

    clip_id: Annotated[str, Field(max_length=1000)]
    frames: Positive
    psnr: Annotated[float, Field(ge=0, le=MOST_DB, allow_inf_nan=False)]
    ssim: Annotated[float, Field(ge=-1.0001, le=1.0001, allow_inf_nan=False)]
    capped: Count
    seconds: Seconds
    metrics: Mapping[str, Value | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Less than a nanosecond is no time that was measured."""
        if 0 < self.seconds < LEAST_SECONDS:
            raise ValueError(f"seconds must be 0 or at least {LEAST_SECONDS:g}, got {self.seconds:g}")


class MethodRecord(_Part):
    """The method, and what its output depends on."""

    name: str = Field(description="canonical name, options included where they are not the default", max_length=300)
    version: Text = Field(description="as the method declares it; empty where it says nothing")
    origin: Text = Field(description="the package and its version, or the file and class, that it was loaded from")
    options: dict[str, Option] = Field(description="every option as it is shown, the defaults included")
    code_sha256: Digest | None = Field(
        description="of the source of its class and of all that this imports and no package has"
    )
    weights: Text | None = Field(description="the name of the weights' file, null where there are none")
    weights_sha256: Digest | None = Field(description="of the weights' file, or of all files of a folder")
    parameters: Count = Field(description="how many numbers were learned")
    licence: str = Field(description="as the method declares it; empty where it says nothing")
    backend: str = Field(description="numpy or torch", max_length=40)
    identity: Digest = Field(
        default="",
        description="sha256 of the method with its options in full, its code and weights, and of the device: a row",
    )


class DatasetRecord(_Part):
    """The dataset: two fingerprints are two datasets, whose scores are never compared."""

    name: str = Field(description="the recipe's name, such as gif-faces")
    fingerprint: str = Field(description="stands for all that methods see and are scored against")


class MakerRecord(_Part):
    """Who made the GIFs of a task that is not of the dataset's own: two signatures are two tasks, never compared."""

    name: str = Field(description="such as ffmpeg-256-bayer", max_length=200)
    version: Text = Field(description="of the library or program")
    signature: Digest = Field(description="stands for what it makes of a few test frames")


class ProtocolRecord(_Part):
    """The protocol, and in words what it measures."""

    name: str = Field(description="standard or gif2video")
    psnr: str = Field(description="how PSNR is computed")
    ssim: str = Field(description="how SSIM is computed")
    segments: str = Field(description="which frames are scored")
    averaging: str = Field(description="how frames become one number")
    sha256: str = Field(default="", description="of the texts above: two protocols of one name may differ")


class MetricRecord(_Part):
    """A chosen metric, beside PSNR and SSIM, and what its number depends on."""

    name: str = Field(description="canonical name, options included where they are not the default", max_length=200)
    spec: str = Field(description="its definition in words")
    better: Literal["higher", "lower"] = Field(description="which values are better")
    unit: str = Field(description="empty where there is none")
    sha256: str = Field(
        description="of the definition, options, version, weights, and of the code of one from elsewhere"
    )


class CodeRecord(_Part):
    """The gifbench that scored."""

    version: str = Field(description="of the package")
    commit: str | None = Field(description="of the checkout, + where files were changed; null for an installed package")
    sha256: str = Field(description="of the source that scores depend on")


class Coverage(_Part):
    """How much of the official list was scored."""

    scored: Count = Field(description="clips of the official list that were scored; all clips where there is none")
    official: Count = Field(description="clips in the official list of the split, 0 where there is none")
    share: float | None = Field(description="scored / official, null where there is no list", ge=0, le=1)


class Score(_Part):
    """One measure: its mean over the clips that have a value, each of equal weight."""

    mean: Value = Field(description="mean over the clips of each clip's mean")
    ci95: tuple[Value, Value] = Field(description="95% percentile interval of the mean, 10,000 resamples of the clips")
    capped: Count = Field(default=0, description="values (of frames or segments) over 100 dB that count as 100")
    clips: Positive | None = Field(default=None, description="clips that have a value; null where all have")


class Environment(_Part):
    """What it ran on; no names of machines or folders."""

    gifbench: str = Field(description="version of gifbench")
    python: str = Field(description="version of Python")
    numpy: str = Field(description="version of numpy")
    numba: str = Field(description="version of numba")
    opencv: str | None = Field(default=None, description="version of OpenCV; null in results of gifbench 0.1")
    torch: str | None = Field(description="version of torch for a torch method, else null")
    platform: str = Field(description="operating system and processor architecture")
    cpus: int = Field(description="processors that the system reports", ge=1, le=1 << 20)
    device: str = Field(description="what the method ran on: cpu, or an accelerator with its model")
    precision: str = Field(default="", description="torch's settings that change bits; empty without torch")
    metrics_device: str = Field(
        default="cpu", description="what the metrics ran on: cpu, torch (on the CPU), or an accelerator with its model"
    )
    workers: int = Field(
        default=1, description="processes; on the CPU the scores are the same whatever their number", ge=1, le=1 << 20
    )


class Result(_Part):
    """One run: a method, a dataset's split, a task, a protocol."""

    gifbench_result: int = Field(description="version of this schema; its presence marks a results file")
    method: MethodRecord
    task: str = Field(description="plain-1 … dithered-8, or <maker>-1 … -8")
    maker: MakerRecord | None = Field(default=None, description="of the GIFs; null where they are the dataset's own")
    split: str = Field(description="train, validation or test")
    protocol: ProtocolRecord
    dataset: DatasetRecord
    clips: Positive = Field(description="clips scored")
    frames: Positive = Field(description="frames scored")
    too_short: list[Text] = Field(description="clips skipped because they are shorter than one segment of the task")
    limit: Positive | None = Field(description="the run was limited to this many clips; null where it was not")
    coverage: Coverage
    scores: dict[str, Score] = Field(description="psnr (dB), ssim, and each chosen metric that has a value")
    metrics: list[MetricRecord] = Field(default=[], description="the chosen metrics")
    seeds: dict[str, int] = Field(
        default={}, description="method: what each clip's seed is made of; bootstrap: intervals"
    )
    code: CodeRecord | None = Field(default=None, description="the gifbench that scored; null in files of version 1")
    notes: list[Text] = Field(
        default=[], description="what a reader must know of the run, such as batches that were halved"
    )
    identity: Digest = Field(
        default="", description="sha256 of all that PSNR and SSIM depend on; empty in files of earlier versions"
    )
    unknown: list[Text] = Field(
        default=[], description="why the identity is not known by content: such a result is never reused"
    )
    wall_seconds: Seconds = Field(description="from the first clip to the last, everything, for all protocols")
    method_seconds: Seconds = Field(description="inside the method, for the frames that this protocol scores")
    environment: Environment
    created: datetime = Field(description="UTC")
    clip_scores_file: str = Field(
        default="-.parquet", description="the Parquet beside this file, one row a clip", pattern=r"^[^/\\]+\.parquet$"
    )
    clip_scores_sha256: str = Field(default="", description="of that file: the two are known to belong together")
    clip_scores: Annotated[tuple[ClipScore, ...], SkipValidation] = Field(default=(), exclude=True)
    path: str | None = Field(default=None, exclude=True)

    @property
    def frames_per_second(self) -> float | None:
        """Frames restored a second, None where the time is not known."""
        return self.frames / self.method_seconds if self.method_seconds else None

    def summary(self) -> dict[str, Any]:
        """What `gifbench evaluate --json` prints of it."""
        return {
            "method": self.method.name,
            "task": self.task,
            "split": self.split,
            "protocol": self.protocol.name,
            "clips": self.clips,
            "frames": self.frames,
            "coverage": self.coverage.model_dump(),
            "scores": {name: score.model_dump(mode="json") for name, score in self.scores.items()},
            "dataset": self.dataset.fingerprint,
            "file": self.path,
        }
