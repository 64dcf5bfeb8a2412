"""The eight tasks: which GIF a method is given, and how few of the video's frames it holds."""

from __future__ import annotations

from dataclasses import dataclass

from gifbench.did_you_mean import known_names
from gifbench.errors import UsageError


@dataclass(frozen=True, slots=True)
class Task:
    """A GIF variant: plain or Floyd-Steinberg dithered, with every frame of the video or every second, fourth, eighth.

    With `every == 1` only color is restored (Table 1 of the paper), else time as well (Table 2): the GIF keeps the
    frames 0, k, 2k, … and the method gives back all of them.
    """

    name: str
    dithered: bool
    every: int


TASKS: dict[str, Task] = {
    f"{variant}-{every}": Task(f"{variant}-{every}", dithered=variant == "dithered", every=every)
    for variant in ("plain", "dithered")
    for every in (1, 2, 4, 8)
}
"""All tasks by name, `plain-1` to `dithered-8`."""


def task(name: str) -> Task:
    """The task of that name; raises `UsageError` for another."""
    try:
        return TASKS[name]
    except KeyError:
        raise UsageError(f'there is no task "{name}": {known_names(name, TASKS)}') from None
