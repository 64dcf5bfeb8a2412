"""Servers that answer for ever, addresses in disguise, URLs in every spelling, and what is no video."""

from __future__ import annotations

import gzip
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from gifbench.download.private_network_check import ascii_url, check_address, check_url
from gifbench.download.resumable_http_source import HttpSource
from gifbench.errors import Refused, ServerFailed, SourceError, TimedOut, TooLarge, Truncated, UsageError
from tests.download.http_server import Site, serve

VIDEO = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 8

Talk = Callable[[socket.socket, threading.Event], None]


@contextmanager
def talking(talk: Talk) -> Iterator[str]:
    """A server on loopback that says what `talk` says; the URL of a file on it."""
    stop = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        while not stop.is_set():
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                with suppress(OSError):
                    talk(connection, stop)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/a.mp4"
    finally:
        stop.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def for_ever(head: bytes, again: bytes, pause: float = 0.01) -> Talk:
    def talk(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(head)
        while not stop.wait(pause):
            connection.sendall(again)

    return talk


def says(*answers: bytes) -> Talk:
    """These one after the other, and the last for ever."""
    left = list(answers)

    def talk(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(left.pop(0) if len(left) > 1 else left[0])

    return talk


OK = b"HTTP/1.1 200 OK\r\n"


def sized(body: bytes, length: int | None = None) -> bytes:
    """The head's last line, which says how long the body is (or `length`), and the body."""
    return b"Content-Length: %d\r\n\r\n" % (len(body) if length is None else length) + body


@pytest.mark.parametrize(
    ("head", "again"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
        (OK, b"x"),
        (OK + b"X-Long: ", b"x"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n", b"X-Trailer: y\r\n"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5;x=", b"y"),
        (OK + b"Content-Length: 100000\r\n\r\n", b"x"),
        (b"HTTP/1.1 302 Found\r\n", b"X-Slow: y\r\n"),
    ],
)
def test_a_server_that_never_ends_is_left(head: bytes, again: bytes, tmp_path: Path) -> None:
    with talking(for_ever(head, again)) as url, pytest.raises((TimedOut, ServerFailed)):
        HttpSource(trusted=True, timeout=0.08, tries=1).fetch(url, tmp_path)


@pytest.mark.parametrize("length", [b"9" * 5000, b"-1", b"1_000", b"0x10", "４".encode(), b"1, 2"])
def test_a_length_that_is_none_is_the_server_s_fault(length: bytes, tmp_path: Path) -> None:
    answer = OK + b"Content-Length: " + length + b"\r\n\r\n" + VIDEO
    with talking(says(answer)) as url, pytest.raises(ServerFailed):
        HttpSource(trusted=True, timeout=1, tries=1).fetch(url, tmp_path)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"error": "quota"}',
        b'\xef\xbb\xbf[{"a": 1}]',
        b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
        b"\n  <!DOCTYPE html><title>Hotel</title>",
        "<html>é".encode("utf-16"),
        ('{"é": "' + "é" * 3000).encode(),
        b"Rate limit exceeded. Try again later.\n",
        b"#EXTM3U\n#EXTINF:10,\nsegment.ts\n",
        b"\xef\xbb\xbfFile not found",
        '{"fehler": "weg"}'.encode("utf-16"),
    ],
)
@pytest.mark.parametrize("announced", [True, False])
def test_what_is_plainly_no_video_says_nothing_about_the_video(body: bytes, announced: bool, tmp_path: Path) -> None:
    answer = OK + b"Content-Type: video/mp4\r\n" + (sized(body) if announced else b"\r\n" + body)
    with talking(says(answer)) as url, pytest.raises(ServerFailed, match="instead of a video"):
        HttpSource(trusted=True, timeout=1, tries=1).fetch(url, tmp_path)
    assert not (tmp_path / "body.mp4").exists()


@pytest.mark.parametrize("start", [VIDEO, b"YUV4MPEG2 W2 H2\nFRAME\n", b"\x1aE\xdf\xa3text only", b"GIF89a\x01\x00"])
def test_what_may_be_a_video_is_kept(start: bytes, tmp_path: Path) -> None:
    with talking(says(OK + b"Content-Type: text/plain\r\n\r\n" + start)) as url:
        assert HttpSource(trusted=True, timeout=1).fetch(url, tmp_path).path.read_bytes() == start


