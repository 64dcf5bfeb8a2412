"""From the scores of clips to a result: means, intervals, and the record of what they depend on."""

from __future__ import annotations

import math
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np

from gifbench.devices import device_model
from gifbench.entry_points import official_list
from gifbench.errors import DatasetError
from gifbench.evaluation.score_identity import RunSpec, protocol_record
from gifbench.evaluation.score_journal import UNKNOWN, ScoredClipRecord
from gifbench.evaluation.scoring_protocols import ScoringProtocol
from gifbench.gifbench_version import code_record
from gifbench.installed_packages import installed_version
from gifbench.methods.registry import LoadedMethod
from gifbench.metrics.registry import LoadedMetric
from gifbench.parquet import parquet_rows
from gifbench.results.mean_intervals import BOOTSTRAP_SEED, mean_interval
from gifbench.results.schema import (
    SCHEMA,
    ClipScore,
    Coverage,
    Environment,
    MakerRecord,
    MethodRecord,
    MetricRecord,
    Result,
    Score,
)


def result_of(
    spec: RunSpec,
    protocol: ScoringProtocol,
    records: Sequence[ScoredClipRecord],
    *,
    method: LoadedMethod,
    metrics: Sequence[LoadedMetric],
    official: int,
    devices: Sequence[str],
    workers: int,
) -> Result:
    """The result of a run under one protocol; raises `DatasetError` if no clip could be scored.

    `spec` is the run's identity. `records` are of all clips that were to be scored, `official` is how many the official
    list has; `devices` are those of the workers.
    """
    clips = [record.scores[protocol.name] for record in records if protocol.name in record.scores]
    if not clips:
        raise DatasetError(
            f"{spec.dataset.name}: no clip of the split {spec.split} is long enough for the task {spec.task} "
            f"under the protocol {protocol.name}"
        )
    scored = {clip.clip_id for clip in clips}
    covered = len(scored & official_clips(spec.dataset.name, spec.split)) if official else len(clips)
    notes = list(dict.fromkeys(note for record in records for note in record.notes))
    # What the method was seen to do that its identity does not tell.
    seen = [note.removeprefix(f"{UNKNOWN}: ") for note in notes if note.startswith(UNKNOWN)]
    return Result(
        gifbench_result=SCHEMA,
        method=_method(method, spec),
        task=spec.task,
        maker=MakerRecord(**spec.maker) if spec.maker else None,
        split=spec.split,
        protocol=protocol_record(protocol),
        dataset=spec.dataset,
        clips=len(clips),
        frames=sum(clip.frames for clip in clips),
        too_short=[record.clip_id for record in records if record.clip_id not in scored],
        limit=spec.limit,
        coverage=Coverage(scored=covered, official=official, share=covered / official if official else None),
        scores=_means(clips, metrics),
        metrics=[metric_record(metric) for metric in metrics],
        seeds={"method": spec.seed, "bootstrap": BOOTSTRAP_SEED},
        code=code_record(),
        notes=notes,
        identity=spec.scores_digest(protocol.name),
        unknown=[*spec.unknown, *seen],
        wall_seconds=sum(record.seconds for record in records),
        method_seconds=math.fsum(clip.seconds for clip in clips),
        environment=_environment(method, spec, devices, workers),
        created=datetime.now(UTC),
        clip_scores=tuple(clips),
    )


def with_metrics_of(result: Result, before: Result) -> Result:
    """A new result of the very same run, with the metrics that an earlier one has besides.

    Where the scores are not the same to the bit, as of a method that draws numbers by itself, the earlier metrics were
    measured on other frames: they are left out, and a note says so.
    """
    chosen = {metric.name for metric in result.metrics}
    further = [metric for metric in before.metrics if metric.name not in chosen]
    if not further:
        return result
    old = {clip.clip_id: clip for clip in before.clip_scores}
    alike = len(old) == len(result.clip_scores) and all(
        clip.clip_id in old and (clip.psnr, clip.ssim) == (old[clip.clip_id].psnr, old[clip.clip_id].ssim)
        for clip in result.clip_scores
    )
    names = [metric.name for metric in further]
    if not alike:
        note = f"the method gives other frames each time, so {', '.join(names)} of an earlier run was left out"
        return result.model_copy(update={"notes": [*result.notes, note]})
    clips = tuple(
        replace(clip, metrics={**{name: old[clip.clip_id].metrics[name] for name in names}, **clip.metrics})
        for clip in result.clip_scores
    )
    scores = {**result.scores, **{name: before.scores[name] for name in names if name in before.scores}}
    metrics = [*further, *result.metrics]
    return result.model_copy(update={"clip_scores": clips, "scores": scores, "metrics": metrics})


def metric_record(metric: LoadedMetric) -> MetricRecord:
    """A metric's definition as results carry it, with its hash."""
    said = metric.described
    return MetricRecord(name=metric.name, spec=said.spec, better=said.better, unit=said.unit, sha256=metric.sha256)


def _means(clips: Sequence[ClipScore], metrics: Sequence[LoadedMetric]) -> dict[str, Score]:
    columns = {"psnr": [clip.psnr for clip in clips], "ssim": [clip.ssim for clip in clips]}
    for metric in metrics:
        values = [value for clip in clips if (value := clip.metrics[metric.name]) is not None]
        if values:
            columns[metric.name] = values
    # One resampling for all that every clip has, so that their intervals belong together.
    whole = [name for name, values in columns.items() if len(values) == len(clips)]
    intervals = dict(zip(whole, mean_interval(np.array([columns[name] for name in whole]).T), strict=True))
    scores = {}
    for name, values in columns.items():
        if name not in intervals:
            (intervals[name],) = mean_interval(np.array(values)[:, np.newaxis])
        scores[name] = Score(
            mean=math.fsum(values) / len(values),
            ci95=intervals[name],
            capped=sum(clip.capped for clip in clips) if name == "psnr" else 0,
            clips=None if len(values) == len(clips) else len(values),
        )
    return scores


def _method(loaded: LoadedMethod, spec: RunSpec) -> MethodRecord:
    said = loaded.declared
    options: dict[str, Any] = dict(loaded.options)
    return MethodRecord(
        name=loaded.name,
        version=said.version,
        origin=loaded.origin,
        options=options,
        code_sha256=loaded.code_sha256,
        weights=loaded.weights,
        weights_sha256=loaded.weights_sha256,
        parameters=said.parameters,
        licence=said.licence,
        backend=said.backend,
        identity=spec.method_digest,
    )


def _environment(method: LoadedMethod, spec: RunSpec, devices: Sequence[str], workers: int) -> Environment:
    used = method.declared.backend == "torch" or spec.metrics_device != "cpu"
    torch = sys.modules.get("torch") if used else None
    return Environment(
        gifbench=installed_version("gifbench"),
        python=platform.python_version(),
        numpy=installed_version("numpy"),
        numba=installed_version("numba"),
        opencv=installed_version("opencv-python-headless"),
        torch=str(torch.__version__) if torch else None,
        platform=f"{platform.system()} {platform.machine()}",
        cpus=os.cpu_count() or 1,
        device=" + ".join(dict.fromkeys(map(device_model, devices))),
        precision=spec.precision,
        metrics_device=spec.metrics_device,
        workers=workers,
    )


@cache
def official_clips(dataset: str, split: str) -> frozenset[str]:
    """The names of the clips of a split in the official list of the recipe `dataset`; empty where none is shipped."""
    file = official_list(dataset)
    if file is None:
        return frozenset()
    return frozenset(row["clip_id"] for row in parquet_rows(file.read_bytes()) if row["split"] == split)
