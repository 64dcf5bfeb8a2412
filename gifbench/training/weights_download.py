"""Weights behind a URL: fetched once, into the user's cache, and only if they are the very bytes that were named."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from gifbench.errors import SourceError, UsageError, WeightsError, storage_errors
from gifbench.storage import atomic_write, file_sha256

MOST_BYTES = 2 << 30
"""Bytes of the largest file of weights that is fetched or read: nine times those of the largest network here."""

_SILENT = 30.0  # seconds that a server may be
_SHA256 = re.compile(r"sha256=([0-9a-fA-F]{64})")


def is_url(text: str) -> bool:
    """Whether weights are named by a URL and not by a path."""
    return "://" in text


def cache_folder() -> Path:
    """Where fetched weights are kept: below GIFBENCH_CACHE, or in the cache folder of the user."""
    if chosen := os.environ.get("GIFBENCH_CACHE"):
        return Path(chosen) / "weights"
    from platformdirs import user_cache_path

    return user_cache_path("gifbench", appauthor=False) / "weights"


def fetch_weights(url: str) -> Path:
    """The file behind `https://…/name.safetensors#sha256=…`, from the cache if it is there.

    It appears in the cache when all of it has come and has the sha256 that the URL names. Raises
    `UsageError` for a URL without one, `WeightsError` where nothing, too much, or something else comes.
    """
    parts = urlsplit(url)
    found = _SHA256.fullmatch(parts.fragment)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{url[:200]}: weights are fetched by http and https only")
    if found is None:
        raise UsageError(
            f"{url[:200]}: say which bytes are meant, by adding #sha256= and the 64 digits that sha256sum prints"
        )
    sha256 = found[1].lower()
    name = re.sub(r"[^\w.-]", "_", unquote(parts.path).rsplit("/", 1)[-1])[-100:].lstrip(".") or "weights.safetensors"
    path = cache_folder() / sha256[:16] / name
    if path.is_file() and file_sha256(path) == sha256:
        return path
    with storage_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        seen = _transfer(parts._replace(fragment="").geturl(), file)
        if seen != sha256:
            raise WeightsError(f"{url[:200]}: what came has the sha256 {seen}; it is not kept")
    return path


def _transfer(url: str, file: BinaryIO) -> str:
    """Fetch into an open file; gives the sha256 of what came."""
    digest, size = hashlib.sha256(), 0
    from gifbench.download.http_request import get  # 0.1 s that most weights need not wait for

    try:
        # Somebody typed this URL, or a configuration of theirs holds it: it may be in a private network.
        with get(url, timeout=_SILENT, trusted=True) as answer:
            if answer.status != 200:
                raise WeightsError(f"{url[:200]}: cannot be fetched: status {answer.status}")
            for data in answer.read():
                size += len(data)
                if size > MOST_BYTES:
                    raise WeightsError(f"{url[:200]}: more than {MOST_BYTES} bytes; no more are fetched")
                digest.update(data)
                file.write(data)
    except SourceError as error:
        how = f"broke off after {size} bytes" if size else "cannot be fetched"
        raise WeightsError(f"{url[:200]}: {how}: {str(error).removeprefix(f'{url}: ')[:200]}") from error
    return digest.hexdigest()
