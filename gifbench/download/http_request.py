"""One HTTP request with its redirects, to a server that may be hostile, by httpcore over checked connections.

A request has one deadline up to the end of its headers, look-ups of names and redirects included, and its body has to
bring bytes that count, for a day at most: a server that sends 100 Continue, headers, redirects, pieces or trailers for
ever is left. A login for a host is taken from `.netrc`.
"""

from __future__ import annotations

import netrc
import os
import re
import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpcore
import httpx

from gifbench.download.pinned_connection import Wire, checked_pool
from gifbench.download.private_network_check import ascii_url, check_url
from gifbench.errors import Refused, ServerFailed, TimedOut, Truncated, Unreachable, UsageError

MAX_REDIRECTS = 5
MAX_SECONDS = 86400.0
"""What a body may take in all, however steadily it comes; what is here of a video is gone on with at the next try."""

USER_AGENT = "gifbench"

_MOVED = (301, 302, 303, 307, 308)


@dataclass(slots=True)
class Answer:
    """A response whose body is not read yet."""

    url: str
    """The URL that answered, after redirects."""
    status: int
    reason: str
    headers: httpx.Headers
    _body: Iterable[bytes] = field(repr=False)
    _wire: Wire = field(repr=False)

    @property
    def length(self) -> int | None:
        """How many bytes the body is said to have; None where it is not said. Raises `ServerFailed` for a wrong one."""
        text = self.headers.get("content-length")
        if text is None or "chunked" in self.headers.get("transfer-encoding", "").lower():
            return None
        if not re.fullmatch(r"[0-9]{1,18}", text.strip()):
            raise ServerFailed(f"{self.url}: the server announces {text[:40]!r} bytes")
        return int(text)

    def read(self) -> Iterator[bytes]:
        """The body in pieces, as it was sent.

        Raises `Truncated` where fewer or more bytes come than were announced, `TimedOut` for fewer than `MIN_RATE` a
        second.
        """
        length, came, began = self.length, 0, time.monotonic()
        with connection_errors(self.url):
            try:
                for piece in self._body:
                    came += len(piece)
                    self._wire.counted(len(piece), self.url)
                    if time.monotonic() - began > MAX_SECONDS:
                        raise TimedOut(f"{self.url}: {came} bytes in {MAX_SECONDS:.0f} seconds, and no end")
                    yield piece
            except (httpcore.RemoteProtocolError, httpcore.ReadError) as error:
                how = "the transfer broke off" if length is None else f"the server ended after {came} of {length} bytes"
                raise Truncated(f"{self.url}: {how}") from error
            if length is not None and self._wire.more_than(length):
                raise Truncated(f"{self.url}: the server announced {length} bytes, and sent more")


@contextmanager
def get(
    url: str, headers: Mapping[str, str] = {}, *, timeout: float, trusted: bool, secret_headers: Mapping[str, str] = {}
) -> Iterator[Answer]:
    """Ask for a URL, following redirects; gives the answer while the block lasts.

    `timeout` is how many seconds the server may be silent, and twice as many there are until the headers of an answer
    that is no redirect are here. `secret_headers` go to the server of `url` alone. Every address on the way is held
    against `check_url` and `check_address` unless `trusted`. Errors of the connection, also those raised in the block,
    become `Unreachable`, `TimedOut`, `ServerFailed` or `Refused`.
    """
    first, deadline = None, time.monotonic() + 2 * timeout
    for _ in range(MAX_REDIRECTS + 1):
        url = ascii_url(url)
        origin = check_url(url, trusted=trusted)
        first = first or origin
        own = secret_headers if origin == first else {}
        wire = Wire(timeout, deadline)
        with connection_errors(url):
            known = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
            request = httpx.Request("GET", url, headers={**known, **headers, **own, "Connection": "close"})
            asked = next(_login(url).auth_flow(request))
            place = httpcore.URL(
                scheme=asked.url.raw_scheme, host=asked.url.raw_host, port=asked.url.port, target=asked.url.raw_path
            )
            waits = {"timeout": httpx.Timeout(timeout).as_dict()}
            with (
                checked_pool(url, wire, trusted=trusted) as pool,
                pool.stream("GET", place, headers=asked.headers.raw, extensions=waits) as response,
            ):
                wire.body_begins()
                if response.status not in _MOVED:
                    reason = response.extensions["reason_phrase"].decode("ascii", errors="ignore")
                    body = response.iter_stream()
                    yield Answer(url, response.status, reason, httpx.Headers(response.headers), body, wire)
                    return
                url = _moved_to(response, url)
    raise ServerFailed(f"{url}: more than {MAX_REDIRECTS} redirects")


def _moved_to(response: httpcore.Response, url: str) -> str:
    """Where a redirect leads, as a browser reads it: blanks and letters beyond ASCII are meant as they stand."""
    raw = next((value for name, value in response.headers if name.lower() == b"location"), b"").strip()
    if not raw:
        raise ServerFailed(f"{url}: it is said to have moved, and not whereto (status {response.status})")
    try:
        there = raw.decode("utf-8")
    except UnicodeDecodeError:
        there = raw.decode("latin-1")
    try:
        httpx.URL(there)
        return urljoin(url, there)
    except (ValueError, httpx.InvalidURL) as error:
        raise ServerFailed(f"{url}: its answer is not HTTP (Invalid URL in location header: {error}.)") from error


def _login(url: str) -> httpx.Auth:
    """The login for the host of a URL in `~/.netrc`, or in the file that NETRC names; nothing where it has none."""
    path = Path(os.environ.get("NETRC") or Path("~/.netrc").expanduser())
    try:
        found = netrc.netrc(str(path)).hosts.get(urlsplit(url).hostname or "")
    except FileNotFoundError:
        return httpx.Auth()
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError, RuntimeError) as error:
        raise UsageError(f"{path} cannot be read ({error}); mend it, or set NETRC to another file") from error
    return httpx.BasicAuth(found[0], found[2]) if found else httpx.Auth()


@contextmanager
def connection_errors(url: str) -> Iterator[None]:
    """Turn what `httpcore`, `httpx`, `socket` and `ssl` raise into a `SourceError` that names the URL."""
    try:
        yield
    except (httpcore.TimeoutException, TimeoutError) as error:
        raise TimedOut(f"{url}: the server stopped answering ({error})") from error
    except (httpcore.NetworkError, httpcore.ProxyError, ConnectionError, socket.gaierror, ssl.SSLError) as error:
        raise Unreachable(f"{url}: {str(error) or type(error).__name__}") from error
    except httpcore.ProtocolError as error:
        if "without sending a response" in str(error):
            raise Unreachable(f"{url}: {error}") from error
        raise ServerFailed(f"{url}: its answer is not HTTP ({error})") from error
    except httpx.InvalidURL as error:
        raise Refused(f"{url[:200]!r} is no URL ({error})") from error
