"""How far a long call is: the one event that all of them give, and the function that gets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long call is: building, fetching, scoring, restoring, training, verifying, exporting.

        gifbench.evaluate("gif", ds, "plain-1", progress=lambda now: print(now.done, "of", now.total, now.what))

    `done` of `total` steps are done; `total` is 0 where nobody knows it. `what` names the newest step: a clip, a file,
    the losses of a training. `message` is what a person should be told, such as a failure or a pause; `reason` is why
    this step failed or was rejected, a code such as `corrupt`. Where a call does several runs, `run` says which one
    this is ("ccdnet on plain-1"). `reused` says that the result of an earlier call was taken. `seconds_left` is an
    estimate, where the call has a better one than the pace so far.
    """

    done: int = 0
    total: int = 0
    what: str = ""
    message: str = ""
    reason: str = ""
    run: str = ""
    reused: bool = False
    seconds_left: float | None = None


ProgressCallback = Callable[[Progress], None]
"""What the parameter `progress` of such a call is. It is called in the thread of the call alone."""


def silent(now: Progress) -> None:
    """Tell nobody."""


def count_text(value: float) -> str:
    """A count as people say it: 1.54M."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def duration_text(seconds: float) -> str:
    """Seconds as a person says them: "90 seconds", "5 minutes"."""
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