@pytest.mark.parametrize("location", ["/b c.mp4", "/é.mp4", "b%20c.mp4", "/b.mp4#part", "//127.0.0.1:{}/ü ü.mp4?q=ä b"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_redirect_is_followed_as_a_browser_follows_it(location: str, encoding: str, tmp_path: Path) -> None:
    def talk(connection: socket.socket, stop: threading.Event) -> None:
        if not asked:
            asked.append(1)
            port = connection.getsockname()[1]
            place = location.format(port).encode(encoding)
            connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: " + place + b"\r\n" + sized(b""))
        else:
            connection.sendall(OK + sized(VIDEO))

    asked: list[int] = []
    with talking(talk) as url:
        fetched = HttpSource(trusted=True, timeout=2).fetch(url, tmp_path)
    assert fetched.path.read_bytes() == VIDEO
    assert fetched.about["url"].isascii()
    assert " " not in fetched.about["url"]


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("http://bücher.example/Filme/ä.mp4?q=ö", "http://xn--bcher-kva.example/Filme/%C3%A4.mp4?q=%C3%B6"),
        ("http://例え.jp:8080/a.mp4", "http://xn--r8jz45g.jp:8080/a.mp4"),
        ("https://host/a%20b.mp4?x=%26", "https://host/a%20b.mp4?x=%26"),
        ("https://host/a.mp4#t=3", "https://host/a.mp4"),
        ("http://FAẞ.example/", "http://xn--fa-hia.example/"),
    ],
)
def test_letters_beyond_ascii_are_the_same_in_check_and_fetch(url: str, sent: str) -> None:
    assert ascii_url(url) == ascii_url(sent) == sent
    assert check_url(url) == check_url(sent)
    assert HttpSource().group(url) == HttpSource().group(sent)


def test_a_file_with_another_alphabet_is_fetched(tmp_path: Path) -> None:
    with serve() as site:
        site.bodies["%C3%A4%20b.mp4"] = VIDEO
        fetched = HttpSource(trusted=True, timeout=2).fetch(site.url("/good/ä%20b.mp4"), tmp_path)
    assert fetched.path.read_bytes() == VIDEO


@pytest.mark.parametrize(
    "address",
    [
        *(
            "::ffff:0:127.0.0.1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::808:808",
            "2002:7f00:1::",
        ),
        *("2600::5efe:10.0.0.1", "2600::200:5efe:10.0.0.1", "2001:0:102:304::1", "fec0::1", "fe80::1%eth0", "fd00::1"),
        *("::", "::1", "5f00::1", "3fff::1", "2001:db8::1", "ff02::1", "100::1", "4000::1"),
        *("127.1", "0x7f.1", "017700000001", "2130706433", "0", "10.0.0.1", "100.64.0.1", "169.254.169.254"),
        *("192.0.0.1", "192.88.99.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
    ],
)
def test_an_address_of_no_public_network_is_refused_in_every_disguise(address: str) -> None:
    with pytest.raises(Refused, match="private network"):
        check_address(address)
    if "%" not in address:
        with pytest.raises(Refused):
            check_url(f"http://[{address}]/a.mp4" if ":" in address else f"http://{address}/a.mp4")


@pytest.mark.parametrize("host", ["１２７.0.0.1", "ⓛocalhost", "127。0。0。1", "LOCALHOST.", "[::ffff:0:7f00:1]"])
def test_a_host_in_another_spelling_is_read_as_the_system_reads_it(host: str) -> None:
    with pytest.raises(Refused):
        check_url(f"http://{host}/a.mp4")


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
)
def test_a_public_address_is_not_refused(address: str) -> None:
    check_address(address)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


