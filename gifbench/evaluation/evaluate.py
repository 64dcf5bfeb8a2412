"""Scoring a method on a dataset: clips are decoded, restored and measured, and become results."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gifbench.errors import DatasetError, UsageError
from gifbench.evaluation.clip_reader import ScoredClip, ScoredDataset
from gifbench.evaluation.existing_results import present_result
from gifbench.evaluation.job import Job, scored_clips, scoring_device
from gifbench.evaluation.journal import Journal, ScoredClipRecord
from gifbench.evaluation.official_clips import official_clips
from gifbench.evaluation.scoring_protocols import PROTOCOLS, ScoringProtocol, protocol
from gifbench.evaluation.summary import RunFacts, protocol_record, result_of
from gifbench.evaluation.worker_pool import worked_clips
from gifbench.methods.inference import device_kind
from gifbench.methods.registry import LoadedMethod, load_method
from gifbench.metrics.registry import LoadedMetric, load_metrics
from gifbench.provenance import code_record
from gifbench.results.io import check_absent, result_name, save_result
from gifbench.results.schema import DatasetRecord, Result
from gifbench.storage import Folder
from gifbench.tasks import Task, task

__all__ = ["Progress", "ScoredClip", "ScoredDataset", "evaluate", "interrupted"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an evaluation is: `clips` of `num_clips` are done, `clip_id` was the last; `note` is news of the run."""

    clip_id: str
    clips: int
    num_clips: int
    note: str | None = None


