"""Other people's weights, once: from torch's own files, which are pickles, to safetensors with a card.

The only place where a pickle is opened, and only to make tensors: torch's reader refuses everything else that a file
may ask for. What the tensors are called is known to converters, the entry points of the group `gifbench.converters`: a
converter is called with the groups of tensors of each file and gives a network and what it is built from, or None.
"""

from __future__ import annotations

import os
import pickle
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gifbench.errors import AlreadyExists, UsageError, WeightsError, storage_errors
from gifbench.storage import file_sha256
from gifbench.training.weights_download import MOST_BYTES
from gifbench.training.weights_file import place_for_card, save_weights
from gifbench.user_code_import import one_line

GROUP = "gifbench.converters"
"""The entry points by which a package offers converters."""

Tensors = Mapping[str, torch.Tensor]
Converter = Callable[[Sequence[Mapping[str, Tensors]]], tuple[nn.Module, Mapping[str, Any]] | None]

_ZIP = b"PK\x03\x04"


def convert_weights(
    sources: Sequence[str | os.PathLike[str]], out: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Convert the `.pt` files of one network into `out`, with the first converter that knows them.

    The card says which files they were, and that their licence is their authors'. Raises `WeightsError` for files that
    hold more than tensors, are damaged or too large, or that no converter knows, and `AlreadyExists` unless
    `overwrite`: also where what stands in the card's place is no card of weights of this name.
    """
    out = Path(out)
    if out.suffix != ".safetensors":
        raise UsageError(f"{out}: the name of converted weights ends in .safetensors")
    if out.exists() and not overwrite:
        raise AlreadyExists(f"{out} is there already; --overwrite replaces it")
    if not overwrite and not place_for_card(out):
        name = f"{out.with_suffix('.md')}: the card of {out.name} would stand here, where another file is"
        raise AlreadyExists(f"{name}; choose another name, or --overwrite replaces it")
    paths = [Path(source) for source in sources]
    groups = [read_pickled(path) for path in paths]
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        converter: Converter = entry.load()
        found = converter(groups)
        if found is not None:
            network, architecture = found
            about = {
                "name": out.stem,
                "licence": "none stated by the authors of these weights: do not pass them on",
                "converted_from": [{"file": path.name, "sha256": file_sha256(path)} for path in paths],
            }
            return save_weights(out, network, architecture=architecture, about=about)
    names = ", ".join(f"{path.name} with {', '.join(sorted(group))}" for path, group in zip(paths, groups, strict=True))
    raise WeightsError(f"no converter knows these weights: {names[:300]}")


def read_pickled(path: Path) -> dict[str, dict[str, torch.Tensor]]:
    """The groups of tensors in a file that `torch.save` wrote: the state of each network that it holds, by its key.

    That of a file which is the state of one network has the key "".

    Raises `WeightsError` where there is anything but tensors and plain values, or nothing of the kind.
    """
    with storage_errors(path):
        if not path.is_file():
            raise WeightsError(f"{path}: there is no such file of weights")
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(4)
    if size > MOST_BYTES or (start == _ZIP and _unpacked(path) > MOST_BYTES):
        raise WeightsError(f"{path}: more than {MOST_BYTES} bytes; no more are read")
    try:
        with warnings.catch_warnings(action="ignore"):  # about pickles that are refused anyway
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch's reader answers damage with whatever its own code stumbles over
        refused = isinstance(error, pickle.UnpicklingError)
        what = "refused, it is damaged or asks for more than tensors" if refused else "no weights of torch, or damaged"
        raise WeightsError(f"{path}: {what}: {one_line(error)}") from error
    if isinstance(state, dict) and state and all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        state = {"": state}  # the state of one network, without a name
    groups = {
        str(key): {str(name): tensor for name, tensor in group.items() if isinstance(tensor, torch.Tensor)}
        for key, group in (state.items() if isinstance(state, dict) else ())
        if isinstance(group, dict)
    }
    groups = {key: group for key, group in groups.items() if group}
    if not groups:
        raise WeightsError(f"{path}: it holds no networks' tensors")
    return groups


def _unpacked(path: Path) -> int:
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise WeightsError(f"{path}: no weights of torch, or damaged: {one_line(error)}") from error
