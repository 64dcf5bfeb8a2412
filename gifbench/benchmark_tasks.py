"""Tasks: which GIF a method is given, and how few of the video's frames it holds.

The eight of the dataset are `plain-1` to `dithered-8`. Beside them `<maker>-1`, `-2`, `-4` and `-8` have GIFs as people
make them (`gifbench.gif_maker_registry`): `pillow-1`, `ffmpeg-256-bayer-4`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gifbench.did_you_mean import known_names
from gifbench.errors import GifbenchError, UsageError


@dataclass(frozen=True, slots=True)
class Task:
    """A GIF variant, with every frame of the video or every second, fourth, eighth.

    The variant is the dataset's plain GIF, its Floyd-Steinberg dithered one, or what the named `maker` makes of the
    clip (then `dithered` is what the maker says of its GIFs, None where that depends).

    With `every == 1` only color is restored (Table 1 of the paper), else time as well (Table 2): the GIF keeps the
    frames 0, k, 2k, … and the method gives back all of them.
    """

    name: str
    dithered: bool | None
    every: int
    maker: str | None = None


STEPS = (1, 2, 4, 8)
"""Which frames of the video a GIF may keep: every one, every second, fourth, eighth."""

_KINDS = ("plain", "dithered")

TASKS: dict[str, Task] = {
    f"{variant}-{every}": Task(f"{variant}-{every}", dithered=variant == "dithered", every=every)
    for variant in _KINDS
    for every in STEPS
}
"""The tasks of the dataset's own GIFs by name, `plain-1` to `dithered-8`; those of makers are not in it."""


def task(name: str) -> Task:
    """The task of that name, `plain-1` or `ffmpeg-256-bayer-1`; raises `UsageError` for another."""
    if name in TASKS:
        return TASKS[name]
    from gifbench.gif_maker_registry import is_maker, list_makers, load_maker

    maker, _, every = name.rpartition("-")
    if every in map(str, STEPS) and is_maker(maker):
        return Task(name, load_maker(maker).dithered, int(every), maker)
    known = [*TASKS, *(f"{each.name}-1" for each in list_makers())]
    raise UsageError(f'there is no task "{name}": {known_names(name, known)}')


def known_task(name: str) -> Task | None:
    """The task of that name; None for one that this gifbench, and what is installed beside it, does not know."""
    try:
        return task(name)
    except GifbenchError:
        return None


DEFAULT_TASKS = ("plain-1", "dithered-1")
"""What is evaluated where no task is named: color alone, both kinds of GIF."""


def parse_tasks(tasks: Task | str | Iterable[Task | str]) -> tuple[Task, ...]:
    """One task or several, each once and in order: names, lists with commas, or values.

    `all` are the eight of the dataset's own GIFs, `plain`, `dithered` and the name of a maker the four of that kind.
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
            found |= {one: task(one) for one in _group(name)}
    if not found:
        raise UsageError(f"tasks must name at least one of {', '.join(TASKS)}, got none")
    return tuple(found.values())


def one_task(given: Task | str) -> Task:
    """The one task that is named; raises `UsageError` for a name of several, as `plain` is, and as `parse_tasks`."""
    found = parse_tasks([given])
    if len(found) > 1:
        raise UsageError(f"task must be one task, got {given}; choose one of {', '.join(each.name for each in found)}")
    return found[0]


def does_task(names: Sequence[str] | None, asked: Task) -> bool:
    """Whether a method that names its tasks (None: all) does this one: of a maker's those that are as sparse."""
    if names is None or asked.name in names:
        return True
    return asked.maker is not None and any(name in TASKS and TASKS[name].every == asked.every for name in names)


def _group(name: str) -> list[str]:
    if name == "all":
        return list(TASKS)
    if name in _KINDS:
        return [f"{name}-{every}" for every in STEPS]
    if name in TASKS:
        return [name]
    from gifbench.gif_maker_registry import is_maker

    return [f"{name}-{every}" for every in STEPS] if is_maker(name) else [name]
