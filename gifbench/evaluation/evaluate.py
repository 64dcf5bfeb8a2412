"""Scoring methods on a dataset: clips are decoded, restored and measured, and become results."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from gifbench.dataset import open_dataset
from gifbench.errors import DatasetError, UsageError
from gifbench.evaluation.clip_reader import ScoredClip, ScoredDataset
from gifbench.evaluation.run_spec import RunSpec, ScoringJob, existing_result, measuring_device
from gifbench.evaluation.score_journal import ScoredClipRecord, ScoreJournal
from gifbench.evaluation.scoring_protocols import PROTOCOLS, ScoringProtocol, protocol, released_stride
from gifbench.evaluation.summary import RunFacts, official_clips, result_of, with_metrics_of
from gifbench.evaluation.worker_pool import scored_clips, worked_clips
from gifbench.methods.protocols import FrameMethod, Method
from gifbench.methods.registry import LoadedMethod, find_method, load_instance
from gifbench.metrics.registry import LoadedMetric, load_metrics
from gifbench.results.dataframe import Results
from gifbench.results.io import check_absent, save_result
from gifbench.results.schema import DatasetRecord, Result
from gifbench.storage import Folder
from gifbench.tasks import DEFAULT_TASKS, Task, parse_tasks

__all__ = ["Existing", "Progress", "ScoredClip", "ScoredDataset", "evaluate", "load_methods"]

Existing = Literal["error", "keep", "overwrite"]
"""What happens to results that exist: nothing is run, the very same are taken and the others run, or all are run."""

MethodLike = LoadedMethod | str | Method | FrameMethod | type
"""A method as `evaluate` takes it: a name, a loaded one, an object with `restore` or `restore_frames`, or its class."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an evaluation is: `clips` of `num_clips` are done, `clip_id` was the last; `note` is news of the run.

    `method` and `task` say which run it is. A run whose results exist already has `reused` and no clip.
    """

    clip_id: str
    clips: int
    num_clips: int
    note: str | None = None
    method: str = ""
    task: str = ""
    reused: bool = False


def evaluate(
    methods: MethodLike | Sequence[MethodLike],
    dataset: ScoredDataset | str | os.PathLike[str],
    tasks: Task | str | Iterable[Task | str] = DEFAULT_TASKS,
    *,
    split: str = "test",
    protocols: str | Sequence[str] = tuple(PROTOCOLS),
    metrics: str | Sequence[str] = (),
    limit: int | None = None,
    device: str = "auto",
    metrics_device: str = "cpu",
    workers: int = 1,
    time_limit: float | None = None,
    seed: int = 0,
    cache: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    existing: Existing = "keep",
    progress: Callable[[Progress], None] | None = None,
) -> Results:
    """Score one method or several on tasks of a dataset's split: a result a method, task and protocol, in that order.

        results = gifbench.evaluate(Median(), "data/gif-faces", ["plain-1", "dithered-1"])
        results.to_pandas()

    `methods` are names as the command line takes them, loaded methods, objects with `restore` or `restore_frames`, or
    their classes. `metrics` are measured beside PSNR and SSIM, by name or as `mine.py:Mine`. Frames that two protocols
    ask for in the same way are restored once. Decoding, restoring and measuring overlap; held are the clip's GIF and
    some dozen MB of frames. `limit` scores the first clips only. `cache` is a folder that keeps restored frames.

    `workers` processes share the clips, and `device` may name several GPUs (`cuda:0,cuda:1`), a worker each at least;
    on the CPU the scores are the same to the bit whatever their number. `time_limit`, in seconds a clip, ends a method
    that takes longer, in a process of its own. Both need a method that another process can load, by name or file.

    With `out` each result is written below that folder, whole or not at all, and beside it a journal of the clips that
    are scored: after a kill the same call goes on with the others. Of results that exist, `existing="keep"` takes those
    that the very same run wrote (`RunSpec`), and scores what is missing or differs, further metrics included; `"error"`
    raises before anything is run, `"overwrite"` scores all again. A run with a `limit` never replaces a fuller one.

    Clips shorter than one segment of the task are skipped and named in the result. Raises `MethodFailed` where a
    method fails on a clip, `MetricError` where a metric does, `DatasetError` where no clip can be scored, `UsageError`
    for unknown names and wrong types, `AlreadyExists` with `existing="error"`, and `ResultsError` where an interrupted
    run was another one.
    """
    run = _Settings(
        split=_text("split", split),
        protocols=tuple(protocol(name) for name in dict.fromkeys(_texts("protocols", protocols))),
        metrics=load_metrics(_texts("metrics", metrics)),
        limit=_whole("limit", limit, least=1),
        device=_text("device", device),
        metrics_device=_text("metrics_device", metrics_device),
        workers=_whole("workers", workers, least=1, most=1024) or 1,
        time_limit=_seconds(time_limit),
        seed=_whole("seed", seed, least=-(1 << 62), most=1 << 62) or 0,
        cache=None if cache is None else Path(_path("cache", cache)).absolute(),
        folder=None if out is None else Folder(_path("out", out)),
        existing=existing,
    )
    if not run.protocols:
        raise UsageError(f"protocols must name at least one of {', '.join(PROTOCOLS)}, got none")
    if existing not in get_args(Existing):
        raise UsageError(f'existing must be "error", "keep" or "overwrite", got {str(existing)[:40]!r}')
    if progress is not None and not callable(progress):
        raise UsageError(f"progress must be a function, got {type(progress).__name__}")
    chosen, loaded = parse_tasks(tasks), load_methods(methods)
    opened: Any = open_dataset(os.fspath(dataset)) if isinstance(dataset, str | os.PathLike) else dataset
    if not all(hasattr(opened, name) for name in ("name", "fingerprint", "split")):
        raise UsageError(f"dataset must be a folder, a URL or a dataset, got {type(dataset).__name__}")
    for method in loaded:
        for task in chosen:
            if method.tasks is not None and task.name not in method.tasks:
                raise UsageError(
                    f"method {method.name} cannot do the task {task.name}; it does {', '.join(method.tasks)}"
                )
    clips = opened.split(run.split)
    if not len(clips):
        raise DatasetError(f"{opened.name}: the split {run.split} holds no clips")
    if run.limit is not None and run.limit >= len(clips):
        run = replace(run, limit=None)
    runs = [
        _Run(run, method, opened, clips[: run.limit], task, progress=progress) for method in loaded for task in chosen
    ]
    if not any(each.was_interrupted for each in runs):  # then what this call finished before is not in its way
        for each in runs:
            each.check_existing()
    return Results([result for each in runs for result in each.results()])


def load_methods(methods: MethodLike | Sequence[MethodLike]) -> list[LoadedMethod]:
    """One method or several, each loaded once; raises `UsageError` for what is none, and for none at all."""
    several = isinstance(methods, list | tuple)
    found: dict[str, LoadedMethod] = {}
    for each in methods if several else [methods]:  # type: ignore[union-attr]
        loaded = _loaded(each)
        found[loaded.identity] = loaded
    if not found:
        raise UsageError("methods must name at least one method, got none")
    return list(found.values())


def _loaded(method: object) -> LoadedMethod:
    if isinstance(method, LoadedMethod):
        return method
    if isinstance(method, str):
        return find_method(method)
    if isinstance(method, os.PathLike):
        return find_method(str(os.fspath(method)))
    if not inspect.isclass(method):
        return load_instance(method)
    try:
        return load_instance(method())
    except TypeError as error:
        raise UsageError(f"the class {method.__name__} cannot be made without options: {error}") from error


@dataclass(frozen=True, slots=True)
class _Settings:
    """What all runs of a call share, checked."""

    split: str
    protocols: tuple[ScoringProtocol, ...]
    metrics: tuple[LoadedMetric, ...]
    limit: int | None
    device: str
    metrics_device: str
    workers: int
    time_limit: float | None
    seed: int
    cache: Path | None
    folder: Folder | None
    existing: Existing


class _Run:
    """One method on one task, under all protocols."""

    def __init__(
        self,
        settings: _Settings,
        method: LoadedMethod,
        dataset: ScoredDataset,
        clips: Sequence[ScoredClip],
        task: Task,
        *,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._settings, self._method, self._dataset, self._clips, self._task = settings, method, dataset, clips, task
        self._progress = progress
        self._told: set[str] = set()

    @property
    def was_interrupted(self) -> bool:
        """Whether an earlier run of it was ended before its end, so that this one goes on."""
        return self._journal_path is not None and self._journal_path.exists()

    @property
    def _journal_path(self) -> Path | None:
        local = None if self._settings.folder is None else self._settings.folder.local
        return None if local is None else local / self._spec(self._settings.protocols, ()).journal_name

    def check_existing(self) -> None:
        """Raise `AlreadyExists` where a result may not be replaced."""
        folder = self._settings.folder
        if folder is None or self._settings.existing != "error":
            return
        spec = self._spec(self._settings.protocols, self._settings.metrics)
        for each in self._settings.protocols:
            check_absent(folder, spec.result_name(each.name), overwrite=False)

    def results(self) -> list[Result]:
        """The results of all protocols, run or taken."""
        settings, folder = self._settings, self._settings.folder
        spec = self._spec(settings.protocols, settings.metrics)
        found: dict[str, Result] = {}
        if folder is not None and settings.existing != "overwrite":
            kept = {each.name: existing_result(folder, spec, each.name) for each in settings.protocols}
            found = {name: result for name, result in kept.items() if result is not None}
        asked = {metric.name: metric.sha256 for metric in settings.metrics}
        lacking = {
            name: [
                metric
                for metric in settings.metrics
                if metric.name not in held or held[metric.name] != asked[metric.name]
            ]
            for name, result in found.items()
            for held in [{metric.name: metric.sha256 for metric in result.metrics}]
        }
        done = {name: found[name] for name, metrics in lacking.items() if not metrics}
        pending = [each for each in settings.protocols if each.name not in done]
        if not pending:
            if self._journal_path is not None:  # of a run that was killed as its results were written
                self._journal_path.unlink(missing_ok=True)
            self._say("", len(self._clips), reused=True)
            return [done[each.name] for each in settings.protocols]
        # Metrics that are new are measured alone, and added to what exists.
        only_new = all(each.name in lacking for each in pending)
        metrics = [m for m in settings.metrics if not only_new or any(m in lacking[each.name] for each in pending)]
        for name, result in self._score(pending, tuple(metrics)).items():
            whole = with_metrics_of(result, found[name]) if name in found else result
            done[name] = whole if folder is None else save_result(whole, folder, overwrite=True)
        self._journal.done()
        return [done[each.name] for each in settings.protocols]

    def _spec(self, protocols: Sequence[ScoringProtocol], metrics: Sequence[LoadedMetric]) -> RunSpec:
        settings = self._settings
        return RunSpec.of(
            self._method,
            DatasetRecord(name=self._dataset.name, fingerprint=self._dataset.fingerprint),
            split=settings.split,
            task=self._task.name,
            protocols=protocols,
            metrics=metrics,
            seed=settings.seed,
            limit=settings.limit,
            device=settings.device,
            metrics_device=settings.metrics_device,
        )

    def _score(self, protocols: Sequence[ScoringProtocol], metrics: tuple[LoadedMetric, ...]) -> dict[str, Result]:
        settings, clips = self._settings, self._clips
        spec = self._spec(protocols, metrics)
        job = ScoringJob(
            method=self._method.source,
            method_name=self._method.name,
            identity=self._method.identity,
            task=self._task.name,
            protocols=tuple(each.name for each in protocols),
            metrics=tuple(each.source for each in metrics),
            stride=released_stride(self._dataset),
            device=settings.device,
            metrics_device=settings.metrics_device,
            seed=settings.seed,
            restoration=spec.restoration_digest,
            cache=settings.cache,
        )
        # A program has its own limit, and is ended by itself.
        limit = None if self._method.source and self._method.source[0] == "command" else settings.time_limit
        alone = settings.workers == 1 and limit is None and "," not in settings.device
        scorer = job.scorer(self._method, metrics) if alone else None
        measuring_device(settings.metrics_device)
        # What is not known by content is never gone on with: the clips before may be another method's.
        anew = settings.existing == "overwrite" or bool(spec.unknown)
        with ScoreJournal.open(self._journal_path, spec.facts(), anew=anew, fresh=bool(spec.unknown)) as journal:
            self._journal = journal
            pending = [i for i, clip in enumerate(clips) if clip.clip_id not in journal.records]
            devices = [scorer.device] if scorer is not None else []
            scored = (
                scored_clips(scorer, (clips[i] for i in pending))
                if scorer is not None
                else worked_clips(
                    job,
                    self._dataset,
                    clips,
                    pending,
                    workers=settings.workers,
                    time_limit=limit,
                    devices=devices,
                )
            )
            for record in scored:
                self._take(record)
            facts = RunFacts(
                spec=spec,
                method=self._method,
                metrics=metrics,
                devices=devices or ["cpu"],
                workers=settings.workers,
                clip_ids=[clip.clip_id for clip in clips],
                official=self._dataset.official.get(settings.split, 0),
                official_ids=official_clips(self._dataset.name, settings.split),
                wall_seconds=sum(record.seconds for record in journal.records.values()),
                notes=tuple(dict.fromkeys(note for record in journal.records.values() for note in record.notes)),
            )
            records = [journal.records[clip.clip_id] for clip in clips]
            return {
                each.name: result_of(facts, each, [r.scores[each.name] for r in records if each.name in r.scores])
                for each in protocols
            }

    def _take(self, record: ScoredClipRecord) -> None:
        """Take the record of a clip as it comes, in whatever order, and tell how far it is."""
        self._journal.add(record)
        news = [note for note in record.notes if note not in self._told]
        self._told.update(news)
        self._say(record.clip_id, len(self._journal.records), note="; ".join(news) or None)

    def _say(self, clip_id: str, done: int, *, note: str | None = None, reused: bool = False) -> None:
        if self._progress is not None:
            count = len(self._clips)
            self._progress(Progress(clip_id, done, count, note, self._method.name, self._task.name, reused))


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{name} must be a text, got {type(value).__name__}")
    return value


def _texts(name: str, value: object) -> list[str]:
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, Iterable) or isinstance(given, bytes):
        raise UsageError(f"{name} must be a name or a list of names, got {type(value).__name__}")
    return [_text(f"a name in {name}", each) for each in given]


def _path(name: str, value: object) -> str:
    if not isinstance(value, str | os.PathLike):
        raise UsageError(f"{name} must be a path, got {type(value).__name__}")
    return os.fspath(value)


def _whole(name: str, value: object, *, least: int, most: int = 1 << 53) -> int | None:
    if value is None and name == "limit":
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise UsageError(f"{name} must be a whole number, got {value!r:.40}")
    if not least <= value <= most:
        wanted = f"at least {least}" if most == 1 << 53 else f"{least} to {most}"
        raise UsageError(f"{name} must be {wanted}, got {value}")
    return value


def _seconds(value: object) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < float("inf"):
        raise UsageError(f"the time limit must be more than 0 seconds, got {value!r:.40}")
    return float(value)
