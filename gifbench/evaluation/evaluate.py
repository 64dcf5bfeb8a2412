"""`evaluate`: what is asked for, checked, becomes a run for each method and task."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from gifbench.argument_types import check_type
from gifbench.benchmark_tasks import DEFAULT_TASKS, Task, does_task, parse_tasks
from gifbench.dask_cluster import check_scheduler_address
from gifbench.dataset import open_dataset
from gifbench.devices import check_devices, set_torch_settings, torch_settings
from gifbench.errors import DatasetError, UsageError
from gifbench.evaluation.clip_prefetch import ScoredDataset
from gifbench.evaluation.reuse_or_score import Existing, RunSettings, TaskRun, check_existing_choice
from gifbench.evaluation.scoring_protocols import PROTOCOLS, protocol
from gifbench.methods.method_interface import FrameMethod, Method
from gifbench.methods.registry import LoadedMethod, load_any_method
from gifbench.metrics.registry import load_metrics
from gifbench.progress import ProgressCallback
from gifbench.results.dataframe import Results
from gifbench.results.schema import Result
from gifbench.storage import Folder

MethodLike = LoadedMethod | str | Method | FrameMethod | type
"""A method as `evaluate` takes it: a name, a loaded one, an object with `restore` or `restore_frames`, or its class."""


def evaluate(
    methods: MethodLike | Sequence[MethodLike],
    dataset: ScoredDataset | str | os.PathLike[str],
    tasks: Task | str | Iterable[Task | str] = DEFAULT_TASKS,
    *,
    split: str = "test",
    protocols: str | Sequence[str] = tuple(PROTOCOLS),
    metrics: str | Sequence[str] = (),
    limit: int | None = None,
    device: str = "auto",
    metrics_device: str = "cpu",
    workers: int = 1,
    cluster: str | None = None,
    time_limit: float | None = None,
    seed: int = 0,
    cache: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    existing: Existing = "keep",
    progress: ProgressCallback | None = None,
) -> Results:
    """Score one method or several on tasks of a dataset's split: a result a method, task and protocol, in that order.

        results = gifbench.evaluate(Median(), "data/gif-faces", ["plain-1", "dithered-1"])
        results.to_pandas()

    `methods` are names as the command line takes them, loaded methods, objects with `restore` or `restore_frames`, or
    their classes. `metrics` are measured beside PSNR and SSIM, by name or as `mine.py:Mine`. Frames that two protocols
    ask for in the same way are restored once. Decoding, restoring and measuring overlap; held are the clip's GIF and
    some dozen MB of frames. `limit` scores the first clips only. `cache` is a folder that keeps restored frames.

    `workers` processes share the clips, and `device` may name several GPUs (`cuda:0,cuda:1`), a worker each at least;
    on the CPU the scores are the same to the bit whatever their number. `time_limit`, in seconds a clip, ends a method
    that takes longer, in a process of its own. Both need a method that another process can load, by name or file.
    `cluster` is the address of a Dask scheduler whose workers score the clips instead, to the same bits: they must have
    the same versions, and see the dataset and the method's file.

    With `out` each result is written below that folder, whole or not at all, and beside it a journal of the clips that
    are scored: after a kill the same call goes on with the others. Of results that exist, `existing="keep"` takes those
    that the very same run wrote (`RunSpec`), and scores what is missing or differs, further metrics included; `"error"`
    raises before anything is run, `"overwrite"` scores all again. A run with a `limit` never replaces a fuller one.

    Clips shorter than one segment of the task are skipped and named in the result. Raises `MethodFailed` where a
    method fails on a clip, `MetricError` where a metric does, `DatasetError` where no clip can be scored, `UsageError`
    for unknown names and wrong types, `AlreadyExists` with `existing="error"`, and `ResultsError` where an interrupted
    run was another one.
    """
    for name, value, kind in (
        ("split", split, str),
        ("limit", limit, int | None),
        ("device", device, str),
        ("metrics_device", metrics_device, str),
        ("workers", workers, int),
        ("cluster", cluster, str | None),
        ("the time limit", time_limit, float | None),
        ("seed", seed, int),
        ("cache", cache, str | os.PathLike | None),
        ("out", out, str | os.PathLike | None),
        ("progress", progress, Callable | None),
    ):
        check_type(name, value, kind)
    if time_limit is not None and not 0 < time_limit < float("inf"):
        raise UsageError(f"the time limit must be more than 0 seconds, got {time_limit!r:.40}")
    run = RunSettings(
        split=split,
        protocols=tuple(protocol(name) for name in dict.fromkeys(_texts("protocols", protocols))),
        metrics=load_metrics(_texts("metrics", metrics)),
        limit=None if limit is None else _within("limit", limit, least=1),
        device=check_devices(device),
        metrics_device=metrics_device,
        workers=_within("workers", workers, least=1, most=1024),
        cluster=cluster,
        time_limit=None if time_limit is None else float(time_limit),
        seed=_within("seed", seed, least=-(1 << 62), most=1 << 62),
        cache=None if cache is None else Path(cache).absolute(),
        folder=None if out is None else Folder(out),
        existing=existing,
    )
    if not run.protocols:
        raise UsageError(f"protocols must name at least one of {', '.join(PROTOCOLS)}, got none")
    check_existing_choice(existing)
    chosen, loaded = parse_tasks(tasks), load_methods(methods)
    _check_cluster(run, loaded)
    opened: Any = open_dataset(os.fspath(dataset)) if isinstance(dataset, str | os.PathLike) else dataset
    if not all(hasattr(opened, name) for name in ("name", "fingerprint", "split")):
        raise UsageError(f"dataset must be a folder, a URL or a dataset, got {type(dataset).__name__}")
    for method in loaded:
        for task in chosen:
            if not does_task(method.tasks, task):
                raise UsageError(
                    f"method {method.name} cannot do the task {task.name}; it does {', '.join(method.tasks or ())}"
                )
    clips = opened.split(run.split)
    if not len(clips):
        raise DatasetError(f"{opened.name}: the split {run.split} holds no clips")
    if run.limit is not None and run.limit >= len(clips):
        run = replace(run, limit=None)
    runs = [TaskRun(run, method, opened, clips[: run.limit], task, progress) for method in loaded for task in chosen]
    if not any(each.was_interrupted for each in runs):  # then what this call finished before is not in its way
        for each in runs:
            each.check_existing()
    return Results(_in_turn(runs))


def _in_turn(runs: Sequence[TaskRun]) -> list[Result]:
    """The results of all runs; what a method changes of torch as it runs is undone before the next one."""
    found: list[Result] = []
    computes_by = torch_settings()
    for _, of_method in groupby(runs, key=lambda each: each.method.identity):
        try:
            found += [result for each in of_method for result in each.results()]
        finally:
            set_torch_settings(computes_by)
    return found


def _check_cluster(run: RunSettings, methods: Sequence[LoadedMethod]) -> None:
    if run.cluster is not None:
        check_scheduler_address(run.cluster)
        # A program has its own limit, and is ended by itself, wherever it runs.
        programs = all(each.source is not None and each.source[0] == "command" for each in methods)
        if run.workers > 1 or "," in run.device or (run.time_limit is not None and not programs):
            raise UsageError(
                "a cluster has its own workers, got workers, time_limit or several devices, too; give one of the two"
            )


def load_methods(methods: MethodLike | Sequence[MethodLike]) -> list[LoadedMethod]:
    """One method or several, each loaded once; raises `UsageError` for what is none, and for none at all."""
    loaded = [load_any_method(each) for each in (methods if isinstance(methods, list | tuple) else [methods])]
    found = {each.identity: each for each in loaded}
    if not found:
        raise UsageError("methods must name at least one method, got none")
    return list(found.values())


def _texts(name: str, value: object) -> list[str]:
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, Iterable) or isinstance(given, bytes):
        raise UsageError(f"{name} must be a name or a list of names, got {type(value).__name__}")
    names = list(given)
    for each in names:
        check_type(f"a name in {name}", each, str)
    return names


def _within(name: str, value: int, *, least: int, most: int = 1 << 53) -> int:
    if not least <= value <= most:
        wanted = f"at least {least}" if most == 1 << 53 else f"{least} to {most}"
        raise UsageError(f"{name} must be {wanted}, got {value}")
    return int(value)
