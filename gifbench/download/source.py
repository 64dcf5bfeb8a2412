"""What a source of videos is, and its twin in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gifbench.errors import Gone


@dataclass(frozen=True, slots=True)
class Fetched:
    """A video that is whole, in the scratch folder it was fetched into."""

    path: Path
    """The file; its ending says the container."""
    about: Mapping[str, str] = field(default_factory=dict)
    """What is worth remembering: the URL or file it came from, the format chosen, versions of tools."""


class Source(Protocol):
    """A kind of place that videos are fetched from."""

    def group(self, locator: str) -> str:
        """What a rate limit on this locator also holds for: a service, a server.

        Raises a `SourceError` for a locator that can be none; it is not fetched then.
        """
        ...

    def fetch(self, locator: str, scratch: Path) -> Fetched:
        """Fetch one video, whole, into the folder `scratch`.

        What an earlier try left in `scratch` may be gone on with. Raises a `SourceError` by cause, `MediaError` for
        what is no video, `StorageError` for what is wrong with the disk here.
        """
        ...


class MemorySource:
    """Videos held in memory, for tests and as the plainest example of a source.

    A value may be an exception, which is raised, or a function without arguments that gives bytes or raises.
    """

    def __init__(self, videos: Mapping[str, bytes | Exception | Callable[[], bytes]], *, suffix: str = ".mp4") -> None:
        self._videos, self._suffix = dict(videos), suffix

    def group(self, locator: str) -> str:  # all of memory is one place
        """All of it is one place."""
        return "memory"

    def fetch(self, locator: str, scratch: Path) -> Fetched:
        """Write the bytes down; raises `Gone` for a name that is not there."""
        video = self._videos.get(locator, Gone(f"{locator}: there is no such video in memory"))
        data = video() if callable(video) else video
        if isinstance(data, Exception):
            raise data
        path = scratch / f"video{self._suffix}"
        path.write_bytes(data)
        return Fetched(path, {"from": "memory"})
