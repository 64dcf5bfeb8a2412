"""One HTTP request to a server that may be hostile, by httpx: addresses are checked and pinned, and time is limited.

A name is looked up once; what it gives is checked and then connected to, so that no second look-up can give another
address. A request has one deadline up to the end of its headers, look-ups of names and redirects included, and its body
has to bring bytes that count, for a day at most: a server that sends 100 Continue, headers, redirects, pieces or
trailers for ever is left. `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` are followed, and a login for a host
is taken from `.netrc`.
"""

from __future__ import annotations

import contextlib
import netrc
import os
import queue
import re
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import httpcore
import httpx

from gifbench.download.locator_safety import ascii_url, check_address, check_url
from gifbench.errors import Refused, ServerFailed, SourceError, TimedOut, Truncated, Unreachable, UsageError

MAX_REDIRECTS = 5
MAX_SECONDS = 86400.0
"""What a body may take in all, however steadily it comes; what is here of a video is gone on with at the next try."""
MIN_RATE = 512
"""Bytes a second; a server that sends less has stopped answering."""

USER_AGENT = "gifbench"

_MOVED = (301, 302, 303, 307, 308)
_HEADERS_END = re.compile(rb"\r?\n\r?\n")
_INTERIM = re.compile(rb"HTTP/\d\.\d\s+1(?!01)\d\d")
_BREAK_SECONDS = 1.0  # for the end of a body that should have come already


@dataclass(slots=True)
class Answer:
    """A response whose body is not read yet."""

    url: str
    """The URL that answered, after redirects."""
    status: int
    reason: str
    headers: httpx.Headers
    _body: Iterable[bytes] = field(repr=False)
    _wire: _Wire = field(repr=False)

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
            pieces = iter(self._body)
            while True:
                try:
                    piece = next(pieces, None)
                except (httpx.RemoteProtocolError, httpx.ReadError) as error:
                    end = f"ended after {came} of {length} bytes" if length is not None else "broke off"
                    what = "the server" if length is not None else "the transfer"
                    raise Truncated(f"{self.url}: {what} {end}") from error
                if piece is None:
                    break
                came += len(piece)
                self._wire.counted(len(piece), self.url)
                if time.monotonic() - began > MAX_SECONDS:
                    raise TimedOut(f"{self.url}: {came} bytes in {MAX_SECONDS:.0f} seconds, and no end")
                yield piece
            if length is not None and self._wire.more_than(length):
                raise Truncated(f"{self.url}: the server announced {length} bytes, and sent more")


@contextmanager
def get(
    url: str,
    headers: Mapping[str, str] | None = None,
    *,
    timeout: float,
    trusted: bool,
    secret_headers: Mapping[str, str] | None = None,
) -> Iterator[Answer]:
    """Ask for a URL, following redirects; gives the answer while the block lasts.

    `timeout` is how many seconds the server may be silent, and twice as many there are until the headers of an answer
    that is no redirect are here.
    `secret_headers` go to the server of `url` alone. Every address on the way is held against `check_url` and
    `check_address` unless `trusted`. Errors of the connection, also those raised in the block, become `Unreachable`,
    `TimedOut`, `ServerFailed` or `Refused`.
    """
    first, deadline = None, time.monotonic() + 2 * timeout
    for _ in range(MAX_REDIRECTS + 1):
        url = ascii_url(url)
        origin = check_url(url, trusted=trusted)
        first = first or origin
        own = {**(secret_headers or {})} if origin == first else {}
        wire = _Wire(timeout, deadline)
        with contextlib.ExitStack() as closed_in_the_end, connection_errors(url):
            transport = closed_in_the_end.enter_context(_Transport(url, wire, trusted=trusted))
            client = closed_in_the_end.enter_context(
                httpx.Client(transport=transport, timeout=timeout, trust_env=False)
            )
            wanted = {
                "User-Agent": USER_AGENT,
                "Accept": "*/*",
                "Accept-Encoding": "identity",
                **(headers or {}),
                **own,
            }
            request = client.build_request("GET", url, headers={**wanted, "Connection": "close"})
            response = client.send(request, auth=_login(url), stream=True, follow_redirects=False)
            wire.body_begins()
            if response.status_code not in _MOVED:
                yield Answer(url, response.status_code, response.reason_phrase, response.headers, transport.body, wire)
                return
            url = urljoin(url, _location(response, url))
    raise ServerFailed(f"{url}: more than {MAX_REDIRECTS} redirects")


