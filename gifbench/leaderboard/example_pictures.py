"""The clips that a page shows of a method, restored anew and written as pictures beside the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np

from gifbench.benchmark_tasks import task
from gifbench.dataset import Dataset, DatasetClip
from gifbench.errors import GifbenchError, StorageError, storage_errors
from gifbench.evaluation.clip_prefetch import task_gif
from gifbench.leaderboard.boards_of_comparable_runs import Board
from gifbench.leaderboard.example_clip_selection import ClipChoice, choices
from gifbench.leaderboard.filmstrips_and_magnified_detail import (
    ERROR_QUALITY,
    QUALITY,
    detail,
    error_map,
    excerpt,
    film,
    frames_per_file,
    shown_size,
    telling_box,
)
from gifbench.leaderboard.runs_from_results import Run
from gifbench.leaderboard.safe_names import slug, visible
from gifbench.media.clip import Pixels
from gifbench.media.gif import Gif
from gifbench.methods.inference import on_device, run_method
from gifbench.methods.registry import LoadedMethod

Restore = Callable[[Gif, Sequence[Fraction]], Pixels]
"""A method, ready to run: a GIF and times in, RGB frames (N, H, W, 3) uint8 out."""


def restore_with(loaded: LoadedMethod, *, device: str = "auto") -> Restore:
    """A loaded method as the function that pictures are made with: frames come back rounded, uint8."""
    chosen = on_device(loaded, device)

    def restore(gif: Gif, times: Sequence[Fraction]) -> Pixels:
        batches = list(run_method(loaded, gif, times, clip="a clip of the page", device=chosen))
        return np.concatenate([np.rint(batch).astype(np.uint8) for batch in batches])

    return restore


class Excerpts:
    """The excerpts of a dataset's truth that were asked for last: other tasks and methods ask for the same ones."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.boxes: dict[tuple[str, str], tuple[int, int, int, int]] = {}
        """The detail of each clip and task: where the first method that is shown on it differs from the GIF."""
        self.truth = lru_cache(maxsize=6)(self._truth)  # at most 6 × 33 frames: 140 MB at 640×360

    def _truth(self, clip_id: str, part: range) -> Pixels:
        return self.dataset[clip_id].truth_frames(part)


