"""One HTTP request to a server that may be hostile: the address is looked up once, checked, and then connected to."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from urllib.parse import urljoin, urlsplit

from gifbench.download.locator_safety import check_address, check_url
from gifbench.errors import Refused, ServerFailed, SourceError, TimedOut, Unreachable

MAX_REDIRECTS = 5


class _Checked(http.client.HTTPConnection):
    """A connection whose address is checked after the look-up, so that no second look-up can give another one."""

    def __init__(self, host: str, port: int, *, timeout: float, trusted: bool, tls: ssl.SSLContext | None) -> None:
        super().__init__(host, port, timeout=timeout)
        self._trusted, self._tls = trusted, tls

    def connect(self) -> None:
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        if not self._trusted:
            for *_, address in found:
                check_address(str(address[0]))
        failed: OSError | None = None
        for family, kind, protocol, _, address in found:
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(self.timeout)
                sock.connect(address)
            except OSError as error:
                sock.close()
                failed = error
                continue
            # A failed handshake closes the socket.
            self.sock = sock if self._tls is None else self._tls.wrap_socket(sock, server_hostname=self.host)
            return
        raise failed or OSError(f"{self.host} has no address")


@contextmanager
def get(
    url: str, headers: Mapping[str, str], *, timeout: float, trusted: bool
) -> Iterator[tuple[http.client.HTTPResponse, str]]:
    """Ask for a URL, following redirects; gives the response, its body not read yet, and the URL that answered.

    `timeout` is how many seconds the server may be silent. Every address on the way is held against `check_url` and
    `check_address` unless `trusted`. Errors of the connection, also those raised in the block, become `Unreachable`,
    `TimedOut` or `ServerFailed`.
    """
    for _ in range(MAX_REDIRECTS + 1):
        scheme, host, port = check_url(url, trusted=trusted)
        tls = ssl.create_default_context() if scheme == "https" else None
        connection = _Checked(host, port, timeout=timeout, trusted=trusted, tls=tls)
        with ExitStack() as closed_in_the_end:
            closed_in_the_end.callback(connection.close)
            with connection_errors(url):
                parts = urlsplit(url)
                target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
                try:
                    connection.request("GET", target, headers={**headers, "Connection": "close"})
                except (UnicodeEncodeError, http.client.InvalidURL) as error:
                    raise Refused(f"{url[:200]!r} is no URL: letters beyond ASCII must be percent-encoded") from error
                # With `Connection: close` the answer owns the socket, and closes it with itself.
                response = closed_in_the_end.enter_context(connection.getresponse())
                if response.status not in (301, 302, 303, 307, 308):
                    yield response, url
                    return
                moved = response.headers.get("Location", "")
                if not moved:
                    raise ServerFailed(f"{url}: it is said to have moved, and not whereto (status {response.status})")
                url = urljoin(url, moved)
    raise ServerFailed(f"{url}: more than {MAX_REDIRECTS} redirects")


@contextmanager
def connection_errors(url: str) -> Iterator[None]:
    """Turn what `socket`, `ssl` and `http.client` raise into a `SourceError` that names the URL."""
    try:
        yield
    except SourceError:
        raise
    except TimeoutError as error:
        raise TimedOut(f"{url}: the server stopped answering ({error})") from error
    except (ConnectionError, socket.gaierror, ssl.SSLError) as error:
        raise Unreachable(f"{url}: {str(error) or type(error).__name__}") from error
    except http.client.HTTPException as error:
        raise ServerFailed(f"{url}: its answer is not HTTP ({type(error).__name__}: {error})") from error
    except OSError as error:
        raise Unreachable(f"{url}: {error}") from error
