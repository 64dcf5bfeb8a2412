"""`SHA256SUMS`: the checksums of a dataset's tables and description, as `sha256sum --check` reads them.

The members of the clips have theirs in the index. A table that is not as its list says was damaged or changed by hand,
and no build goes on with it (`check_written`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from gifbench.dataset.shard_format import STAGING
from gifbench.errors import DatasetDamaged, NotFound
from gifbench.storage import Folder

CHECKSUMS = "SHA256SUMS"
PENDING = f"{STAGING}/SHA256SUMS"
_MOST_BYTES = 1 << 20

_LINE = re.compile(r"([0-9a-f]{64})  ([\w.-]+)")


def checksum_lines(sha256: Mapping[str, str]) -> bytes:
    """The file's bytes, for the hexadecimal sha256 of each file by its name."""
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(sha256.items())).encode()


def read_checksums(folder: Folder, *, pending: bool = False) -> dict[str, str]:
    """The sha256 of each file that is listed; empty if the list is not there. Lines that are none are left out.

    `pending` asks for the list that a build leaves before it writes the files: one that is killed between two of them
    has damaged nothing.
    """
    try:
        text = folder.read(PENDING if pending else CHECKSUMS, limit=_MOST_BYTES).decode(errors="replace")
    except NotFound:
        return {}
    found = (_LINE.fullmatch(line) for line in text.splitlines())
    return {match[2]: match[1] for match in found if match}


def check_written(folder: Folder, name: str, data: bytes) -> None:
    """Raise `DatasetDamaged` where `data`, those of the table `name`, are not what a build wrote."""
    if not is_written(folder, name, data):
        raise DatasetDamaged(
            f"{folder.place(name)}: its bytes differ from their sha256 in {CHECKSUMS}; gifbench verify {folder.url} "
            "says what is damaged, and --repair mends it (a change of your own needs its sha256 there)"
        )


def is_written(folder: Folder, name: str, data: bytes) -> bool:
    """Whether `data` are what a build wrote as the table `name`, or as `dataset.json`, as far as `SHA256SUMS` can tell.

    A dataset without the list, or without a line for the file, is believed, and so is one that a build of gifbench 0.1,
    killed between its tables, left behind.
    """
    digest, sums = hashlib.sha256(data).hexdigest(), read_checksums(folder)
    if sums.get(name, digest) == digest:
        return True
    pending = read_checksums(folder, pending=True)
    if pending:
        return pending.get(name) == digest
    return any(left.endswith(".group") or "/journal/" in left for left in folder.names(STAGING))


def accept_written(folder: Folder, name: str) -> None:
    """Take the line of a table that is being mended out of `SHA256SUMS`, where it is of other bytes."""
    if not is_written(folder, name, folder.read(name)):
        sums = read_checksums(folder)
        del sums[name]
        folder.write(CHECKSUMS, checksum_lines(sums))
