"""Videos behind http(s): resumed where they broke off, whole or not at all, never more than they may be."""

from __future__ import annotations

import email.utils
import http.client
import json
import re
import time
from collections.abc import Iterator
from io import RawIOBase
from pathlib import Path
from urllib.parse import urlsplit

from gifbench.download.http_connection import connection_errors, get
from gifbench.download.locator_safety import check_url
from gifbench.download.source import MAX_SIZE, Fetched
from gifbench.errors import (
    Forbidden,
    Gone,
    LoginRequired,
    RateLimited,
    ServerFailed,
    SourceError,
    TimedOut,
    TooLarge,
    Truncated,
    storage_errors,
)
from gifbench.manifest.rows import VIDEO_SUFFIXES

MIN_RATE = 512
"""Bytes a second; a server that sends less has stopped answering."""

_CHUNK = 1 << 18
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
_GONE = (404, 410, 451)


class HttpSource:
    """Videos named by http(s) URLs.

    `timeout` is how many seconds a server may be silent, `max_size` the bytes a video may have, `tries` how often a
    broken transfer is gone on with at once while it still gets further. Addresses of private networks are refused, also
    behind redirects and names, unless `trusted`.
    """

    def __init__(
        self, *, trusted: bool = False, timeout: float = 30.0, max_size: int = MAX_SIZE, tries: int = 5
    ) -> None:
        self._trusted, self._timeout, self._max_size, self._tries = trusted, timeout, max_size, tries

    def group(self, locator: str) -> str:
        """The server; raises `Refused` for what is no URL, or leads into a private network."""
        check_url(locator, trusted=self._trusted)
        return urlsplit(locator).netloc.lower()

    def fetch(self, locator: str, scratch: Path) -> Fetched:
        """Fetch a URL; raises a `SourceError` by cause, or `TooLarge`."""
        path = scratch / f"body{_suffix(locator)}"
        left = self._tries
        while True:
            left -= 1
            before = _size(path)
            try:
                return Fetched(path, {"url": self._transfer(locator, path)})
            except SourceError as error:
                broke = error.code in ("network", "timeout", "truncated")
                if not (broke and left > 0 and _size(path) != before):
                    raise

    def _transfer(self, url: str, path: Path) -> str:
        note = path.with_suffix(".json")
        have, seen = _size(path), _read_note(note)
        headers = {"User-Agent": "gifbench", "Accept": "*/*", "Accept-Encoding": "identity"}
        if have and seen.get("validator"):
            headers |= {"Range": f"bytes={have}-", "If-Range": seen["validator"]}
        with get(url, headers, timeout=self._timeout, trusted=self._trusted) as (response, answered):
            start = self._start(response, url, have, path)
            length = _length(response, url)
            total = None if length is None else start + length
            if total is not None and total > self._max_size:
                raise TooLarge(f"{url}: {total} bytes, at most {self._max_size} are fetched (--max-size)")
            with storage_errors(path):
                note.write_text(json.dumps({"validator": _validator(response), "url": answered}))
                # Unbuffered, so that a full disk shows where it is told from a broken connection.
                file = path.open("r+b" if start else "wb", buffering=0)
            with file:
                file.seek(start)
                for data in self._paced(_body(response, url, length), url):
                    start += len(data)
                    if start > self._max_size:
                        raise TooLarge(f"{url}: more than {self._max_size} bytes; no more are fetched (--max-size)")
                    _write(file, data, path)
        return answered

    def _paced(self, chunks: Iterator[bytes], url: str) -> Iterator[bytes]:
        """The same chunks; raises `TimedOut` where a server sends a few bytes now and then for ever."""
        since, came = time.monotonic(), 0
        for data in chunks:
            yield data
            came += len(data)
            waited = time.monotonic() - since
            if waited > 2 * self._timeout:
                if came < MIN_RATE * waited:
                    raise TimedOut(f"{url}: {came} bytes in {waited:.0f} seconds are less than {MIN_RATE} a second")
                since, came = time.monotonic(), 0

    def _start(self, response: http.client.HTTPResponse, url: str, have: int, path: Path) -> int:
        """From which byte the answer goes on; raises what its status means."""
        status = response.status
        if status == 206:
            found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if found and int(found[1]) == have:
                return have
        if status in (206, 416):
            # What is here does not fit what is there: the next try starts over.
            with storage_errors(path):
                path.unlink(missing_ok=True)
            raise Truncated(f"{url}: the server gave another range than was asked for (status {status})")
        if status == 200:
            kind = response.headers.get_content_type()
            if kind == "text/html":
                # A deleted page, a log-in page, the portal of a hotel: none says that the video is gone.
                raise ServerFailed(f"{url}: the server answered with a web page instead of a video")
            return 0
        raise _status_error(response, url)


def _status_error(response: http.client.HTTPResponse, url: str) -> SourceError:
    status, after = response.status, _retry_after(response)
    kind: type[SourceError] = ServerFailed
    if status in _GONE:
        kind = Gone
    elif status == 401:
        kind = LoginRequired
    elif status == 403:
        kind = Forbidden
    elif status == 429 or (status == 503 and after is not None):
        kind = RateLimited
    error = kind(f"{url}: status {status} {response.reason}".rstrip())
    error.retry_after = after
    return error


def _body(response: http.client.HTTPResponse, url: str, length: int | None) -> Iterator[bytes]:
    """The bytes of an answer, held against the length that it announced."""
    if length is None:
        with connection_errors(url):
            try:
                while data := response.read1(_CHUNK):
                    yield data
            except (http.client.IncompleteRead, ConnectionError) as error:
                raise Truncated(f"{url}: the transfer broke off") from error
        return
    # Read below `HTTPResponse`, which hides the bytes that follow the announced ones.
    stream, left = response.fp, length
    with connection_errors(url):
        while left:
            try:
                data = stream.read1(min(left, _CHUNK))
            except ConnectionError:
                data = b""
            if not data:
                raise Truncated(f"{url}: the server ended after {length - left} of {length} bytes")
            left -= len(data)
            yield data
    try:
        more = stream.read1(1)
    except OSError:
        more = b""
    if more:
        raise Truncated(f"{url}: the server announced {length} bytes, and sent more")


def _length(response: http.client.HTTPResponse, url: str) -> int | None:
    text = response.headers.get("Content-Length")
    if text is None or response.chunked:
        return None
    if not text.strip().isdecimal():
        raise ServerFailed(f"{url}: the server announces {text[:40]!r} bytes")
    return int(text)


def _validator(response: http.client.HTTPResponse) -> str:
    """What names this version of the file, if the server says so strongly enough to go on with it later."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified", "")


def _retry_after(response: http.client.HTTPResponse) -> float | None:
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def _suffix(url: str) -> str:
    suffix = Path(urlsplit(url).path).suffix.lower()
    return suffix if suffix in VIDEO_SUFFIXES else ".video"


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _read_note(path: Path) -> dict[str, str]:
    try:
        note = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _write(file: RawIOBase, data: bytes, path: Path) -> None:
    left = memoryview(data)
    with storage_errors(path):
        while left:
            left = left[file.write(left) :]
