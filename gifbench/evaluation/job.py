"""An evaluation's work, apart from who does it: which method, task, protocols and metrics, and where it runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from gifbench.devices import choose_device, kind_of
from gifbench.errors import UsageError
from gifbench.evaluation.clip_reader import ScoredClip, open_clips
from gifbench.evaluation.clip_scorer import ClipScorer
from gifbench.evaluation.journal import ScoredClipRecord
from gifbench.evaluation.restored_cache import RestoredCache
from gifbench.evaluation.scoring_protocols import protocol
from gifbench.methods.command import load_method_command
from gifbench.methods.inference import Batching, on_device
from gifbench.methods.registry import LoadedMethod, load_method, load_method_file
from gifbench.metrics.registry import LoadedMetric, load_metrics
from gifbench.tasks import task


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done to every clip, as values that another process can be sent.

    `method` is the `source` of a `LoadedMethod`, `metrics` those of `LoadedMetric`s, `dataset` the dataset's name,
    `device` and `scored_on` as they were asked for.
    """

    method: tuple[str, str] | None
    task: str
    protocols: tuple[str, ...]
    metrics: tuple[str, ...]
    dataset: str
    device: str
    scored_on: str
    seed: int
    cache: Path | None

    def scorer(self, method: LoadedMethod | None = None, metrics: Sequence[LoadedMetric] | None = None) -> ClipScorer:
        """Load what is not given, move it to its device, and be ready for the first clip."""
        loaded = method or _load(self.method)
        return ClipScorer(
            loaded,
            task(self.task),
            [protocol(name) for name in self.protocols],
            self.dataset,
            device=on_device(loaded, self.device),
            metrics=load_metrics(self.metrics) if metrics is None else metrics,
            scored_on=scoring_device(self.scored_on),
            seed=self.seed,
            cache=None if self.cache is None else RestoredCache(self.cache),
            batching=Batching(),
        )

    def on(self, device: str) -> Job:
        """The same work on another device; what is scored on a GPU is scored on that."""
        moves = kind_of(self.scored_on) == kind_of(device)
        return replace(self, device=device, scored_on=device if moves else self.scored_on)


def _load(source: tuple[str, str] | None) -> LoadedMethod:
    if source is None:
        raise UsageError(
            "an instance of a method cannot be sent to other processes; load it by its name or from its file"
        )
    kind, text = source
    if kind == "installed":
        return load_method(text)
    if kind == "file":
        return load_method_file(text)
    limit, _, command = text.partition(" ")
    return load_method_command(command, time_limit=float(limit))


def scoring_device(wanted: str) -> str:
    """`cpu`, or the torch device on which frames are measured; raises `UsageError`, or `MissingExtra` without torch."""
    if wanted == "cpu":
        return "cpu"
    chosen = choose_device("cpu" if wanted == "torch" else wanted, option="score-on", wanted_for=f"--score-on {wanted}")
    return wanted if wanted == "torch" else chosen


def scored_clips(scorer: ClipScorer, clips: Iterable[ScoredClip]) -> Iterator[ScoredClipRecord]:
    """Score clips in their order in this process; the next one is decoded meanwhile."""
    told: set[str] = set()
    with one_thread():
        begun = time.perf_counter()
        with closing(open_clips(clips, scorer.task, scorer.plan)) as opened:
            for clip in opened:
                scores = scorer.score(clip)
                notes = tuple(note for note in scorer.batching.notes if note not in told)
                told.update(notes)
                now = time.perf_counter()
                yield ScoredClipRecord(clip.clip_id, scores, now - begun, notes)
                begun = now


@contextmanager
def one_thread() -> Iterator[None]:
    """OpenCV and torch keep to one thread on the CPU: both give other bits with another number of them."""
    setters: list[tuple[Callable[[int], object], int]] = []
    import cv2  # before a method comes to it

    setters.append((cv2.setNumThreads, cv2.getNumThreads()))
    if torch := sys.modules.get("torch"):
        setters.append((torch.set_num_threads, torch.get_num_threads()))
    for setter, _ in setters:
        setter(1)
    try:
        yield
    finally:
        for setter, before in setters:
            setter(before)
