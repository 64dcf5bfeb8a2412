"""Servers, name servers and redirects that take their time, for videos and for weights: all are left in the end."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path

import pytest

from gifbench.download import http_request
from gifbench.download.fetch_ledger import FetchLedger
from gifbench.download.fetch_queue_and_pauses import fetch_sources
from gifbench.download.http_request import Answer
from gifbench.download.pinned_connection import Wire
from gifbench.download.resumable_http_source import HttpSource, _retry_after
from gifbench.download.retry_wait_times import RetryPolicy
from gifbench.download.store import Store
from gifbench.errors import ServerFailed, SourceError, TimedOut, Unreachable, WeightsError
from gifbench.training import weights_download
from tests.download.conftest import FastClock, rows
from tests.download.http_server import Site
from tests.download.test_http_hostile import OK, Talk, for_ever, says, talking

HELLO = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc"
"""The start of a TLS handshake of 16 KiB."""
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

ENDLESS: dict[str, tuple[bytes, bytes, float]] = {
    "interim answers, fast": (b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 50, 0.0),
    "interim answers that grow": (b"", b"HTTP/1.1 103 Early Hints\r\nX: " + b"y" * 900 + b"\r\n\r\n", 0.01),
    "headers, fast": (OK, b"X-A: b\r\n" * 100, 0.0),
    "one header, folded": (OK + b"X-A: b\r\n", b" more\r\n", 0.01),
    "blank lines before the answer": (b"", b"\r\n", 0.01),
    "the reason": (b"HTTP/1.1 200 ", b"O", 0.01),
    "extensions of a piece, fast": (CHUNKED + b"5;a=", b"b" * 5000, 0.0),
    "zeros before a length": (CHUNKED, b"0" * 100, 0.01),
    "pieces of a byte, slow": (CHUNKED, b"1;x=y\r\nz\r\n", 0.02),
    "trailers, fast": (CHUNKED + b"1\r\nx\r\n0\r\n", b"X-T: y\r\n" * 100, 0.0),
    "a length that never comes": (OK + b"Content-Length: 99999999\r\n\r\n", b"", 0.01),
    "a redirect's headers": (b"HTTP/1.1 301 Moved\r\nLocation: /b.mp4\r\n", b"X-R: s\r\n", 0.01),
    "a refusal's body": (b"HTTP/1.1 503 No\r\nRetry-After: 5\r\n", b"X-S: t\r\n", 0.01),
    "nothing at all": (b"", b"", 0.01),
}


@pytest.mark.parametrize("name", ENDLESS)
@pytest.mark.parametrize("what", ["video", "weights"])
def test_an_answer_without_an_end_is_left(
    name: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights_download, "_SILENT", 0.08)
    monkeypatch.setenv("GIFBENCH_CACHE", str(tmp_path / "cache"))
    with talking(for_ever(*ENDLESS[name])) as url:
        if what == "video":
            with pytest.raises(SourceError):
                HttpSource(trusted=True, timeout=0.08, tries=1).fetch(url, tmp_path)
        else:
            with pytest.raises(WeightsError):
                weights_download.fetch_weights(f"{url}#sha256={'0' * 64}")
            assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_tls_handshake_a_byte_at_a_time_is_left(tmp_path: Path) -> None:
    with talking(for_ever(HELLO, b"\0", 0.02)) as url, pytest.raises((TimedOut, Unreachable)):
        HttpSource(trusted=True, timeout=0.08, tries=1).fetch(url.replace("http:", "https:"), tmp_path)


def slow_redirect(seconds: float) -> Talk:
    def talk(connection: socket.socket, stop: threading.Event) -> None:
        stop.wait(seconds)
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /again.mp4\r\nContent-Length: 0\r\n\r\n")

    return talk


def test_redirects_share_one_deadline(tmp_path: Path) -> None:
    """Each in time, and all of them together not: there would be six times as long."""
    with talking(slow_redirect(0.12)) as url, pytest.raises(TimedOut):
        HttpSource(trusted=True, timeout=0.2, tries=1).fetch(url, tmp_path)


def test_redirects_in_time_are_still_counted(tmp_path: Path) -> None:
    with talking(slow_redirect(0.0)) as url, pytest.raises(ServerFailed, match="more than 5 redirects"):
        HttpSource(trusted=True, timeout=5, tries=1).fetch(url, tmp_path)


@pytest.mark.parametrize("proxy", [False, True])
def test_a_name_server_that_does_not_answer_is_not_waited_for(
    proxy: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, over = threading.Event(), threading.Event()

    def look_up(*_: object, **__: object) -> object:
        asked.set()
        over.wait(30)
        raise socket.gaierror("too late")

    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    if proxy:
        monkeypatch.setenv("http_proxy", "http://proxy.example:1")
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises((TimedOut, Unreachable)):
        HttpSource(timeout=0.1, tries=1).fetch("http://videos.example/a.mp4", tmp_path)
    assert asked.is_set()
    over.set()


def test_a_body_that_comes_steadily_and_never_ends_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_request, "MAX_SECONDS", 0.3)
    piece = b"400\r\n" + b"x" * 1024 + b"\r\n"
    with talking(for_ever(CHUNKED, piece, 0.01)) as url, pytest.raises(TimedOut, match="and no end"):
        HttpSource(trusted=True, timeout=5, tries=1).fetch(url, tmp_path)


@pytest.mark.parametrize(
    "head",
    [
        CHUNKED + b"-5\r\nabcde\r\n0\r\n\r\n",
        CHUNKED + b"FFFFFFFFFFFFFFFFFFFFFFFFF\r\nabcde",
        CHUNKED + b"0x5\r\nabcde\r\n0\r\n\r\n",
        OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
        OK + b"Content-Encoding: gzip\r\nContent-Length: 6\r\n\r\n<html>",
        b"HTTP/1.1 99 Low\r\n\r\nabc",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nX\0Y: z\r\n\r\nabc",
        b"ICY 200 OK\r\n\r\nabc",
        b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: \r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://me:pw@127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_an_answer_that_is_none_is_an_error_of_the_source(head: bytes, tmp_path: Path) -> None:
    with talking(says(head)) as url, pytest.raises(SourceError):
        HttpSource(trusted=True, timeout=0.5, tries=1).fetch(url, tmp_path)


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("0", 0, 0),
        (" 5 ", 5, 5),
        ("9" * 5000, 1e9, 1e9),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 1e9, 1e9),
        ("Mon, 01 Jan 0001 00:00:00 GMT", 0, 0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0, 0),
        *((text, None, None) for text in ("-5", "NaN", "inf", "-inf", "1e9", "5.5", "５", "soon", "", "0x10", "5, 6")),
        *(
            (text, None, None)
            for text in (
                "Fri, 99 Zzz 9999 99:99:99 GMT",
                "Sun, 06 Nov 1994 08:49:37 +9999",
                "[" * 5000,
                "9" * 30 + " Jan 2030",
            )
        ),
    ],
)
def test_what_a_server_asks_for_is_a_number_of_seconds_or_nothing(
    text: str, least: float | None, most: float | None
) -> None:
    import httpx

    answer = Answer("http://x", 503, "", httpx.Headers([("Retry-After", text.encode())]), (), Wire(1, 1))
    after = _retry_after(answer)
    assert after is None if least is None or most is None else after is not None and least <= after <= most
    wait = RetryPolicy().wait(30, 3, after or 0.0)
    assert 0 < wait <= 86400


@pytest.mark.parametrize("when", ["NaN", "Infinity", "-Infinity", "1e300", "-1e300", "4102444800", "0"])
@pytest.mark.parametrize("kind", ["retry_at", "tried_at"])
def test_times_of_another_clock_in_the_ledger_delay_nothing_for_long(
    when: str, kind: str, site: Site, video: bytes, tmp_path: Path
) -> None:
    """Lines as gifbench 0.1 wrote them, without a checksum, after the clock was set back, or by somebody."""
    site.bodies["a.mp4"] = video
    url = site.url("/good/a.mp4")
    line = {"source": "http", "locator": url, "state": "failed", "reason": "network", "retry_at": 5.0}
    text = json.dumps({**line, kind: "@"}).replace('"@"', when)
    (tmp_path / "fetches.jsonl").write_text(text + "\n")
    clock = FastClock(time.time())
    found = fetch_sources(rows(url), Store(tmp_path), {"http": HttpSource(trusted=True, timeout=5)}, clock=clock)
    assert found.stored == 1
    assert all(wait >= 0 for wait in clock.waits) and sum(clock.waits) <= 1.5 * 86400
    assert [fetch.state for fetch in FetchLedger(tmp_path).fetches.values()] == ["stored"]
