"""The list of installed methods: those of tables are listed without being imported, classes are asked."""

from __future__ import annotations

from dataclasses import dataclass

from gifbench.errors import GifbenchError
from gifbench.methods.info import MethodInfo, declared
from gifbench.methods.installed import MethodEntry, Offer, installed, missing, offers_class, offers_origin


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


_UNKNOWN = MethodEntry(load="", summary="", ready=False)
"""What is believed of a class with learned parameters that no table describes."""


def list_methods() -> list[ListedMethod]:
    """All installed methods, presets in place of the method that has them; one that cannot be loaded says why."""
    listed = []
    for name, offers in installed().items():
        origin = offers_origin(offers)
        try:
            said = _said(offers)
            problem = missing(offers[0])
        except GifbenchError as error:
            listed.append(ListedMethod(name, origin, MethodInfo(), problem=str(error)))
            continue
        why = str(problem) if problem else None
        restores, ready = (
            _restores(offers),
            said.parameters == 0 or (offers[0].entry is not None and offers[0].entry.ready),
        )
        listed += [
            ListedMethod(each, origin, said, problem=why, restores=restores, ready=ready)
            for each in (said.PRESETS or [name])
        ]
    return sorted(listed, key=lambda method: method.name)


def _restores(offers: tuple[Offer, ...]) -> str:
    """As a table says; a class of its own that sees frame by frame restores color, another one may do both."""
    entry = offers[0].entry
    if entry is not None:
        return entry.restores
    return "color" if hasattr(offers_class(offers), "restore_frames") else "both"


def _said(offers: tuple[Offer, ...]) -> MethodInfo:
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
