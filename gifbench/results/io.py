"""What a run leaves behind: one JSON with its means, and beside it one Parquet with the scores of each clip."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from gifbench.argument_types import check_type, check_types, validation_fault
from gifbench.errors import AlreadyExists, NotFound, ResultsError, StorageError
from gifbench.parquet import parquet_rows
from gifbench.results.dataframe import Results
from gifbench.results.schema import SCHEMA, ClipScore, DatasetRecord, Result
from gifbench.storage import Folder

_UNSAFE = re.compile(r"[^A-Za-z0-9._=,+-]+")
_CLIP_SCORES = TypeAdapter(tuple[ClipScore, ...])
_OLD_METRICS = {"requantised": "requantized"}
MOST_BYTES = 256 << 20
"""What a results file, or the scores beside it, have at most."""

_OWN_COLUMNS = tuple(name for name in ClipScore.__dataclass_fields__ if name != "metrics")


def result_name(
    *,
    dataset: DatasetRecord,
    split: str,
    task: str,
    protocol: str,
    method: str,
    identity: str,
    seed: int = 0,
    limit: int | None = None,
) -> str:
    """Where a result lies below the results folder: the same run has the same name each time, another run another.

    `identity` is the sha256 of the method and its device: two methods of one name have two files.
    """
    folder = f"{_safe(dataset.name)}-{_safe(split)}-{_safe(dataset.fingerprint)[:8]}"
    further = [*([f"seed{seed}"] if seed else []), *([f"first{limit}"] if limit is not None else [])]
    return f"{folder}/{'.'.join([_safe(task), _safe(protocol), f'{_safe(method)}-{identity[:8]}', *further])}.json"


def check_absent(folder: Folder, name: str) -> None:
    """Raise `AlreadyExists` where a result of that name is there."""
    if folder.exists(name):
        raise AlreadyExists(
            f'{folder.place(name)}: this result exists already; existing="keep" keeps what the very same run wrote, '
            'existing="overwrite" scores again, another folder keeps both'
        )


def save_result(result: Result, folder: Folder) -> Result:
    """Write a result and its Parquet below `folder`, each whole or not at all; the result that comes back has its path.

    The JSON comes last and names the Parquet by its sha256. What the same run wrote before is replaced.
    """
    name = result_name(
        dataset=result.dataset,
        split=result.split,
        task=result.task,
        protocol=result.protocol.name,
        method=result.method.name,
        identity=result.method.identity,
        seed=result.seeds.get("method", 0),
        limit=result.limit,
    )
    parent, _, file = name.rpartition("/")
    table = _clip_table(result.clip_scores)
    named = {
        "clip_scores_file": f"{file.removesuffix('.json')}.parquet",
        "clip_scores_sha256": hashlib.sha256(table).hexdigest(),
        "path": folder.place(name),
    }
    saved = result.model_copy(update=named)
    folder.write(f"{parent}/{saved.clip_scores_file}", table)
    folder.write(name, (saved.model_dump_json(indent=2) + "\n").encode())
    return saved


@check_types
def load_results(
    *places: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    on_error: Callable[[ResultsError], None] | None = None,
) -> Results:
    """Read results files, and all that lie below folders, in the order of their paths.

        gifbench.load_results("results").to_pandas()

    Several places are given one after the other, or as a list. A file that is broken, edited by hand, half written or
    of a later gifbench raises `ResultsError`; with `on_error` that is called with the error instead, and the other
    files are read. Raises `NotFound` for a place that is not there.
    """
    several: list[Any] = [each for place in places for each in (place if isinstance(place, list | tuple) else [place])]
    for place in several:
        check_type("a place of results", place, str | os.PathLike)
    results = []
    for place in [Path(os.fspath(each)) for each in several]:
        if not place.exists():
            raise NotFound(f"{place}: no results are here; gifbench evaluate … --out writes some")
        for path in [place / name for name in Folder(place).names()] if place.is_dir() else [place]:
            if path.suffix != ".json" and path != place:
                continue
            with told_to(on_error):
                if path != place:
                    _refuse_link(path)
                results.append(load_result(path))
    return Results(results)


@contextmanager
def told_to(on_error: Callable[[ResultsError], None] | None) -> Iterator[None]:
    """While it lasts `on_error` is called with a `ResultsError`, which without it is raised."""
    try:
        yield
    except ResultsError as error:
        if on_error is None:
            raise
        on_error(error)


def load_result(path: str | Path) -> Result:
    """Read one results file and its Parquet; raises `ResultsError` where either is not what a run wrote."""
    path = Path(path)
    folder = Folder(path.parent)
    try:
        content = json.loads(folder.read(path.name, limit=MOST_BYTES))
    except StorageError as error:
        raise ResultsError(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise ResultsError(f"{path}: not a results file, or half written ({_first_fault(error)})") from error
    version = content.get("gifbench_result") if isinstance(content, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise ResultsError(f"{path}: not a results file of gifbench (it has no gifbench_result)")
    if version > SCHEMA:
        raise ResultsError(
            f"{path}: schema {str(version)[:20]} is of a later gifbench, this one reads up to {SCHEMA}; upgrade it"
        )
    try:
        result = Result.model_validate_json(json.dumps(_renamed(content)))
    except (ValidationError, ValueError, RecursionError) as error:
        raise ResultsError(f"{path}: {_first_fault(error)}") from error
    result = result.model_copy(update={"clip_scores": _read_clip_table(folder, result, path), "path": str(path)})
    if fault := _disagreement(result):
        raise ResultsError(f"{path}: {fault}; it was changed after the run")
    return result


def _refuse_link(path: Path) -> None:
    """Raise for a file that nobody named: where a link leads may be anywhere."""
    if os.path.islink(path):  # noqa: PTH114  # for a name that cannot be, `is_symlink` raises
        raise ResultsError(f"{path}: it is a link, which is not followed; give the results file itself")


def _renamed(content: dict[str, Any]) -> dict[str, Any]:
    """What an earlier version wrote, under today's names."""
    environment, scores, metrics = (content.get(key) for key in ("environment", "scores", "metrics"))
    if isinstance(environment, dict) and "scored_on" in environment:
        environment = dict(environment)
        environment["metrics_device"] = environment.pop("scored_on")
        content = {**content, "environment": environment}
    if isinstance(scores, dict) and any(old in scores for old in _OLD_METRICS):
        content = {**content, "scores": {_OLD_METRICS.get(name, name): score for name, score in scores.items()}}
    if isinstance(metrics, list) and all(isinstance(each, dict) for each in metrics):
        renamed = [{**each, "name": _OLD_METRICS.get(str(each.get("name")), each.get("name"))} for each in metrics]
        content = {**content, "metrics": renamed}
    return content