@dataclass(frozen=True, slots=True)
class Lane:
    """One of the pictures that play in step.

    `kind` is gif, restored, truth or error. `every` says that each of its frames stands for so many of the video's;
    `file` is the real GIF, for the GIF's lane. When they are written, `film` (of `per_file` frames each) and `detail`
    (empty for an error map) are film strips, as paths below the site.
    """

    kind: str
    label: str
    every: int = 1
    file: str | None = None
    film: tuple[str, ...] = ()
    per_file: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Pictures:
    """The lanes of a clip, the size of their frames, and when each frame ends (ms since the first begins).

    Lanes come in the order GIF, restored, truth, the GIF's error, the restored one's error.

    `detail` is the part shown enlarged, (left, top, width, height) in pixels of the clip; `spot` is the same in per
    cent of the frame.
    """

    width: int
    height: int
    detail: tuple[int, int, int, int]
    spot: tuple[float, float, float, float]
    ends: tuple[int, ...]
    lanes: tuple[Lane, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """A chosen clip with its pictures."""

    choice: ClipChoice
    pictures: Pictures


@dataclass(frozen=True, slots=True)
class Shown:
    """What could be shown of one method on one board, and why the rest could not."""

    examples: tuple[Example, ...]
    trouble: str | None = None


def show(board: Board, run: Run, *, excerpts: Excerpts, restore: Restore, site: Path, count: int) -> Shown:
    """Restore the `choices` of `run` and write them below `site`; raises `StorageError` where it cannot be."""
    examples, trouble = [], []
    for choice in choices(board, run, count=count):
        try:
            examples.append(Example(choice, _write(board, choice, excerpts=excerpts, restore=restore, site=site)))
        except StorageError:
            raise
        except GifbenchError as error:
            trouble.append(f"{visible(choice.clip_id, limit=60)}: {error}")
    why = visible(f"Not every clip could be shown: {'; '.join(trouble)}.") if trouble else None
    return Shown(tuple(examples), why)


def _write(board: Board, choice: ClipChoice, *, excerpts: Excerpts, restore: Restore, site: Path) -> Pictures:
    asked = task(board.task)
    clip = excerpts.dataset[choice.clip_id]
    part = excerpt(clip.times, clip.duration, every=asked.every)
    gif = task_gif(clip, asked).select(part[:: asked.every])
    truth = excerpts.truth(choice.clip_id, part)
    restored = None if choice.run.is_gif else restore(gif, times_in(clip, part)[:-1])
    middle = len(gif) // 2
    at = middle * asked.every
    box = excerpts.boxes.get((choice.clip_id, board.task))
    if box is None:
        box = telling_box(gif.frame(middle), truth[at], None if restored is None else restored[at])
        excerpts.boxes[choice.clip_id, board.task] = box
    below = f"clips/{slug(board.dataset, key=board.fingerprint)}/{slug(choice.clip_id)}/{part.start}-{len(part)}"
    shown = np.repeat(gif.frames, asked.every, axis=0)[: len(truth)]
    gif_file = f"{below}/{board.task}.gif"
    drawn = [
        (f"{gif_file}-film", Lane("gif", "GIF", asked.every, gif_file), gif.frames),
        (f"{below}/truth", Lane("truth", "Truth"), truth),
        (f"{gif_file}-error", Lane("error", "Error of the GIF"), error_map(shown, truth)),
    ]
    if restored is not None:
        file, label = f"{below}/{board.task}.{choice.run.method_slug}", choice.run.label
        drawn.insert(1, (file, Lane("restored", label), restored))
        drawn.append((f"{file}-error", Lane("error", f"Error of {label}"), error_map(restored, truth)))
    with storage_errors(site):
        (site / below).mkdir(parents=True, exist_ok=True)
        if not (site / gif_file).exists():
            (site / gif_file).write_bytes(gif.to_bytes())
    ends = frame_ends(times_in(clip, part))
    return write_pictures(site, drawn, box, ends, palette_colors=max(map(len, gif.palettes)))


def write_pictures(
    site: Path,
    drawn: Sequence[tuple[str, Lane, Pixels]],
    box: tuple[int, int, int, int],
    ends: Sequence[int],
    *,
    palette_colors: int,
) -> Pictures:
    """Write the strips of lanes below `site`, unless they are there: a name, which has no ending, is one content.

    `drawn` are names, lanes and their frames, (T, H, W, 3) uint8, of one size; `box` is the part that is enlarged, and
    `palette_colors` the most that a frame of the GIF has.
    """
    (left, top, right, bottom), (_, height, width, _) = box, drawn[0][2].shape
    shown_height, shown_width = shown_size(height, width)

    def write(name: str, lane: Lane, pixels: Pixels) -> Lane:
        colors = palette_colors if lane.kind == "gif" else None
        per_file = frames_per_file(height, width, palette_colors=colors)
        paths = tuple(f"{name}.{i}.webp" for i in range(-(-len(pixels) // per_file)))
        if not all((site / path).exists() for path in paths):
            quality = ERROR_QUALITY if lane.kind == "error" else QUALITY
            for path, content in zip(paths, film(pixels, palette_colors=colors, quality=quality), strict=True):
                (site / path).write_bytes(content)
        enlarged = "" if lane.kind == "error" else f"{name}.detail-{left}-{top}.webp"
        if enlarged and not (site / enlarged).exists():
            (site / enlarged).write_bytes(detail(pixels, box))
        return replace(lane, film=paths, per_file=per_file, detail=enlarged)

    def share(part: int, whole: int) -> float:
        return round(100 * part / whole, 2)

    with storage_errors(site), ThreadPoolExecutor(len(drawn)) as pool:  # libwebp works outside the interpreter's lock
        lanes = tuple(pool.map(lambda one: write(*one), drawn))
    return Pictures(
        width=shown_width,
        height=shown_height,
        detail=(left, top, right - left, bottom - top),
        spot=(share(left, width), share(top, height), share(right - left, width), share(bottom - top, height)),
        ends=tuple(ends),
        lanes=lanes,
    )


def times_in(clip: DatasetClip, part: range) -> tuple[Fraction, ...]:
    """The times of a part's frames in seconds since it begins, and its end."""
    times = (*clip.times, clip.duration)[part.start : part.stop + 1]
    return tuple(time - times[0] for time in times)


def frame_ends(times: Sequence[Fraction]) -> tuple[int, ...]:
    """When each frame ends, in whole milliseconds; `times` as of `times_in`, from 0.

    Frames closer than a millisecond cannot be told apart on a page; each gets one at least, so that all are shown.
    """
    ends = [0]
    for time in times[1:]:
        ends.append(max(round(1000 * time), ends[-1] + 1))
    return tuple(ends[1:])
