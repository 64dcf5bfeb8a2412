"""The file that a row of a manifest names: a regular one below the manifest's folder, without a link that leads out."""

from __future__ import annotations

import os
from pathlib import Path

from gifbench.errors import Refused, storage_errors


def local_source(folder: Path, locator: str, *, trusted: bool = False) -> Path:
    """Where the file `locator` of a manifest lies, whose files count from `folder`; it may be missing.

    Unless the manifest is `trusted` the path is the resolved one, so that a link that is set later is not followed.
    Raises `Refused` for a path or link that leads out of `folder`, unless `trusted`, and for a pipe, device or socket,
    which would be waited for.
    """
    path = folder / locator
    with storage_errors(path):
        if not trusted:
            top, real = os.path.realpath(folder), os.path.realpath(path)
            if os.path.commonpath((top, real)) != top:
                raise Refused(f"{path}: it leads out of the manifest's folder; --trust-manifest follows it")
            path = Path(real)
        if path.exists() and not path.is_file():
            raise Refused(f"{path}: it must be a regular file")
    return path
