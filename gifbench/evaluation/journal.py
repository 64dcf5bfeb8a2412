"""The journal of an evaluation: a line a scored clip, beside the result that they will become.

A kill loses the clips that were under way, and nothing else: the same command reads the journal and goes on. Its first
line says what the scores depend on; where any of that is now another, going on is refused. A last line that is half
written is taken for not there. When the results are written the journal goes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

from pydantic import TypeAdapter

from gifbench.errors import ResultsError, storage_errors
from gifbench.results.schema import ClipScore

_SCORES = TypeAdapter(dict[str, ClipScore])
FORMAT = 1


@dataclass(frozen=True, slots=True)
class ScoredClipRecord:
    """What became of one clip: its score under each protocol, the seconds that it took, and what is to be noted."""

    clip_id: str
    scores: Mapping[str, ClipScore]
    seconds: float
    notes: tuple[str, ...] = ()


class Journal:
    """The open journal of one evaluation: `records` are the clips that earlier runs scored, by name."""

    def __init__(self, path: Path, file: BinaryIO, records: Mapping[str, ScoredClipRecord]) -> None:
        self.path, self._file, self.records = path, file, dict(records)

    def add(self, record: ScoredClipRecord) -> None:
        """Remember a clip; it is on disk when this returns."""
        self.records[record.clip_id] = record
        line = json.dumps({**asdict(record), "scores": {name: asdict(score) for name, score in record.scores.items()}})
        with storage_errors(self.path):
            self._file.write(line.encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())

    def done(self) -> None:
        """Take the journal away: the results are written."""
        with storage_errors(self.path):
            self.path.unlink(missing_ok=True)

    @classmethod
    @contextmanager
    def open(cls, path: Path, identity: Mapping[str, Any], *, anew: bool = False) -> Iterator[Self]:
        """Open the journal at `path`, or begin one; held for this process alone.

        `identity` is what the scores depend on, as JSON values; its `protocols` may be some of those of an earlier run.
        Raises `ResultsError` where an earlier run's differs, unless `anew`, which drops that run's clips, and where
        another process is at work here.
        """
        import fcntl

        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("a+b")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ResultsError(f"{path}: another gifbench evaluate is at work on this; wait, or stop it") from None
            file.seek(0)
            lines = file.read().split(b"\n")
            whole, size = lines[:-1], sum(len(line) + 1 for line in lines[:-1])
            before = _json(whole[0]) if whole else None
            differs = None if before is None else _difference(before.get("identity"), identity)
            if before is not None and differs is not None and not anew:
                raise ResultsError(
                    f"{path}: a run that was interrupted here had {differs}; finish that one as it was, "
                    "or begin anew with --overwrite"
                )
            with storage_errors(path):
                if before is None or differs is not None:
                    whole = []  # what another run scored is of no use here
                    file.truncate(0)
                    file.write(json.dumps({"gifbench_journal": FORMAT, "identity": identity}).encode() + b"\n")
                else:
                    file.truncate(size)
                file.flush()
            journal = cls(path, file, dict(_records(whole[1:], set(identity["protocols"]))))
            try:
                yield journal
            finally:
                if not journal.records:  # nothing to go on with: the next run may be another
                    journal.done()


def _records(lines: Collection[bytes], protocols: set[str]) -> Iterator[tuple[str, ScoredClipRecord]]:
    for line in lines:
        found = _json(line)
        if found is None:
            continue
        try:
            scores = _SCORES.validate_python(found["scores"])
            record = ScoredClipRecord(
                str(found["clip_id"]),
                {name: score for name, score in scores.items() if name in protocols},
                float(found["seconds"]),
                tuple(map(str, found["notes"])),
            )
        except (KeyError, TypeError, ValueError, ArithmeticError):
            continue  # a line that is none: that clip is scored again
        yield record.clip_id, record


def _json(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _difference(before: object, now: Mapping[str, Any]) -> str | None:
    """What an earlier run had otherwise, in words; None where it is the same run."""
    if not isinstance(before, dict):
        return "no readable first line"
    for key in sorted({*before, *now}):
        was, new = before.get(key), now.get(key)
        if key == "protocols" and isinstance(was, dict) and all(was.get(name) == now[key][name] for name in now[key]):
            continue
        if was != new:
            return f"another {key.replace('_', ' ')} ({_brief(was, new)}, now {_brief(new, was)})"
    return None


def _brief(one: object, other: object) -> str:
    """`one` in a few words, of a mapping only what `other` has not alike."""
    if isinstance(one, dict) and isinstance(other, dict):
        apart = {key: value for key, value in one.items() if other.get(key) != value}
        renamed = set(one) != set(other)
        one = ", ".join(apart if renamed else (f"{key} {value}" for key, value in apart.items()))
    return str(one)[:60] if one or one == 0 else "none"
