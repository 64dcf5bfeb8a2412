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
    from gifbench.benchmark_tasks import TASKS as TASKS
    from gifbench.builder.build_dataset import build_dataset as build_dataset
    from gifbench.builder.recipe import Recipe as Recipe
    from gifbench.builder.recipe import load_recipe as load_recipe
    from gifbench.dataset.dataframe import Outcomes as Outcomes
    from gifbench.dataset.dataset_clip import DatasetClip as DatasetClip
    from gifbench.dataset.dataset_reader import Dataset as Dataset
    from gifbench.dataset.dataset_reader import open_dataset as open_dataset
    from gifbench.dataset.torch_dataset import FrameDataset as FrameDataset
    from gifbench.devices import is_out_of_memory as is_out_of_memory
    from gifbench.devices import side_by_side as side_by_side
    from gifbench.errors import GifbenchError as GifbenchError
    from gifbench.errors import MakerError as MakerError
    from gifbench.errors import MethodError as MethodError
    from gifbench.errors import PixelsError as PixelsError
    from gifbench.errors import UsageError as UsageError
    from gifbench.errors import WeightsError as WeightsError
    from gifbench.evaluation.evaluate import evaluate as evaluate
    from gifbench.file_restoration import RestoredVideo as RestoredVideo
    from gifbench.file_restoration import restore_gif as restore_gif
    from gifbench.file_restoration import restore_video as restore_video
    from gifbench.gif_maker_registry import Maker as Maker
    from gifbench.gif_maker_registry import MakerClip as MakerClip
    from gifbench.leaderboard.installed_papers import PaperTables as PaperTables
    from gifbench.leaderboard.installed_papers import ReportedRow as ReportedRow
    from gifbench.manifest.rows import ManifestRow as ManifestRow
    from gifbench.media.blur import gaussian_blur as gaussian_blur
    from gifbench.media.clip import Clip as Clip
    from gifbench.media.clip import Pixels as Pixels
    from gifbench.media.crop_and_resize import resize as resize
    from gifbench.media.flow import inconsistent as inconsistent
    from gifbench.media.flow import optical_flow as optical_flow
    from gifbench.media.flow import warp as warp
    from gifbench.media.gif import Gif as Gif
    from gifbench.media.gif import GifLimits as GifLimits
    from gifbench.media.make_gif import make_gif as make_gif
    from gifbench.media.video import count_frames as count_frames
    from gifbench.media.video import probe as probe
    from gifbench.methods.conformance import Check as Check
    from gifbench.methods.conformance import check_method as check_method
    from gifbench.methods.inference import run_method as run_method
    from gifbench.methods.method_entry_points import MethodEntry as MethodEntry
    from gifbench.methods.method_interface import FrameMethod as FrameMethod
    from gifbench.methods.method_interface import Frames as Frames
    from gifbench.methods.method_interface import FrameSource as FrameSource
    from gifbench.methods.method_interface import Method as Method
    from gifbench.methods.method_interface import last_shown as last_shown
    from gifbench.methods.method_interface import nearest_shown as nearest_shown
    from gifbench.methods.registry import LoadedMethod as LoadedMethod
    from gifbench.methods.registry import load_method as load_method
    from gifbench.progress import Progress as Progress
    from gifbench.results.dataframe import Results as Results
    from gifbench.results.io import load_results as load_results
    from gifbench.results.schema import Result as Result
    from gifbench.training.config import TrainerOptions as TrainerOptions
    from gifbench.training.trainer_interface import TrainingBatch as TrainingBatch
    from gifbench.training.trainer_interface import Update as Update
    from gifbench.training.training_folder import TrainingRun as TrainingRun
    from gifbench.training.training_folder import train as train
    from gifbench.training.weights_file import Weights as Weights
    from gifbench.training.weights_file import read_weights as read_weights
    from gifbench.training.weights_file import save_weights as save_weights

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
    "gifbench.media.crop_and_resize": ("resize",),
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

__version__: str
_keep_compiled()  # before anything loads numba

_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = list(_MODULE_OF)


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
