"""A reader under test, and the promise that it is held to."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from hypothesis.strategies import SearchStrategy

from gifbench.errors import GifbenchError

Value = TypeVar("Value")

SECONDS = 10
"""No input of up to `MOST_BYTES` takes longer, on one core of a small machine."""

MEMORY = 512 << 20
"""Bytes that reading one of them may take, beyond what the process holds before it."""

MOST_BYTES = 1 << 20

_LONGEST_MESSAGE = 4000
_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class Target:
    """What is read: `seeds` are whole inputs, `crafted` makes a strategy for broken ones out of them.

    `read` takes the bytes of one input, and calls what may refuse it through `ends_well`.
    """

    name: str
    read: Callable[[bytes], object]
    seeds: Callable[[], Sequence[bytes]]
    crafted: Callable[[Sequence[bytes]], SearchStrategy[bytes]]


class BrokenPromise(AssertionError):
    """A reader refused its input in another way than it should."""


def ends_well(call: Callable[[], Value]) -> Value | None:
    """What `call` gives, or None where it raises a `GifbenchError` that can be shown to a person."""
    try:
        return call()
    except GifbenchError as error:
        message = str(error)
        if not message or len(message.splitlines()) != 1 or len(message) > _LONGEST_MESSAGE:
            raise BrokenPromise(f"{type(error).__name__} of {len(message)} characters: {message[:300]!r}") from error
        return None


@contextmanager
def memory_limit(size: int) -> Iterator[None]:
    """Within the block, what takes more than `size` bytes beyond what the process has now raises `MemoryError`."""
    if not _STATUS.exists():  # other systems do not count so
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (data_bytes() + size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def data_bytes() -> int:
    """What counts against `RLIMIT_DATA`: the private, writable memory of this process. Only Linux says."""
    status = _STATUS.read_text(encoding="ascii")
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmData"))
