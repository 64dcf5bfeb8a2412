"""Weights behind a URL: fetched once, into the user's cache, and only if they are the very bytes that were named."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import secrets
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import unquote, urlsplit

from gifbench.errors import UsageError, WeightsError, storage_errors
from gifbench.storage import file_sha256

MOST_BYTES = 2 << 30
"""Bytes of the largest file of weights that is fetched or read: nine times those of the largest network here."""

_SILENT = 30.0  # seconds that a server may be
_CHUNK = 1 << 18
_SHA256 = re.compile(r"sha256=([0-9a-fA-F]{64})")


def is_url(text: str) -> bool:
    """Whether weights are named by a URL and not by a path."""
    return "://" in text


def cache_folder() -> Path:
    """Where fetched weights are kept: below GIFBENCH_CACHE, or XDG_CACHE_HOME, or `~/.cache`."""
    if chosen := os.environ.get("GIFBENCH_CACHE"):
        return Path(chosen) / "weights"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "gifbench" / "weights"


def fetch_weights(url: str) -> Path:
    """The file behind `https://…/name.safetensors#sha256=…`, from the cache if it is there.

    It appears in the cache by renaming, when all of it has come and has the sha256 that the URL names. Raises
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
    partial = path.with_name(f".{name}.{secrets.token_hex(4)}.partial")
    try:
        seen = _transfer(parts._replace(fragment="").geturl(), partial)
        if seen != sha256:
            raise WeightsError(f"{url[:200]}: what came has the sha256 {seen}; it is not kept")
        with storage_errors(path):
            partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def _transfer(url: str, path: Path) -> str:
    """Fetch into a new file; gives the sha256 of what came."""
    digest, size = hashlib.sha256(), 0
    opener = urllib.request.OpenerDirector()  # one that follows redirects to http and https, and to nothing else
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    request = urllib.request.Request(url, headers={"User-Agent": "gifbench"})  # noqa: S310 - the scheme is checked
    try:
        answer = opener.open(request, timeout=_SILENT)
    except (OSError, http.client.HTTPException) as error:
        raise WeightsError(f"{url[:200]}: cannot be fetched: {_cause(error)}") from error
    if answer is None:
        raise WeightsError(f"{url[:200]}: it leads to something that is neither http nor https")
    with storage_errors(path), path.open("xb") as file:
        while True:
            try:
                data = answer.read(_CHUNK)
            except (OSError, http.client.HTTPException) as error:
                raise WeightsError(f"{url[:200]}: broke off after {size} bytes: {_cause(error)}") from error
            if not data:
                answer.close()
                return digest.hexdigest()
            size += len(data)
            if size > MOST_BYTES:
                raise WeightsError(f"{url[:200]}: more than {MOST_BYTES} bytes; no more are fetched")
            digest.update(data)
            file.write(data)


def _cause(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        return f"status {error.code}"
    reason = getattr(error, "reason", error)
    return " ".join(str(reason).split())[:120] or type(error).__name__
