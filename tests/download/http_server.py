"""A real HTTP server on loopback that can be as bad as the internet: what it does is in the path that is asked for."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Site:
    """`bodies` are served at `/<kind>/<name>`; `asked` counts requests by path, `ranges` lists the ranges asked for.

    `heard` are the headers of each request, by path. Asked as a proxy, it answers for any server.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.bodies: dict[str, bytes] = {}
        self.asked: Counter[str] = Counter()
        self.ranges: list[str] = []
        self.heard: dict[str, dict[str, str]] = {}
        self.stop = threading.Event()
        self.retry_after = 7

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@contextmanager
def serve() -> Iterator[Site]:
    site = Site(0)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            self.close_connection = True
            path = urlsplit(self.path).path
            site.asked[path] += 1
            site.heard[path] = {**self.headers, "request": self.path}
            _, kind, name = path.split("/", 2)
            answer(self, site, kind, name, site.asked[path])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        site.stop.set()
        server.shutdown()
        thread.join()
        server.server_close()


def head(handler: BaseHTTPRequestHandler, status: int, **headers: object) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), str(value))
    handler.end_headers()


FAULTS = {
    "shaky": ("503", "reset", "429", "500", "403", "always-cut", "less", "page"),
    "rough": ("stall", "429", "500", "403", "always-cut", "less", "reset", "page", "503"),
}
"""Kinds with every fault once, then the video; names of other lengths begin elsewhere in the list."""


def answer(handler: BaseHTTPRequestHandler, site: Site, kind: str, name: str, times: int) -> None:
    body = site.bodies.get(name, b"")
    out = handler.wfile
    if kind.isdigit():
        extra = {"Retry_After": site.retry_after} if kind in ("429", "503") else {}
        head(handler, int(kind), Content_Length=0, **extra)
    elif kind == "good":
        head(handler, 200, Content_Length=len(body))
        out.write(body)
    elif kind == "unannounced":
        head(handler, 200)
        out.write(body)
    elif kind == "cut":  # half of what is left, each time, with ranges
        start = 0
        asked = handler.headers.get("Range")
        if asked and handler.headers.get("If-Range") == '"v1"':
            site.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").split("-")[0])
        rest = body[start:]
        about = {"Content_Length": len(rest), "ETag": '"v1"'}
        if start:
            about["Content_Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        head(handler, 206 if start else 200, **about)
        out.write(rest if len(rest) < 400 else rest[: len(rest) // 2])
    elif kind == "changed":  # another version whenever it is asked again
        head(handler, 200, Content_Length=len(body), ETag=f'"v{times}"')
        out.write(body[: len(body) // 2] if times == 1 else body)
    elif kind == "always-cut":
        head(handler, 200, Content_Length=len(body))
        out.write(body[: len(body) // 2])
    elif kind == "less":  # announces less than it sends
        head(handler, 200, Content_Length=len(body) // 2)
        out.write(body)
    elif kind == "words":  # announces no number of bytes
        head(handler, 200, Content_Length="many")
    elif kind == "nowhere":  # has moved, and does not say whereto
        head(handler, 301, Content_Length=0)
    elif kind == "other-range":  # breaks off, then gives another part than was asked for
        if handler.headers.get("Range"):
            head(handler, 206, Content_Length=100, Content_Range=f"bytes 0-99/{len(body)}")
            out.write(body[:100])
        else:
            head(handler, 200, Content_Length=len(body), ETag='"v1"')
            out.write(body[: len(body) // 2] if times == 1 else body)
    elif kind == "reset-late":  # half of it, and the connection is torn down
        head(handler, 200, Content_Length=len(body))
        out.write(body[: len(body) // 2])
        out.flush()
        time.sleep(0.05)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif kind == "broken-chunks":  # announces a piece of 256 bytes, and ends within it
        handler.protocol_version = "HTTP/1.1"
        head(handler, 200, Transfer_Encoding="chunked")
        out.write(b"100\r\n" + body[:50])
    elif kind == "steady":  # slow, and fast enough
        head(handler, 200, Content_Length=len(body))
        for at in range(0, len(body), 1024):
            out.write(body[at : at + 1024])
            out.flush()
            time.sleep(0.06)
    elif kind == "stall":
        head(handler, 200, Content_Length=len(body))
        out.write(body[:100])
        out.flush()
        site.stop.wait(20)
    elif kind == "trickle":
        head(handler, 200, Content_Length=len(body))
        while not site.stop.wait(0.05):
            out.write(b"x")
    elif kind == "reset":
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif kind == "page":
        head(handler, 200, Content_Type="text/html", Content_Length=5)
        out.write(b"<html")
    elif kind == "garbage":
        out.write(b"\x00\xff not http at all\r\n\r\n")
    elif kind == "to":
        head(handler, 302, Location=name.replace("|", "/"), Content_Length=0)
    elif kind == "loop":
        head(handler, 302, Location=handler.path, Content_Length=0)
    elif kind == "watch":  # what a video site says of a video: JSON, or a status
        if body.isdigit():
            head(handler, int(body), Content_Length=0)
        else:
            head(handler, 200, Content_Type="application/json", Content_Length=len(body))
            out.write(body)
    elif kind in FAULTS:
        faults = FAULTS[kind]
        fault = faults[(times + len(name)) % len(faults)] if times <= len(faults) else "good"
        answer(handler, site, fault, name, times)
    else:
        head(handler, 404, Content_Length=0)
