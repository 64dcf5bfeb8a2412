"""Which methods installed packages offer: the entry points of the group `gifbench.methods`, read without importing any.

An entry point is a method's class, by the name of the method, or a table of many: a constant, written in capitals, that
maps names to `MethodEntry`. What a table says of its methods is known, and listed, without importing them.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from typing import Any, Literal

from gifbench.entry_points import entry_points
from gifbench.errors import GifbenchError, MethodError
from gifbench.methods.loaded_method import MethodInfo, declared
from gifbench.user_code_import import import_errors, missing_extra

GROUP = "gifbench.methods"
"""The entry points by which an installed package offers methods."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodEntry:
    """A row of a package's table of methods: where a method is, and what is said of it before it is imported.

    `load` is its class, "package.module:Class". `summary`, `license`, `parameters` (how many are learned) and `tasks`
    (names; None: all) are what lists and results say, where an instance says nothing else of itself. `needs` are the
    packages of extras that it imports: a list says that they are missing. `presets` map further names to options; each
    begins with the method's own name and a hyphen, but for one that is it. `attributes` are set on the class, for
    classes that serve several names. `restores` says what a method gives back: "color", "time" (the frames between), or
    "both". `ready` is False for a network whose weights do not come along: it has to be trained first, or
    needs a file of the user's.
    """

    load: str
    summary: str
    license: str = ""
    parameters: int = 0
    tasks: tuple[str, ...] | None = None
    needs: tuple[str, ...] = ()
    presets: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    attributes: Mapping[str, object] = field(default_factory=dict)
    restores: Literal["color", "time", "both"] = "color"
    ready: bool = True


@dataclass(frozen=True, slots=True)
class Offer:
    """A method that a package offers; `entry` is its row in a table, None where the entry point is the class itself.

    `problem` is why it cannot be loaded, whatever its class: the table that should hold it cannot be read, or several
    packages, all named in `origin`, offer the name.
    """

    name: str
    value: str
    origin: str
    entry: MethodEntry | None = field(default=None, compare=False)
    problem: GifbenchError | None = field(default=None, compare=False)

    @property
    def info(self) -> MethodInfo:
        """What the method says of itself: what is written in a table is known without importing it."""
        if self.entry is None or self.problem:
            return declared(self.load())
        return MethodInfo(**_said(self.entry))

    def load(self) -> type[Any]:
        """The class of that name; raises `MethodError` where it cannot be imported or is not the only one."""
        if self.problem:
            raise self.problem
        with import_errors(f"method {self.name} ({self.value})"):
            found = EntryPoint(self.name, self.value, GROUP).load()
        if not inspect.isclass(found):
            raise MethodError(f"method {self.name}: {self.value} is not a class")
        if self.entry is None:
            return found
        own = {"__module__": found.__module__, "__doc__": found.__doc__}
        return type(found.__name__, (found,), {**_said(self.entry), **own, **self.entry.attributes})

    @property
    def missing(self) -> str | None:
        """What loading the method would say of a package that it needs and that is not installed; else None."""
        for package in self.entry.needs if self.entry else ():
            if find_spec(package) is None:
                return str(missing_extra(package, f"method {self.name} ({self.value})"))
        return None


def _said(entry: MethodEntry) -> dict[str, Any]:
    """What a row of a table says, as the attributes of a class say it."""
    return {
        "description": entry.summary,
        "licence": entry.license,
        "parameters": entry.parameters,
        "tasks": entry.tasks,
        "PRESETS": entry.presets,
    }


def installed() -> dict[str, Offer]:
    """All installed methods by name, sorted; one name that packages quarrel over is of all of them, and a problem."""
    found: dict[str, dict[str, Offer]] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        for offer in _offers(point):
            found.setdefault(offer.name, {})[offer.value] = offer
    return {name: _only(list(found[name].values())) for name in sorted(found)}


def _only(offers: list[Offer]) -> Offer:
    if len(offers) == 1:
        return offers[0]
    origins = ", ".join(offer.origin for offer in offers)
    problem = MethodError(f"method {offers[0].name}: several packages offer it ({origins}); uninstall all but one")
    return replace(offers[0], origin=origins, problem=problem)


def _offers(point: EntryPoint) -> list[Offer]:
    origin = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
    if not point.attr.isupper():
        return [Offer(point.name, point.value, origin)]
    try:
        with import_errors(f"methods of {point.name} ({point.value})"):
            table = point.load()
        if not isinstance(table, Mapping) or not all(isinstance(entry, MethodEntry) for entry in table.values()):
            raise MethodError(f"methods of {point.name}: {point.value} must map names to gifbench.MethodEntry")
    except GifbenchError as error:
        return [Offer(point.name, point.value, origin, problem=error)]
    return [Offer(str(name), entry.load, origin, entry) for name, entry in table.items()]


@dataclass(frozen=True, slots=True)
class ListedMethod:
    """A line of `gifbench methods`; `problem` says why the method cannot be loaded, None where it can.

    `restores` is color, time (the frames between) or both; `ready` is False for a network that has to be trained first.
    """

    name: str
    origin: str
    declared: MethodInfo
    problem: str | None = None
    restores: str = "color"
    ready: bool = True


def list_methods() -> list[ListedMethod]:
    """All installed methods, presets in place of the method that has them; one that cannot be loaded says why."""
    listed = []
    for name, offer in installed().items():
        try:
            said = offer.info
        except GifbenchError as error:
            listed.append(ListedMethod(name, offer.origin, MethodInfo(), problem=str(error)))
            continue
        if offer.entry is not None:
            restores, ready = offer.entry.restores, offer.entry.ready
        else:  # a class of its own that sees frame by frame restores color, another one may do both
            restores = "color" if hasattr(offer.load(), "restore_frames") else "both"
            ready = said.parameters == 0
        listed += [
            ListedMethod(each, offer.origin, said, problem=offer.missing, restores=restores, ready=ready)
            for each in (said.PRESETS or [name])
        ]
    return sorted(listed, key=lambda method: method.name)
