"""Clips scored on a Dask cluster that stands somewhere else; the records are those of one process, to the bit.

A task is one clip. Each process of the cluster loads the method once, holds it against the run's identity (code,
weights, versions, device), and scores one clip at a time, however many threads it has.
"""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gifbench.dask_cluster import WorkersDied, connected
from gifbench.errors import ClusterError, MethodFailed, UsageError
from gifbench.evaluation.clip_prefetch import ScoredClip, ScoredDataset
from gifbench.evaluation.clip_scorer import ClipScorer
from gifbench.evaluation.local_scoring_workers import failure, scored_clips
from gifbench.evaluation.score_identity import ScoringJob
from gifbench.evaluation.score_journal import ScoredClipRecord, difference

_PACKAGES = ("gifbench", "numpy", "numba", "av", "opencv-python-headless")

_alone = threading.RLock()
_loaded: dict[str, ClipScorer] = {}  # of this process, by job; the last one alone


@dataclass(frozen=True, slots=True)
class ScoreClip:
    """The work on one clip. It is sent to the workers with each clip, and called there."""

    job: ScoringJob

    def __call__(self, clip: ScoredClip) -> tuple[str, Any]:
        """The clip's record, the device and the worker's name, or its `failure`; each with a word before it."""
        with _alone:
            try:
                scorer = self._scorer()
                (record,) = scored_clips(scorer, [clip])
                return "clip", (record, scorer.device, f"{platform.node()} {os.getpid()}")
            except (Exception, SystemExit) as error:
                return "failed", failure(error)

    def _scorer(self) -> ClipScorer:
        key = repr(self.job)
        if key not in _loaded:
            scorer = self.job.scorer()
            asked, here = self.job.spec.facts(), self.job.spec_here(scorer).facts()
            if here != asked:
                other = difference(asked, here)
                raise ClusterError(f"a worker of the cluster would give other scores: it has {other}")
            _loaded.clear()
            _loaded[key] = scorer
        return _loaded[key]


def clips_on_cluster(
    job: ScoringJob,
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
    places = {} if folder is None else {"the dataset": (str(folder.local or folder.url), "dataset.json")}
    if not clips:
        return
    with connected(address, error=ClusterError) as cluster:
        cluster.check_workers([*_PACKAGES, *(["torch"] if "torch" in job.spec.versions else [])], places)
        for clip, answer in cluster.results(ScoreClip(job), clips):
            if isinstance(answer, WorkersDied):
                raise MethodFailed(
                    f"method {job.method_name[:80]}: several workers of the cluster died on clip {clip.clip_id}"
                )
            if isinstance(answer, BaseException):
                raise cluster.went_away(answer) from answer
            kind, content = answer
            if kind == "failed":
                raise content
            record, device, worker = content
            devices += [device] if device not in devices else []
            crew.add(worker)
            yield record
