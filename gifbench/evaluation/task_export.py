"""The GIFs of a task, without their truth, for methods that run elsewhere.

An item is one GIF that a protocol has restored in one call: a clip, or, under `gif2video` in a sparse task, one segment
of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gifbench.benchmark_tasks import Task, one_task
from gifbench.errors import AlreadyExists, UsageError
from gifbench.evaluation.clip_prefetch import ScoredClip, ScoredDataset, task_gif
from gifbench.evaluation.scoring_protocols import Segment, protocol, released_stride
from gifbench.gif_maker_registry import load_maker
from gifbench.progress import Progress, ProgressCallback, silent
from gifbench.storage import Folder

FORMAT = 1
TASK_FILE = "task.json"


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One GIF to be restored: its name in files, its clip, and which frames of it are given and wanted."""

    name: str
    clip: ScoredClip
    segment: Segment


def task_items(clips: Sequence[ScoredClip], task: Task, *, protocol_name: str, stride: int | None) -> Iterator[Item]:
    """The items of a task in the order in which they are scored; clips that are too short have none."""
    chosen = protocol(protocol_name)
    for clip in clips:
        segments = chosen.segments(clip.num_frames, task, stride=stride)
        for number, segment in enumerate(segments):
            yield Item(clip.clip_id if len(segments) == 1 else f"{clip.clip_id}@{number:04d}", clip, segment)


def export_task(
    dataset: ScoredDataset,
    task: Task | str,
    out: str | os.PathLike[str],
    *,
    split: str = "test",
    protocol_name: str = "standard",
    limit: int | None = None,
    overwrite: bool = False,
    progress: ProgressCallback = silent,
) -> int:
    """Write the GIFs of a task, without their truth, and `task.json`, which says what is wanted; the number of GIFs.

    `task.json` has for each item the GIF's file, its exact times, and the times of the frames that are wanted: texts of
    fractions of a second since the item's first frame. It comes last. Raises `AlreadyExists` where one is there, and
    `StorageError` where the GIFs of two clips would be one file.
    """
    chosen = one_task(task)
    folder = Folder(out)
    if not overwrite and folder.exists(TASK_FILE):
        raise AlreadyExists(f"{folder.place(TASK_FILE)}: a task exists already; overwrite replaces it")
    clips = dataset.split(split)[:limit]
    folder.make()
    folder.check_apart(clip.clip_id for clip in clips)
    items = []
    for done, clip in enumerate(clips, start=1):
        gif = task_gif(clip, chosen)
        for item in task_items([clip], chosen, protocol_name=protocol_name, stride=released_stride(dataset)):
            given = gif.select(item.segment.gif_frames)
            folder.write(f"gifs/{item.name}.gif", given.to_bytes())
            items.append(
                {
                    "name": item.name,
                    "gif": f"gifs/{item.name}.gif",
                    "width": given.width,
                    "height": given.height,
                    "gif_times": [str(time) for time in given.times],
                    "gif_duration": str(given.duration),
                    "times": [str(gif.times[i] - gif.times[item.segment.frames[0]]) for i in item.segment.frames],
                }
            )
        progress(Progress(done, len(clips), clip.clip_id))
    if not items:
        raise UsageError(f"no clip of {dataset.name}, {split}, is long enough for {chosen.name} under {protocol_name}")
    about = {
        "gifbench_task": FORMAT,
        "dataset": {"name": dataset.name, "fingerprint": dataset.fingerprint},
        "split": split,
        "task": chosen.name,
        **({} if chosen.maker is None else {"maker": load_maker(chosen.maker).facts}),
        "protocol": protocol_name,
        "limit": limit,
        "items": items,
    }
    folder.write(TASK_FILE, (json.dumps(about, indent=1) + "\n").encode())
    return len(items)
