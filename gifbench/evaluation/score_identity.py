"""What a score's identity is: a value of all that a run's scores depend on, and its digest.

The journal's header, the names of result files, whether a result is there already, the cache of restored frames and a
row of the leaderboard derive from it. See docs/identity.md.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from gifbench.benchmark_tasks import known_task, task
from gifbench.devices import choose_device, device_model, kind_of, set_torch_settings, torch_settings
from gifbench.errors import MethodError, ResultsError, UsageError
from gifbench.evaluation.clip_scorer import ClipScorer
from gifbench.evaluation.restored_cache import RestoredCache
from gifbench.evaluation.score_journal import UNKNOWN
from gifbench.evaluation.scoring_protocols import ScoringProtocol, protocol
from gifbench.gif_maker_registry import load_maker
from gifbench.gifbench_version import code_record
from gifbench.installed_packages import installed_version
from gifbench.methods.command import load_method_command
from gifbench.methods.inference import device_kind, on_device
from gifbench.methods.loaded_method import facts_sha256
from gifbench.methods.registry import LoadedMethod, load_method, load_method_file, relabeled
from gifbench.metrics.registry import LoadedMetric, load_metrics
from gifbench.results.io import load_result, result_name
from gifbench.results.schema import DatasetRecord, ProtocolRecord, Result
from gifbench.storage import Folder


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """All that the scores of a run depend on; two runs with the same `facts` give the same scores.

    `method` are the facts of the loaded method, options in full and files by content; `unknown` says why these are not
    all, and is empty where they are. `protocols` and `metrics` map names to the sha256 of their definitions. `device`
    is where the method runs (`cpu`, or the GPU's model), `precision` torch's settings there, `metrics_device` where
    frames are measured. `limit` is None where all clips are scored. `maker` has the
    facts of who makes the task's GIFs, and is empty for the dataset's own.
    """

    method: Mapping[str, object]
    unknown: tuple[str, ...]
    dataset: DatasetRecord
    split: str
    task: str
    protocols: Mapping[str, str]
    metrics: Mapping[str, str]
    seed: int
    limit: int | None
    device: str
    precision: str
    metrics_device: str
    versions: Mapping[str, str]
    maker: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        method: LoadedMethod,
        dataset: DatasetRecord,
        *,
        split: str,
        task: str,
        protocols: Sequence[ScoringProtocol],
        metrics: Sequence[LoadedMetric],
        seed: int = 0,
        limit: int | None = None,
        device: str = "cpu",
        metrics_device: str = "cpu",
    ) -> RunSpec:
        """The spec of a run, `device` and `metrics_device` as they are asked for."""
        runs_on = _models(device_kind(method, device), device)
        packages = {"numpy", "numba", "av", "opencv-python-headless", *(["torch"] if metrics_device != "cpu" else [])}
        return cls(
            method=method.facts,
            unknown=tuple(dict.fromkeys([*method.unknown, *(why for each in metrics for why in each.unknown)])),
            dataset=dataset,
            split=split,
            task=task,
            protocols={each.name: protocol_record(each).sha256 for each in protocols},
            metrics={each.name: each.sha256 for each in metrics},
            seed=seed,
            limit=limit,
            device=runs_on,
            precision=_precision(runs_on) if method.declared.backend == "torch" else "",
            metrics_device=_models(kind_of(metrics_device), metrics_device),
            maker=load_maker(chosen.maker).facts if (chosen := known_task(task)) and chosen.maker else {},
            versions={
                **{name: found for name in sorted(packages) if (found := installed_version(name))},
                **dict(method.packages),
                "code of gifbench": code_record().sha256,
                "processor": platform.machine(),
            },
        )

    def facts(self) -> dict[str, Any]:
        """The spec as JSON values, as a journal begins with it."""
        facts = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "maker" or self.maker}
        return facts | {"unknown": list(self.unknown), "dataset": [self.dataset.name, self.dataset.fingerprint]}

    @property
    def method_digest(self) -> str:
        """Of the method and where it runs: what makes a row of a leaderboard."""
        return facts_sha256(
            {"method": self.method, "unknown": self.unknown, "device": self.device, "precision": self.precision}
        )

    def scores_digest(self, name: str) -> str:
        """Of all that the PSNR and SSIM of the protocol `name` depend on: everything but the other metrics."""
        return facts_sha256({**self.facts(), "protocols": {name: self.protocols[name]}, "metrics": {}, "unknown": []})

    @property
    def restoration_digest(self) -> str:
        """Of all that restored frames depend on, apart from the GIF and the times."""
        return facts_sha256({"method": self.method_digest, "seed": self.seed, "versions": self.versions})

    def result_name(self, protocol_name: str) -> str:
        """Where the result of a protocol lies below the results folder.

        Runs that differ in the method's identity, device, seed or limit have files of their own; a run of another
        version of gifbench replaces the file.
        """
        return result_name(
            dataset=self.dataset,
            split=self.split,
            task=self.task,
            protocol=protocol_name,
            method=str(self.method["name"]),
            identity=self.method_digest,
            seed=self.seed,
            limit=self.limit,
        )

    @property
    def journal_name(self) -> str:
        """Where the journal of the run lies, beside its results."""
        return f"{self.result_name('both').removesuffix('.json')}.journal.jsonl"


def _models(kind: str, device: str) -> str:
    """Where a run of `kind` on `device` is: `cpu`, `torch`, or the accelerator's model; several joined."""
    if kind in ("cpu", "torch"):
        return kind
    try:
        return " + ".join(dict.fromkeys(device_model(kind if each == "auto" else each) for each in device.split(",")))
    except Exception:  # one that is not here, which is said when the run begins
        return device


def _precision(device: str) -> str:
    if "torch" not in sys.modules:
        return ""
    by = torch_settings()
    facts = [str(by["dtype"]), f"matmul {by['matmul']}"]
    if device.startswith("cuda"):
        facts += ["tf32 convolutions"] if by["tf32"] else []
        facts += ["deterministic"] if by["deterministic"] else []
    return ", ".join(facts)


def protocol_record(protocol: ScoringProtocol) -> ProtocolRecord:
    """A protocol's definition as results carry it, with its hash."""
    texts = {
        "psnr": protocol.psnr_text,
        "ssim": protocol.ssim_text,
        "segments": protocol.segments_text,
        "averaging": "frames or segments to a clip, then clips to the mean, each clip of equal weight",
    }
    return ProtocolRecord(name=protocol.name, sha256=facts_sha256(texts), **texts)


def existing_result(folder: Folder, spec: RunSpec, protocol_name: str) -> Result | None:
    """The result that the very same run wrote, whatever metrics it has beside PSNR and SSIM; None where none is there.

    A file that is half written, was changed by hand, or is of another spec is as good as missing, and so is one whose
    identity is not known. Raises `UsageError` where one is in a folder that is not local.
    """
    name = spec.result_name(protocol_name)
    if folder.local is None:
        if folder.exists(name):
            raise UsageError(f'existing="keep" needs a local folder, got {folder.url}; give existing="overwrite"')
        return None
    path = folder.local / name
    if spec.unknown or not path.is_file():
        return None
    try:
        result = load_result(path)
    except ResultsError:
        return None
    if result.unknown or any(note.startswith(UNKNOWN) for note in result.notes):
        return None
    return result if result.identity == spec.scores_digest(protocol_name) else None


@dataclass(frozen=True, slots=True)
class ScoringJob:
    """What is to be done to every clip, as values that another process can be sent.

    `spec` is the run's identity, whose method a process that loads it must find. `method` is the `source` of a
    `LoadedMethod` (None for an object of this process), `metrics` are the sources of `LoadedMetric`s. `device` and
    `metrics_device` are as they were asked for, restored frames are kept in the folder `cache`, `computes_by` is what
    torch computes by where the job was made, and so in the process that does it.
    """

    spec: RunSpec
    method: tuple[str, str] | None
    metrics: tuple[str, ...]
    stride: int | None
    device: str
    metrics_device: str
    cache: Path | None
    computes_by: Mapping[str, object] = field(default_factory=torch_settings)

    def scorer(self, method: LoadedMethod | None = None, metrics: Sequence[LoadedMetric] | None = None) -> ClipScorer:
        """Load what is not given, move it to its device, and be ready for the first clip."""
        loaded = method or self._load()
        if method is None:
            set_torch_settings(self.computes_by)
        return ClipScorer(
            loaded,
            task(self.spec.task),
            [protocol(name) for name in self.spec.protocols],
            self.stride,
            device=on_device(loaded, self.device),
            metrics=load_metrics(self.metrics) if metrics is None else metrics,
            metrics_device=measuring_device(self.metrics_device),
            seed=self.spec.seed,
            cache=None if self.cache is None else RestoredCache(self.cache, self.spec.restoration_digest),
        )

    def spec_here(self, scorer: ClipScorer) -> RunSpec:
        """The spec of the same run in the process that has loaded `scorer`."""
        return RunSpec.of(
            scorer.method,
            self.spec.dataset,
            split=self.spec.split,
            task=self.spec.task,
            protocols=scorer.protocols,
            metrics=scorer.metrics,
            seed=self.spec.seed,
            limit=self.spec.limit,
            device=self.device,
            metrics_device=self.metrics_device,
        )

    @property
    def method_name(self) -> str:
        """The name that the run's method goes by."""
        return str(self.spec.method["name"])

    @property
    def source(self) -> tuple[str, str]:
        """The `method`; raises `UsageError` for an object."""
        if self.method is None:
            raise UsageError(
                "an object cannot be sent to other processes, as workers and time_limit need; "
                "give the method by its name or from its file"
            )
        return self.method

    def on(self, device: str) -> ScoringJob:
        """The same work on another device; what is measured on a GPU is measured on that."""
        moves = kind_of(self.metrics_device) == kind_of(device)
        return replace(self, device=device, metrics_device=device if moves else self.metrics_device)

    def _load(self) -> LoadedMethod:
        kind, text = self.source
        if kind == "command":
            limit, _, command = text.partition(" ")
            loaded = load_method_command(command, time_limit=float(limit))
        else:
            loaded = load_method(text) if kind == "installed" else load_method_file(text)
        loaded = relabeled(loaded, self.method_name)
        if loaded.facts != self.spec.method:
            raise MethodError(f"method {loaded.name}: its files changed while it was evaluated; run it again")
        return loaded


def measuring_device(device: str) -> str:
    """`cpu`, or the torch device on which frames are measured; raises `UsageError`, or `MissingExtra` without torch."""
    if device == "cpu":
        return "cpu"
    wanted_for = f"metrics_device {device}"
    chosen = choose_device("cpu" if device == "torch" else device, option="metrics-device", wanted_for=wanted_for)
    return device if device == "torch" else chosen
