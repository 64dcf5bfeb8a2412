"""All readers that take files from elsewhere."""

from __future__ import annotations

from importlib import import_module

from tests.fuzz.target import Target

_MODULES = {
    "gifs": ("gif",),
    "tables": ("manifest-csv", "manifest-jsonl", "manifest-parquet", "video2gif"),
    "datasets": (
        *("dataset-json", "dataset-index", "dataset-shard"),
        *("dataset-outcomes", "dataset-manifest", "dataset-journal"),
    ),
    "results": ("results-json", "results-parquet", "evaluation-journal", "study-key", "study-choices"),
    "options": ("method", "recipe", "config"),
    "weights": ("weights",),
    "films": ("film",),
    "paths": ("paths-dataset", "paths-store", "paths-results", "paths-submission"),
}

NAMES = tuple(name for names in _MODULES.values() for name in names)


def load(name: str) -> Target:
    """The target of that name; only its own module is imported, since some of them take seconds."""
    module = next(module for module, names in _MODULES.items() if name in names)
    targets: tuple[Target, ...] = import_module(f"tests.fuzz.{module}").TARGETS
    return next(target for target in targets if target.name == name)
