"""Scoring a method on a dataset: clips are decoded, restored and measured in order, and become results."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from gifbench.errors import DatasetError, UsageError
from gifbench.score.clip_scores import ClipScorer, DecodedClip, ScoredClip, decode
from gifbench.score.methods import LoadedMethod, load_method
from gifbench.score.present import present_result
from gifbench.score.protocol import PROTOCOLS, ScoringProtocol, protocol
from gifbench.score.records import RunFacts, result_of
from gifbench.score.restore import on_device
from gifbench.score.results import check_absent, result_name, save_result
from gifbench.score.schema import ClipScore, DatasetRecord, Result
from gifbench.score.tasks import Task, task
from gifbench.storage import Folder


class ScoredDataset(Protocol):
    """What scoring asks of a dataset; the one that `gifbench.open_dataset` gives has it."""

    @property
    def name(self) -> str:
        """The recipe's name."""
        ...

    @property
    def fingerprint(self) -> str:
        """Stands for all that methods see and are scored against."""
        ...

    @property
    def official(self) -> dict[str, int]:
        """Clips in the official list of each split."""
        ...

    def split(self, name: str, /) -> Sequence[ScoredClip]:
        """The clips of a split."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an evaluation is: `clips` of `num_clips` are done, `clip_id` was the last."""

    clip_id: str
    clips: int
    num_clips: int


def evaluate(
    method: LoadedMethod | str,
    dataset: ScoredDataset,
    on: Task | str,
    *,
    split: str = "test",
    protocols: Sequence[str] = tuple(PROTOCOLS),
    limit: int | None = None,
    device: str = "auto",
    out: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    missing_only: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> list[Result]:
    """Score a method on one task of a dataset's split: one result a protocol, in the order of `protocols`.

    Frames that two protocols ask for in the same way are restored once. The next clip is decoded while one is scored;
    two clips, and a batch of restored frames, are the most that is held. `limit` scores the first clips only. With
    `out` each result is written below that folder, whole or not at all; without, nothing is written. `missing_only`
    takes the results that are there, whole and of the very same run (`present_result`), and scores the others.

    Clips shorter than one segment of the task are skipped and named in the result. Raises `MethodFailed` where the
    method fails on a clip, `DatasetError` where no clip can be scored, `UsageError` for unknown names, and
    `AlreadyExists`, before anything is run, where a result is there and `overwrite` is not given.
    """
    on = task(on) if isinstance(on, str) else on
    chosen = [protocol(name) for name in dict.fromkeys(protocols)]
    if not chosen:
        raise UsageError(f"name at least one protocol: {', '.join(PROTOCOLS)}")
    if limit is not None and limit < 1:
        raise UsageError(f"a limit of {limit} clips leaves nothing to score: give 1 or more")
    loaded = load_method(method) if isinstance(method, str) else method
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
    there: dict[str, Result] = {}
    if missing_only:
        there = _present(folder, names, chosen, method=loaded, data=data, limit=limit)
    elif folder is not None:
        for name in names.values():
            check_absent(folder, name, overwrite=overwrite)
    wanted = [each for each in chosen if each.name not in there]
    if not wanted:
        return list(there.values())

    scorer = ClipScorer(loaded, on, wanted, dataset.name, on_device(loaded, device))
    scores: dict[str, list[ClipScore]] = {each.name: [] for each in wanted}
    started = time.perf_counter()
    for done, clip in enumerate(_decoded(clips, on), start=1):
        for name, score in scorer.score(clip).items():
            scores[name].append(score)
        if progress is not None:
            progress(Progress(clip.clip_id, done, len(clips)))
    facts = RunFacts(
        method=loaded,
        dataset=data,
        split=split,
        task=on.name,
        device=scorer.device,
        clip_ids=[clip.clip_id for clip in clips],
        limit=limit,
        official=dataset.official.get(split, 0),
        wall_seconds=time.perf_counter() - started,
    )
    for each in wanted:
        result = result_of(facts, each, scores[each.name])
        there[each.name] = (
            result if folder is None else save_result(result, folder, overwrite=overwrite or missing_only)
        )
    return [there[each.name] for each in chosen]


def _present(
    folder: Folder | None,
    names: Mapping[str, str],
    protocols: Sequence[ScoringProtocol],
    *,
    method: LoadedMethod,
    data: DatasetRecord,
    limit: int | None,
) -> dict[str, Result]:
    """Of the results that are wanted those that need no run, by protocol."""
    if folder is None:
        raise UsageError("only what is missing can be scored where results are kept: give out")
    found = {
        each.name: present_result(folder, names[each.name], method=method, data=data, protocol=each, limit=limit)
        for each in protocols
    }
    return {name: result for name, result in found.items() if result is not None}


def _decoded(clips: Sequence[ScoredClip], on: Task) -> Iterator[DecodedClip]:
    """Each clip with its truth and its GIF; the next one is decoded meanwhile."""
    with ThreadPoolExecutor(1, thread_name_prefix="decode") as pool:
        coming = pool.submit(decode, clips[0], on)
        for i in range(1, len(clips) + 1):
            current = coming.result()
            if i < len(clips):
                coming = pool.submit(decode, clips[i], on)
            yield current
