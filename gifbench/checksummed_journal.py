"""A journal: lines of JSON in a file that only grows, each with a checksum, written by one process at a time.

The first line is a header. A line that was cut off by a kill, or that somebody edited, is told by its checksum and
taken for not there; the checksum covers the header too, so that no line of another journal passes for one of this.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from gifbench.errors import StorageError, storage_errors
from gifbench.storage import lock_file

_CHECK = "check"
_LONGEST = 1 << 30


@contextmanager
def open_journal(
    path: Path, header: Mapping[str, Any], *, refuse: Callable[[object], None], busy: Exception
) -> Iterator[tuple[list[dict[str, Any]], Callable[[Mapping[str, Any]], None]]]:
    """Open the journal at `path`, or begin one with `header`; held for this process alone.

    Gives the whole lines that are there, and a function that adds one, which is on disk when that returns.

    `refuse` is called with the header that is there, None where it is damaged, if it is not the same: it raises, or
    returns for a journal that is to begin anew. `busy` is raised where another process holds the journal. A link, and
    anything else but a regular file, raises `StorageError`.
    """
    with ExitStack() as stack:
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            folder = os.open(path.parent, os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, folder)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
        file: Any = stack.enter_context(os.fdopen(handle, "a+b", buffering=0))
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode) or about.st_size > _LONGEST:
            raise StorageError(f"{path}: it is no journal of gifbench; move it away")
        first = _checked(header, b"")
        with storage_errors(path):
            stack.enter_context(lock_file(handle, folder, path.name, busy=busy))
            file.seek(0)
            parts = file.read().split(b"\n")
            found = [part + b"\n" for part in parts[:-1]]
            if found and found[0] != first:
                refuse(_read(found[0], b""))
                found = []
            if not found:
                file.truncate(0)
                file.write(first)
            whole = [(each, line) for each in found[1:] if (line := _read(each, first)) is not None]
            if found and (len(whole) + 1 < len(found) or parts[-1]):  # what is not whole goes, or it would grow on
                file.truncate(0)
                file.write(first + b"".join(each for each, _ in whole))

        def append(line: Mapping[str, Any]) -> None:
            with storage_errors(path):
                file.write(_checked(line, first))
                os.fsync(handle)

        yield [line for _, line in whole], append


def with_checksum(line: Mapping[str, Any], header: bytes = b"") -> dict[str, Any]:
    """`line` with the checksum that a journal, or a ledger that is none, keeps with it."""
    return {**line, _CHECK: hashlib.sha256(header + json.dumps(line).encode()).hexdigest()[:32]}


def has_checksum(line: Mapping[str, Any]) -> bool:
    """Whether a checksum is in `line`; what gifbench wrote before it had them has none."""
    return _CHECK in line


def without_checksum(line: Mapping[str, Any], header: bytes = b"") -> dict[str, Any]:
    """`line` as it was given to `with_checksum`; raises `ValueError` where its checksum is missing or another's."""
    found = {name: value for name, value in line.items() if name != _CHECK}
    if line.get(_CHECK) != with_checksum(found, header)[_CHECK]:
        raise ValueError("it was changed after gifbench wrote it: its checksum is not its own")
    return found


def _checked(line: Mapping[str, Any], header: bytes) -> bytes:
    return json.dumps(with_checksum(line, header)).encode() + b"\n"


def _read(line: bytes, header: bytes) -> dict[str, Any] | None:
    try:
        return without_checksum(json.loads(line), header)
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
