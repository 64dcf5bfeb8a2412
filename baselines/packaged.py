"""Finding a method's weights: those that come with gifbench, a file, or a URL with a sha256."""

from __future__ import annotations

from pathlib import Path

from gifbench import MethodError, Weights, read_weights

WEIGHTS = Path(__file__).parent / "weights"
"""The folder of the weights that come with gifbench, each with its card."""


def packaged(name: str) -> Path | None:
    """The file of weights of that name that comes with gifbench, if one does."""
    path = WEIGHTS / f"{name}.safetensors"
    return path if Path(name).name == name and path.is_file() else None


def find_weights(method: str, given: str, *, config: str) -> Weights:
    """The weights that a method's option `weights` names: a path, a URL with `#sha256=…`, or a name in the package.

    Without the option they are those of the method's own name in the package. Raises `MethodError` that says how they
    are trained from `config` where there are none, and what `read_weights` raises.
    """
    if path := packaged(given or method):
        return read_weights(path)
    if given:
        return read_weights(given)
    raise MethodError(
        f"method {method} has no weights here: train them by `gifbench train {config} --data DATASET --out "
        f"runs/{method}` and name them, {method}:weights=runs/{method}/{method}.safetensors"
    )
