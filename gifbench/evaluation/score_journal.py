"""The journal of an evaluation: a line a scored clip, beside the result that they will become.

A kill loses the clips that were under way, and nothing else: the same command reads the journal and goes on. Its first
line is the run's spec; where any of that is now another, going on is refused. When the results are written the journal
goes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import TypeAdapter

from gifbench.checksummed_journal import open_journal
from gifbench.errors import ResultsError, storage_errors
from gifbench.results.schema import ClipScore
from gifbench.storage import open_regular

_Append = Callable[[Mapping[str, Any]], None]
_SCORES = TypeAdapter(dict[str, ClipScore])
FORMAT = 2
UNKNOWN = "identity not known"
"""How a note begins that says why a result is never reused."""


@dataclass(frozen=True, slots=True)
class ScoredClipRecord:
    """What became of one clip: its score under each protocol, the seconds that it took, and what is to be noted.

    The seconds are those since the record before, of whichever worker: they add up to what passed.
    """

    clip_id: str
    scores: Mapping[str, ClipScore]
    seconds: float = 0.0
    notes: tuple[str, ...] = ()


class ScoreJournal:
    """The open journal of one evaluation: `records` are the clips that earlier runs scored, by name.

    Without a journal on disk the records are kept in memory alone.
    """

    def __init__(self, path: Path | None, append: _Append, records: Sequence[ScoredClipRecord]) -> None:
        self._path, self._append = path, append
        self.records = {each.clip_id: each for each in records}

    def add(self, record: ScoredClipRecord) -> None:
        """Remember a clip; it is on disk when this returns."""
        self.records[record.clip_id] = record
        self._append(asdict(record))

    def done(self) -> None:
        """Take the journal away: the results are written."""
        if self._path is not None:
            with storage_errors(self._path):
                self._path.unlink(missing_ok=True)

    @classmethod
    @contextmanager
    def open(
        cls, path: Path | None, spec: Mapping[str, Any], *, anew: bool = False, fresh: bool = False
    ) -> Iterator[Self]:
        """Open the journal at `path`, or begin one; held for this process alone. None keeps nothing.

        `spec` is what the scores depend on, as JSON values. Raises `ResultsError` where an earlier run's differs,
        unless `anew`, which drops that run's clips, and where another process is at work here. With `fresh` also the
        clips of the very same run are dropped.
        """
        if path is None:
            yield cls(None, lambda line: None, ())
            return

        def refuse(header: object) -> None:
            if anew:
                return
            before = header.get("spec") if isinstance(header, dict) else None
            raise ResultsError(
                f"{path}: a run that was interrupted here had {difference(before, spec)}; "
                "resume with the same settings, or overwrite it (--existing overwrite)"
            )

        busy = ResultsError(f"{path}: another gifbench evaluate is at work on this; wait, or stop it")
        header = {"gifbench_journal": FORMAT, "spec": spec}
        with open_journal(path, header, refuse=refuse, busy=busy) as (lines, append):
            known = set(spec["protocols"])
            records = [] if fresh else [each for each in _records(lines) if set(each.scores) <= known]
            if any(note.startswith(UNKNOWN) for each in records for note in each.notes):
                records = []  # what was scored may be another method's by now
            kept = cls(path, append, records)
            try:
                yield kept
            except Exception:
                if not kept.records:  # nothing to go on with
                    kept.done()
                raise


def interrupted_protocols(path: Path | None) -> set[str]:
    """The names of the protocols under which the run scored that was interrupted at `path`; empty without one."""
    try:
        if path is None:
            return set()
        with os.fdopen(open_regular(path), "rb") as file:
            return {str(name) for name in json.loads(file.readline(1 << 24))["spec"]["protocols"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return set()


def _records(lines: list[dict[str, Any]]) -> Iterator[ScoredClipRecord]:
    for line in lines:
        try:
            scores = _SCORES.validate_python(line["scores"])
            notes = tuple(map(str, line["notes"]))
            yield ScoredClipRecord(str(line["clip_id"]), scores, max(0.0, float(line["seconds"])), notes)
        except (KeyError, TypeError, ValueError, ArithmeticError):
            continue  # of no use: that clip is scored again


def difference(before: object, now: Mapping[str, Any]) -> str:
    """What is otherwise in `now` than in the facts of a run `before`, in words."""
    if not isinstance(before, dict):
        return "a first line that is of another version of gifbench, or was edited"
    for key in sorted({*before, *now}):
        was, new = before.get(key), now.get(key)
        if was != new:
            return f"another {key.replace('_', ' ')} ({_brief(was, new)}, now {_brief(new, was)})"
    return "a first line that was edited"


def _brief(one: object, other: object) -> str:
    """`one` in a few words, of a mapping only what `other` has not alike."""
    if isinstance(one, dict) and isinstance(other, dict):
        apart = {key: value for key, value in one.items() if other.get(key) != value}
        renamed = set(one) != set(other)
        one = ", ".join(apart if renamed else (f"{key} {value}" for key, value in apart.items()))
    return str(one)[:60] if one or one == 0 else "none"
