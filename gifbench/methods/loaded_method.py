"""What a method says of itself, read off a class or an instance, and what a loaded one is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gifbench.errors import MethodFailed
from gifbench.user_code_import import one_line

if TYPE_CHECKING:
    from gifbench.methods.audit_hook import Watch
    from gifbench.methods.method_interface import FrameMethod, Method


@dataclass(frozen=True, slots=True)
class MethodInfo:
    """What a method says of itself, in attributes of these names; the defaults stand for what it does not say.

    `version` enters the results: change it when the output changes. `parameters` counts what was learned. `weights` is
    a file whose name and sha256 enter the results. `tasks` names the tasks it can do (None: all). `backend = "torch"`
    asks for tensors, and for one call of `to(device)` before the first clip. `needs_palettes = False` says that the
    method works without palettes, so that it can be given a video, whose palettes are empty.
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
    needs_palettes: bool = True
    PRESETS: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


def declared(source: object) -> MethodInfo:
    """What a class or an instance says of itself; what is no plain value, as a property of a class, is left out.

    Raises `MethodFailed` where a property raises.
    """
    said: dict[str, Any] = {}
    for each in fields(MethodInfo):
        try:
            value = getattr(source, each.name, None)
        except (Exception, SystemExit) as error:
            raise MethodFailed(f"the attribute {each.name} of a method raised {one_line(error)}") from error
        if each.name == "tasks" and isinstance(value, list | tuple):
            said["tasks"] = tuple(str(task) for task in value)
        elif each.name == "PRESETS" and isinstance(value, Mapping):
            said["PRESETS"] = dict(value)
        elif each.name == "parameters" and isinstance(value, int) and value >= 0:
            said["parameters"] = value
        elif each.name == "needs_palettes" and isinstance(value, bool):
            said["needs_palettes"] = value
        elif each.name == "weights" and isinstance(value, str | Path):
            said["weights"] = str(value)
        elif isinstance(value, str) and each.name in ("version", "description", "licence", "backend"):
            said[each.name] = value
    return MethodInfo(**said)


def facts_sha256(facts: object) -> str:
    """The sha256 of facts, JSON values: the identity of a method, a metric, a run, restored frames."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True, eq=False)
class LoadedMethod:
    """A method, ready to restore, and all that results say of it.

    `name` is canonical: one method with one set of options has one name, so that `gaussian:sigma=0.5` and
    `gaussian-0.5` are the same row. `options` are all of them as they are shown, the defaults included; `full_options`
    are the same as the identity has them, a path by what lies there. `parts` are the methods among them, of which this
    one is made; where there are several files of code or weights, the sha256 is of their sha256s. `packages` are those
    that its code imports, with their versions. `source` is what it was loaded from, the kind and the text, so that
    another process can load it too; None for an instance that was made in this one.

    `unknown` says why the identity cannot be known by content; it is empty where it is known. `watch` notices what
    the method does besides. Two loaded methods are equal if their identities are.
    """

    name: str
    origin: str
    method: Method | FrameMethod = field(repr=False)
    options: Mapping[str, object]
    declared: MethodInfo
    code_sha256: str | None
    weights_sha256: str | None
    parts: tuple[LoadedMethod, ...] = field(default=(), repr=False)
    source: tuple[str, str] | None = field(default=None, repr=False)
    full_options: Mapping[str, object] | None = field(default=None, repr=False)
    packages: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    unknown: tuple[str, ...] = ()
    watch: Watch | None = field(default=None, repr=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LoadedMethod) and self.identity == other.identity

    def __hash__(self) -> int:
        return hash(self.identity)

    @property
    def facts(self) -> dict[str, object]:
        """All that its frames depend on, apart from where it runs, as JSON values."""
        options = self.options if self.full_options is None else self.full_options
        return {
            "name": self.name,
            "version": self.declared.version,
            "backend": self.declared.backend,
            "options": {key: value if isinstance(value, dict | list) else str(value) for key, value in options.items()},
            "code": self.code_sha256,
            "weights": self.weights_sha256,
            "files": sorted(self.watch.files.values()) if self.watch is not None else [],
            "parts": [part.facts for part in self.parts],
        }

    @property
    def identity(self) -> str:
        """The sha256 of `facts`."""
        return facts_sha256(self.facts)

    @property
    def parameters(self) -> int:
        """The number of learned parameters."""
        return self.declared.parameters

    @property
    def weights(self) -> str | None:
        """The name of the weights' file, or of the parts' files; None where there are none."""
        own = Path(self.declared.weights).name if self.declared.weights else None
        return " + ".join(name for name in (own, *(part.weights for part in self.parts)) if name) or None

    @property
    def licence(self) -> str:
        """The licence that the method declares; empty where it says nothing."""
        return self.declared.licence

    @property
    def tasks(self) -> tuple[str, ...] | None:
        """The names of the tasks that it can do, None for all."""
        return self.declared.tasks
