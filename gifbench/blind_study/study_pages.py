"""A blind study: pages that show two methods on the same clip, and nothing that says which is which.

A study is a folder. `page/` goes to the people who are asked: pairs of film strips under random names, shown in an
order, and on sides, of each person's own. `key.json` says which strip is which method, and stays with who asks. What
people choose comes back as one small file a person, which `gifbench.blind_study.vote_counting` counts.
"""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gifbench.benchmark_tasks import Task, does_task, one_task
from gifbench.dataset import Dataset, DatasetClip
from gifbench.devices import check_device
from gifbench.errors import UsageError, storage_errors
from gifbench.evaluation.clip_prefetch import task_gif
from gifbench.leaderboard.atomic_publish import published
from gifbench.leaderboard.example_pictures import frame_ends, restore_with, times_in
from gifbench.leaderboard.filmstrips_and_magnified_detail import excerpt, film, frames_per_file, shown_size
from gifbench.leaderboard.jinja_environment import render
from gifbench.methods.registry import LoadedMethod
from gifbench.progress import Progress, ProgressCallback, silent

QUESTION = "Which one looks better?"
KEY, PAGE = "key.json", "page"
_ONE_TIME = 1_500_000_000

_TOKEN = r"^[0-9a-f]{16}$"  # noqa: S105  # no secret, the shape of a name


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StudyPair(_Part):
    """Two films of one clip; `first` and `second` are the names of the films, `methods` which methods they show."""

    pair: str = Field(pattern=_TOKEN)
    clip: str
    first: str = Field(pattern=_TOKEN)
    second: str = Field(pattern=_TOKEN)
    methods: tuple[int, int]


class StudyKey(_Part):
    """What the page does not say. `methods` are the canonical names; pairs refer to them by number from 0."""

    gifbench_study: int
    study: str = Field(pattern=_TOKEN)
    question: str
    seed: int
    dataset: str
    fingerprint: str
    task: str
    methods: tuple[str, ...]
    pairs: tuple[StudyPair, ...]


def make_study(
    methods: Sequence[LoadedMethod],
    dataset: Dataset,
    on: str,
    out: Path,
    *,
    split: str = "test",
    pairs: int = 20,
    seed: int = 0,
    question: str = QUESTION,
    device: str = "auto",
    overwrite: bool = False,
    progress: ProgressCallback = silent,
) -> StudyKey:
    """Write a study of `pairs` pairs to the folder `out`: every two methods in turn, on clips drawn by `seed`.

    Each clip is restored from its middle, at most 3 s, and stored to the pixel (sides over 640 pixels are scaled down).
    The same arguments give the same study. The folder appears when it is whole.

    Raises `UsageError` for fewer than two methods, methods of one name, a task that one cannot do, what is no device,
    or a split without clips; `MethodFailed` where a method fails; `AlreadyExists` where `out` is there.
    """
    asked = one_task(on)
    check_device(device)
    names = [method.name for method in methods]
    if len(set(names)) < 2 or len(set(names)) < len(names):
        raise UsageError("a study compares two different methods or more; name each once")
    for method in methods:
        if not does_task(method.tasks, asked):
            raise UsageError(f"method {method.name} cannot do the task {on}; it does {', '.join(method.tasks or ())}")
    clips = list(dataset.split(split))
    if not clips or pairs < 1:
        raise UsageError(f"{dataset.name}: the split {split} has {len(clips)} clips, and {pairs} pairs were asked for")
    dice = random.Random(f"{seed}/{dataset.fingerprint}/{on}/{'/'.join(names)}")  # noqa: S311  # an order, no secret
    planned = _plan(clips, len(methods), pairs, dice)
    tokens = {(i, method): f"{dice.getrandbits(64):016x}" for i, two in planned for method in two}
    with published(out, overwrite=overwrite) as folder:
        with storage_errors(out):
            (folder / PAGE / "films").mkdir(parents=True)
        films: dict[tuple[int, int], dict[str, Any]] = {}
        # One method after the other, so that one network's memory is in use at a time.
        for done, (i, number) in enumerate(sorted(tokens, key=lambda key: (key[1], key[0])), start=1):
            films[i, number] = _write_film(
                methods[number], clips[i], asked, folder / PAGE, name=f"films/{tokens[i, number]}", device=device
            )
            progress(Progress(done, len(tokens), "films"))
        made = []
        for i, two in planned:
            first, second = dice.sample(two, 2)
            made.append(
                StudyPair(
                    pair=f"{dice.getrandbits(64):016x}",
                    clip=clips[i].clip_id,
                    first=tokens[i, first],
                    second=tokens[i, second],
                    methods=(first, second),
                )
            )
        digest = hashlib.sha256(f"{seed}{question}{made!r}".encode()).hexdigest()[:16]
        key = StudyKey(
            gifbench_study=1,
            study=digest,
            question=question,
            seed=seed,
            dataset=dataset.name,
            fingerprint=dataset.fingerprint,
            task=asked.name,
            methods=tuple(names),
            pairs=tuple(made),
        )
        by_token = {token: films[place] for place, token in tokens.items()}
        with storage_errors(out):
            (folder / KEY).write_text(key.model_dump_json(indent=1) + "\n", encoding="utf-8")
            (folder / PAGE / "index.html").write_text(_page(key, by_token), encoding="utf-8")
            for path in (folder / PAGE).rglob("*"):  # films were written method by method, and their times would say so
                os.utime(path, (_ONE_TIME, _ONE_TIME))
    return key


def _plan(
    clips: Sequence[DatasetClip], methods: int, pairs: int, dice: random.Random
) -> list[tuple[int, tuple[int, int]]]:
    """Which clip shows which two methods: rounds over the clips, in each a clip shows the next two methods in turn."""
    order = dice.sample(range(len(clips)), len(clips))
    every = list(combinations(range(methods), 2))
    planned = [
        (clip, every[(place + turn) % len(every)]) for turn in range(len(every)) for place, clip in enumerate(order)
    ]
    return planned[:pairs]


def _write_film(
    method: LoadedMethod, clip: DatasetClip, asked: Task, page: Path, *, name: str, device: str
) -> dict[str, Any]:
    """Write a film; gives the page its files, how many frames each holds, its size, and when each frame ends (ms)."""
    part = excerpt(clip.times, clip.duration, every=asked.every)
    times = times_in(clip, part)
    frames = restore_with(method, device=device)(task_gif(clip, asked).select(part[:: asked.every]), times[:-1])
    height, width = shown_size(clip.height, clip.width)
    files = []
    with storage_errors(page):
        for number, content in enumerate(film(frames, lossless=True)):
            files.append(f"{name}.{number}.webp")
            (page / files[-1]).write_bytes(content)
    about = {"perFile": frames_per_file(clip.height, clip.width), "size": [width, height]}
    return {"files": files, **about, "ends": list(frame_ends(times))}


def _page(key: StudyKey, films: Mapping[str, Mapping[str, Any]]) -> str:
    """The page: films by their random names, and no word about clips or methods."""
    pairs = [
        {
            "pair": pair.pair,
            "films": [[token, films[token]["files"]] for token in sorted((pair.first, pair.second))],
            **{name: films[pair.first][name] for name in ("perFile", "size", "ends")},
        }
        for pair in sorted(key.pairs, key=lambda pair: pair.pair)
    ]
    about = {"study": key.study, "seed": key.seed, "pairs": pairs}
    return render("study.html", scripts=("study.js",), about=about, question=key.question, count=len(pairs), date=None)
