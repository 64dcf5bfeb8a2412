"""`SHA256SUMS`: the checksums of a dataset's tables and description, as `sha256sum --check` reads them.

The members of the clips have theirs in the index.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gifbench.dataset.shards import STAGING
from gifbench.errors import NotFound
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