def _read_clip_table(folder: Folder, result: Result, path: Path) -> tuple[ClipScore, ...]:
    _refuse_link(path.with_name(result.clip_scores_file))
    try:
        data = folder.read(result.clip_scores_file, limit=MOST_BYTES)
    except StorageError as error:
        raise ResultsError(f"{path}: the scores of its clips are missing ({error})") from error
    if hashlib.sha256(data).hexdigest() != result.clip_scores_sha256:
        raise ResultsError(f"{path}: {result.clip_scores_file} is not the file that the run wrote (its sha256 differs)")
    try:
        return _CLIP_SCORES.validate_python([_clip_row(row) for row in parquet_rows(data)])
    except (pa.ArrowException, ValidationError) as error:
        raise ResultsError(f"{path}: {result.clip_scores_file}: {_first_fault(error)}") from error


def _clip_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the Parquet with its chosen metrics, a column each, brought together."""
    own = {name: row[name] for name in _OWN_COLUMNS if name in row}
    chosen = {_OLD_METRICS.get(name, name): value for name, value in row.items() if name not in _OWN_COLUMNS}
    return {**own, "metrics": chosen}


def _clip_table(clips: Sequence[ClipScore]) -> bytes:
    columns: dict[str, Any] = {name: [getattr(clip, name) for clip in clips] for name in _OWN_COLUMNS}
    for name in clips[0].metrics if clips else ():
        columns[name] = pa.array([clip.metrics.get(name) for clip in clips], pa.float64())
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, compression="zstd")
    return file.getvalue()


def _disagreement(result: Result) -> str | None:
    """Where the means differ from the clips that they are means of; None where they agree."""
    clips = result.clip_scores
    covers = result.coverage.scored
    if result.clips != len(clips) or covers > len(clips) or (result.gifbench_result < 2 and covers != len(clips)):
        return f"it says {str(result.clips)[:20]} clips, and the scores of {len(clips)} are beside it"
    if result.frames != sum(clip.frames for clip in clips):
        return f"it says {result.frames} frames, and those of its clips add up to another number"
    if len({clip.clip_id for clip in clips}) < len(clips):
        return "it has more than one score for a clip"
    columns = {"psnr": [clip.psnr for clip in clips], "ssim": [clip.ssim for clip in clips]}
    for metric in result.metrics:
        if any(metric.name not in clip.metrics for clip in clips):
            return f"the {metric.name} of its clips is missing"
        columns[metric.name] = [value for clip in clips if (value := clip.metrics[metric.name]) is not None]
    wanted = {name for name, values in columns.items() if values}
    if set(result.scores) != wanted:
        return f"its scores are {', '.join(sorted(result.scores)) or 'none'}, not {', '.join(sorted(wanted))}"
    return next((fault for name in result.scores if (fault := _wrong_mean(name, result, columns[name]))), None)


def _wrong_mean(name: str, result: Result, values: Sequence[float]) -> str | None:
    score, mean = result.scores[name], math.fsum(values) / len(values)
    if (score.clips or len(values)) != len(values):
        return f"it says that {score.clips} clips have a {name}, and {len(values)} have"
    if not math.isclose(mean, score.mean, rel_tol=1e-9, abs_tol=1e-9):
        return f"the mean {name} {score.mean} is not that of its clips, {mean:.6f}"
    low, high = score.ci95
    if not min(values) - 1e-6 <= low <= high <= max(values) + 1e-6:
        return f"the interval of its {name}, {low:g} to {high:g}, is not one of its clips' values"
    return None


def _safe(name: str) -> str:
    """`name` as a part of a file name; where something had to change, a digest keeps two names apart."""
    kept = _UNSAFE.sub("_", name)[:80].strip(".") or "_"
    return kept if kept == name else f"{kept}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _first_fault(error: Exception) -> str:
    if isinstance(error, ValidationError):
        # An unknown key may be any text.
        return "".join(c if c.isprintable() else "�" for c in validation_fault(error))
    return (str(error).splitlines() or [type(error).__name__])[0]