def _location(response: httpx.Response, url: str) -> str:
    """Where a redirect leads, as a browser reads it: blanks and letters beyond ASCII are meant as they stand."""
    raw = next((value for name, value in response.headers.raw if name.lower() == b"location"), b"").strip()
    if not raw:
        raise ServerFailed(f"{url}: it is said to have moved, and not whereto (status {response.status_code})")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _login(url: str) -> httpx.Auth | None:
    """The login for the host of a URL in `~/.netrc`, or in the file that NETRC names."""
    path = Path(os.environ.get("NETRC") or Path("~/.netrc").expanduser())
    try:
        found = netrc.netrc(str(path)).hosts.get(urlsplit(url).hostname or "")
    except FileNotFoundError:
        return None
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError, RuntimeError) as error:
        raise UsageError(f"{path} cannot be read ({error}); mend it, or set NETRC to another file") from error
    return httpx.BasicAuth(found[0], found[2]) if found else None


class _Wire:
    """The time that a server has, and what came from it, whatever of it counts."""

    def __init__(self, timeout: float, deadline: float) -> None:
        self.timeout, self.deadline = timeout, deadline
        self.stream: httpcore.NetworkStream | None = None
        self._head: bytes | None = b""  # of the answer, as long as it has not ended
        self._body_bytes = 0
        self._since, self._counted = time.monotonic(), 0

    def left(self, timeout: float | None) -> float:
        """How long the next step may take; raises where the deadline is over."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout(f"no answer within {2 * self.timeout:g} s")
        return left if timeout is None else min(timeout, left)

    def came(self, data: bytes) -> None:
        """Bytes came: of the headers, or of the body."""
        if self._head is None:
            self._body_bytes += len(data)
            return
        self._head += data
        while found := _HEADERS_END.search(self._head):
            interim = _INTERIM.match(self._head)
            self._head = self._head[found.end() :]
            if not interim:
                self._body_bytes, self._head = len(self._head), None
                return

    def body_begins(self) -> None:
        """The headers are here; now bytes of the body have to come."""
        self._since, self._counted = time.monotonic(), 0
        self.deadline = self._since + 4 * self.timeout

    def counted(self, size: int, url: str) -> None:
        """So many bytes of the body came; raises `TimedOut` where they are too few for the time they took."""
        self._counted += size
        waited = time.monotonic() - self._since
        if waited > 2 * self.timeout:
            if self._counted < MIN_RATE * waited:
                raise TimedOut(
                    f"{url}: {self._counted} bytes in {waited:.0f} seconds are less than {MIN_RATE} a second"
                )
            self.body_begins()

    def more_than(self, length: int) -> bool:
        """Whether the body has more bytes than announced; asked when those have come."""
        if self._body_bytes <= length and self.stream is not None:
            with contextlib.suppress(Exception):
                self.stream.read(1, timeout=min(self.timeout, _BREAK_SECONDS))
        return self._body_bytes > length


class _Stream(httpcore.NetworkStream):
    """A connection that keeps the deadline of a wire."""

    def __init__(self, stream: httpcore.NetworkStream, wire: _Wire) -> None:
        self._stream, self._wire = stream, wire
        wire.stream = self

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._stream.read(max_bytes, timeout=self._wire.left(timeout))
        self._wire.came(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=self._wire.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, timeout=self._wire.left(timeout))
        return _Stream(stream, _without_head(self._wire))

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401  # as the interface has it
        return self._stream.get_extra_info(info)


def _without_head(wire: _Wire) -> _Wire:
    """The wire of a connection that begins anew: what a proxy answered was no part of the server's answer."""
    wire._head = b""
    return wire


