"""gifbench: turning GIFs back into video, measured.

    import gifbench

    ds = gifbench.build_dataset("gif-faces", out="data/faces", videos="videos/")
    results = gifbench.evaluate("gaussian-0.5", ds, ["plain-1", "dithered-1"])
    results.to_pandas()
    gifbench.restore_gif("ccdnet", "cat.gif").save("cat.mp4")

The names below are the public face, described in docs/api.md; the modules behind them may move. They are loaded when
they are first used, so that `import gifbench` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gifbench.numba_cache import keep_compiled as _keep_compiled

if TYPE_CHECKING:
    from gifbench.benchmark_tasks import TASKS
    from gifbench.builder.build_dataset import build_dataset
    from gifbench.builder.recipe import Recipe, load_recipe
    from gifbench.dataset.dataframe import Outcomes
    from gifbench.dataset.dataset_clip import DatasetClip
    from gifbench.dataset.dataset_reader import Dataset, open_dataset
    from gifbench.dataset.torch_dataset import FrameDataset
    from gifbench.devices import is_out_of_memory, side_by_side
    from gifbench.errors import GifbenchError, MakerError, MethodError, PixelsError, UsageError, WeightsError
    from gifbench.evaluation.evaluate import evaluate
    from gifbench.file_restoration import RestoredVideo, restore_gif, restore_video
    from gifbench.gif_maker_registry import Maker, MakerClip
    from gifbench.leaderboard.installed_papers import PaperTables, ReportedRow
    from gifbench.manifest.rows import ManifestRow
    from gifbench.media.blur import gaussian_blur
    from gifbench.media.clip import Clip, Pixels
    from gifbench.media.flow import inconsistent, optical_flow, warp
    from gifbench.media.gif import Gif, GifLimits
    from gifbench.media.make_gif import make_gif
    from gifbench.media.resize import resize
    from gifbench.media.video import count_frames, probe
    from gifbench.methods.conformance import Check, check_method
    from gifbench.methods.inference import run_method
    from gifbench.methods.method_entry_points import MethodEntry
    from gifbench.methods.method_interface import FrameMethod, Frames, FrameSource, Method, last_shown, nearest_shown
    from gifbench.methods.registry import LoadedMethod, load_method
    from gifbench.progress import Progress
    from gifbench.results.dataframe import Results
    from gifbench.results.io import load_results
    from gifbench.results.schema import Result
    from gifbench.training.config import TrainerOptions
    from gifbench.training.trainer_interface import TrainingBatch, Update
    from gifbench.training.training_folder import TrainingRun, train
    from gifbench.training.weights_file import Weights, read_weights, save_weights

_HOME = {
    "gifbench.builder.build_dataset": ("build_dataset",),
    "gifbench.builder.recipe": ("Recipe", "load_recipe"),
    "gifbench.dataset.dataframe": ("Outcomes",),
    "gifbench.dataset.torch_dataset": ("FrameDataset",),
    "gifbench.dataset.dataset_clip": ("DatasetClip",),
    "gifbench.dataset.dataset_reader": ("Dataset", "open_dataset"),
    "gifbench.devices": ("is_out_of_memory", "side_by_side"),
    "gifbench.errors": ("GifbenchError", "MakerError", "MethodError", "PixelsError", "UsageError", "WeightsError"),
    "gifbench.evaluation.evaluate": ("evaluate",),
    "gifbench.gif_maker_registry": ("Maker", "MakerClip"),
    "gifbench.file_restoration": ("RestoredVideo", "restore_gif", "restore_video"),
    "gifbench.leaderboard.installed_papers": ("PaperTables", "ReportedRow"),
    "gifbench.manifest.rows": ("ManifestRow",),
    "gifbench.media.blur": ("gaussian_blur",),
    "gifbench.media.clip": ("Clip", "Pixels"),
    "gifbench.media.flow": ("inconsistent", "optical_flow", "warp"),
    "gifbench.media.gif": ("Gif", "GifLimits"),
    "gifbench.media.make_gif": ("make_gif",),
    "gifbench.media.resize": ("resize",),
    "gifbench.media.video": ("count_frames", "probe"),
    "gifbench.methods.conformance": ("Check", "check_method"),
    "gifbench.methods.inference": ("run_method",),
    "gifbench.methods.method_entry_points": ("MethodEntry",),
    "gifbench.methods.method_interface": (
        "FrameMethod",
        "FrameSource",
        "Frames",
        "Method",
        "last_shown",
        "nearest_shown",
    ),
    "gifbench.methods.registry": ("LoadedMethod", "load_method"),
    "gifbench.progress": ("Progress",),
    "gifbench.results.dataframe": ("Results",),
    "gifbench.results.io": ("load_results",),
    "gifbench.results.schema": ("Result",),
    "gifbench.benchmark_tasks": ("TASKS",),
    "gifbench.training.config": ("TrainerOptions",),
    "gifbench.training.training_folder": ("TrainingRun", "train"),
    "gifbench.training.trainer_interface": ("TrainingBatch", "Update"),
    "gifbench.training.weights_file": ("Weights", "read_weights", "save_weights"),
}

__all__ = [
    "TASKS",
    "Check",
    "Clip",
    "Dataset",
    "DatasetClip",
    "FrameDataset",
    "FrameMethod",
    "FrameSource",
    "Frames",
    "Gif",
    "GifLimits",
    "GifbenchError",
    "LoadedMethod",
    "Maker",
    "MakerClip",
    "MakerError",
    "ManifestRow",
    "Method",
    "MethodEntry",
    "MethodError",
    "Outcomes",
    "PaperTables",
    "Pixels",
    "PixelsError",
    "Progress",
    "Recipe",
    "ReportedRow",
    "RestoredVideo",
    "Result",
    "Results",
    "TrainerOptions",
    "TrainingBatch",
    "TrainingRun",
    "Update",
    "UsageError",
    "Weights",
    "WeightsError",
    "build_dataset",
    "check_method",
    "count_frames",
    "evaluate",
    "gaussian_blur",
    "inconsistent",
    "is_out_of_memory",
    "last_shown",
    "load_method",
    "load_recipe",
    "load_results",
    "make_gif",
    "nearest_shown",
    "open_dataset",
    "optical_flow",
    "probe",
    "read_weights",
    "resize",
    "restore_gif",
    "restore_video",
    "run_method",
    "save_weights",
    "side_by_side",
    "train",
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
    try:
        return getattr(importlib.import_module(_MODULE_OF[name]), name)
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "safetensors"):
            raise
        from gifbench.errors import MissingExtra

        raise MissingExtra(error.name, extra="torch", wanted_for=f"gifbench.{name}") from error


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
