"""A connection to a server that may be hostile: its addresses are checked and pinned, and its time is limited.

A name is looked up once; what it gives is checked and then connected to, so that no second look-up can give another
address. `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` are followed.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Iterable
from concurrent.futures import Future
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

import httpcore

from gifbench.download.private_network_check import check_address
from gifbench.errors import TimedOut, UsageError

MIN_RATE = 512
"""Bytes a second; a server that sends less has stopped answering."""

_HEADERS_END = re.compile(rb"\r?\n\r?\n")
_INTERIM = re.compile(rb"HTTP/\d\.\d\s+1(?!01)\d\d")
_BREAK_SECONDS = 1.0  # for the end of a body that should have come already


class Wire:
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

    def __init__(self, stream: httpcore.NetworkStream, wire: Wire) -> None:
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
        self._wire._head = b""  # what a proxy answered was no part of the server's answer
        return _Stream(stream, self._wire)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401  # as the interface has it
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Connects to addresses that were checked; those of a proxy, which this machine names itself, pass."""

    def __init__(self, wire: Wire, *, trusted: bool) -> None:
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


def checked_pool(url: str, wire: Wire, *, trusted: bool) -> httpcore.ConnectionPool:
    """One connection for a request of `url`, over a proxy where the environment names one."""
    proxy = _proxy_of(url)
    tls = _tls() if url.startswith("https:") or (proxy or "").startswith("https:") else None
    if proxy is None:
        backend = _Backend(wire, trusted=trusted)
        return httpcore.ConnectionPool(ssl_context=tls, max_connections=1, network_backend=backend)
    if not trusted:
        # A proxy would follow a name into a private network; checked where this machine can look it up.
        with contextlib.suppress(OSError, UnicodeError, httpcore.ConnectTimeout):
            for address in _addresses(urlsplit(url).hostname or "", None, seconds=wire.left(wire.timeout)):
                check_address(address)
    parts = urlsplit(proxy)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"the proxy {parts.scheme}://… of this environment must be http:// or https://")
    login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    place = parts._replace(netloc=parts.netloc.rpartition("@")[2], path="/", query="", fragment="").geturl()
    backend = _Backend(wire, trusted=True)
    return httpcore.HTTPProxy(place, proxy_auth=login, ssl_context=tls, max_connections=1, network_backend=backend)


def _addresses(host: str, port: int | None, *, seconds: float) -> list[str]:
    """The addresses of a name; raises `httpcore.ConnectTimeout` where nobody says them in time, and `OSError`.

    In a thread of its own, which the system ends when its own patience does: a look-up cannot be broken off.
    """
    answer: Future[list[Any]] = Future()

    def look_up() -> None:
        try:
            answer.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:  # raised again by whoever asked
            answer.set_exception(error)

    threading.Thread(target=look_up, name="name look-up", daemon=True).start()
    try:
        found = answer.result(timeout=seconds)
    except TimeoutError:
        raise httpcore.ConnectTimeout(f"{host}: its name was not found within {seconds:.0f} s") from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


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
