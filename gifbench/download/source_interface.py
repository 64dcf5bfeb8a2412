"""What a source of videos is, what a kind of sources offers to `gifbench fetch`, and a source's twin in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from gifbench.errors import Gone

if TYPE_CHECKING:
    from gifbench.manifest.rows import ManifestRow

MAX_SIZE = 16 << 30
"""Bytes of the largest video that is fetched unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A video that is whole, in the scratch folder it was fetched into."""

    path: Path
    """The file; its ending says the container."""
    about: Mapping[str, str] = field(default_factory=dict)
    """What is worth remembering: the URL or file it came from, the format chosen, versions of tools."""


class Source(Protocol):
    """A kind of place that videos are fetched from.

    It may have a third method, `check(locator)`, which raises what `fetch` would raise and brings nothing: it is asked
    whether a video that was there still is, and `fetch` where there is none.
    """

    def group(self, locator: str) -> str:
        """What a rate limit on this locator also holds for: a service, a server.

        Raises a `SourceError` for a locator that can be none; it is not fetched then.
        """

    def fetch(self, locator: str, scratch: Path) -> Fetched:
        """Fetch one video, whole, into the folder `scratch`.

        What an earlier try left in `scratch` may be gone on with. Raises a `SourceError` by cause, `MediaError` for
        what is no video, `StorageError` for what is wrong with the disk here.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchLimits:
    """What holds for the sources of a run, whatever their kind."""

    trusted: bool = False
    """Whether the manifest may name addresses of private networks."""
    timeout: float = 30.0
    """Seconds that a server may be silent."""
    max_size: int = MAX_SIZE
    """Bytes of the largest video."""


@dataclass(frozen=True, slots=True)
class NoOptions:
    """The options of a kind that has none."""


class SourceKind:
    """A kind of place that videos come from: a value of the manifest's column `source`.

    A package offers one by an entry point of the group `gifbench.sources`, which is called as the column says it and
    names a subclass of this. Its module is loaded with every `gifbench`, so it must load nothing heavy itself.
    """

    options: ClassVar[type[Any]] = NoOptions
    """A frozen dataclass whose fields become options of `gifbench fetch`: `name: Annotated[type, typer.Option(…)]`."""

    def check_locator(self, locator: str, *, trusted: bool = False) -> None:
        """Raise `Refused` for a locator that cannot be, or that only a `trusted` manifest may hold."""

    def from_url(self, url: str) -> str | None:
        """The locator of the video that the page at `url` shows, where it is one of this kind; None otherwise."""
        return None

    def open(self, rows: Sequence[ManifestRow], options: Any, limits: FetchLimits) -> Source:  # noqa: ANN401
        """The source of these rows, all of this kind, with its `options`.

        Raises `UsageError` where nothing was said of where to get them, naming the option that says it.
        """
        raise NotImplementedError

    def per_hour(self, options: Any) -> Mapping[str, int]:  # noqa: ANN401
        """The most fetches an hour, by `Source.group`; a group that is not named goes as fast as it goes."""
        return {}


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