def evaluate(
    method: LoadedMethod | str,
    dataset: ScoredDataset,
    on: Task | str,
    *,
    split: str = "test",
    protocols: Sequence[str] = tuple(PROTOCOLS),
    metrics: Sequence[str] = (),
    limit: int | None = None,
    device: str = "auto",
    scored_on: str = "cpu",
    workers: int = 1,
    time_limit: float | None = None,
    seed: int = 0,
    cache: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    missing_only: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> list[Result]:
    """Score a method on one task of a dataset's split: one result a protocol, in the order of `protocols`.

    `metrics` are measured beside PSNR and SSIM, by name or as `mine.py:Mine`. Frames that two protocols ask for in the
    same way are restored once. Decoding, restoring and measuring overlap; held are the clip's GIF and some dozen MB of
    frames. `limit` scores the first clips only. `cache` is a folder that keeps restored frames.

    `workers` processes share the clips, and `device` may name several GPUs (`cuda:0,cuda:1`), a worker each at least;
    on the CPU the scores are the same to the bit whatever their number. `time_limit`, in seconds a clip, ends a method
    that takes longer, in a process of its own. Both need a method that another process can load, by name or file.

    With `out` each result is written below that folder, whole or not at all, and beside it a journal of the clips that
    are scored: after a kill the same call goes on with the others. `missing_only` takes the results that are there,
    whole and of the very same run (`present_result`), and scores the others.

    Clips shorter than one segment of the task are skipped and named in the result. Raises `MethodFailed` where the
    method fails on a clip, `MetricError` where a metric does, `DatasetError` where no clip can be scored, `UsageError`
    for unknown names, `AlreadyExists`, before anything is run, where a result is there and `overwrite` is not given,
    and `ResultsError` where an interrupted run was another one.
    """
    on = task(on) if isinstance(on, str) else on
    chosen = [protocol(name) for name in dict.fromkeys(protocols)]
    if not chosen:
        raise UsageError(f"name at least one protocol: {', '.join(PROTOCOLS)}")
    _check_numbers(limit=limit, workers=workers, time_limit=time_limit)
    loaded = load_method(method) if isinstance(method, str) else method
    measured = load_metrics(metrics)
    if loaded.tasks is not None and on.name not in loaded.tasks:
        raise UsageError(f"method {loaded.name} cannot do the task {on.name}; it does {', '.join(loaded.tasks)}")
    clips = dataset.split(split)[:limit]
    if not len(clips):
        raise DatasetError(f"{dataset.name}: the split {split} holds no clips")
    data = DatasetRecord(name=dataset.name, fingerprint=dataset.fingerprint)
    folder = None if out is None else Folder(out)
    names = {
        each.name: result_name(dataset=data, split=split, task=on.name, protocol=each.name, method=loaded.name)
        for each in chosen
    }
    journal = None if folder is None else _journal_path(folder, data, split=split, task=on.name, method=loaded.name)
    there: dict[str, Result] = {}
    if missing_only:
        there = _present(folder, names, chosen, method=loaded, metrics=measured, data=data, limit=limit, seed=seed)
    elif folder is not None and not (journal and journal.exists()):
        for name in names.values():
            check_absent(folder, name, overwrite=overwrite)
    wanted = [each for each in chosen if each.name not in there]
    if not wanted:
        return [there[each.name] for each in chosen]

    job = Job(
        method=loaded.source,
        task=on.name,
        protocols=tuple(each.name for each in wanted),
        metrics=tuple(each.source for each in measured),
        dataset=dataset.name,
        device=device,
        scored_on=scored_on,
        seed=seed,
        cache=None if cache is None else Path(cache).absolute(),
    )
    scorer = None if workers > 1 or time_limit is not None or "," in device else job.scorer(loaded, measured)
    identity = {
        **_identity(loaded, data, wanted, measured),
        "split": split,
        "task": on.name,
        "limit": limit,
        "seed": seed,
        "device": device_kind(loaded, device),
        "scored_on": scored_on.partition(":")[0],
    }
    with _journal(journal, identity, anew=overwrite or missing_only) as kept:
        run = _Run(kept, len(clips), progress)
        pending = [i for i, clip in enumerate(clips) if clip.clip_id not in kept.records]
        if scorer is not None:
            devices = [scorer.device]
            for record in scored_clips(scorer, (clips[i] for i in pending)):
                run.take(record)
        else:
            devices = []
            for record in worked_clips(
                job, dataset, clips, pending, workers=workers, time_limit=time_limit, devices=devices
            ):
                run.take(record)
        facts = RunFacts(
            method=loaded,
            dataset=data,
            split=split,
            task=on.name,
            metrics=measured,
            devices=devices or ["cpu"],
            scored_on=scoring_device(scored_on),
            workers=workers,
            clip_ids=[clip.clip_id for clip in clips],
            limit=limit,
            official=dataset.official.get(split, 0),
            official_ids=official_clips(dataset.name, split),
            seed=seed,
            wall_seconds=sum(record.seconds for record in kept.records.values()),
            notes=tuple(dict.fromkeys(note for record in kept.records.values() for note in record.notes)),
        )
        for each in wanted:
            scores = [record.scores[each.name] for record in run.in_order(clips) if each.name in record.scores]
            result = result_of(facts, each, scores)
            there[each.name] = result if folder is None else save_result(result, folder, overwrite=True)
        kept.done()
    return [there[each.name] for each in chosen]


def interrupted(
    method: LoadedMethod, dataset: ScoredDataset, on: Task | str, *, split: str, out: str | os.PathLike[str]
) -> bool:
    """Whether a run of this method and task was interrupted, so that the same call would go on with it."""
    name = task(on).name if isinstance(on, str) else on.name
    data = DatasetRecord(name=dataset.name, fingerprint=dataset.fingerprint)
    path = _journal_path(Folder(out), data, split=split, task=name, method=method.name)
    return path is not None and path.exists()


def _journal_path(folder: Folder, data: DatasetRecord, *, split: str, task: str, method: str) -> Path | None:
    """Where the journal of a run lies while it goes on; None where results are not kept on this machine."""
    if folder.local is None:
        return None
    name = result_name(dataset=data, split=split, task=task, protocol="both", method=method)
    return folder.local / f"{name.removesuffix('.json')}.journal.jsonl"


class _Run:
    """Takes the records of clips as they come, in whatever order, and tells how far it is."""

    def __init__(
        self, journal: Journal | _NoJournal, num_clips: int, progress: Callable[[Progress], None] | None
    ) -> None:
        self._journal, self._num_clips, self._progress = journal, num_clips, progress
        self._told: set[str] = set()

    def take(self, record: ScoredClipRecord) -> None:
        self._journal.add(record)
        news = [note for note in record.notes if note not in self._told]
        self._told.update(news)
        if self._progress is not None:
            done = len(self._journal.records)
            self._progress(Progress(record.clip_id, done, self._num_clips, "; ".join(news) or None))

    def in_order(self, clips: Sequence[ScoredClip]) -> Iterator[ScoredClipRecord]:
        return (self._journal.records[clip.clip_id] for clip in clips)


class _NoJournal:
    """What stands for a journal where nothing is kept."""

    def __init__(self) -> None:
        self.records: dict[str, ScoredClipRecord] = {}

    def add(self, record: ScoredClipRecord) -> None:
        self.records[record.clip_id] = record

    def done(self) -> None:
        pass


@contextmanager
def _journal(path: Path | None, identity: Mapping[str, Any], *, anew: bool) -> Iterator[Journal | _NoJournal]:
    if path is None:
        yield _NoJournal()
        return
    with Journal.open(path, identity, anew=anew) as journal:
        yield journal


def _identity(
    method: LoadedMethod, data: DatasetRecord, protocols: Sequence[ScoringProtocol], metrics: Sequence[LoadedMetric]
) -> dict[str, Any]:
    """All that the scores of a clip depend on; a journal with anything else is another run's."""
    return {
        "method": method.name,
        "options": {key: str(value) for key, value in method.options.items()},
        "method_version": method.declared.version,
        "method_code": method.code_sha256,
        "weights": method.weights_sha256,
        "code_of_gifbench": code_record().sha256,
        "dataset": [data.name, data.fingerprint],
        "protocols": {each.name: protocol_record(each).sha256 for each in protocols},
        "metrics": {each.name: each.sha256 for each in metrics},
    }


def _check_numbers(*, limit: int | None, workers: int, time_limit: float | None) -> None:
    if limit is not None and limit < 1:
        raise UsageError(f"a limit of {limit} clips leaves nothing to score: give 1 or more")
    if not 1 <= workers <= 1024:
        raise UsageError(f"{workers} workers cannot be: give 1 to 1024")
    if time_limit is not None and not 0 < time_limit < float("inf"):
        raise UsageError(f"a time limit of {time_limit} seconds cannot be kept: give more than 0")


def _present(
    folder: Folder | None,
    names: Mapping[str, str],
    protocols: Sequence[ScoringProtocol],
    *,
    method: LoadedMethod,
    metrics: Sequence[LoadedMetric],
    data: DatasetRecord,
    limit: int | None,
    seed: int,
) -> dict[str, Result]:
    """Of the results that are wanted those that need no run, by protocol."""
    if folder is None:
        raise UsageError("only what is missing can be scored where results are kept: give out")
    found = {
        each.name: present_result(
            folder,
            names[each.name],
            method=method,
            data=data,
            protocol=each,
            metrics=metrics,
            limit=limit,
            seed=seed,
        )
        for each in protocols
    }
    return {name: result for name, result in found.items() if result is not None}
