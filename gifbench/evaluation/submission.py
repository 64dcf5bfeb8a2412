"""Submissions: the restored frames of a task's GIFs come back as files, and are scored like any method.

What comes back for an item of `task_export` is a folder, `<item>/00000.png` and so on, or `<item>.mkv`, lossless. It is
trusted in nothing: all of it is looked at before anything is scored.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from gifbench.benchmark_tasks import Task, one_task
from gifbench.errors import MethodFailed, NotFound, UsageError, storage_errors
from gifbench.evaluation.clip_prefetch import ScoredClip, ScoredDataset
from gifbench.evaluation.reuse_or_score import Existing, RunSettings, TaskRun, check_existing_choice
from gifbench.evaluation.score_identity import existing_result
from gifbench.evaluation.scoring_protocols import protocol, released_stride
from gifbench.evaluation.task_export import TASK_FILE, Item, task_items
from gifbench.gif_maker_registry import load_maker
from gifbench.media.clip import Pixels
from gifbench.media.gif import Gif
from gifbench.methods.frame_files import WantedFrames, check_frames_there, find_frames, given_frames
from gifbench.methods.loaded_method import MethodInfo
from gifbench.methods.method_from_class import NAME
from gifbench.methods.method_state_hash import content_sha256
from gifbench.methods.registry import LoadedMethod
from gifbench.metrics.registry import load_metrics
from gifbench.progress import ProgressCallback
from gifbench.results.io import check_absent, save_result
from gifbench.results.schema import Result
from gifbench.storage import Folder

_MOST_FAULTS = 20
_MOST_TASK_BYTES = 1 << 28


def score_submission(
    folder: str | os.PathLike[str],
    dataset: ScoredDataset,
    task: Task | str,
    *,
    name: str,
    split: str = "test",
    protocol_name: str = "standard",
    metrics: Sequence[str] = (),
    limit: int | None = None,
    partial: bool = False,
    licence: str = "",
    out: str | os.PathLike[str] | None = None,
    existing: Existing = "keep",
    progress: ProgressCallback | None = None,
    on_fault: Callable[[str], None] = lambda line: None,
) -> Result:
    """Score the frames in `folder` as the method `name`; the result is like any other, its speed unknown.

    Everything is looked at before anything is scored: `on_fault` is called with a line for each fault (at most 20, then
    one with how many more), and `MethodFailed` raised. With `partial` clips that are missing are left out instead, and
    the result has less coverage. `existing` is that of `evaluate`. `metrics` are measured beside PSNR and SSIM. Other
    errors are those of `evaluate`.
    """
    chosen = one_task(task)
    check_existing_choice(existing)
    if not NAME.fullmatch(name):
        raise UsageError(f"{name[:80]!r} cannot name a method: up to 64 letters, digits and . _ + -")
    place = Path(folder)
    if not place.exists():
        raise NotFound(f"{place}: no submission is there; it is a folder with <clip>/00000.png … or <clip>.mkv")
    if not place.is_dir():
        raise UsageError(f"{place} is a file; unpack it, and give the folder with <clip>/00000.png … or <clip>.mkv")
    clips = dataset.split(split)[:limit]
    items = list(task_items(clips, chosen, protocol_name=protocol_name, stride=released_stride(dataset)))
    faults: list[str] = []
    made_for = {"fingerprint": dataset.fingerprint, "split": split, "task": chosen.name, "protocol": protocol_name}
    if chosen.maker is not None:
        made_for["maker"] = load_maker(chosen.maker).facts["signature"]
    _check_task_file(place / TASK_FILE, made_for, faults)
    given = _check_items(place, items, faults, partial=partial)
    _refuse(place, faults, on_fault)
    frames = content_sha256(place)
    method = LoadedMethod(
        name=name,
        origin="a submission",
        method=_GivenFrames(iter(given)),
        options={},
        declared=MethodInfo(licence=licence),
        code_sha256=None,
        weights_sha256=None,
        full_options={"frames": frames},
        unknown=() if frames is not None else ("its frames are too many to be read twice",),
    )
    there = {item.clip.clip_id for item, _ in given}
    chosen_clips = [clip for clip in clips if not partial or clip.clip_id in there]
    settings = RunSettings(split, (protocol(protocol_name),), load_metrics(metrics), limit=limit)
    run = TaskRun(settings, method, dataset, chosen_clips, chosen, progress)
    spec = run.spec(settings.protocols, settings.metrics)
    if out is not None and existing != "overwrite":
        if existing == "error":
            check_absent(Folder(out), spec.result_name(protocol_name))
        found = existing_result(Folder(out), spec, protocol_name)
        if found is not None and {each.name: each.sha256 for each in found.metrics}.items() >= spec.metrics.items():
            return found
    (result,) = run.results()
    # Reading files is not the method's time, and nothing is known of that.
    untimed = tuple(replace(each, seconds=0.0) for each in result.clip_scores)
    result = result.model_copy(update={"method_seconds": 0.0, "clip_scores": untimed})
    return result if out is None else save_result(result, Folder(out))


@dataclass(frozen=True, slots=True)
class _GivenFrames:
    """Gives back what was handed in, item by item in the order in which they are scored."""

    given: Iterator[tuple[Item, Path]]

    def restore(self, gif: Gif, times: Sequence[Fraction]) -> Iterator[Pixels]:
        item, place = next(self.given)
        assert (len(gif), len(times)) == (len(item.segment.gif_frames), len(item.segment.frames))  # noqa: S101
        return given_frames(place, WantedFrames(item.name, len(times), gif.height, gif.width))


def _refuse(place: Path, faults: Sequence[str], say: Callable[[str], None]) -> None:
    """Say the first lines of what is wrong, count the rest, and raise `MethodFailed` if there was any."""
    for line in faults[:_MOST_FAULTS]:
        say(line)
    if len(faults) > _MOST_FAULTS:
        say(f"and {len(faults) - _MOST_FAULTS} more")
    if faults:
        what = faults[0] if len(faults) == 1 else f"{len(faults)} faults, the first: {faults[0]}"
        raise MethodFailed(f"{place}: {what}; nothing was scored")


def _check_items(place: Path, items: Sequence[Item], faults: list[str], *, partial: bool) -> list[tuple[Item, Path]]:
    """The place of each item's frames; what is missing, does not belong there or is wrong becomes a fault."""
    given: list[tuple[Item, Path]] = []
    lacking: set[str] = set()
    sizes: dict[str, tuple[int, int]] = {}
    for item in items:
        clip_id = item.clip.clip_id
        if clip_id not in sizes:
            sizes[clip_id] = _size(item.clip)
        wanted = WantedFrames(item.name, len(item.segment.frames), *sizes[clip_id])
        try:
            found = find_frames(place, wanted)
            if found is not None:
                check_frames_there(found, wanted)
                given.append((item, found))
        except MethodFailed as error:
            faults.append(str(error))
            continue
        if found is None:
            lacking.add(clip_id)
            if not partial:
                faults.append(
                    f"{item.name}: its frames are missing (neither {item.name}/ nor {item.name}.mkv is there)"
                )
    known = {TASK_FILE, *(item.name for item in items), *(f"{item.name}.mkv" for item in items)}
    with storage_errors(place):
        for name in sorted(path.name for path in place.iterdir()):
            if name not in known:
                faults.append(f"{name[:80]!r} is no clip of this task; take it away")
    whole = [(item, found) for item, found in given if item.clip.clip_id not in lacking]
    if partial and not whole:
        faults.append("the frames of no clip are there")
    return whole


