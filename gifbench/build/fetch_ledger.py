"""What became of each source that was to be fetched, safe against a kill at any moment.

`fetches.jsonl` in the store: a line an event, the last one of a source holds. A line that a kill cut off is ignored;
whether a source is here whole, the store itself says.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from gifbench.errors import storage_errors
from gifbench.storage import PARTIAL


class Key(NamedTuple):
    """A source: its kind and locator."""

    source: str
    locator: str


@dataclass(frozen=True, slots=True)
class Fetch:
    """What became of one source."""

    source: str
    locator: str
    state: str
    """`stored` or `failed`."""
    reason: str = ""
    """A key of `outcomes.REASONS`; "" for a stored one."""
    detail: str = ""
    """The original text of the error."""
    attempts: int = 1
    tried_at: float = 0.0
    """Seconds since 1970."""
    retry_at: float | None = None
    """When it may be tried again, in seconds since 1970; None where that does not help."""

    @property
    def key(self) -> Key:
        """Which source it is."""
        return Key(self.source, self.locator)


class FetchLedger:
    """The ledger of a store; reading it changes nothing."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "fetches.jsonl"
        self.fetches: dict[Key, Fetch] = {}
        self._lines = 0
        if self._path.is_file():
            with storage_errors(self._path):
                lines = self._path.read_bytes().split(b"\n")
            self._lines = len(lines)
            for line in lines:
                try:
                    fetch = Fetch(**json.loads(line))
                except (ValueError, TypeError):
                    continue
                self.fetches[fetch.key] = fetch

    def record(self, fetch: Fetch) -> None:
        """Remember what became of a source, on disk at once."""
        self.fetches[fetch.key] = fetch
        with storage_errors(self._path), self._path.open("a+b") as file:
            # Behind a line that a kill cut off, a new one begins.
            file.seek(0, os.SEEK_END)
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")
            file.write(json.dumps(asdict(fetch)).encode() + b"\n")

    def compact(self) -> None:
        """Write only the last line of each source, if that saves much."""
        if self._lines <= 2 * len(self.fetches) + 100:
            return
        partial = self._path.with_name(f".{self._path.name}{PARTIAL}")
        with storage_errors(partial):
            with partial.open("wb") as file:
                for fetch in self.fetches.values():
                    file.write(json.dumps(asdict(fetch)).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._path)
        self._lines = len(self.fetches)

    def count(self, keys: Iterable[Key]) -> Counter[str]:
        """How many of these sources failed, by reason."""
        found = (self.fetches.get(key) for key in keys)
        return Counter(fetch.reason for fetch in found if fetch is not None and fetch.state == "failed")
