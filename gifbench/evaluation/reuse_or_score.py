"""One method on one task of a dataset: what exists is kept, what is missing is scored, and becomes results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gifbench.benchmark_tasks import Task
from gifbench.evaluation.clip_prefetch import ScoredClip, ScoredDataset
from gifbench.evaluation.dask_scoring_workers import clips_on_cluster
from gifbench.evaluation.local_scoring_workers import scored_clips, worked_clips
from gifbench.evaluation.result_from_scores import RunFacts, official_clips, result_of, with_metrics_of
from gifbench.evaluation.score_identity import RunSpec, ScoringJob, existing_result, measuring_device
from gifbench.evaluation.score_journal import ScoredClipRecord, ScoreJournal, interrupted_protocols
from gifbench.evaluation.scoring_protocols import ScoringProtocol, released_stride
from gifbench.methods.registry import LoadedMethod
from gifbench.metrics.registry import LoadedMetric
from gifbench.progress import Progress, ProgressCallback
from gifbench.results.io import check_absent, save_result
from gifbench.results.schema import DatasetRecord, Result
from gifbench.storage import Folder

Existing = Literal["error", "keep", "overwrite"]
"""What happens to results that exist: nothing is run, the very same are taken and the others run, or all are run."""


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What all runs of a call share, checked."""

    split: str
    protocols: tuple[ScoringProtocol, ...]
    metrics: tuple[LoadedMetric, ...]
    limit: int | None
    device: str
    metrics_device: str
    workers: int
    cluster: str | None
    time_limit: float | None
    seed: int
    cache: Path | None
    folder: Folder | None
    existing: Existing


class TaskRun:
    """One method on one task, under all protocols."""

    def __init__(
        self,
        settings: RunSettings,
        method: LoadedMethod,
        dataset: ScoredDataset,
        clips: Sequence[ScoredClip],
        task: Task,
        *,
        progress: ProgressCallback | None,
    ) -> None:
        self._settings, self._method, self._dataset, self._clips, self._task = settings, method, dataset, clips, task
        self._progress = progress
        self._told: set[str] = set()

    @property
    def method_identity(self) -> str:
        """Which method is run."""
        return self._method.identity

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
            check_absent(folder, spec.result_name(each.name))

    def results(self) -> list[Result]:
        """The results of all protocols, run or taken."""
        settings, folder = self._settings, self._settings.folder
        spec = self._spec(settings.protocols, settings.metrics)
        found: dict[str, Result] = {}
        if folder is not None and settings.existing != "overwrite":
            kept = {each.name: existing_result(folder, spec, each.name) for each in settings.protocols}
            found = {name: result for name, result in kept.items() if result is not None}
        lacking = {
            name: [metric for metric in settings.metrics if held.get(metric.name) != metric.sha256]
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
        interrupted = interrupted_protocols(self._journal_path)
        if {each.name for each in pending} < interrupted <= {each.name for each in settings.protocols}:
            # Killed between the results of two protocols: the journal knows its clips under both.
            pending = [each for each in settings.protocols if each.name in interrupted]
        # Metrics that are new are measured alone, and added to what exists.
        only_new = all(each.name in lacking for each in pending)
        metrics = [m for m in settings.metrics if not only_new or any(m in lacking[each.name] for each in pending)]
        for name, result in self._score(pending, tuple(metrics)).items():
            whole = with_metrics_of(result, found[name]) if name in found else result
            done[name] = whole if folder is None else save_result(whole, folder)
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
        alone = settings.workers == 1 and limit is None and "," not in settings.device and settings.cluster is None
        scorer = job.scorer(self._method, metrics) if alone else None
        measuring_device(settings.metrics_device)
        # What is not known by content is never gone on with: the clips before may be another method's.
        anew = settings.existing == "overwrite" or bool(spec.unknown)
        with ScoreJournal.open(self._journal_path, spec.facts(), anew=anew, fresh=bool(spec.unknown)) as journal:
            self._journal = journal
            pending = [i for i, clip in enumerate(clips) if clip.clip_id not in journal.records]
            devices = [scorer.device] if scorer is not None else []
            crew: set[str] = set()
            if scorer is not None:
                scored = scored_clips(scorer, (clips[i] for i in pending))
            elif settings.cluster is not None:
                waiting = [clips[i] for i in pending]
                scored = clips_on_cluster(
                    job, spec, self._dataset, waiting, address=settings.cluster, devices=devices, crew=crew
                )
            else:
                scored = worked_clips(job, clips, pending, workers=settings.workers, time_limit=limit, devices=devices)
            for record in scored:
                self._take(record)
            facts = RunFacts(
                spec=spec,
                method=self._method,
                metrics=metrics,
                devices=devices or ["cpu"],
                workers=max(settings.workers, len(crew)),
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
        message = f"{record.clip_id}: {'; '.join(news)}" if news else ""
        self._say(record.clip_id, len(self._journal.records), message=message)

    def _say(self, clip_id: str, done: int, *, message: str = "", reused: bool = False) -> None:
        if self._progress is not None:
            count = len(self._clips)
            run = f"{self._method.name} on {self._task.name}"
            if reused:
                message = f"{run}: the very same run exists, reused"
            self._progress(Progress(done, count, clip_id, message, run=run, reused=reused))
