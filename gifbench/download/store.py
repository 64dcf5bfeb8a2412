"""The store of sources: one file a video, whole or not there, with its sha256 and provenance beside it.

    <store>/README
    <store>/<source>/<2 hex>/<name>-<12 hex>.mp4      the video as it came
    <store>/<source>/<2 hex>/<name>-<12 hex>.json     what it is; written last: a video without it does not count
    <store>/unfinished/<source>-<12 hex>.partial/     what a fetch has so far
    <store>/fetches.jsonl                             the ledger (`fetch_ledger.py`)

The digits are of the sha256 of source and locator: ids that differ in case alone (YouTube's do) stay two files on every
file system, and no locator can name a place outside the store. A store may lie at any fsspec URL; what is unfinished is
then kept in the user's cache folder of the machine that fetches.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

from gifbench.download.source_interface import Fetched
from gifbench.errors import BuildError, DatasetDamaged, NotFound, StorageError, storage_errors
from gifbench.media.video import know_stamp_order, probe, stamp_order
from gifbench.storage import PARTIAL, Folder, check_name, file_sha256
from gifbench.text_redaction import hashed, redact

README = "Sources fetched by gifbench; docs/fetching.md says what is what. Safe to delete: they are fetched again.\n"

_STAMPS = "time_stamps"
"""What `gifbench.media.video.stamp_order` said of a video, so that no build looks through all of it again."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store remembers of a source."""

    source: str
    locator: str
    file: str
    """Its name in the folder where this description lies."""
    sha256: str
    bytes: int
    width: int
    height: int
    codec: str
    frame_rate: str
    """Frames a second, as a fraction."""
    about: dict[str, str] = field(default_factory=dict)
    """Where it came from, the format chosen, what was seen of its time stamps, versions of tools."""