@pytest.mark.usefixtures("alone")
def test_proxies_of_the_environment_are_used_and_passed_by(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with serve() as site:
        site.bodies["a.mp4"] = VIDEO
        monkeypatch.setenv("http_proxy", f"http://me:pw@127.0.0.1:{site.port}")
        HttpSource(trusted=True, timeout=2).fetch("http://videos.invalid/good/a.mp4", tmp_path / "..")
        heard = site.heard["/good/a.mp4"]
        assert heard["request"] == "http://videos.invalid/good/a.mp4"
        assert heard["Proxy-Authorization"].startswith("Basic ")
        for host in ("127.0.0.1", "localhost", "169.254.169.254"):
            with pytest.raises(Refused):
                HttpSource(timeout=2).fetch(f"http://{host}/good/a.mp4", tmp_path)
        monkeypatch.setenv("no_proxy", "videos.invalid")
        with pytest.raises(SourceError):
            HttpSource(trusted=True, timeout=2, tries=1).fetch("http://videos.invalid/good/a.mp4", tmp_path)
        monkeypatch.delenv("no_proxy")
        monkeypatch.setenv("http_proxy", "socks4://127.0.0.1:1")
        with pytest.raises(UsageError, match="proxy"):
            HttpSource(trusted=True, timeout=2, tries=1).fetch("http://videos.invalid/good/a.mp4", tmp_path)


@pytest.mark.usefixtures("alone")
def test_a_login_comes_from_netrc_and_headers_stay_with_their_server(tmp_path: Path, site: Site) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password geheim\n")
    (tmp_path / "netrc").chmod(0o600)
    with serve() as other:
        other.bodies["a.mp4"] = VIDEO
        source = HttpSource(trusted=True, timeout=2, headers={"X-Key": "k1"}, user_agent="robot/2")
        source.fetch(site.url(f"/to/{other.url('/good/a.mp4').replace('/', '|')}"), tmp_path)
        first = next(heard for path, heard in site.heard.items() if path.startswith("/to/"))
        assert (first["X-Key"], first["User-Agent"]) == ("k1", "robot/2")
        assert first["Authorization"].startswith("Basic ")
        assert "X-Key" not in other.heard["/good/a.mp4"]
    (tmp_path / "netrc").write_text("machine")
    with pytest.raises(UsageError, match="netrc"):
        source.fetch(site.url("/good/a.mp4"), tmp_path)


def test_a_transfer_that_broke_off_behind_the_last_byte_is_whole(tmp_path: Path) -> None:
    (tmp_path / "body.mp4").write_bytes(VIDEO)
    (tmp_path / "body.json").write_text('{"validator": "\\"v1\\""}')
    answer = b"HTTP/1.1 416 No\r\nContent-Range: bytes */%d\r\n" % len(VIDEO) + sized(b"")
    with talking(says(answer)) as url:
        assert HttpSource(trusted=True, timeout=1).fetch(url, tmp_path).path.read_bytes() == VIDEO


@pytest.fixture
def site() -> Iterator[Site]:
    with serve() as site:
        site.bodies["a.mp4"] = VIDEO
        yield site


def packed(body: bytes, kind: str) -> bytes:
    if kind == "gzip":
        return gzip.compress(body)
    squeeze = zlib.compressobj(wbits=15 if kind == "deflate" else -15)
    return squeeze.compress(body) + squeeze.flush()


@pytest.mark.parametrize("kind", ["gzip", "deflate"])
@pytest.mark.parametrize("announced", [True, False])
def test_what_a_server_packs_unasked_is_unpacked(kind: str, announced: bool, tmp_path: Path) -> None:
    body = packed(VIDEO, kind)
    head = OK + b'ETag: "1"\r\nContent-Encoding: ' + kind.encode() + b"\r\n"
    with talking(says(head + (sized(body) if announced else b"\r\n" + body))) as url:
        assert HttpSource(trusted=True, timeout=1, tries=1).fetch(url, tmp_path).path.read_bytes() == VIDEO


@pytest.mark.parametrize(
    ("kind", "body", "error"),
    [
        (b"br", VIDEO, ServerFailed),
        (b"gzip, gzip", VIDEO, ServerFailed),
        (b"gzip", VIDEO, ServerFailed),
        (b"gzip", gzip.compress(VIDEO)[:-30], Truncated),
        (b"gzip", gzip.compress(b"<html>gone</html>"), ServerFailed),
        (b"gzip", gzip.compress(bytes(1 << 22)), TooLarge),
    ],
    ids=["brotli", "twice", "not packed", "cut", "another page", "a bomb"],
)
def test_what_cannot_be_unpacked_is_the_server_s_fault(
    kind: bytes, body: bytes, error: type[Exception], tmp_path: Path
) -> None:
    answer = OK + b"Content-Encoding: " + kind + b"\r\n" + sized(body)
    with talking(says(answer)) as url, pytest.raises(error):
        HttpSource(trusted=True, timeout=1, tries=2, max_size=1 << 21).fetch(url, tmp_path)


def part(whole: bytes, start: int, end: int, about: bytes = b"") -> bytes:
    """The answer with the bytes from `start` to `end` of a file, and what else its head says."""
    piece = whole[start:end]
    head = b"Content-Range: bytes %d-%d/%d\r\n" % (start, start + len(piece) - 1, len(whole))
    return b"HTTP/1.1 206 Partial Content\r\n" + head + about + sized(piece)


def test_a_part_that_nobody_asked_for_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    with talking(says(part(VIDEO, 0, 1000))) as url, pytest.raises(Truncated, match=f"1000 of {len(VIDEO)} bytes"):
        HttpSource(trusted=True, timeout=1, tries=2).fetch(url, tmp_path)


def test_parts_that_a_server_gives_piece_by_piece_become_the_whole(tmp_path: Path) -> None:
    parts = [part(VIDEO, start, start + 500, b'ETag: "1"\r\n') for start in range(0, len(VIDEO), 500)]
    with talking(says(*parts)) as url:
        assert HttpSource(trusted=True, timeout=1, tries=20).fetch(url, tmp_path).path.read_bytes() == VIDEO


def test_another_version_is_not_joined_to_the_first_one_by_a_server_that_minds_no_if_range(tmp_path: Path) -> None:
    other = bytes(reversed(VIDEO))
    cut_off = OK + b'ETag: "1"\r\n' + sized(VIDEO[:700], len(VIDEO))
    whole = OK + b'ETag: "2"\r\n' + sized(other)
    with talking(says(cut_off, part(other, 700, len(other), b'ETag: "2"\r\n'), whole)) as url:
        assert HttpSource(trusted=True, timeout=1, tries=5).fetch(url, tmp_path).path.read_bytes() == other
