"""One method on one task of a dataset: what exists is kept, what is missing is scored, and becomes results."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from gifbench.benchmark_tasks import Task
from gifbench.errors import UsageError
from gifbench.evaluation.clip_prefetch import ScoredClip, ScoredDataset
from gifbench.evaluation.dask_scoring_workers import clips_on_cluster
from gifbench.evaluation.local_scoring_workers import scored_clips, worked_clips
from gifbench.evaluation.result_from_scores import result_of, with_metrics_of
from gifbench.evaluation.score_identity import RunSpec, ScoringJob, existing_result, measuring_device
from gifbench.evaluation.score_journal import ScoreJournal, interrupted_protocols
from gifbench.evaluation.scoring_protocols import ScoringProtocol, released_stride
from gifbench.methods.registry import LoadedMethod
from gifbench.metrics.registry import LoadedMetric
from gifbench.progress import Progress, ProgressCallback
from gifbench.results.io import check_absent, save_result
from gifbench.results.schema import DatasetRecord, Result
from gifbench.storage import Folder

Existing = Literal["error", "keep", "overwrite"]
"""What happens to results that exist: nothing is run, the very same are taken and the others run, or all are run."""


def check_existing_choice(existing: object) -> None:
    """Raise `UsageError` unless it is one of `Existing`."""
    if existing not in get_args(Existing):
        raise UsageError(f'existing must be "error", "keep" or "overwrite", got {str(existing)[:40]!r}')


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What all runs of a call share, checked."""

    split: str
    protocols: tuple[ScoringProtocol, ...]
    metrics: tuple[LoadedMetric, ...]
    limit: int | None = None
    device: str = "cpu"
    metrics_device: str = "cpu"
    workers: int = 1
    cluster: str | None = None
    time_limit: float | None = None
    seed: int = 0
    cache: Path | None = None
    folder: Folder | None = None
    existing: Existing = "keep"