class _Backend(httpcore.NetworkBackend):
    """Connects to addresses that were checked; those of a proxy, which this machine names itself, pass."""

    def __init__(self, wire: _Wire, *, trusted: bool) -> None:
        self._wire, self._trusted, self._plain = wire, trusted, httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = _addresses(host, port, seconds=self._wire.left(timeout))
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host}: {error}") from error
        if not self._trusted:
            for address in addresses:
                check_address(address)
        failed: Exception | None = None
        for address in addresses:
            try:
                stream = self._plain.connect_tcp(
                    address, port, timeout=self._wire.left(timeout), socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
                continue
            return _Stream(stream, self._wire)
        raise failed or httpcore.ConnectError(f"{host} has no address")


class _Transport(httpx.BaseTransport):
    """One connection for one request, over a proxy where the environment names one."""

    def __init__(self, url: str, wire: _Wire, *, trusted: bool) -> None:
        self.body: Iterable[bytes] = ()
        proxy = _proxy_of(url)
        tls = _tls() if url.startswith("https:") or (proxy or "").startswith("https:") else None
        settings: dict[str, Any] = {"ssl_context": tls, "max_connections": 1, "retries": 0}
        if proxy is None:
            self._pool = httpcore.ConnectionPool(network_backend=_Backend(wire, trusted=trusted), **settings)
            return
        if not trusted:
            _check_name(urlsplit(url).hostname or "", seconds=wire.left(wire.timeout))
        parts = urlsplit(proxy)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"the proxy {parts.scheme}://… of this environment must be http:// or https://")
        login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        place = parts._replace(netloc=parts.netloc.rpartition("@")[2], path="/", query="", fragment="").geturl()
        backend = _Backend(wire, trusted=True)
        self._pool = httpcore.HTTPProxy(place, proxy_auth=login, network_backend=backend, **settings)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        asked = httpcore.Request(
            request.method,
            httpcore.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            extensions=request.extensions,
        )
        with _httpx_errors():
            answer = self._pool.handle_request(asked)
        self.body = _Body(answer.stream)
        return httpx.Response(
            answer.status, headers=answer.headers, stream=httpx.ByteStream(b""), extensions=answer.extensions
        )

    def close(self) -> None:
        self._pool.close()


class _Body:
    """The pieces of a body, whose errors are httpx's."""

    def __init__(self, stream: Any) -> None:  # noqa: ANN401  # httpcore has no name for it
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        with _httpx_errors():
            yield from self._stream


@contextmanager
def _httpx_errors() -> Iterator[None]:
    """What httpcore raises, by the name under which httpx has it."""
    try:
        yield
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, httpcore.ProxyError) as error:
        raise getattr(httpx, type(error).__name__)(str(error)) from error


@contextmanager
def connection_errors(url: str) -> Iterator[None]:
    """Turn what `httpx`, `socket` and `ssl` raise into a `SourceError` that names the URL."""
    try:
        yield
    except SourceError:
        raise
    except (httpx.TimeoutException, TimeoutError) as error:
        raise TimedOut(f"{url}: the server stopped answering ({error})") from error
    except (httpx.NetworkError, httpx.ProxyError, ConnectionError, socket.gaierror, ssl.SSLError) as error:
        raise Unreachable(f"{url}: {str(error) or type(error).__name__}") from error
    except (httpx.ProtocolError, httpx.DecodingError) as error:
        if "without sending a response" in str(error):
            raise Unreachable(f"{url}: {error}") from error
        raise ServerFailed(f"{url}: its answer is not HTTP ({error})") from error
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise Refused(f"{url[:200]!r} is no URL ({error})") from error
    except httpx.HTTPError as error:
        raise ServerFailed(f"{url}: {error}") from error


def _addresses(host: str, port: int | None, *, seconds: float) -> list[str]:
    """The addresses of a name; raises `httpcore.ConnectTimeout` where nobody says them in time, and `OSError`.

    In a thread of its own, which the system ends when its own patience does: a look-up cannot be broken off.
    """
    answers: queue.SimpleQueue[list[Any] | Exception] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:  # raised again by whoever asked
            answers.put(error)

    threading.Thread(target=look_up, name="name look-up", daemon=True).start()
    try:
        found = answers.get(timeout=seconds)
    except queue.Empty:
        raise httpcore.ConnectTimeout(f"{host}: its name was not found within {seconds:.0f} s") from None
    if isinstance(found, Exception):
        raise found
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _check_name(host: str, *, seconds: float) -> None:
    """Refuse a name that leads into a private network, where this machine can look it up: a proxy would follow it."""
    with contextlib.suppress(OSError, UnicodeError, httpcore.ConnectTimeout):
        for address in _addresses(host, None, seconds=seconds):
            check_address(address)


def _proxy_of(url: str) -> str | None:
    """The proxy that this environment names for a URL."""
    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


@cache
def _tls() -> ssl.SSLContext:
    """The certificates of the system, as SSL_CERT_FILE and SSL_CERT_DIR may change them."""
    return ssl.create_default_context()