def _size(clip: ScoredClip) -> tuple[int, int]:
    """Height and width; a dataset's index knows them without decoding."""
    row = getattr(clip, "row", None)
    if row is not None:
        return int(row.height), int(row.width)
    gif = clip.gif()
    return gif.height, gif.width


def _check_task_file(path: Path, wanted: Mapping[str, str], faults: list[str]) -> None:
    """A task.json that was handed back says which task was done; a submission without one is taken at its word."""
    if not os.path.lexists(path):
        return
    mode = path.lstat().st_mode
    if not stat.S_ISREG(mode):
        what = "a symbolic link, which is not followed" if stat.S_ISLNK(mode) else "no regular file"
        faults.append(f"{TASK_FILE} is {what}")
        return
    if path.stat().st_size > _MOST_TASK_BYTES:
        faults.append(f"{TASK_FILE} has {path.stat().st_size:,} bytes, which no task has")
        return
    try:
        about = json.loads(path.read_bytes())
        done = {
            "fingerprint": about["dataset"]["fingerprint"],
            "split": about["split"],
            "task": about["task"],
            "protocol": about["protocol"],
            "maker": about.get("maker", {}).get("signature", ""),
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        faults.append(f"{TASK_FILE} is not what task-export wrote ({type(error).__name__})")
        return
    for key, value in wanted.items():
        if done[key] != value:
            faults.append(f"it was made for the {key} {str(done[key])[:80]!r}, and is to be scored on {value!r}")
