"""From the scores of clips to a result: means, intervals, and the record of what they depend on."""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import sys
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np

from gifbench.devices import device_model
from gifbench.errors import DatasetError
from gifbench.evaluation.scoring_protocols import ScoringProtocol
from gifbench.methods.registry import LoadedMethod
from gifbench.metrics.registry import LoadedMetric
from gifbench.provenance import code_record
from gifbench.results.bootstrap import BOOTSTRAP_SEED, mean_interval
from gifbench.results.schema import (
    SCHEMA,
    ClipScore,
    Coverage,
    DatasetRecord,
    Environment,
    MethodRecord,
    MetricRecord,
    ProtocolRecord,
    Result,
    Score,
)


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the results of one run share, whatever the protocol.

    `clip_ids` are all clips that were to be scored, `official` how many the official list has, `official_ids` which;
    `devices` are those of the workers, `scored_on` where frames were measured.
    """

    method: LoadedMethod
    dataset: DatasetRecord
    split: str
    task: str
    metrics: Sequence[LoadedMetric]
    devices: Sequence[str]
    scored_on: str
    workers: int
    clip_ids: Sequence[str]
    limit: int | None
    official: int
    official_ids: Container[str]
    seed: int
    wall_seconds: float
    notes: Sequence[str]


def result_of(facts: RunFacts, protocol: ScoringProtocol, clips: Sequence[ClipScore]) -> Result:
    """The result of a run under one protocol; raises `DatasetError` if no clip could be scored."""
    if not clips:
        raise DatasetError(
            f"{facts.dataset.name}: no clip of the split {facts.split} is long enough for the task {facts.task} "
            f"under the protocol {protocol.name}"
        )
    scored = {clip.clip_id for clip in clips}
    covered = len([name for name in scored if name in facts.official_ids]) if facts.official else len(clips)
    share = covered / facts.official if facts.official else None
    return Result(
        gifbench_result=SCHEMA,
        method=_method(facts.method),
        task=facts.task,
        split=facts.split,
        protocol=protocol_record(protocol),
        dataset=facts.dataset,
        clips=len(clips),
        frames=sum(clip.frames for clip in clips),
        too_short=[clip_id for clip_id in facts.clip_ids if clip_id not in scored],
        limit=facts.limit,
        coverage=Coverage(scored=covered, official=facts.official, share=share),
        scores=_means(clips, facts.metrics),
        metrics=[metric_record(metric) for metric in facts.metrics],
        seeds={"method": facts.seed, "bootstrap": BOOTSTRAP_SEED},
        code=code_record(),
        notes=list(facts.notes),
        wall_seconds=facts.wall_seconds,
        method_seconds=math.fsum(clip.seconds for clip in clips),
        environment=_environment(facts),
        created=datetime.now(UTC),
        clip_scores=tuple(clips),
    )


def protocol_record(protocol: ScoringProtocol) -> ProtocolRecord:
    """A protocol's definition as results carry it, with its hash."""
    texts = {
        "psnr": protocol.psnr_text,
        "ssim": protocol.ssim_text,
        "segments": protocol.segments_text,
        "averaging": "frames or segments to a clip, then clips to the mean, each clip of equal weight",
    }
    digest = hashlib.sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest()
    return ProtocolRecord(name=protocol.name, sha256=digest, **texts)


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


def _method(loaded: LoadedMethod) -> MethodRecord:
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
    )


def _environment(facts: RunFacts) -> Environment:
    used = facts.method.declared.backend == "torch" or facts.scored_on != "cpu"
    torch = sys.modules.get("torch") if used else None
    return Environment(
        gifbench=version("gifbench"),
        python=platform.python_version(),
        numpy=version("numpy"),
        numba=version("numba"),
        opencv=version("opencv-python-headless"),
        torch=str(torch.__version__) if torch else None,
        platform=f"{platform.system()} {platform.machine()}",
        cpus=os.cpu_count() or 1,
        device=" + ".join(dict.fromkeys(map(device_model, facts.devices))),
        scored_on=device_model(facts.scored_on),
        workers=facts.workers,
    )