class Store:
    """A place that holds fetched sources: a folder, or an fsspec URL. It can be sent to another process."""

    def __init__(self, url: str | os.PathLike[str]) -> None:
        """Nothing is created or read yet. Raises `StorageError` for a kind of URL that is not known."""
        self.folder = Folder(url)

    def __repr__(self) -> str:
        return f"Store({self.folder.url!r})"

    def find(self, source: str, locator: str) -> Stored | None:
        """What is known of a source that is here whole, or None."""
        found = self._found(source, locator)
        return None if found is None else found[1]

    def _found(self, source: str, locator: str) -> tuple[str, Stored] | None:
        """The name of the video of a source that is here whole, and what is known of it."""
        for place in self._places(source, locator):
            try:
                stored = read_stored(self.folder, f"{place}.json")
            except NotFound:
                continue
            video = beside(place, stored.file)
            if self.folder.size(video) == stored.bytes:
                return video, stored
        return None

    def present(self, sources: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """Which of these pairs of source and locator are here whole.

        On an object store, where each look is a request, this is one listing, and a video counts when it and its
        description are there: both appear there only whole.
        """
        wanted = set(sources)
        if not wanted:
            return set()
        if self.folder.local is not None:
            return {key for key in wanted if self.find(*key) is not None}
        names = set(self.folder.names())
        videos = {name.rsplit(".", 1)[0] for name in names if not name.endswith(".json")}
        here = {place for place in videos if f"{place}.json" in names}
        return {key for key in wanted if not here.isdisjoint(self._places(*key))}

    @contextmanager
    def borrowed(self, source: str, locator: str) -> Iterator[Path | None]:
        """A file with the video of a source, on this machine, while the block lasts; None if it is not here whole."""
        found = self._found(source, locator)
        if found is None:
            yield None
            return
        video, stored = found
        if self.folder.local is not None:
            know_stamp_order(self.folder.local / video, _stamps(stored))
            yield self.folder.local / video
            return
        with tempfile.TemporaryDirectory(prefix="gifbench-", ignore_cleanup_errors=True) as scratch:
            path = Path(scratch, stored.file)
            self.folder.download(video, path)
            know_stamp_order(path, _stamps(stored))
            yield path

    def land(self, source: str, locator: str, fetched: Fetched) -> Stored:
        """Take a whole video into the store. Raises `MediaError` if it is none; then nothing is kept.

        The file is moved out of the scratch folder, which is deleted.
        """
        try:
            video = probe(fetched.path)
        except Exception:
            self.discard(source, locator)
            raise
        place = self._places(source, locator)[0]
        about = {name: redact(value) for name, value in fetched.about.items()}
        if order := stamp_order(fetched.path):
            about[_STAMPS] = order
        with storage_errors(fetched.path):
            stored = Stored(
                source=source,
                locator=hashed(locator),
                file=f"{place.rsplit('/', 1)[1]}{fetched.path.suffix}",
                sha256=file_sha256(fetched.path),
                bytes=fetched.path.stat().st_size,
                width=video.width,
                height=video.height,
                codec=video.codec,
                frame_rate=str(video.frame_rate),
                about={**about, **_versions()},
            )
        self.folder.take(fetched.path, beside(place, stored.file))
        self.folder.write(f"{place}.json", json.dumps(asdict(stored), indent=1).encode() + b"\n")
        self.discard(source, locator)
        return stored

    def descriptions(self, source: str, locator: str) -> tuple[str, ...]:
        """The names that the file which describes a source may have, whether it is there or not."""
        return tuple(f"{place}.json" for place in self._places(source, locator))

    def scratch(self, source: str, locator: str) -> Path:
        """The folder in which a source grows; what an earlier try left is still in it."""
        folder = self._scratch(source, locator)
        if self.folder.local is not None:
            self.folder.exists(f"unfinished/{folder.name}")  # which refuses a link that leads out of a stranger's store
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def discard(self, source: str, locator: str) -> None:
        """Forget what a fetch has so far."""
        shutil.rmtree(self._scratch(source, locator), ignore_errors=True)

    def tidy(self, source: str, locator: str, *, keep: bool) -> None:
        """After a try that failed: `keep` what it brought for the next one, if it brought anything."""
        if not keep:
            self.discard(source, locator)
            return
        with contextlib.suppress(OSError):  # it is not empty, or not there
            self._scratch(source, locator).rmdir()

    def make(self) -> None:
        """Create the folder; raises `StorageError` if that is impossible."""
        self.folder.make()
        if not self.folder.exists("README"):
            self.folder.write("README", README.encode())

    def is_there(self) -> bool:
        """Whether a store is here that `make` created."""
        try:
            return self.folder.read("README").decode(errors="replace") == README
        except StorageError:
            return False

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold a local store for the fetches of this process; reading needs no hold, and elsewhere there is none.

        What a killed one was about to write is cleared away.
        """
        busy = BuildError(f"{self.folder}: another gifbench fetch is at work here; wait for it")
        with self.folder.lock(".lock", busy=busy):
            if self.folder.local is not None:
                for name in self.folder.names():
                    if name.rsplit("/", 1)[-1].startswith(".") and name.endswith(PARTIAL):
                        self.folder.delete(name)
            yield

    def _places(self, source: str, locator: str) -> tuple[str, ...]:
        """Where a source lies in the store, without the ending of its file; first as it is named now.

        Secrets in a locator are in no name; gifbench 0.1 had them there.
        """
        return tuple(_place(source, text) for text in dict.fromkeys((hashed(locator), locator)))

    def _scratch(self, source: str, locator: str) -> Path:
        root = self.folder.local
        if root is None:
            cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
            root = cache / "gifbench" / f"store-{hashlib.sha256(self.folder.url.encode()).hexdigest()[:12]}"
        return root / "unfinished" / f"{source}-{_digits(source, hashed(locator))}{PARTIAL}"


def read_stored(folder: Folder, description: str) -> Stored:
    """A description of the store; raises `NotFound`, or `DatasetDamaged` if it cannot be read."""
    data = folder.read(description, limit=1 << 20)
    try:
        stored = Stored(**json.loads(data))
        named: object = stored.file
        if not isinstance(named, str) or "/" in check_name(stored.file):
            raise ValueError(f"its file must be a name in the same folder, got {str(stored.file)[:200]!r}")
        return stored
    except (ValueError, TypeError, StorageError, RecursionError) as error:
        place = folder.place(description)
        raise DatasetDamaged(f"{place}: it cannot be read ({error}); gifbench verify --repair takes it away") from error


def _stamps(stored: Stored) -> str:
    about: object = stored.about  # a stranger's store may hold anything
    return str(about.get(_STAMPS, "")) if isinstance(about, dict) else ""


def _place(source: str, locator: str) -> str:
    digits = _digits(source, locator)
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", locator.rsplit("/", 1)[-1])[:60].strip("_") or "source"
    return f"{source}/{digits[:2]}/{stem}-{digits}"


def beside(place: str, file: str) -> str:
    """The name of a file that lies in the same folder; nothing else, whatever a description says."""
    return f"{place.rsplit('/', 1)[0]}/{file.rsplit('/', 1)[-1]}"


def _digits(source: str, locator: str) -> str:
    return hashlib.sha256(f"{source}\n{locator}".encode()).hexdigest()[:12]


@functools.cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("gifbench", "av")}
