"""What a method says of itself, and reading it off a class or an instance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Declared:
    """What a method says of itself, in attributes of these names; the defaults stand for what it does not say.

    `version` enters the results: change it when the output changes. `parameters` counts what was learned. `weights` is
    a file whose name and sha256 enter the results. `tasks` names the tasks it can do (None: all). `backend = "torch"`
    asks for tensors, and for one call of `to(device)` before the first clip.
    `PRESETS` maps further names to options, so that `gaussian-0.5` stands for `gaussian:sigma=0.5`; each begins with
    the name that the method is registered by and a hyphen.
    """

    version: str = ""
    description: str = ""
    licence: str = ""
    parameters: int = 0
    weights: str | None = None
    tasks: tuple[str, ...] | None = None
    backend: str = "numpy"
    PRESETS: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


NAMES = frozenset(each.name for each in fields(Declared))
"""The attributes that are looked at."""


def declared(source: object) -> Declared:
    """What a class or an instance says of itself; what is no plain value, as a property of a class, is left out."""
    said: dict[str, Any] = {}
    for each in fields(Declared):
        value = getattr(source, each.name, None)
        if each.name == "tasks" and isinstance(value, list | tuple):
            said["tasks"] = tuple(str(task) for task in value)
        elif each.name == "PRESETS" and isinstance(value, Mapping):
            said["PRESETS"] = dict(value)
        elif each.name == "parameters" and isinstance(value, int) and value >= 0:
            said["parameters"] = value
        elif each.name == "weights" and isinstance(value, str | Path):
            said["weights"] = str(value)
        elif isinstance(value, str) and each.name in ("version", "description", "licence", "backend"):
            said[each.name] = value
    return Declared(**said)
