"""The eight tasks: which GIF a method is given, and how few of the video's frames it holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gifbench.errors import UsageError
from gifbench.plugins import known_names


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


DEFAULT_TASKS = ("plain-1", "dithered-1")
"""What is evaluated where no task is named: color alone, both kinds of GIF."""


def parse_tasks(tasks: Task | str | Iterable[Task | str]) -> tuple[Task, ...]:
    """One task or several, each once and in order: names, lists with commas, `all`, `plain`, `dithered`, or values.

    Raises `UsageError` for an unknown name, another type, and none at all.
    """
    given = [tasks] if isinstance(tasks, str | Task) else tasks
    if not isinstance(given, Iterable):
        raise UsageError(f"tasks must be a task or a list of them, got {type(tasks).__name__}")
    found: dict[str, Task] = {}
    for each in given:
        if isinstance(each, Task):
            found[each.name] = each
            continue
        if not isinstance(each, str):
            raise UsageError(f"a task must be a name such as plain-1, got {type(each).__name__}")
        for name in filter(None, (part.strip() for part in each.split(","))):
            groups = {"all": list(TASKS), **{kind: [t for t in TASKS if t.startswith(kind)] for kind in _KINDS}}
            for one in groups.get(name, [name]):
                found[one] = task(one)
    if not found:
        raise UsageError(f"tasks must name at least one of {', '.join(TASKS)}, got none")
    return tuple(found.values())


_KINDS = ("plain", "dithered")
