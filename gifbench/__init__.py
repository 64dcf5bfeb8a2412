"""gifbench: turning GIFs back into video, measured.

    import gifbench

    dataset = gifbench.open_dataset("data/gif-faces")
    clip = dataset.split("test")[0]
    clip.truth, clip.gif(dithered=True, every=4)
    gifbench.evaluate("gaussian-0.5", dataset, "plain-1")

The names below are the public face; the modules behind them may move. They are loaded when they are first used, so that
`import gifbench` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gifbench.build.manifest import ManifestRow, read_manifest
    from gifbench.build.recipe import Recipe, load_recipe
    from gifbench.build.run import build_dataset
    from gifbench.dataset.reader import Clips, Dataset, DatasetClip, open_dataset
    from gifbench.dataset.verify import verify_dataset
    from gifbench.errors import GifbenchError, MethodError, PixelsError, UsageError
    from gifbench.leaderboard import build_site
    from gifbench.media.clip import Clip, Pixels
    from gifbench.media.gif import Gif, GifLimits
    from gifbench.media.making import make_gif
    from gifbench.score.contract import FrameMethod, Frames, Method, last_shown, nearest_shown
    from gifbench.score.evaluate import evaluate
    from gifbench.score.methods import list_methods, load_method, load_method_file
    from gifbench.score.results import load_results
    from gifbench.score.schema import Result
    from gifbench.score.tasks import TASKS, Task

_HOME = {
    "gifbench.build.manifest": ("ManifestRow", "read_manifest"),
    "gifbench.build.recipe": ("Recipe", "load_recipe"),
    "gifbench.build.run": ("build_dataset",),
    "gifbench.dataset.reader": ("Clips", "Dataset", "DatasetClip", "open_dataset"),
    "gifbench.dataset.verify": ("verify_dataset",),
    "gifbench.errors": ("GifbenchError", "MethodError", "PixelsError", "UsageError"),
    "gifbench.leaderboard": ("build_site",),
    "gifbench.media.clip": ("Clip", "Pixels"),
    "gifbench.media.gif": ("Gif", "GifLimits"),
    "gifbench.media.making": ("make_gif",),
    "gifbench.score.contract": ("FrameMethod", "Frames", "Method", "last_shown", "nearest_shown"),
    "gifbench.score.evaluate": ("evaluate",),
    "gifbench.score.methods": ("list_methods", "load_method", "load_method_file"),
    "gifbench.score.results": ("load_results",),
    "gifbench.score.schema": ("Result",),
    "gifbench.score.tasks": ("TASKS", "Task"),
}

__all__ = [
    "TASKS",
    "Clip",
    "Clips",
    "Dataset",
    "DatasetClip",
    "FrameMethod",
    "Frames",
    "Gif",
    "GifLimits",
    "GifbenchError",
    "ManifestRow",
    "Method",
    "MethodError",
    "Pixels",
    "PixelsError",
    "Recipe",
    "Result",
    "Task",
    "UsageError",
    "build_dataset",
    "build_site",
    "evaluate",
    "last_shown",
    "list_methods",
    "load_method",
    "load_method_file",
    "load_recipe",
    "load_results",
    "make_gif",
    "nearest_shown",
    "open_dataset",
    "read_manifest",
    "verify_dataset",
]

_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:  # noqa: ANN401  # any of the public names
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'gifbench' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
