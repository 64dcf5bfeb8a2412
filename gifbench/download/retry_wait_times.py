"""How hard a fetch tries, and what it knows of time."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How hard to try. Times are in seconds; a wait is varied by half, so that many do not come back as one."""

    parallel: int = 8
    """Groups that are fetched from at the same time; within a group it is one after the other."""
    attempts: int = 4
    """Tries of one source in one run."""
    first_wait: float = 30.0
    """After a failure that may pass; doubled each time."""
    longest_wait: float = 3600.0
    """The most that a wait or a pause grows to; a server that asks for more is given it, up to `longest_asked`."""
    longest_asked: float = 86400.0
    """The most that a server's `Retry-After` is followed."""
    pause: float = 300.0
    """How long a group rests after a rate limit or a bot check; doubled as long as nothing succeeds in between."""
    pauses: int = 8
    """So many pauses in a row, and the group is left for another day."""
    unreachable: int = 5
    """So many sources of a group in a row without a connection, and its server is taken for unreachable (`Reach`)."""
    brake: int = 20
    """So many answers of a group are looked at; if most are the same reason for good, none is believed until a source
    answers that is known to be there (`Brake`). 0: all are believed."""
    per_hour: Mapping[str, int] = field(default_factory=dict)
    """The most fetches an hour, by group; a group that is not named goes as fast as it goes."""

    def wait(self, first: float, times: int, asked: float) -> float:
        """The wait after so many earlier ones, in seconds; at least what the server asked for, if that is sensible."""
        wait = min(first * 2.0 ** min(times, 30), self.longest_wait)
        return max(min(asked, self.longest_asked), wait * random.uniform(0.5, 1.5))  # noqa: S311  # jitter is no secret


class Clock:
    """The time of this machine when the run began, and what has passed since: setting the clock moves no wait."""

    def __init__(self) -> None:
        self._began = time.time() - time.monotonic()

    def now(self) -> float:
        """Seconds since 1970."""
        return self._began + time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
