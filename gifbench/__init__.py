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

from gifbench.numba_cache import keep_compiled as _keep_compiled

if TYPE_CHECKING:
    from gifbench.builder.build_dataset import build_dataset
    from gifbench.builder.recipe import Recipe, load_recipe
    from gifbench.dataset.clip import DatasetClip
    from gifbench.dataset.reader import Clips, Dataset, open_dataset
    from gifbench.dataset.verify import verify_dataset
    from gifbench.devices import is_out_of_memory, side_by_side
    from gifbench.errors import GifbenchError, MethodError, PixelsError, UsageError, WeightsError
    from gifbench.evaluation.evaluate import evaluate
    from gifbench.evaluation.submission import score_submission
    from gifbench.evaluation.task_export import export_task
    from gifbench.gif_restoration import restore_gif, restore_video
    from gifbench.leaderboard import build_site
    from gifbench.leaderboard.paper_tables import PaperTables, ReportedRow
    from gifbench.manifest.rows import ManifestRow, read_manifest
    from gifbench.media.blur import gaussian_blur
    from gifbench.media.clip import Clip, Pixels
    from gifbench.media.colors.nearest_torch import nearest_torch
    from gifbench.media.flow import inconsistent, optical_flow, warp
    from gifbench.media.gif import Gif, GifLimits
    from gifbench.media.make_gif import make_gif
    from gifbench.media.resize import resize
    from gifbench.media.video import count_frames, probe
    from gifbench.methods.command import load_method_command
    from gifbench.methods.conformance import Check, check_method
    from gifbench.methods.inference import run_method
    from gifbench.methods.installed import MethodEntry, list_methods
    from gifbench.methods.protocols import FrameMethod, Frames, FrameSource, Method, last_shown, nearest_shown
    from gifbench.methods.registry import LoadedMethod, load_method, load_method_file
    from gifbench.results.dataframe import Results
    from gifbench.results.io import load_results
    from gifbench.results.schema import Result
    from gifbench.tasks import TASKS, Task
    from gifbench.training.config import TrainerOptions
    from gifbench.training.trainer import TrainingBatch, Update
    from gifbench.training.weights import Weights, read_weights, save_weights

_HOME = {
    "gifbench.manifest.rows": ("ManifestRow", "read_manifest"),
    "gifbench.builder.recipe": ("Recipe", "load_recipe"),
    "gifbench.builder.build_dataset": ("build_dataset",),
    "gifbench.dataset.clip": ("DatasetClip",),
    "gifbench.dataset.reader": ("Clips", "Dataset", "open_dataset"),
    "gifbench.dataset.verify": ("verify_dataset",),
    "gifbench.devices": ("is_out_of_memory", "side_by_side"),
    "gifbench.errors": ("GifbenchError", "MethodError", "PixelsError", "UsageError", "WeightsError"),
    "gifbench.leaderboard": ("build_site",),
    "gifbench.leaderboard.paper_tables": ("PaperTables", "ReportedRow"),
    "gifbench.media.blur": ("gaussian_blur",),
    "gifbench.media.clip": ("Clip", "Pixels"),
    "gifbench.media.colors.nearest_torch": ("nearest_torch",),
    "gifbench.media.flow": ("inconsistent", "optical_flow", "warp"),
    "gifbench.media.gif": ("Gif", "GifLimits"),
    "gifbench.media.make_gif": ("make_gif",),
    "gifbench.media.resize": ("resize",),
    "gifbench.media.video": ("count_frames", "probe"),
    "gifbench.methods.command": ("load_method_command",),
    "gifbench.methods.conformance": ("Check", "check_method"),
    "gifbench.methods.protocols": ("FrameMethod", "FrameSource", "Frames", "Method", "last_shown", "nearest_shown"),
    "gifbench.evaluation.evaluate": ("evaluate",),
    "gifbench.methods.installed": ("MethodEntry", "list_methods"),
    "gifbench.methods.registry": ("LoadedMethod", "load_method", "load_method_file"),
    "gifbench.gif_restoration": ("restore_gif", "restore_video"),
    "gifbench.methods.inference": ("run_method",),
    "gifbench.results.dataframe": ("Results",),
    "gifbench.results.io": ("load_results",),
    "gifbench.results.schema": ("Result",),
    "gifbench.evaluation.submission": ("score_submission",),
    "gifbench.evaluation.task_export": ("export_task",),
    "gifbench.tasks": ("TASKS", "Task"),
    "gifbench.training.config": ("TrainerOptions",),
    "gifbench.training.trainer": ("TrainingBatch", "Update"),
    "gifbench.training.weights": ("Weights", "read_weights", "save_weights"),
}

__all__ = [
    "TASKS",
    "Check",
    "Clip",
    "Clips",
    "Dataset",
    "DatasetClip",
    "FrameMethod",
    "FrameSource",
    "Frames",
    "Gif",
    "GifLimits",
    "GifbenchError",
    "LoadedMethod",
    "ManifestRow",
    "Method",
    "MethodEntry",
    "MethodError",
    "PaperTables",
    "Pixels",
    "PixelsError",
    "Recipe",
    "ReportedRow",
    "Result",
    "Results",
    "Task",
    "TrainerOptions",
    "TrainingBatch",
    "Update",
    "UsageError",
    "Weights",
    "WeightsError",
    "build_dataset",
    "build_site",
    "check_method",
    "count_frames",
    "evaluate",
    "export_task",
    "gaussian_blur",
    "inconsistent",
    "is_out_of_memory",
    "last_shown",
    "list_methods",
    "load_method",
    "load_method_command",
    "load_method_file",
    "load_recipe",
    "load_results",
    "make_gif",
    "nearest_shown",
    "nearest_torch",
    "open_dataset",
    "optical_flow",
    "probe",
    "read_manifest",
    "read_weights",
    "resize",
    "restore_gif",
    "restore_video",
    "run_method",
    "save_weights",
    "score_submission",
    "side_by_side",
    "verify_dataset",
    "warp",
]

__version__: str
_keep_compiled()  # before anything loads numba

_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:  # noqa: ANN401  # any of the public names
    if name == "__version__":
        from importlib.metadata import version

        return version("gifbench")
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'gifbench' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
