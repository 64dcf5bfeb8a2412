"""From the scores of clips to a result: means, intervals, and the record of what they depend on."""

from __future__ import annotations

import math
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np

from gifbench.errors import DatasetError
from gifbench.score.methods import LoadedMethod
from gifbench.score.protocol import ScoringProtocol
from gifbench.score.schema import (
    SCHEMA,
    ClipScore,
    Coverage,
    DatasetRecord,
    Environment,
    MethodRecord,
    ProtocolRecord,
    Result,
    Score,
)
from gifbench.score.statistics import mean_interval


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the results of one run share, whatever the protocol. `clip_ids` are all clips that were to be scored."""

    method: LoadedMethod
    dataset: DatasetRecord
    split: str
    task: str
    device: str
    clip_ids: Sequence[str]
    limit: int | None
    official: int
    wall_seconds: float


def result_of(facts: RunFacts, protocol: ScoringProtocol, clips: Sequence[ClipScore]) -> Result:
    """The result of a run under one protocol; raises `DatasetError` if no clip could be scored."""
    if not clips:
        raise DatasetError(
            f"{facts.dataset.name}: no clip of the split {facts.split} is long enough for the task {facts.task} "
            f"under the protocol {protocol.name}"
        )
    scored = {clip.clip_id for clip in clips}
    share = len(clips) / facts.official if facts.official else None
    return Result(
        gifbench_result=SCHEMA,
        method=_method(facts.method),
        task=facts.task,
        split=facts.split,
        protocol=ProtocolRecord(
            name=protocol.name,
            psnr=protocol.psnr_text,
            ssim=protocol.ssim_text,
            segments=protocol.segments_text,
            averaging="frames or segments to a clip, then clips to the mean, each clip of equal weight",
        ),
        dataset=facts.dataset,
        clips=len(clips),
        frames=sum(clip.frames for clip in clips),
        too_short=[clip_id for clip_id in facts.clip_ids if clip_id not in scored],
        limit=facts.limit,
        coverage=Coverage(scored=len(clips), official=facts.official, share=share),
        scores=_means(clips),
        wall_seconds=facts.wall_seconds,
        method_seconds=math.fsum(clip.seconds for clip in clips),
        environment=_environment(facts.method, facts.device),
        created=datetime.now(UTC),
        clip_scores=tuple(clips),
    )


def _means(clips: Sequence[ClipScore]) -> dict[str, Score]:
    columns = np.array([(clip.psnr, clip.ssim) for clip in clips])
    psnr, ssim = (math.fsum(column) / len(clips) for column in columns.T)
    psnr_interval, ssim_interval = mean_interval(columns)
    return {
        "psnr": Score(mean=psnr, ci95=psnr_interval, capped=sum(clip.capped for clip in clips)),
        "ssim": Score(mean=ssim, ci95=ssim_interval),
    }


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


def _environment(loaded: LoadedMethod, device: str) -> Environment:
    torch = sys.modules.get("torch") if loaded.declared.backend == "torch" else None
    return Environment(
        gifbench=version("gifbench"),
        python=platform.python_version(),
        numpy=version("numpy"),
        numba=version("numba"),
        torch=str(torch.__version__) if torch else None,
        platform=f"{platform.system()} {platform.machine()}",
        cpus=os.cpu_count() or 1,
        device=f"cuda: {torch.cuda.get_device_name()}" if torch and device == "cuda" else device,
    )
