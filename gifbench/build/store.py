"""The store of sources: one file a video, whole or not there, with its sha256 and provenance beside it.

    <store>/README
    <store>/<source>/<2 hex>/<name>-<12 hex>.mp4      the video as it came
    <store>/<source>/<2 hex>/<name>-<12 hex>.json     what it is; written last: a video without it does not count
    <store>/unfinished/<source>-<12 hex>.partial/     what a fetch has so far
    <store>/fetches.jsonl                             the ledger (`fetch_ledger.py`)

The digits are of the sha256 of source and locator: ids that differ in case alone (YouTube's do) stay two files on every
file system, and no locator can name a place outside the store.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

from gifbench.build.sources.interface import Fetched
from gifbench.errors import BuildError, DatasetDamaged, UsageError, storage_errors
from gifbench.media.video import probe
from gifbench.storage import PARTIAL

README = "Sources fetched by gifbench; docs/fetching.md says what is what. Safe to delete: they are fetched again.\n"


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
    """Where it came from, the format chosen, versions of tools."""


class Store:
    """A folder on this machine that holds fetched sources. It can be sent to another process."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Nothing is created or read yet. Raises `UsageError` for a URL: a store is a folder of this machine."""
        if "://" in os.fspath(folder):
            raise UsageError(f"--store {os.fspath(folder)}: a store is a folder on this machine, not a URL")
        self.folder = Path(folder).absolute()

    def __repr__(self) -> str:
        return f"Store({str(self.folder)!r})"

    def find(self, source: str, locator: str) -> Stored | None:
        """What is known of a source that is here whole, or None."""
        description = self._place(source, locator).with_suffix(".json")
        try:
            stored = Stored(**json.loads(description.read_bytes()))
            whole = (description.parent / stored.file).stat().st_size == stored.bytes
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise DatasetDamaged(f"{description}: it cannot be read ({error}); delete it and fetch again") from error
        return stored if whole else None

    def path(self, source: str, locator: str) -> Path | None:
        """Where the video of a source lies, or None if it is not here whole."""
        stored = self.find(source, locator)
        return None if stored is None else self._place(source, locator).parent / stored.file

    def verify(self) -> Iterator[tuple[Path, str]]:
        """Read every video and give those whose bytes differ from their sha256, or that are missing, and how."""
        for description in sorted(self.folder.glob("*/??/*.json")):
            stored = Stored(**json.loads(description.read_bytes()))
            video = description.parent / stored.file
            if not video.is_file():
                yield video, "it is missing"
            elif video.stat().st_size != stored.bytes:
                yield video, f"it has {video.stat().st_size} bytes instead of {stored.bytes}"
            elif _sha256(video) != stored.sha256:
                yield video, "its bytes differ from their sha256"

    def land(self, source: str, locator: str, fetched: Fetched) -> Stored:
        """Take a whole video into the store. Raises `MediaError` if it is none; then nothing is kept.

        The file is moved out of the scratch folder, which is deleted.
        """
        try:
            video = probe(fetched.path)
        except Exception:
            self.discard(source, locator)
            raise
        place = self._place(source, locator)
        target = place.with_name(f"{place.name}{fetched.path.suffix}")
        with storage_errors(target):
            place.parent.mkdir(parents=True, exist_ok=True)
            stored = Stored(
                source=source,
                locator=locator,
                file=target.name,
                sha256=_sha256(fetched.path),
                bytes=fetched.path.stat().st_size,
                width=video.width,
                height=video.height,
                codec=video.codec,
                frame_rate=str(video.frame_rate),
                about={**fetched.about, **_versions()},
            )
            _sync(fetched.path)
            fetched.path.replace(target)
            description = place.with_name(f".{place.name}{PARTIAL}")
            description.write_text(json.dumps(asdict(stored), indent=1) + "\n")
            _sync(description)
            description.replace(place.with_name(f"{place.name}.json"))
        self.discard(source, locator)
        return stored

    def scratch(self, source: str, locator: str) -> Path:
        """The folder in which a source grows; what an earlier try left is still in it."""
        folder = self._scratch(source, locator)
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def discard(self, source: str, locator: str) -> None:
        """Forget what a fetch has so far."""
        shutil.rmtree(self._scratch(source, locator), ignore_errors=True)

    def make(self) -> None:
        """Create the folder; raises `StorageError` if that is impossible."""
        with storage_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            readme = self.folder / "README"
            if not readme.exists():
                readme.write_text(README)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the store for the fetches of this process; reading needs no hold."""
        import fcntl

        with storage_errors(self.folder):
            lock = (self.folder / ".lock").open("w")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise BuildError(f"{self.folder}: another gifbench fetch is at work here; wait for it") from None
            yield

    def _place(self, source: str, locator: str) -> Path:
        """Where a source lies, without the ending of its file."""
        digits = _digits(source, locator)
        stem = re.sub(r"[^A-Za-z0-9_-]+", "_", locator.rsplit("/", 1)[-1])[:60].strip("_") or "source"
        return self.folder / source / digits[:2] / f"{stem}-{digits}"

    def _scratch(self, source: str, locator: str) -> Path:
        return self.folder / "unfinished" / f"{source}-{_digits(source, locator)}{PARTIAL}"


def _digits(source: str, locator: str) -> str:
    return hashlib.sha256(f"{source}\n{locator}".encode()).hexdigest()[:12]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Wait until the bytes of a file are on the disk, so that a rename never shows an empty one."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


@functools.cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("gifbench", "av")}
