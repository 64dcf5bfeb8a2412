"""Finding a method's weights, those that come with gifbench, a file, or a URL with a sha256, and making its network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import nn

from gifbench import MethodError, Weights, WeightsError, read_weights


class NetworkOptions(BaseModel):
    """What a network is built from; it stands in the card of its weights, so it is read with suspicion."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Options = TypeVar("Options", bound=NetworkOptions)
Network = TypeVar("Network", bound=nn.Module)
Tensors = Mapping[str, torch.Tensor]

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


def start_weights(given: str) -> Weights:
    """The weights that a training's `model.start` names: a path, a URL with `#sha256=…`, or a name in the package.

    Raises `WeightsError` where there are none, which says what to do, and what `read_weights` raises.
    """
    path = packaged(given)
    if path is None and "://" not in given and not Path(given).is_file():
        raise WeightsError(
            f"model.start: there is no file {given}; train the network that this one starts from first, or name "
            "another file by --set model.start=FILE; --set 'model.start=\"\"' starts from nothing"
        )
    return read_weights(path or given)


def described(weights: Weights, options: type[Options], make: Callable[[Options], Network], *, what: str) -> Network:
    """The network that the card of the weights describes, filled, in evaluation mode.

    Options that have `from_card` read the card by it, those of earlier versions, too. Raises `MethodError` where the
    card gives no such options, so that they are no weights of a `what`, and `WeightsError` where the tensors do not
    fit.
    """
    try:
        found = getattr(options, "from_card", options.model_validate)(weights.architecture)
    except ValidationError as error:
        problem = error.errors()[0]
        place, given = ".".join(str(part)[:60] for part in problem["loc"]), str(problem["input"])[:60]
        said = f"the card says {given!r}" if place == "network" else f"{place} is {given!r}: {problem['msg']}"
        raise MethodError(f"{weights.path}: no weights of a {what}; {said}") from error
    return weights.build(lambda: make(found))


def converted(make: Callable[[], Network], tensors: Tensors, *, what: str) -> Network:
    """A network filled with somebody else's tensors, under our names; raises `WeightsError` where they do not fit.

    Names and shapes are compared before any memory is taken. Counts of batches, which torch has kept since 0.4.1 and
    nothing uses, may be missing.
    """
    mean, count = "running_mean", "num_batches_tracked"
    counts = {name.removesuffix(mean) + count: torch.tensor(0) for name in tensors if name.endswith(mean)}
    try:
        return Weights(Path(), {}, {}, {**counts, **tensors}).build(make)
    except WeightsError as error:
        reason = str(error).rpartition("of another architecture, ")[2]
        raise WeightsError(f"what the file holds does not fit a {what}: {reason}") from error
