"""Which methods installed packages offer: the entry points of the group `gifbench.methods`, read without importing any.

An entry point is a method's class, by the name of the method, or a table of many: a constant, written in capitals, that
maps names to `MethodEntry`. What a table says of its methods is known, and listed, without importing them.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from typing import Any, Literal

from gifbench.entry_points import entry_points
from gifbench.errors import GifbenchError, MethodError, MissingExtra
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

    `problem` is why the table that should hold it cannot be read.
    """

    name: str
    value: str
    origin: str
    entry: MethodEntry | None = field(default=None, compare=False)
    problem: GifbenchError | None = field(default=None, compare=False)


def installed() -> dict[str, tuple[Offer, ...]]:
    """All installed methods by name, sorted: more than one where packages quarrel over a name."""
    found: dict[str, dict[str, Offer]] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        for offer in _offers(point):
            found.setdefault(offer.name, {})[offer.value] = offer
    return {name: tuple(found[name].values()) for name in sorted(found)}


def offers_origin(offers: tuple[Offer, ...]) -> str:
    """The package and version that a name comes from; all of them where there are several."""
    return ", ".join(offer.origin for offer in offers)


def offers_class(offers: tuple[Offer, ...]) -> type[Any]:
    """The class that a name stands for; raises `MethodError` where it cannot be imported or is not the only one."""
    offer = offers[0]
    if len(offers) > 1:
        origins = offers_origin(offers)
        raise MethodError(f"method {offer.name}: several packages offer it ({origins}); uninstall all but one")
    if offer.problem:
        raise offer.problem
    return _loaded(offer)


def offers_info(offers: tuple[Offer, ...]) -> MethodInfo:
    """What a name says of itself: what is written in a table is known without importing the method."""
    entry = offers[0].entry
    if len(offers) > 1 or entry is None:
        return declared(offers_class(offers))
    return MethodInfo(
        description=entry.summary,
        licence=entry.license,
        parameters=entry.parameters,
        tasks=entry.tasks,
        PRESETS=entry.presets,
    )


def missing(offer: Offer) -> MissingExtra | None:
    """The error that loading the method would raise for a package that it needs and that is not installed."""
    for package in offer.entry.needs if offer.entry else ():
        if find_spec(package) is None:
            return missing_extra(package, f"method {offer.name} ({offer.value})")
    return None


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


def _loaded(offer: Offer) -> type[Any]:
    with import_errors(f"method {offer.name} ({offer.value})"):
        found = EntryPoint(offer.name, offer.value, GROUP).load()
    if not inspect.isclass(found):
        raise MethodError(f"method {offer.name}: {offer.value} is not a class")
    entry = offer.entry
    if entry is None:
        return found
    said = {
        "description": entry.summary,
        "licence": entry.license,
        "parameters": entry.parameters,
        "tasks": entry.tasks,
        "PRESETS": entry.presets,
        "__module__": found.__module__,
        "__doc__": found.__doc__,
    }
    return type(found.__name__, (found,), {**said, **entry.attributes})


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
    for name, offers in installed().items():
        origin = offers_origin(offers)
        try:
            said = offers_info(offers)
            problem = missing(offers[0])
        except GifbenchError as error:
            listed.append(ListedMethod(name, origin, MethodInfo(), problem=str(error)))
            continue
        why = str(problem) if problem else None
        ready = said.parameters == 0 if offers[0].entry is None else offers[0].entry.ready
        listed += [
            ListedMethod(each, origin, said, problem=why, restores=_restores(offers), ready=ready)
            for each in (said.PRESETS or [name])
        ]
    return sorted(listed, key=lambda method: method.name)


def _restores(offers: tuple[Offer, ...]) -> str:
    """As a table says; a class of its own that sees frame by frame restores color, another one may do both."""
    entry = offers[0].entry
    if entry is not None:
        return entry.restores
    return "color" if hasattr(offers_class(offers), "restore_frames") else "both"