@dataclass(frozen=True, slots=True)
class TaskRun:
    """One method on one task, under all protocols."""

    settings: RunSettings
    method: LoadedMethod
    dataset: ScoredDataset
    clips: Sequence[ScoredClip]
    task: Task
    progress: ProgressCallback | None

    @property
    def was_interrupted(self) -> bool:
        """Whether an earlier run of it was ended before its end, so that this one goes on."""
        return self._journal_path is not None and self._journal_path.exists()

    @property
    def _journal_path(self) -> Path | None:
        local = None if self.settings.folder is None else self.settings.folder.local
        return None if local is None else local / self.spec(self.settings.protocols, ()).journal_name

    def check_existing(self) -> None:
        """Raise `AlreadyExists` where a result may not be replaced."""
        folder = self.settings.folder
        if folder is None or self.settings.existing != "error":
            return
        spec = self.spec(self.settings.protocols, self.settings.metrics)
        for name in spec.protocols:
            check_absent(folder, spec.result_name(name))

    def results(self) -> list[Result]:
        """The results of all protocols, run or taken."""
        settings, folder = self.settings, self.settings.folder
        spec = self.spec(settings.protocols, settings.metrics)
        found: dict[str, Result] = {}
        lacking: dict[str, list[LoadedMetric]] = {}
        if folder is not None and settings.existing != "overwrite":
            for name in spec.protocols:
                if (result := existing_result(folder, spec, name)) is not None:
                    held = {metric.name: metric.sha256 for metric in result.metrics}
                    found[name] = result
                    lacking[name] = [metric for metric in settings.metrics if held.get(metric.name) != metric.sha256]
        done = {name: found[name] for name, metrics in lacking.items() if not metrics}
        pending = [each for each in settings.protocols if each.name not in done]
        if not pending:
            if self._journal_path is not None:  # of a run that was killed as its results were written
                self._journal_path.unlink(missing_ok=True)
            self._say("", len(self.clips), reused=True)
            return [done[each.name] for each in settings.protocols]
        interrupted = interrupted_protocols(self._journal_path)
        if {each.name for each in pending} < interrupted <= {each.name for each in settings.protocols}:
            # Killed between the results of two protocols: the journal knows its clips under both.
            pending = [each for each in settings.protocols if each.name in interrupted]
        # Metrics that are new are measured alone, and added to what exists.
        only_new = all(each.name in lacking for each in pending)
        metrics = [m for m in settings.metrics if not only_new or any(m in lacking[each.name] for each in pending)]
        scored, journal = self._score(pending, tuple(metrics))
        for name, result in scored.items():
            whole = with_metrics_of(result, found[name]) if name in found else result
            done[name] = whole if folder is None else save_result(whole, folder)
        journal.done()
        return [done[each.name] for each in settings.protocols]

    def spec(self, protocols: Sequence[ScoringProtocol], metrics: Sequence[LoadedMetric]) -> RunSpec:
        """What the scores under these protocols and by these metrics depend on."""
        settings = self.settings
        return RunSpec.of(
            self.method,
            DatasetRecord(name=self.dataset.name, fingerprint=self.dataset.fingerprint),
            split=settings.split,
            task=self.task.name,
            protocols=protocols,
            metrics=metrics,
            seed=settings.seed,
            limit=settings.limit,
            device=settings.device,
            metrics_device=settings.metrics_device,
        )

    def _score(
        self, protocols: Sequence[ScoringProtocol], metrics: tuple[LoadedMetric, ...]
    ) -> tuple[dict[str, Result], ScoreJournal]:
        """The results of these protocols, and the journal, which is done with when they are written."""
        settings, clips = self.settings, self.clips
        spec = self.spec(protocols, metrics)
        job = ScoringJob(
            spec,
            method=self.method.source,
            metrics=tuple(each.source for each in metrics),
            stride=released_stride(self.dataset),
            device=settings.device,
            metrics_device=settings.metrics_device,
            cache=settings.cache,
        )
        # A program has its own limit, and is ended by itself.
        limit = None if self.method.source and self.method.source[0] == "command" else settings.time_limit
        alone = settings.workers == 1 and limit is None and "," not in settings.device and settings.cluster is None
        scorer = job.scorer(self.method, metrics) if alone else None
        measuring_device(settings.metrics_device)
        # What is not known by content is never gone on with: the clips before may be another method's.
        anew = settings.existing == "overwrite" or bool(spec.unknown)
        with ScoreJournal.open(self._journal_path, spec.facts(), anew=anew, fresh=bool(spec.unknown)) as journal:
            waiting = [clip for clip in clips if clip.clip_id not in journal.records]
            devices = [scorer.device] if scorer is not None else []
            crew: set[str] = set()
            if scorer is not None:
                scored = scored_clips(scorer, waiting)
            elif settings.cluster is not None:
                scored = clips_on_cluster(
                    job, self.dataset, waiting, address=settings.cluster, devices=devices, crew=crew
                )
            else:
                scored = worked_clips(job, waiting, workers=settings.workers, time_limit=limit, devices=devices)
            begun, told = time.perf_counter(), set[str]()
            for record in scored:
                now = time.perf_counter()
                journal.add(replace(record, seconds=now - begun))
                begun = now
                news = [note for note in record.notes if note not in told]
                told.update(news)
                message = f"{record.clip_id}: {'; '.join(news)}" if news else ""
                self._say(record.clip_id, len(journal.records), message=message)
            results = {
                each.name: result_of(
                    spec,
                    each,
                    [journal.records[clip.clip_id] for clip in clips],
                    method=self.method,
                    metrics=metrics,
                    official=self.dataset.official.get(settings.split, 0),
                    devices=devices or ["cpu"],
                    workers=max(settings.workers, len(crew), settings.device.count(",") + 1),
                )
                for each in protocols
            }
            return results, journal

    def _say(self, clip_id: str, done: int, *, message: str = "", reused: bool = False) -> None:
        if self.progress is not None:
            count = len(self.clips)
            run = f"{self.method.name} on {self.task.name}"
            if reused:
                message = f"{run}: the very same run exists, reused"
            self.progress(Progress(done, count, clip_id, message, run=run, reused=reused))
