"""Clips scored on a Dask cluster that stands somewhere else; the records are those of one process, to the bit.

A task is one clip. Each process of the cluster loads the method once, holds it against the run's identity (code,
weights, versions, device), and scores one clip at a time, however many threads it has.
"""

from __future__ import annotations

import os
import platform
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gifbench.dask_cluster import WorkersDied, connected
from gifbench.errors import ClusterError, GifbenchError, MethodFailed, UsageError
from gifbench.evaluation.clip_prefetch import ScoredClip, ScoredDataset
from gifbench.evaluation.clip_scorer import ClipScorer
from gifbench.evaluation.local_scoring_workers import error_of, scored_clips, timed_record
from gifbench.evaluation.score_identity import RunSpec, ScoringJob
from gifbench.evaluation.score_journal import ScoredClipRecord, difference

_PACKAGES = ("gifbench", "numpy", "numba", "av", "opencv-python-headless")

_alone = threading.RLock()
_loaded: dict[str, ClipScorer] = {}  # of this process, by job; the last one alone


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a worker makes of a clip: its record, or why there is none."""

    record: ScoredClipRecord | None = None
    device: str = ""
    worker: str = ""
    failure: tuple[type[GifbenchError], str] | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class ScoreClip:
    """The work on one clip. It is sent to the workers with each clip, and called there."""

    job: ScoringJob
    spec: RunSpec

    def __call__(self, clip: ScoredClip) -> _Answer:
        """The clip's record, or the error that it ended with, as values: not every error can be sent."""
        with _alone:
            try:
                scorer = self._scorer()
                (record,) = scored_clips(scorer, [clip])
                return _Answer(record, device=scorer.device, worker=f"{platform.node()} {os.getpid()}")
            except GifbenchError as error:
                return _Answer(failure=(type(error), str(error)))
            except Exception:
                return _Answer(fault=traceback.format_exc())

    def _scorer(self) -> ClipScorer:
        key = repr((self.job, self.spec.digest))
        if key not in _loaded:
            scorer = self.job.scorer()
            here = self.spec.again(scorer.method, scorer.metrics, device=self.job.device, on=self.job.metrics_device)
            if here.facts() != self.spec.facts():
                other = difference(self.spec.facts(), here.facts())
                raise ClusterError(f"a worker of the cluster would give other scores: it has {other}")
            _loaded.clear()
            _loaded[key] = scorer
        return _loaded[key]


def clips_on_cluster(
    job: ScoringJob,
    spec: RunSpec,
    dataset: ScoredDataset,
    clips: Sequence[ScoredClip],
    *,
    address: str,
    devices: list[str],
    crew: set[str],
) -> Iterator[ScoredClipRecord]:
    """The records of `clips`, in the order in which they are scored, by the Dask cluster at `address`.

    `devices` is filled with what the workers run on, and `crew` with their names. Raises `ClusterError` where the
    scheduler cannot be reached, has no workers or goes away, where a worker's versions differ or it does not see the
    dataset; `MethodFailed` where several workers died on a clip; `MissingExtra` without the package `distributed`; and
    what scoring raises.
    """
    if job.method is None:
        raise UsageError(
            "an object cannot be sent to a cluster; give the method by its name or from its file, which all workers see"
        )
    folder = getattr(dataset, "folder", None)
    places: dict[str, Any] = {}
    if folder is not None:
        places["the dataset"] = (str(folder.local or folder.url), "dataset.json")
    if not clips:
        return
    begun = time.perf_counter()
    with connected(address, error=ClusterError) as cluster:
        cluster.check_workers([*_PACKAGES, *(["torch"] if "torch" in spec.versions else [])], places)
        for clip, answer in cluster.results(ScoreClip(job, spec), clips):
            if isinstance(answer, WorkersDied):
                raise MethodFailed(
                    f"method {job.method_name[:80]}: several workers of the cluster died on clip {clip.clip_id}"
                )
            if isinstance(answer, BaseException):
                raise cluster.went_away(answer) from answer
            if answer.failure is not None:
                raise error_of(*answer.failure)
            if answer.record is None:
                raise RuntimeError(f"a worker failed:\n{answer.fault}")
            devices += [answer.device] if answer.device not in devices else []
            crew.add(answer.worker)
            yield timed_record(answer.record, begun)
            begun = time.perf_counter()
