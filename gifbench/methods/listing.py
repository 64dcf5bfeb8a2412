"""The list of installed methods: those of tables are listed without being imported, classes are asked."""

from __future__ import annotations

from dataclasses import dataclass

from gifbench.errors import GifbenchError
from gifbench.methods.info import Declared, declared
from gifbench.methods.installed import Offer, installed, missing, offers_class, offers_origin


@dataclass(frozen=True, slots=True)
class ListedMethod:
    """A line of `gifbench methods`; `problem` says why the method cannot be loaded, None where it can."""

    name: str
    origin: str
    declared: Declared
    problem: str | None = None


def list_methods() -> list[ListedMethod]:
    """All installed methods, presets in place of the method that has them; one that cannot be loaded says why."""
    listed = []
    for name, offers in installed().items():
        origin = offers_origin(offers)
        try:
            said = _said(offers)
            problem = missing(offers[0])
        except GifbenchError as error:
            listed.append(ListedMethod(name, origin, Declared(), problem=str(error)))
            continue
        why = str(problem) if problem else None
        listed += [ListedMethod(each, origin, said, problem=why) for each in (said.PRESETS or [name])]
    return sorted(listed, key=lambda method: method.name)


def _said(offers: tuple[Offer, ...]) -> Declared:
    entry = offers[0].entry
    if len(offers) > 1 or entry is None:
        return declared(offers_class(offers))
    return Declared(
        description=entry.summary,
        licence=entry.license,
        parameters=entry.parameters,
        tasks=entry.tasks,
        PRESETS=entry.presets,
    )
