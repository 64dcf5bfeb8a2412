"""What became of each source that was to be fetched, safe against a kill at any moment.

`fetches.jsonl` in the store: a line an event with its checksum, the last one of a source holds. A line that a kill cut
off is ignored, and so is one that is no longer as a fetch wrote it, which is said: its source is tried again. Lines of
gifbench 0.1 have no checksum; they are believed where no line with one comes before. Whether a source is here whole,
the store itself says. On an object store, where nothing can be appended, each event is a file of `fetches/` until the
next `compact`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from dataclasses import asdict, dataclass, replace
from typing import Literal, NamedTuple

from pydantic import TypeAdapter

from gifbench.checksummed_journal import has_checksum, with_checksum, without_checksum
from gifbench.dataset.failure_reasons import KINDS, current_reason
from gifbench.errors import NotFound, storage_errors
from gifbench.storage import Folder
from gifbench.text_redaction import hashed, redact

_LINES = "fetches.jsonl"
_EVENTS = "fetches"
_COMPACT_EVENTS = 1000


class SourceKey(NamedTuple):
    """A source: its kind and locator. In the ledger secrets of the locator are hashed (`gifbench.text_redaction`)."""

    source: str
    locator: str


@dataclass(frozen=True, slots=True)
class Fetch:
    """What became of one source."""

    source: str
    locator: str
    state: Literal["stored", "failed"]
    reason: str = ""
    """A key of `failure_reasons.REASONS`; "" for a stored one."""
    detail: str = ""
    """The original text of the error."""
    attempts: int = 1
    tried_at: float = 0.0
    """Seconds since 1970."""
    retry_at: float | None = None
    """When it may be tried again, in seconds since 1970; None where that does not help."""

    @property
    def key(self) -> SourceKey:
        """Which source it is."""
        return SourceKey(self.source, hashed(self.locator))


_FETCH = TypeAdapter(Fetch)


class FetchLedger:
    """The ledger of the store at `url`; reading it changes nothing."""

    def __init__(self, url: str | os.PathLike[str]) -> None:
        self._folder = Folder(url)
        self.fetches: dict[SourceKey, Fetch] = {}
        self.changed: list[str] = []
        """Where lines stand that are not as a fetch wrote them."""
        self._lines = 0
        self._events = 0
        self._checked = False
        with contextlib.suppress(NotFound):
            self._read(self._folder.read(_LINES), _LINES)
        if self._folder.local is None:
            for name in self._folder.names(_EVENTS):
                self._read(self._folder.read(name), name)
                self._events = max(self._events, int(name.rsplit("/", 1)[1].split(".")[0]) + 1)

    def warn_of_changes(self) -> None:
        """Say by the logger `gifbench` which lines were changed, if any were."""
        if self.changed:
            logging.getLogger("gifbench").warning(
                "%s: lines that are not as gifbench wrote them are ignored, and what they tell of is tried again: %s; "
                "gifbench verify %s --repair takes them out",
                self._folder.url,
                ", ".join(self.changed[:5]) + (f" and {len(self.changed) - 5} more" if len(self.changed) > 5 else ""),
                self._folder.url,
            )

    def record(self, fetch: Fetch) -> None:
        """Remember what became of a source, on disk at once."""
        fetch = replace(fetch, locator=hashed(fetch.locator), detail=redact(fetch.detail))
        self.fetches[fetch.key] = fetch
        self._lines += 1
        line = _line(fetch)
        if self._folder.local is None:
            self._folder.write(f"{_EVENTS}/{self._events:08d}.json", line)
            self._events += 1
            if self._events % _COMPACT_EVENTS == 0:
                self.compact()
            return
        path = self._folder.local / _LINES
        with storage_errors(path), path.open("a+b") as file:
            # Behind a line that a kill cut off, a new one begins.
            file.seek(0, os.SEEK_END)
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")
            file.write(line)

    def compact(self, *, always: bool = False) -> None:
        """Write only the last line of each source, if that saves much; `always` also if it does not."""
        events = [] if self._folder.local is not None else self._folder.names(_EVENTS)
        if self._lines <= 2 * len(self.fetches) + 100 and not events and not always:
            return
        lines = [_line(fetch) for fetch in self.fetches.values()]
        self._folder.write(_LINES, b"".join(lines))
        for name in events:
            self._folder.delete(name)
        self._lines = len(lines)

    def get(self, source: str, locator: str) -> Fetch | None:
        """What became of a source, or None."""
        return self.fetches.get(SourceKey(source, hashed(locator)))

    def _read(self, data: bytes, name: str) -> None:
        for number, line in enumerate(data.split(b"\n"), start=1):
            try:
                values = json.loads(line)
            except (ValueError, RecursionError):
                continue  # a kill cut it off
            try:
                fetch = _FETCH.validate_python(values)
                if self._checked or has_checksum(values):
                    self._checked = True
                    self.fetches.pop(fetch.key, None)  # if this line was changed, what came before holds no longer
                    without_checksum(values)
            except ValueError:
                self.changed.append(f"{name} line {number}")
                continue
            fetch = replace(fetch, reason=current_reason(fetch.reason))
            if fetch.state == "stored" or fetch.reason in KINDS:
                self._lines += 1
                self.fetches[fetch.key] = fetch


def _line(fetch: Fetch) -> bytes:
    return json.dumps(with_checksum(asdict(fetch))).encode() + b"\n"
